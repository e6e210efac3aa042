import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { AllocationRequest, Command } from '../../src/ipam/command.ts'
import { decodeCommand, encodeCommand } from '../../src/ipam/command-codec.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'

const TEXTS = { description: 'Büro', tags: ['a', 'b'], metadata: { rack: 'r1', site: 'halle' } }
const REQUEST: AllocationRequest = {
  ...ALLOCATION_DEFAULTS,
  token: '0123456789Az',
  network: { id: 'net-1' },
}
const NETWORK = { ...NETWORK_DEFAULTS, id: 'net-1', cidr: '10.0.0.0/24' }

const PASSWORD_HASH = `$scrypt$ln=15,r=8,p=3$${'s'.repeat(22)}$${'h'.repeat(43)}`
const SECRET_HASH = 'h'.repeat(43)
const KEY_ID = 'k'.repeat(16)

const COMMANDS: readonly Command[] = [
  {
    ...NETWORK,
    ...TEXTS,
    type: 'createNetwork',
    namespace: 'lab',
    gateway: '10.0.0.1',
    reserved: ['10.0.0.2-10.0.0.9', '10.0.0.128/25'],
    cooldownMs: 1_500,
    strategy: 'random',
  },
  { type: 'deleteNetwork', id: 'net-1', ifChangedIndex: null },
  { ...REQUEST, type: 'allocateAddresses', count: 3, hostname: 'web', ttlMs: 1.5 },
  { ...REQUEST, type: 'allocateAddresses', count: 2 ** 53 - 1 },
  {
    ...REQUEST,
    ...TEXTS,
    type: 'allocateAddresses',
    network: { cidr: '10.0.0.0/24', namespace: 'lab' },
    preferredIp: '10.0.0.8',
    alignment: 4,
    mac: '02:00:00:00:00:01',
    expiresAt: 1_700_000_000_000,
  },
  { ...REQUEST, type: 'allocateAddresses', network: { namespace: 'lab' }, ip: '10.0.0.7' },
  { type: 'releaseAllocation', id: 'alloc-1', ifChangedIndex: 17 },
  { type: 'releaseAllocation', id: 'alloc-2', ifChangedIndex: [17, 18] },
  { type: 'expireAllocations', limit: 100 },
  { type: 'openSession' },
  {
    type: 'updateNetwork',
    id: 'net-1',
    changes: { ...TEXTS, gateway: null, cooldownMs: 0, strategy: 'next', metadata: { rack: null, a: '' } },
    ifChangedIndex: 17,
  },
  { type: 'carveNetworks', parentId: 'net-1', ids: ['net-2', 'net-3'], prefixLength: 26, ...TEXTS },
  { type: 'allocateBatch', items: [REQUEST, { ...REQUEST, token: 'zyxwvutsrqpo' }] },
  {
    type: 'updateAllocation',
    id: 'alloc-1',
    changes: { hostname: null, mac: '02:00:00:00:00:01', metadata: {} },
    ifChangedIndex: null,
  },
  { type: 'renewAllocation', id: 'alloc-1', ttlMs: null, ifChangedIndex: 17 },
  { type: 'pruneAudit', before: 1_700_000_000_000, limit: 100 },
  {
    type: 'importItems',
    items: [
      { kind: 'network', ...NETWORK },
      { kind: 'allocation', ...REQUEST },
    ],
    isAtomic: true,
    skipsExisting: false,
  },
  { type: 'createUser', name: 'alice', role: 'admin', passwordHash: PASSWORD_HASH, isFirst: true },
  { type: 'updateUser', name: 'alice', role: 'viewer', passwordHash: null, ifChangedIndex: 17 },
  { type: 'updateUser', name: 'alice', role: null, passwordHash: PASSWORD_HASH, ifChangedIndex: null },
  { type: 'deleteUser', name: 'alice', ifChangedIndex: null },
  {
    type: 'createKey',
    id: KEY_ID,
    description: 'Büro',
    role: 'operator',
    secretHash: SECRET_HASH,
    scope: { networks: ['net-1'], tags: ['a', 'b'] },
    ttlMs: 60_000,
  },
  {
    type: 'createKey',
    id: KEY_ID,
    description: '',
    role: 'viewer',
    secretHash: SECRET_HASH,
    scope: null,
    ttlMs: null,
  },
  { type: 'revokeKey', id: KEY_ID, ifChangedIndex: null },
  {
    type: 'withinScope',
    scope: { networks: ['net-1'], tags: ['büro'] },
    command: { type: 'releaseAllocation', id: 'alloc-1', ifChangedIndex: null },
  },
  {
    type: 'noteLoginFailures',
    failures: [
      { user: 'alice', address: '10.0.0.1', count: 3 },
      { user: null, address: null, count: 1 },
    ],
  },
  { type: 'noteSnapshot', nodeId: 2 },
  { type: 'noteTransfer', from: 1, to: 3 },
  { type: 'noteDrain', nodeId: 3, isDrained: true },
]
const CONTEXT = { user: 'alice', requestId: null }
const SESSION = { sessionId: 300, sequence: 2, floor: 1 }
const IDEMPOTENCY = { keyDigest: 'key', fingerprint: 'print' }

