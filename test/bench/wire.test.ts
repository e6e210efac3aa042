import { describe, expect, test } from 'vitest'
import { parseAnswer } from '../../bench/load/http-connection.ts'
import { allocateBody, BODY_BYTES } from '../../bench/load/ipam-operations.ts'
import { bytesField, fieldsOf, varintField } from '../../bench/load/protobuf.ts'

describe('the HTTP answers of a driver', () => {
  test.each([
    { received: 'HTTP/1.1 200 OK\r\nContent-Le', why: 'the head is not complete' },
    { received: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{"a"', why: 'a byte of the body is missing' },
    {
      received: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n',
      why: 'the last chunk is missing',
    },
  ])('an answer is awaited while $why', ({ received }) => {
    expect(parseAnswer(received)).toBeNull()
  })

  test.each([
    { received: 'HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}', status: 201, body: '{}' },
    { received: 'HTTP/1.1 204 No Content\r\nX-Raft-Index: 7\r\n\r\n', status: 204, body: '' },
    {
      received:
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\na\r\n2222222222\r\n0\r\n\r\n',
      status: 200,
      body: '[1,2222222222',
    },
  ])('an answer has its status and body: $received', ({ received, status, body }) => {
    expect(parseAnswer(received)).toEqual({ status, body })
  })
})

describe('the protocol buffers of a driver', () => {
  test('fields are encoded as the specification has it', () => {
    // The examples of "Encoding" in the documentation of protocol buffers.
    expect(varintField(1, 150).toString('hex')).toBe('089601')
    expect(bytesField(2, Buffer.from('testing')).toString('hex')).toBe('120774657374696e67')
  })

  test('fields come back with their values', () => {
    const message = Buffer.concat([varintField(2, 2 ** 40), bytesField(3, Buffer.alloc(300, 'x'))])

    const fields = [...fieldsOf(message)].map(({ field, number, bytes }) => [field, number, bytes.length])

    expect(fields).toEqual([
      [2, 2 ** 40, 0],
      [3, 0, 300],
    ])
  })

  test('a message that is cut off is an error', () => {
    const message = bytesField(3, Buffer.alloc(300, 'x'))
    expect(() => [...fieldsOf(message.subarray(0, -1))]).toThrow('field 3 is cut off')
  })
})

test('a request to allocate has the size of the values of the other systems', () => {
  const body = allocateBody('net-0123456789', 'client-12')

  expect(Buffer.byteLength(body)).toBe(BODY_BYTES)
  expect(JSON.parse(body)).toMatchObject({ network_id: 'net-0123456789', hostname: 'client-12' })
})
