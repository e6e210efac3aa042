import fc from 'fast-check'
import { pack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { TRACE_CONTEXT_CHARS_MAX } from '../../../raft/request-trace.ts'
import { MessageCodec } from '../../../raft/transport/codec.ts'
import { ProtocolError } from '../../../raft/transport/errors.ts'
import { type Frame, FrameReader } from '../../../raft/transport/frame.ts'
import { MESSAGE_KINDS } from '../../../raft/transport/kinds.ts'
import type { Message } from '../../../raft/types.ts'
import { anyMessage, MESSAGES } from './arbitrary.ts'
import { append, entry, normalized } from './support.ts'

const codec = new MessageCodec()

function frameOf(message: Message): Frame {
  const reader = new FrameReader(64 * 1024 * 1024)
  reader.push(Buffer.concat(codec.encode(message)))
  const frame = reader.next()
  if (frame === null) throw new Error('not a whole frame')
  return frame
}

/** What the codec makes of bytes that no codec made: a message, or a `ProtocolError`, and nothing else. */
function decoded(frame: Frame): Message | ProtocolError {
  try {
    return codec.decode(frame)
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

describe('the message codec', () => {
  test.each(Object.entries(MESSAGES))('gives back every %s that it encoded', (_, message) => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(normalized(codec.decode(frameOf(sent)))).toEqual(normalized(sent))
      }),
      { numRuns: 200 },
    )
  })

  test('encodes the same message to the same bytes, whatever came before', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const fresh = Buffer.concat(new MessageCodec().encode(message))
        expect(Buffer.concat(codec.encode(message)).equals(fresh)).toBe(true)
      }),
    )
  })

  test('encodes entries once, however many peers they go to', () => {
    const entries = [entry(1), entry(2)]
    const [, first] = codec.encode(append(1, 2, entries))

    const [, second] = codec.encode(append(1, 3, entries))

    expect(second).toBe(first)
    expect(first?.length).toBeGreaterThan(0)
  })

  test('lets go of its large buffer after a large message', () => {
    const own = new MessageCodec()
    const traits = { isIdempotent: false, needsRoom: false }
    const request = { type: 'command' as const, payload: Buffer.alloc(4_000_000), traits }
    own.encode({ type: 'ForwardRequests', from: 1, to: 2, requests: [{ id: 1, request, trace: null }] })

    const [small] = own.encode(append(1, 2))

    expect(small?.buffer.byteLength).toBeLessThan(100_000)
  })

  test('keeps no memory for payloads that is much larger than they are', () => {
    const parts = codec.encode(append(1, 2, [entry(1, Buffer.alloc(100, 1))]))
    const chunk = Buffer.concat([...parts, Buffer.alloc(60_000)])
    const reader = new FrameReader(64 * 1024)
    reader.push(chunk)
    const frame = reader.next()

    const message = frame === null ? null : codec.decode(frame)

    const payload = message?.type === 'AppendEntries' ? message.entries[0]?.payload : undefined
    expect(payload?.buffer.byteLength).toBeLessThan(300)
  })

  test('keeps payloads as views when they fill what was received', () => {
    const frame = frameOf(
      append(1, 2, [entry(1, Buffer.alloc(200_000, 1)), entry(2, Buffer.alloc(200_000, 2))]),
    )

    const message = codec.decode(frame)

    const payloads = message.type === 'AppendEntries' ? message.entries.map(({ payload }) => payload) : []
    expect(payloads.map(({ buffer }) => buffer === frame.body.buffer)).toEqual([true, true])
  })
})

const VOTE = [1, 2, 3, false, false, 4, 5]

