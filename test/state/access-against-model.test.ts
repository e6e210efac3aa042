/** Users and keys: any commands about them give what a slow model says, through restarts, power failures and snapshots. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ApiKey, ROLES } from '../../src/ipam/access.ts'
import type { AccessCommand } from '../../src/ipam/access-command.ts'
import type { CommandContext } from '../../src/ipam/command.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import { type AccessExpected, AccessModel, type AccessRow, HASH } from './access-model.ts'
import { Harness, imageOf, listAudit, metaAt, openMachine, page, streamOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const SECOND_MS = 1_000
const DAY_MS = 24 * 60 * 60 * SECOND_MS
const CALLERS: readonly CommandContext[] = [
  { user: 'alice', requestId: 'req-1' },
  { user: 'key-abcdefghijklmnop', requestId: null },
]

/** What is asked for; whether it is by the ETag is known when it meets a state. */
type Wish =
  | { readonly command: AccessCommand; readonly condition: 'none' | 'met' | 'missed' }
  | { readonly network: 'create' | 'delete'; readonly id: string }

interface Step {
  readonly wish: Wish
  readonly caller: CommandContext
  readonly elapsedMs: number
  readonly pause: 'nothing' | 'flush' | 'reopen' | 'power failure' | 'snapshot'
}

const name = fc.constantFrom('alice', 'bob', 'carl', 'base-0', 'base-1')
const keyId = fc.nat(9).map(idOf)
const networkId = fc.constantFrom('net-a', 'net-b')
const role = fc.constantFrom(...ROLES)
const passwordHash = fc.constantFrom('a', 'b').map(passwordHashOf)
const condition = fc.constantFrom('none' as const, 'none' as const, 'met' as const, 'missed' as const)
const failures = fc.record({
  user: fc.constantFrom(null, 'alice', 'key-abcdefghijklmnop'),
  address: fc.constantFrom(null, '192.0.2.1'),
  count: fc.integer({ min: 1, max: 3 }),
})
const scope = fc.record({
  networks: fc.uniqueArray(networkId, { maxLength: 2 }),
  tags: fc.subarray(['lab', 'office']),
})

function wished(command: fc.Arbitrary<AccessCommand>): fc.Arbitrary<Wish> {
  return fc.record({ command, condition })
}

function of<T extends AccessCommand['type']>(type: T): { type: fc.Arbitrary<T> } {
  return { type: fc.constant(type) }
}

