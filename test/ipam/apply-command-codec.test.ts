import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/ipam/command.ts'
import { decodeCommand, encodeCommand } from '../../src/ipam/command-codec.ts'

const COMMANDS: readonly Command[] = [
  { type: 'createNetwork', id: 'net-1', cidr: '10.0.0.0/24', description: 'Büro', tags: ['a', 'b'] },
  { type: 'deleteNetwork', id: 'net-1' },
  {
    type: 'allocateAddresses',
    id: 'alloc-1',
    networkId: 'net-1',
    count: 3,
    hostname: 'web',
    description: '',
    ttlMs: 1.5,
  },
  {
    type: 'allocateAddresses',
    id: 'alloc-1',
    networkId: 'net-1',
    count: 2 ** 53 - 1,
    hostname: null,
    description: '',
    ttlMs: null,
  },
  { type: 'releaseAllocation', id: 'alloc-1' },
  { type: 'expireAllocations', limit: 100 },
  { type: 'openSession' },
]
const CONTEXT = { user: 'alice', requestId: null }
const SESSION = { sessionId: 300, sequence: 2, floor: 1 }

function bytesOf(fields: readonly unknown[], version = 1): Buffer {
  return Buffer.concat([Buffer.from([version]), new Packr({ useRecords: false }).pack(fields)])
}

describe('commands as bytes', () => {
  test.each(COMMANDS)('$type reads back as it was written', (command) => {
    const envelope = { command, context: { user: 'alice', requestId: 'req-1' } }
    const session = { sessionId: 2 ** 53 - 1, sequence: 7, floor: 3 }

    for (const stamp of [null, session]) {
      const stamped = { ...envelope, session: stamp }
      expect(decodeCommand(encodeCommand(stamped, 1))).toEqual(stamped)
    }
  })

  test('the format does not change', () => {
    const hex = COMMANDS.map((command) => {
      return Buffer.from(encodeCommand({ command, context: CONTEXT, session: SESSION }, 1)).toString('hex')
    })

    expect(hex).toMatchInlineSnapshot(`
      [
        "019801a5616c696365c093cd012c0201a56e65742d31ab31302e302e302e302f3234a542c3bc726f92a161a162",
        "019502a5616c696365c093cd012c0201a56e65742d31",
        "019a03a5616c696365c093cd012c0201a7616c6c6f632d31a56e65742d3103a3776562a0cb3ff8000000000000",
        "019a03a5616c696365c093cd012c0201a7616c6c6f632d31a56e65742d31cb433fffffffffffffc0a0c0",
        "019504a5616c696365c093cd012c0201a7616c6c6f632d31",
        "019505a5616c696365c093cd012c020164",
        "019406a5616c696365c093cd012c0201",
      ]
    `)
  })

  test.each([
    { why: 'no bytes', bytes: Buffer.alloc(0) },
    { why: 'a newer version', bytes: bytesOf([2, 'alice', null, null, 'net-1'], 2) },
    { why: 'an unknown type', bytes: bytesOf([99, 'alice', null, null]) },
    { why: 'no array', bytes: Buffer.from('01a161', 'hex') },
    {
      why: 'bytes after the end',
      bytes: Buffer.concat([bytesOf([2, 'alice', null, null, 'net-1']), Buffer.from('00', 'hex')]),
    },
    { why: 'no user', bytes: bytesOf([2, null, null, null, 'net-1']) },
    { why: 'too few fields', bytes: bytesOf([2, 'alice', null, null]) },
    { why: 'too many fields', bytes: bytesOf([2, 'alice', null, null, 'net-1', 1]) },
    { why: 'an id with spaces', bytes: bytesOf([2, 'alice', null, null, 'net 1']) },
    { why: 'an id beyond ASCII', bytes: bytesOf([2, 'alice', null, null, 'nét']) },
    { why: 'an empty id', bytes: bytesOf([2, 'alice', null, null, '']) },
    {
      why: 'a tag that is no text',
      bytes: bytesOf([1, 'alice', null, null, 'net-1', '10.0.0.0/24', '', [1]]),
    },
    { why: 'a count of 0', bytes: bytesOf([3, 'alice', null, null, 'a', 'n', 0, null, '', null]) },
    { why: 'a fractional count', bytes: bytesOf([3, 'alice', null, null, 'a', 'n', 1.5, null, '', null]) },
    { why: 'no time to live', bytes: bytesOf([3, 'alice', null, null, 'a', 'n', 1, null, '', 0]) },
    {
      why: 'endless time to live',
      bytes: bytesOf([3, 'alice', null, null, 'a', 'n', 1, null, '', Infinity]),
    },
    { why: 'no session and no null', bytes: bytesOf([2, 'alice', null, 'net-1']) },
    { why: 'half a session', bytes: bytesOf([2, 'alice', null, [1, 1], 'net-1']) },
    { why: 'a session with more', bytes: bytesOf([2, 'alice', null, [1, 1, 1, 1], 'net-1']) },
    { why: 'a session with text', bytes: bytesOf([2, 'alice', null, ['1', 1, 1], 'net-1']) },
    { why: 'a sequence number of 0', bytes: bytesOf([2, 'alice', null, [1, 0, 0], 'net-1']) },
    { why: 'a floor above the number', bytes: bytesOf([2, 'alice', null, [1, 1, 2], 'net-1']) },
    { why: 'a session with fields', bytes: bytesOf([6, 'alice', null, null, 1]) },
    { why: 'a limit of 0', bytes: bytesOf([5, 'alice', null, null, 0]) },
  ])('$why is no command', ({ bytes }) => {
    expect(decodeCommand(bytes)).toBeNull()
  })

  test('no bytes make the decoder throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        decodeCommand(bytes)
        decodeCommand(Uint8Array.from([1, ...bytes]))
      }),
    )
  })

  test('a lone surrogate is replaced before it enters the log', () => {
    const command: Command = {
      type: 'createNetwork',
      id: 'net-1',
      cidr: '10.0.0.0/24',
      description: 'x\ud800',
      tags: ['\udc00y', '😀'],
    }

    const decoded = decodeCommand(
      encodeCommand({ command, context: { user: '\ud83d', requestId: '\ud83d' }, session: null }, 1),
    )

    expect(decoded).toEqual({
      command: { ...command, description: 'x\ufffd', tags: ['\ufffdy', '😀'] },
      context: { user: '\ufffd', requestId: '\ufffd' },
      session: null,
    })
  })
})