describe('a frame that is no message is a protocol error', () => {
  test.each([
    { why: 'an unknown kind', kind: 99, body: VOTE, complaint: 'unknown kind of frame: 99' },
    {
      why: 'a field too few',
      kind: 32,
      body: VOTE.slice(1),
      complaint: 'RequestVote: not a list of 7 fields',
    },
    {
      why: 'a field too many',
      kind: 32,
      body: [...VOTE, 1],
      complaint: 'RequestVote: not a list of 7 fields',
    },
    { why: 'a map', kind: 32, body: { from: 1 }, complaint: 'RequestVote: not a list of 7 fields' },
    { why: 'node 0', kind: 32, body: [0, ...VOTE.slice(1)], complaint: 'from: not a positive safe integer' },
    { why: 'a negative term', kind: 36, body: [1, 2, -3, 4, 5, 6], complaint: 'term: not a non-negative' },
    { why: 'a fraction', kind: 36, body: [1, 2, 3, 4.5, 5, 6], complaint: 'lastIndex: not a non-negative' },
    { why: 'NaN', kind: 36, body: [1, 2, 3, Number.NaN, 5, 6], complaint: 'lastIndex: not a non-negative' },
    { why: 'above 2^53', kind: 36, body: [1, 2, 2 ** 53, 4, 5, 6], complaint: 'term: not a non-negative' },
    { why: 'a BigInt', kind: 36, body: [1, 2, 2n ** 60n, 4, 5, 6], complaint: 'term: not a non-negative' },
    { why: 'a number for a flag', kind: 33, body: [1, 2, 3, 1, 0], complaint: 'isPreVote: not a boolean' },
    { why: 'a missing value', kind: 38, body: [1, 2, null], complaint: 'term: not a non-negative' },
    { why: 'a text for a list', kind: 41, body: [1, 2, 'x'], complaint: 'requests: not a list' },
    {
      why: 'an unknown variant',
      kind: 41,
      body: [1, 2, [[1, [9, []], null]]],
      complaint: 'request: unknown variant',
    },
    {
      why: 'a named variant',
      kind: 41,
      body: [1, 2, [[1, ['length', []], null]]],
      complaint: 'request: not a non-neg',
    },
    {
      why: 'a text for bytes',
      kind: 41,
      body: [1, 2, [[1, [0, ['x', [true]]], null]]],
      complaint: 'payload: not bytes',
    },
    {
      why: 'a long text',
      kind: 41,
      body: [1, 2, [[1, [1, [[0, [4, 'h:1']], 'x'.repeat(70_000)]], null]]],
      complaint: 'note: not a',
    },
    {
      why: 'a context of a trace that is longer than may be',
      kind: 41,
      body: [1, 2, [[1, [2, [3]], 'x'.repeat(TRACE_CONTEXT_CHARS_MAX + 1)]]],
      complaint: 'trace: not a text of at most 640',
    },
  ])('$why', ({ kind, body, complaint }) => {
    const error = decoded({ kind, body: pack(body) })

    expect(error).toBeInstanceOf(ProtocolError)
    expect((error as ProtocolError).message).toContain(complaint)
  })

  const valid = frameOf(append(1, 2, [entry(1), entry(2)]))

  test.each([
    { why: 'no bytes', body: Buffer.alloc(0), complaint: 'no head' },
    {
      why: 'a head that is cut off',
      body: valid.body.subarray(0, 8),
      complaint: 'head ends after the frame',
    },
    { why: 'entries that are cut off', body: valid.body.subarray(0, -1), complaint: 'entry 1 is malformed' },
    {
      why: 'bytes after the entries',
      body: Buffer.concat([valid.body, Buffer.of(0)]),
      complaint: '1 bytes after',
    },
    { why: 'entries of another place', body: shifted(valid.body), complaint: 'entry 0 has index 9, not 1' },
  ])('AppendEntries with $why', ({ body, complaint }) => {
    const error = decoded({ kind: MESSAGE_KINDS.AppendEntries, body })

    expect(error).toBeInstanceOf(ProtocolError)
    expect((error as ProtocolError).message).toContain(complaint)
  })

  test('more entries than there is room for take no memory', () => {
    const head = pack([1, 2, 3, 0, 0, 0, 0, 0, 0, 2 ** 52])
    const body = Buffer.concat([Buffer.of(head.length, 0), head])

    expect(decoded({ kind: MESSAGE_KINDS.AppendEntries, body })).toMatchObject({
      message: `AppendEntries: no room for ${2 ** 52} entries`,
    })
  })

  test('a list that announces 4 billion elements takes no memory', () => {
    expect(decoded({ kind: 41, body: Buffer.from('ddffffffff', 'hex') })).toBeInstanceOf(ProtocolError)
  })

  test('deep nesting does not end the process', () => {
    expect(decoded({ kind: 41, body: Buffer.alloc(1_000_000, 0x91) })).toBeInstanceOf(ProtocolError)
  })

  function shifted(body: Buffer): Buffer {
    const copy = Buffer.from(body)
    copy[2 + copy.readUInt16LE(0)] = 9
    return copy
  }
})

describe('hostile bytes', () => {
  const kind = fc.oneof(fc.constantFrom(...Object.values(MESSAGE_KINDS)), fc.nat({ max: 255 }))

  test('random bodies are messages or protocol errors', () => {
    fc.assert(
      fc.property(kind, fc.uint8Array({ maxLength: 200 }), (kindOf, body) => {
        decoded({ kind: kindOf, body: Buffer.from(body) })
      }),
      { numRuns: 2000 },
    )
  })

  test('messages with changed bytes are messages or protocol errors', () => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(anyMessage, fc.array(change, { minLength: 1, maxLength: 4 }), (message, changes) => {
        const { kind: kindOf, body } = frameOf(message)
        const damaged = Buffer.from(body)
        for (const [at, value] of changes) damaged[at % damaged.length] = value
        decoded({ kind: kindOf, body: damaged })
      }),
      { numRuns: 2000 },
    )
  })

  test('any msgpack value in place of a message is a message or a protocol error', () => {
    fc.assert(
      fc.property(kind, fc.anything({ withBigInt: true, withDate: true }), (kindOf, value) => {
        decoded({ kind: kindOf, body: packed(value) })
      }),
      { numRuns: 1000 },
    )
  })

  function packed(value: unknown): Buffer {
    try {
      return pack(value)
    } catch {
      return Buffer.alloc(0)
    }
  }
})