/** What an allocation needs, in the order of the log entry. */
const REQUEST_FIELDS = ['0123456789Az', ['n'], 1, null, null, 1, null, '', [], null, [], null, null]
const NETWORK_FIELDS = ['net-1', '10.0.0.0/24', 'default', '', [], null, [], 0, 0, []]

/** Of a command by alice, without session and idempotency key. */
function commandBytes(type: number, fields: readonly unknown[]): Buffer {
  return bytesOf([type, 'alice', null, null, null, ...fields])
}

function replacing(fields: readonly unknown[], at: number, value: unknown): Buffer {
  return commandBytes(fields === NETWORK_FIELDS ? 1 : 3, fields.with(at, value))
}

function bytesOf(fields: readonly unknown[], version = 1): Buffer {
  return Buffer.concat([Buffer.from([version]), new Packr({ useRecords: false }).pack(fields)])
}

describe('commands as bytes', () => {
  test.each(COMMANDS)('$type reads back as it was written', (command) => {
    const envelope = { command, context: { user: 'alice', requestId: 'req-1' } }
    const session = { sessionId: 2 ** 53 - 1, sequence: 7, floor: 3 }

    for (const stamps of [
      { session: null, idempotency: null },
      { session, idempotency: IDEMPOTENCY },
    ]) {
      const stamped = { ...envelope, ...stamps }
      expect(decodeCommand(encodeCommand(stamped, 1))).toEqual(stamped)
    }
  })

  test('the format does not change', () => {
    const hex = COMMANDS.map((command) => {
      return Buffer.from(
        encodeCommand({ command, context: CONTEXT, session: SESSION, idempotency: IDEMPOTENCY }, 1),
      ).toString('hex')
    })

    expect(hex).toMatchInlineSnapshot(`
      [
        "019f01a5616c696365c093cd012c020192a36b6579a57072696e74a56e65742d31ab31302e302e302e302f3234a36c6162a542c3bc726f92a161a162a831302e302e302e3192b131302e302e302e322d31302e302e302e39ad31302e302e302e3132382f3235cd05dc029292a47261636ba2723192a473697465a568616c6c65",
        "019702a5616c696365c093cd012c020192a36b6579a57072696e74a56e65742d31c0",
        "01dc001203a5616c696365c093cd012c020192a36b6579a57072696e74ac30313233343536373839417a91a56e65742d3103c0c001a3776562a090c090cb3ff8000000000000c0",
        "01dc001203a5616c696365c093cd012c020192a36b6579a57072696e74ac30313233343536373839417a91a56e65742d31cb433fffffffffffffc0c001c0a090c090c0c0",
        "01dc001203a5616c696365c093cd012c020192a36b6579a57072696e74ac30313233343536373839417a92a36c6162ab31302e302e302e302f323401c0a831302e302e302e3804c0a542c3bc726f92a161a162b130323a30303a30303a30303a30303a30319292a47261636ba2723192a473697465a568616c6c65c0cb4278bcfe56800000",
        "01dc001203a5616c696365c093cd012c020192a36b6579a57072696e74ac30313233343536373839417a92a36c6162c001a831302e302e302e37c001c0a090c090c0c0",
        "019704a5616c696365c093cd012c020192a36b6579a57072696e74a7616c6c6f632d3111",
        "019704a5616c696365c093cd012c020192a36b6579a57072696e74a7616c6c6f632d32921112",
        "019605a5616c696365c093cd012c020192a36b6579a57072696e7464",
        "019506a5616c696365c093cd012c020192a36b6579a57072696e74",
        "019807a5616c696365c093cd012c020192a36b6579a57072696e74a56e65742d319692ab6465736372697074696f6ea542c3bc726f92a47461677392a161a16292a86d657461646174619292a47261636bc092a161a092a767617465776179c092aa636f6f6c646f776e4d730092a87374726174656779a46e65787411",
        "019b08a5616c696365c093cd012c020192a36b6579a57072696e74a56e65742d3192a56e65742d32a56e65742d331aa542c3bc726f92a161a1629292a47261636ba2723192a473697465a568616c6c65",
        "019709a5616c696365c093cd012c020192a36b6579a57072696e749dac30313233343536373839417a91a56e65742d3101c0c001c0a090c090c0c09dac7a797877767574737271706f91a56e65742d3101c0c001c0a090c090c0c0",
        "01980aa5616c696365c093cd012c020192a36b6579a57072696e74a7616c6c6f632d319392a8686f73746e616d65c092a36d6163b130323a30303a30303a30303a30303a303192a86d6574616461746190c0",
        "01980ba5616c696365c093cd012c020192a36b6579a57072696e74a7616c6c6f632d31c011",
        "01970ca5616c696365c093cd012c020192a36b6579a57072696e74cb4278bcfe5680000064",
        "01990da5616c696365c093cd012c020192a36b6579a57072696e74c3c292009aa56e65742d31ab31302e302e302e302f3234a764656661756c74a090c09000009092019dac30313233343536373839417a91a56e65742d3101c0c001c0a090c090c0c0",
        "01990ea5616c696365c093cd012c020192a36b6579a57072696e74a5616c69636502d95824736372797074246c6e3d31352c723d382c703d3324737373737373737373737373737373737373737373732468686868686868686868686868686868686868686868686868686868686868686868686868686868686868c3",
        "01990fa5616c696365c093cd012c020192a36b6579a57072696e74a5616c69636500c011",
        "01990fa5616c696365c093cd012c020192a36b6579a57072696e74a5616c696365c0d95824736372797074246c6e3d31352c723d382c703d3324737373737373737373737373737373737373737373732468686868686868686868686868686868686868686868686868686868686868686868686868686868686868c0",
        "019710a5616c696365c093cd012c020192a36b6579a57072696e74a5616c696365c0",
        "019b11a5616c696365c093cd012c020192a36b6579a57072696e74b06b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6ba542c3bc726f01d92b686868686868686868686868686868686868686868686868686868686868686868686868686868686868689291a56e65742d3192a161a162cdea60",
        "019b11a5616c696365c093cd012c020192a36b6579a57072696e74b06b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6ba000d92b68686868686868686868686868686868686868686868686868686868686868686868686868686868686868c0c0",
        "019712a5616c696365c093cd012c020192a36b6579a57072696e74b06b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6bc0",
        "019814a5616c696365c093cd012c020192a36b6579a57072696e749291a56e65742d3191a562c3bc726f0492a7616c6c6f632d31c0",
        "019713a5616c696365c093cd012c020192a36b6579a57072696e7493a5616c696365a831302e302e302e310393c0c001",
        "019615a5616c696365c093cd012c020192a36b6579a57072696e7402",
        "019716a5616c696365c093cd012c020192a36b6579a57072696e740103",
        "019717a5616c696365c093cd012c020192a36b6579a57072696e7403c3",
      ]
    `)
  })

  test.each([
    { why: 'the smallest network', bytes: commandBytes(1, NETWORK_FIELDS), type: 'createNetwork' },
    { why: 'the smallest allocation', bytes: commandBytes(3, REQUEST_FIELDS), type: 'allocateAddresses' },
  ])('$why is a command, so that each of the following is none for its own reason', ({ bytes, type }) => {
    expect(decodeCommand(bytes)?.command.type).toBe(type)
  })

  test.each([
    { why: 'no bytes', bytes: Buffer.alloc(0) },
    { why: 'a newer version', bytes: bytesOf([2, 'alice', null, null, null, 'net-1', null], 2) },
    { why: 'an unknown type', bytes: commandBytes(99, []) },
    {
      why: 'a password in clear',
      bytes: commandBytes(14, ['alice', 2, 'hunter2', false]),
    },
    {
      why: 'a hash that would take gigabytes to check',
      bytes: commandBytes(14, ['alice', 2, PASSWORD_HASH.replace('ln=15', 'ln=24'), false]),
    },
    { why: 'a user who would be the system', bytes: commandBytes(14, ['system', 2, PASSWORD_HASH, false]) },
    { why: 'a role that there is not', bytes: commandBytes(14, ['alice', 3, PASSWORD_HASH, false]) },
    {
      why: 'what no key with a scope may do',
      bytes: commandBytes(20, [[['net-1'], []], 16, ['alice', null]]),
    },
    { why: 'a key in clear', bytes: commandBytes(17, [KEY_ID, '', 0, 'secret', null, null]) },
    {
      why: 'a scope that is no pair',
      bytes: commandBytes(17, [KEY_ID, '', 0, SECRET_HASH, [['net-1']], null]),
    },
    { why: 'a transfer to nobody', bytes: commandBytes(22, [1, null]) },
    { why: 'a drain that is neither begun nor ended', bytes: commandBytes(23, [3, null]) },
    { why: 'no array', bytes: Buffer.from('01a161', 'hex') },
    {
      why: 'bytes after the end',
      bytes: Buffer.concat([commandBytes(2, ['net-1', null]), Buffer.from('00', 'hex')]),
    },
    { why: 'no user', bytes: bytesOf([2, null, null, null, null, 'net-1', null]) },
    { why: 'too few fields', bytes: commandBytes(2, ['net-1']) },
    { why: 'too many fields', bytes: commandBytes(2, ['net-1', null, 1]) },
    { why: 'an id with spaces', bytes: commandBytes(2, ['net 1', null]) },
    { why: 'an id beyond ASCII', bytes: commandBytes(2, ['nét', null]) },
    { why: 'an empty id', bytes: commandBytes(2, ['', null]) },
    { why: 'a precondition of text', bytes: commandBytes(2, ['net-1', '17']) },
    { why: 'a network with a tag that is no text', bytes: replacing(NETWORK_FIELDS, 4, [1]) },
    { why: 'a namespace with spaces', bytes: replacing(NETWORK_FIELDS, 2, 'my lab') },
    { why: 'a cool-down before now', bytes: replacing(NETWORK_FIELDS, 7, -1) },
    { why: 'an unknown strategy', bytes: replacing(NETWORK_FIELDS, 8, 3) },
    { why: 'metadata without a value', bytes: replacing(NETWORK_FIELDS, 9, [['a', null]]) },
    { why: 'metadata with three parts', bytes: replacing(NETWORK_FIELDS, 9, [['a', 'b', 'c']]) },
    { why: 'a network of numbers', bytes: replacing(REQUEST_FIELDS, 1, [1]) },
    { why: 'no network', bytes: replacing(REQUEST_FIELDS, 1, []) },
    { why: 'a network of three parts', bytes: replacing(REQUEST_FIELDS, 1, ['default', null, null]) },
    { why: 'a count of 0', bytes: replacing(REQUEST_FIELDS, 2, 0) },
    { why: 'a fractional count', bytes: replacing(REQUEST_FIELDS, 2, 1.5) },
    { why: 'an address of numbers', bytes: replacing(REQUEST_FIELDS, 3, 167_772_161) },
    { why: 'an alignment of 0', bytes: replacing(REQUEST_FIELDS, 5, 0) },
    { why: 'an alignment that is no power of two', bytes: replacing(REQUEST_FIELDS, 5, 6) },
    { why: 'no time to live', bytes: replacing(REQUEST_FIELDS, 11, 0) },
    { why: 'endless time to live', bytes: replacing(REQUEST_FIELDS, 11, Infinity) },
    { why: 'an empty batch', bytes: commandBytes(9, []) },
    { why: 'a batch of which one is none', bytes: commandBytes(9, [REQUEST_FIELDS, []]) },
    { why: 'a change of an unknown field', bytes: commandBytes(7, ['net-1', [['cidr', '::/0']], null]) },
    { why: 'a change of a method', bytes: commandBytes(7, ['net-1', [['toString', 'x']], null]) },
    { why: 'a change to another kind', bytes: commandBytes(10, ['a', [['hostname', 7]], null]) },
    { why: 'carving nothing', bytes: commandBytes(8, ['net-1', [], 26, '', [], []]) },
    { why: 'an import of an unknown kind', bytes: commandBytes(13, [true, true, [2, REQUEST_FIELDS]]) },
    { why: 'an import without its switches', bytes: commandBytes(13, [[1, REQUEST_FIELDS]]) },
    { why: 'no session and no null', bytes: bytesOf([2, 'alice', null, null, 'net-1', null]) },
    { why: 'half a session', bytes: bytesOf([2, 'alice', null, [1, 1], null, 'net-1', null]) },
    { why: 'a session with more', bytes: bytesOf([2, 'alice', null, [1, 1, 1, 1], null, 'net-1', null]) },
    { why: 'a session with text', bytes: bytesOf([2, 'alice', null, ['1', 1, 1], null, 'net-1', null]) },
    { why: 'a sequence number of 0', bytes: bytesOf([2, 'alice', null, [1, 0, 0], null, 'net-1', null]) },
    { why: 'a floor above the number', bytes: bytesOf([2, 'alice', null, [1, 1, 2], null, 'net-1', null]) },
    { why: 'half an idempotency key', bytes: bytesOf([2, 'alice', null, null, ['k'], 'net-1', null]) },
    { why: 'an empty idempotency key', bytes: bytesOf([2, 'alice', null, null, ['', 'f'], 'net-1', null]) },
    { why: 'a snapshot from no node', bytes: commandBytes(21, [null]) },
    { why: 'a session with fields', bytes: commandBytes(6, [1]) },
    { why: 'a limit of 0', bytes: commandBytes(5, [0]) },
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
      ...NETWORK_DEFAULTS,
      type: 'createNetwork',
      id: 'net-1',
      cidr: '10.0.0.0/24',
      description: 'x\ud800',
      tags: ['\udc00y', '😀'],
      metadata: { '\ud83d': '\ud83dz' },
    }

    const decoded = decodeCommand(
      encodeCommand(
        { command, context: { user: '\ud83d', requestId: '\ud83d' }, session: null, idempotency: null },
        1,
      ),
    )

    expect(decoded).toEqual({
      command: {
        ...command,
        description: 'x\ufffd',
        tags: ['\ufffdy', '😀'],
        metadata: { '\ufffd': '\ufffdz' },
      },
      context: { user: '\ufffd', requestId: '\ufffd' },
      session: null,
      idempotency: null,
    })
  })
})