const ifChangedIndex = fc.constant(null)
const wish: fc.Arbitrary<Wish> = fc.oneof(
  {
    weight: 6,
    arbitrary: wished(
      fc.record({ ...of('createUser'), name, role, passwordHash, isFirst: fc.nat(5).map((n) => n === 0) }),
    ),
  },
  {
    weight: 6,
    arbitrary: wished(
      fc.record({
        ...of('updateUser'),
        name,
        role: fc.option(role, { nil: null }),
        passwordHash: fc.option(passwordHash, { nil: null }),
        ifChangedIndex,
      }),
    ),
  },
  { weight: 4, arbitrary: wished(fc.record({ ...of('deleteUser'), name, ifChangedIndex })) },
  {
    weight: 9,
    arbitrary: wished(
      fc.record({
        ...of('createKey'),
        id: keyId,
        description: fc.constantFrom('', 'robots'),
        role,
        secretHash: fc.constantFrom('A', 'B').map((letter) => letter.repeat(43)),
        scope: fc.option(scope, { nil: null }),
        ttlMs: fc.constantFrom(null, 1, SECOND_MS, DAY_MS, 30 * DAY_MS),
      }),
    ),
  },
  { weight: 5, arbitrary: wished(fc.record({ ...of('revokeKey'), id: keyId, ifChangedIndex })) },
  {
    weight: 1,
    arbitrary: wished(
      fc.record({
        ...of('noteLoginFailures'),
        failures: fc.array(failures, { minLength: 1, maxLength: 25 }),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: wished(fc.record({ ...of('noteSnapshot'), nodeId: fc.integer({ min: 1, max: 3 }) })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      network: fc.constantFrom('create' as const, 'create' as const, 'delete' as const),
      id: networkId,
    }),
  },
)

const step: fc.Arbitrary<Step> = fc.record({
  wish,
  caller: fc.constantFrom(...CALLERS),
  elapsedMs: fc.constantFrom(0, 0, 1, SECOND_MS, DAY_MS, 7 * DAY_MS, 8 * DAY_MS),
  pause: fc.constantFrom('nothing', 'nothing', 'nothing', 'flush', 'reopen', 'power failure', 'snapshot'),
})

function idOf(number: number): string {
  return `k${number.toString(36).padStart(15, '0')}`
}

function passwordHashOf(letter: string): string {
  return `$scrypt$ln=15,r=8,p=3$${letter.repeat(22)}$${letter.repeat(43)}`
}

/** A machine and the model, and what each step does to both. */
class Pair {
  ipam: Harness
  storage: MemoryStorage
  readonly networks = new Set<string>()
  readonly model = new AccessModel((id) => this.networks.has(id))
  /** Of users and keys alone. */
  readonly rows: (AccessRow & { readonly index: number; readonly timestamp: number })[] = []

  private constructor(ipam: Harness, storage: MemoryStorage) {
    this.ipam = ipam
    this.storage = storage
  }

  static async open(): Promise<Pair> {
    const storage = new MemoryStorage()
    return new Pair(await Harness.open(storage), storage)
  }

  async take({ wish, caller, elapsedMs, pause }: Step): Promise<void> {
    this.ipam.time += elapsedMs
    if ('network' in wish) this.#changeNetwork(wish)
    else this.apply(this.#withCondition(wish), caller)
    if (pause !== 'nothing') await this.#interrupt(pause)
  }

  apply(command: AccessCommand, context: CommandContext): void {
    const { ipam, model } = this
    const had = model.hasAdmin
    const at = { index: ipam.machine.appliedIndex + 1, time: ipam.time }

    const outcome = ipam.apply(command, context)

    const expected = model.apply(command, { at, context })
    expect([command, withoutMessage(outcome)]).toEqual([command, withoutRows(expected)])
    if (had) expect(ipam.machine.access?.hasAdmin).toBe(true)
    const rows = expected.ok ? expected.rows : []
    for (const row of rows) this.rows.push({ ...row, index: at.index, timestamp: at.time })
  }

  #changeNetwork({ network, id }: Extract<Wish, { network: string }>): void {
    const { ipam, networks } = this
    if (network === 'create' && !networks.has(id)) {
      ipam.createNetwork(id, id === 'net-a' ? '10.0.0.0/24' : '10.0.1.0/24')
      networks.add(id)
    } else if (network === 'delete' && networks.delete(id)) {
      ipam.apply({ type: 'deleteNetwork', id, ifChangedIndex: null })
    }
  }

  #withCondition({ command, condition }: Extract<Wish, { command: object }>): AccessCommand {
    if (!('ifChangedIndex' in command) || condition === 'none') return command
    const known = command.type === 'revokeKey' ? this.model.key(command.id) : this.model.user(command.name)
    const changedIndex = known?.changedIndex ?? 1
    return { ...command, ifChangedIndex: condition === 'met' ? changedIndex : changedIndex + 1 }
  }

  async #interrupt(pause: Exclude<Step['pause'], 'nothing'>): Promise<void> {
    const { machine } = this.ipam
    if (pause === 'flush') return machine.flush()
    if (pause === 'reopen') await machine.close()
    // What a crash leaves may be behind the log, which is applied from there.
    this.storage = pause === 'snapshot' ? new MemoryStorage() : await this.storage.copy()
    const next = await openMachine(this.storage)
    if (pause === 'snapshot' && machine.appliedIndex > 0) {
      const image = await imageOf(machine)
      await next.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
    }
    this.#goOnWith(next, this.ipam)
  }

  #goOnWith(machine: IpamStateMachine, { log, time }: Pick<Harness, 'log' | 'time'>): void {
    for (const entry of log.slice(machine.appliedIndex)) machine.apply(entry)
    this.ipam = new Harness(machine)
    this.ipam.log.push(...log)
    this.ipam.time = time
  }

  /** Another one that goes on from here; of what this one has on disk. */
  async fork(): Promise<Pair> {
    const storage = await this.storage.copy()
    const machine = await openMachine(storage)
    const fork = new Pair(new Harness(machine), storage)
    fork.#goOnWith(machine, this.ipam)
    for (const id of this.networks) fork.networks.add(id)
    fork.model.users = this.model.users
    fork.model.keys = this.model.keys
    fork.rows.push(...this.rows)
    return fork
  }
}

