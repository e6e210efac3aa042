/** Users and keys as replicated state. */
import { describe, expect, test } from 'vitest'
import { API_KEYS_MAX, type ApiKey, isPasswordHash, isUserName, type User } from '../../src/ipam/access.ts'
import type { AccessCommand, CreateKey } from '../../src/ipam/access-command.ts'
import type { AuditEntry } from '../../src/ipam/records.ts'
import { accepted, Harness, imageOf, metaAt, openMachine, refusal, streamOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const HASH = passwordHash('a')

function passwordHash(letter: string): string {
  return `$scrypt$ln=15,r=8,p=3$${letter.repeat(22)}$${letter.repeat(43)}`
}

function createUser(name: string, role: User['role'] = 'viewer', isFirst = false): AccessCommand {
  return { type: 'createUser', name, role, passwordHash: HASH, isFirst }
}

function updateOf(name: string) {
  return { type: 'updateUser', name, ifChangedIndex: null } as const
}

function keyId(number: number): string {
  return `k${number.toString(36).padStart(15, '0')}`
}

function createKey(number: number, options: Partial<CreateKey> = {}): AccessCommand {
  const secretHash = number.toString(36).padStart(43, 'A')
  const settings = { description: '', role: 'operator', scope: null, ttlMs: null } as const
  return { type: 'createKey', id: keyId(number), secretHash, ...settings, ...options }
}

/** Some of everything, and some of it gone again. */
async function populated(storage = new MemoryStorage()): Promise<Harness> {
  const ipam = await Harness.open(storage)
  ipam.createNetwork('net-1', '10.0.0.0/24')
  for (const name of ['zoe', 'alice', 'bob']) accepted(ipam.apply(createUser(name, 'admin')))
  accepted(ipam.apply({ type: 'deleteUser', name: 'zoe', ifChangedIndex: null }))
  for (let i = 0; i < 5; i++) accepted(ipam.apply(createKey(i, { ttlMs: i === 0 ? null : i * DAY_MS })))
  const scope = { networks: ['net-1'], tags: ['lab'] }
  accepted(ipam.apply(createKey(7, { scope, description: 'lab robots' })))
  accepted(ipam.apply({ type: 'revokeKey', id: keyId(2), ifChangedIndex: null }))
  return ipam
}

async function everythingOf({ machine }: Pick<Harness, 'machine'>): Promise<unknown> {
  return [await machine.query({ type: 'users' }), await machine.query({ type: 'keys' })]
}

describe('users and keys', () => {
  test('are the same after a restart, a snapshot, and on a node that applies the same log', async () => {
    const storage = new MemoryStorage()
    const ipam = await populated(storage)
    const [everything, digest] = [await everythingOf(ipam), await ipam.machine.stateDigest()]
    const { chunks, appliedIndex } = await imageOf(ipam.machine)
    await ipam.machine.close()

    const restarted = await openMachine(storage)
    const restored = await openMachine(new MemoryStorage())
    await restored.restore(metaAt(appliedIndex), streamOf(chunks))
    const replica = await openMachine(new MemoryStorage())
    for (const entry of ipam.log) replica.apply(entry)

    for (const machine of [restarted, restored, replica]) {
      expect(await everythingOf({ machine })).toEqual(everything)
      expect(await machine.stateDigest()).toBe(digest)
      expect(machine.stateHash).toBe(ipam.machine.stateHash)
      expect(machine.access?.user('alice')?.role).toBe('admin')
      expect(machine.access?.key(keyId(7))?.scope).toEqual({ networks: ['net-1'], tags: ['lab'] })
      expect(machine.access?.key(keyId(2))).toBeNull()
      expect(machine.access).toMatchObject({ userCount: 2, keyCount: 5, hasAdmin: true })
    }
  })

  test('are unknown while a snapshot is restored, which is not the same as none', async () => {
    const ipam = await populated()
    const { chunks, appliedIndex } = await imageOf(ipam.machine)

    const restoring = ipam.machine.restore(metaAt(appliedIndex), streamOf(chunks))
    const during = ipam.machine.access
    await restoring

    expect(during).toBeNull()
    expect(ipam.machine.access?.hasAdmin).toBe(true)
  })

  test('an expiry counts from the time of the log', async () => {
    const ipam = await Harness.open()
    ipam.time += 12_345

    const key: ApiKey = accepted(ipam.apply(createKey(1, { ttlMs: 60_000 })))

    expect(key).toMatchObject({ createdBy: 'alice', createdAt: ipam.time, expiresAt: ipam.time + 60_000 })
  })

  test('keys that expired more than a week ago make room when others are made', async () => {
    const ipam = await Harness.open()
    accepted(ipam.apply(createKey(1, { ttlMs: DAY_MS })))
    accepted(ipam.apply(createKey(2, { ttlMs: 30 * DAY_MS })))
    ipam.time += 8 * DAY_MS
    accepted(ipam.apply(createKey(3)))
    expect(ipam.machine.access?.keyCount).toBe(3)

    ipam.time += 1
    accepted(ipam.apply(createKey(4)))

    expect((await ipam.machine.query({ type: 'keys' })).map(({ id }) => id)).toEqual([2, 3, 4].map(keyId))
    expect((await ipam.audit()).at(-2)).toMatchObject({ action: 'key_revoked', resource: `key-${keyId(1)}` })
  })

  test('there are no more than fit, and those that go make room', async () => {
    const ipam = await Harness.open()
    for (let i = 0; i < API_KEYS_MAX; i++) accepted(ipam.apply(createKey(i)))

    expect(refusal(ipam.apply(createKey(API_KEYS_MAX))).reason).toBe('too_many_keys')
    accepted(ipam.apply({ type: 'revokeKey', id: keyId(0), ifChangedIndex: null }))
    accepted(ipam.apply(createKey(API_KEYS_MAX)))
  })

  test('every change is on record, with who made it, and no hash', async () => {
    const ipam = await populated()
    accepted(
      ipam.apply({
        type: 'updateUser',
        name: 'bob',
        role: 'viewer',
        passwordHash: passwordHash('b'),
        ifChangedIndex: null,
      }),
    )

    const rows = await ipam.audit()

    expect(rows.slice(1).map(({ user, action, details }) => [user, action, details])).toEqual([
      ['alice', 'user_created', 'Created admin zoe'],
      ['alice', 'user_created', 'Created admin alice'],
      ['alice', 'user_created', 'Created admin bob'],
      ['alice', 'user_deleted', 'Deleted admin zoe'],
      ...[0, 1, 2, 3, 4].map((i) => ['alice', 'key_created', expect.stringContaining(`key ${keyId(i)}`)]),
      ['alice', 'key_created', `Created operator key ${keyId(7)} "lab robots" for a part of the networks`],
      ['alice', 'key_revoked', `Revoked key ${keyId(2)}`],
      ['alice', 'user_updated', 'Updated user bob: admin is now viewer, another password'],
    ])
    expect(JSON.stringify(rows)).not.toMatch(/scrypt|aaaa|bbbb|AAAA/)
  })

  test('the audit row of a change has the user before and after, all but the hash', async () => {
    const ipam = await Harness.open()
    accepted(ipam.apply(createUser('zoe', 'admin')))
    const [createdAt, index] = [ipam.time + 1_000, ipam.machine.appliedIndex + 1]
    ipam.time = createdAt
    accepted(ipam.apply(createUser('eve')))
    ipam.time += 1_000
    accepted(ipam.apply({ ...updateOf('eve'), role: 'operator', passwordHash: passwordHash('b') }))
    accepted(ipam.apply({ type: 'deleteUser', name: 'eve', ifChangedIndex: null }))

    const rows = (await ipam.audit()).slice(1)

    const eve = { kind: 'user', name: 'eve', createdAt }
    const made = { ...eve, role: 'viewer', updatedAt: createdAt, changedIndex: index }
    const changed = { ...eve, role: 'operator', updatedAt: createdAt + 1_000, changedIndex: index + 1 }
    expect(rows.map(recordsOf)).toEqual([
      ['user_created', null, made],
      ['user_updated', made, changed],
      ['user_deleted', changed, null],
    ])
  })

  test('the audit row of a change has the key before and after, all but the hash', async () => {
    const ipam = await Harness.open()
    const scope = { networks: [], tags: ['lab'] }
    accepted(ipam.apply(createKey(1, { scope, description: 'robots', ttlMs: DAY_MS })))
    accepted(ipam.apply(createKey(2)))
    accepted(ipam.apply({ type: 'revokeKey', id: keyId(2), ifChangedIndex: null }))
    const createdAt = ipam.time
    ipam.time += 9 * DAY_MS
    accepted(ipam.apply(createKey(3)))

    const rows = await ipam.audit()

    const ours = { kind: 'key', role: 'operator', createdBy: 'alice', createdAt }
    const expiring = { ...ours, id: keyId(1), description: 'robots', scope, expiresAt: createdAt + DAY_MS }
    const bare = { ...ours, description: '', scope: null, expiresAt: null }
    const [first, second] = [
      { ...expiring, changedIndex: 1 },
      { ...bare, id: keyId(2), changedIndex: 2 },
    ]
    const third = { ...bare, id: keyId(3), createdAt: ipam.time, changedIndex: 4 }
    expect(rows.map(recordsOf)).toEqual([
      ['key_created', null, first],
      ['key_created', null, second],
      ['key_revoked', second, null],
      ['key_revoked', first, null],
      ['key_created', null, third],
    ])
  })
})

function recordsOf({ action, before, after }: AuditEntry): unknown[] {
  return [action, before, after]
}

describe('what is refused', () => {
  const cases: { why: string; command: AccessCommand; reason: string }[] = [
    { why: 'a name that is taken', command: createUser('alice'), reason: 'user_exists' },
    {
      why: 'a second first admin',
      command: createUser('carl', 'admin', true),
      reason: 'already_initialized',
    },
    {
      why: 'nobody would be left to let others in',
      command: { type: 'deleteUser', name: 'alice', ifChangedIndex: null },
      reason: 'last_admin',
    },
    {
      why: 'the same, by another role',
      command: {
        type: 'updateUser',
        name: 'alice',
        role: 'operator',
        passwordHash: null,
        ifChangedIndex: null,
      },
      reason: 'last_admin',
    },
    {
      why: 'it is not the one that the client saw',
      command: { type: 'deleteUser', name: 'bob', ifChangedIndex: 1 },
      reason: 'precondition_failed',
    },
    {
      why: 'nobody is called that',
      command: { type: 'deleteUser', name: 'nobody', ifChangedIndex: null },
      reason: 'user_not_found',
    },
    { why: 'the id is taken', command: createKey(1), reason: 'id_in_use' },
    {
      why: 'the scope names no network',
      command: createKey(2, { scope: { networks: ['net-9'], tags: [] } }),
      reason: 'invalid_value',
    },
    {
      why: 'there is no such key',
      command: { type: 'revokeKey', id: keyId(9), ifChangedIndex: null },
      reason: 'key_not_found',
    },
  ]

  test.each(cases)('$reason, since $why; and nothing changes', async ({ command, reason }) => {
    const ipam = await Harness.open()
    accepted(ipam.apply(createUser('alice', 'admin', true)))
    accepted(ipam.apply(createUser('bob')))
    accepted(ipam.apply(createKey(1)))
    const before = await everythingOf(ipam)

    const outcome = ipam.apply(command)

    expect(refusal(outcome).reason).toBe(reason)
    expect(await everythingOf(ipam)).toEqual(before)
    expect(await ipam.audit()).toHaveLength(3)
  })

  test('the last admin may change the password, and go when there is another one', async () => {
    const ipam = await Harness.open()
    accepted(ipam.apply(createUser('alice', 'admin', true)))
    const another = { passwordHash: passwordHash('b'), ifChangedIndex: null }
    accepted(ipam.apply({ type: 'updateUser', name: 'alice', role: null, ...another }))
    accepted(ipam.apply(createUser('bob', 'admin')))

    accepted(ipam.apply({ type: 'deleteUser', name: 'alice', ifChangedIndex: null }))

    expect(ipam.machine.access).toMatchObject({ userCount: 1, hasAdmin: true })
  })
})

test('failed log-ins are audited as told, a row each, at most twenty in an entry', async () => {
  const ipam = await Harness.open()
  const many = Array.from({ length: 30 }, () => ({ user: null, address: null, count: 2 }))
  const failures = [
    { user: 'alice', address: '10.0.0.1', count: 1 },
    { user: `key-${keyId(1)}`, address: '10.0.0.2', count: 3 },
    ...many,
  ]

  accepted(ipam.apply({ type: 'noteLoginFailures', failures }))

  const rows = await ipam.audit()
  expect(rows).toHaveLength(20)
  expect(rows.slice(0, 3).map(({ user, resource, details }) => [user, resource, details])).toEqual([
    ['system', 'user-alice', '1 failed log-in as alice from 10.0.0.1'],
    ['system', `key-${keyId(1)}`, `3 failed log-ins as key-${keyId(1)} from 10.0.0.2`],
    ['system', 'auth', '2 failed log-ins as others, or from other addresses'],
  ])
})

test.each([
  { text: 'alice', is: true, why: 'plain' },
  { text: 'a.b-c_d@example.org', is: true, why: 'an address of mail' },
  { text: 'Alice', is: false, why: 'alice is another one' },
  { text: 'system', is: false, why: 'audit rows call the cluster so' },
  { text: 'key-1', is: false, why: 'audit rows call keys so' },
  { text: 'a:b', is: false, why: 'HTTP Basic ends the name there' },
  { text: '', is: false, why: 'it is none' },
  { text: 'a'.repeat(65), is: false, why: 'it is too long' },
])('"$text" is a name of a user: $is, since $why', ({ text, is }) => {
  expect(isUserName(text)).toBe(is)
})

test.each([
  { text: HASH, is: true, why: 'as we make them' },
  { text: HASH.replace('ln=15', 'ln=20'), is: false, why: 'a log-in would take a gigabyte' },
  { text: HASH.replace('p=3', 'p=9'), is: false, why: 'a log-in would take seconds' },
  { text: HASH.replace('r=8', 'r=64'), is: false, why: 'a log-in would take half a gigabyte' },
  { text: `${HASH}a`, is: false, why: 'it is longer than a hash' },
  { text: 'hunter2', is: false, why: 'it is a password' },
])('$text is a hash of a password: $is, since $why', ({ text, is }) => {
  expect(isPasswordHash(text)).toBe(is)
})