function withoutMessage(outcome: Outcome): unknown {
  return outcome.ok
    ? { ok: true, value: outcome.value, isReplay: false }
    : { ok: false, reason: outcome.refusal.reason, isReplay: false }
}

function withoutRows(expected: AccessExpected): unknown {
  return expected.ok
    ? { ok: true, value: expected.value, isReplay: false }
    : { ok: false, reason: expected.reason, isReplay: false }
}

/** With the log alone, and what it makes of nothing. */
async function expectAlike({ ipam, model, rows }: Pair): Promise<void> {
  const again = await openMachine(new MemoryStorage())
  for (const entry of ipam.log) again.apply(entry)
  expect(again.stateHash).toBe(ipam.machine.stateHash)
  expect(await again.stateDigest()).toBe(await ipam.machine.stateDigest())
  const { userCount, keyCount, hasAdmin } = model
  for (const machine of [ipam.machine, again]) {
    const { access } = machine
    expect(access).toMatchObject({ userCount, keyCount, hasAdmin })
    expect(await machine.query({ type: 'users' })).toEqual(
      model.users.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    )
    expect(await machine.query({ type: 'keys' })).toEqual(
      model.keys.toSorted((a, b) => a.changedIndex - b.changedIndex),
    )
  }
  const audit = (await listAudit(ipam.machine, {}, page(10_000))).rows
  const isOfAccess = ({ resource }: { resource: string }): boolean => !resource.startsWith('net-')
  const told = audit.filter(isOfAccess).map(({ sequence: _, details: __, ...row }) => row)
  expect(told).toEqual(rows)
  expect(audit.filter((row) => HASH.test(JSON.stringify(row)))).toEqual([])
}

const [caller] = CALLERS as readonly [CommandContext]
const ONE_AND_ONE_MORE: readonly AccessCommand[] = [
  ...['alice', 'bob'].map((name): AccessCommand => {
    return { type: 'createUser', name, role: 'viewer', passwordHash: passwordHashOf('a'), isFirst: false }
  }),
  ...[0, 1].map((number): AccessCommand => {
    const secretHash = 'A'.repeat(43)
    const settings = { description: '', role: 'viewer', scope: null, ttlMs: null } as const
    return { type: 'createKey', id: idOf(number), secretHash, ...settings }
  }),
]

describe('users and keys are what a slow model says', () => {
  test('whatever is asked for, and whatever comes in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const pair = await Pair.open()

        for (const step of steps) await pair.take(step)

        await expectAlike(pair)
      }),
      { numRuns: 60 },
    )
  })

  /** One more of each fits. Forty of the keys expire soon. */
  async function nearlyFull(): Promise<Pair> {
    const pair = await Pair.open()
    for (let i = 0; i < 999; i++) {
      const role = i === 0 ? 'admin' : 'viewer'
      const user = { name: `base-${i}`, role, passwordHash: passwordHashOf('a'), isFirst: i === 0 } as const
      pair.apply({ type: 'createUser', ...user }, caller)
    }
    for (let i = 0; i < 4_999; i++) {
      const key: Pick<ApiKey, 'id' | 'role' | 'secretHash'> = {
        id: idOf(100 + i),
        role: 'viewer',
        secretHash: 'A'.repeat(43),
      }
      const ttlMs = i % 125 === 0 ? SECOND_MS : null
      pair.apply({ type: 'createKey', description: '', scope: null, ttlMs, ...key }, caller)
    }
    return pair
  }

  test('also where hardly more fit, and where old keys make room', async () => {
    const full = await nearlyFull()
    await full.ipam.machine.flush()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40, size: 'max' }), async (steps) => {
        const pair = await full.fork()

        for (const command of ONE_AND_ONE_MORE) pair.apply(command, caller)
        expect(pair.model).toMatchObject({ userCount: 1_000, keyCount: 5_000 })
        for (const step of steps) await pair.take(step)

        await expectAlike(pair)
      }),
      // Each try to shorten a failure would take a second.
      { numRuns: 2, endOnFailure: true },
    )
  }, 60_000)
})
