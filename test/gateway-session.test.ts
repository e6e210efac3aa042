import { beforeEach, describe, expect, test } from 'vitest'
import { type Completion, NotLeaderError, OverloadedError, ProposalUncertainError } from '../raft/index.ts'
import { GatewaySession } from '../src/gateway-session.ts'
import type { CommandContext } from '../src/ipam/command.ts'
import { type CommandEnvelope, decodeCommand } from '../src/ipam/command-codec.ts'
import { NETWORK_DEFAULTS } from '../src/ipam/defaults.ts'
import { SESSION_IDLE_MS_MAX } from '../src/ipam/session.ts'
import { Harness } from './state/harness.ts'

const CALLER: CommandContext = { user: 'alice', requestId: 'req-1' }
const HOUR_MS = 3_600_000
const WINDOW_MAX = 8

/** A log of one node that applies what is proposed at once, unless the test has other plans. */
class OneNodeLog {
  readonly proposed: CommandEnvelope[] = []
  now = 0
  /** What happens to the next proposals instead, one for each. */
  readonly plans: ((apply: () => Completion) => Completion | Promise<Completion>)[] = []
  readonly session: GatewaySession
  readonly #ipam: Harness

  constructor(ipam: Harness) {
    this.#ipam = ipam
    this.session = new GatewaySession({
      propose: (payload, traits) => this.#propose(payload, traits),
      schemaVersion: () => 1,
      now: () => this.now,
      windowMax: WINDOW_MAX,
    })
  }

  async #propose(payload: Uint8Array, { isIdempotent }: { isIdempotent?: boolean }): Promise<Completion> {
    const envelope = decodeCommand(payload)
    if (envelope === null || !isIdempotent) throw new Error('not a command that may be sent again')
    this.proposed.push(envelope)
    const apply = (): Completion => {
      const entry = this.#ipam.append('command', payload)
      return { result: this.#ipam.machine.apply(entry), index: entry.index, isOnlyCopy: true }
    }
    const plan = this.plans.shift()
    return plan === undefined ? apply() : plan(apply)
  }

  get types(): string[] {
    return this.proposed.map(({ command }) => command.type)
  }

  /** Of the writes. */
  get stamps() {
    return this.proposed.flatMap(({ session }) => session ?? [])
  }

  /** Log time and the gateway's own pass alike. */
  pass(ms: number): void {
    this.now += ms
    this.#ipam.time += ms
  }
}

function network(name: string, place: number) {
  return {
    ...NETWORK_DEFAULTS,
    type: 'createNetwork',
    id: `net-${name}`,
    cidr: `10.0.${place}.0/24`,
    description: '',
    tags: [],
  } as const
}

let ipam: Harness
let log: OneNodeLog
beforeEach(async () => {
  ipam = await Harness.open()
  log = new OneNodeLog(ipam)
})

function write(place: number): Promise<{ value: { id: string }; index: number }> {
  return log.session.execute(network(String(place), place), CALLER)
}

function never(): Promise<Completion> {
  return new Promise(() => {})
}

describe('the session of a gateway (§6.3)', () => {
  test('is opened once before the first writes, which share it and are numbered', async () => {
    const written = await Promise.all([write(1), write(2), write(3)])

    expect(log.types).toEqual(['openSession', 'createNetwork', 'createNetwork', 'createNetwork'])
    expect(log.stamps.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(new Set(log.stamps.map(({ sessionId }) => sessionId))).toEqual(new Set([1]))
    expect(written.map(({ value, index }) => [value.id, index])).toEqual([
      ['net-1', 2],
      ['net-2', 3],
      ['net-3', 4],
    ])
  })

  test('tells with each write which answers it has', async () => {
    await write(1)
    let answer = (): void => {}
    log.plans.push(
      (apply) =>
        new Promise((resolve) => {
          answer = () => resolve(apply())
        }),
    )
    const slow = write(2)
    await write(3)
    await write(4)
    answer()
    await slow
    await write(5)

    expect(log.stamps.map(({ sequence, floor }) => [sequence, floor])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 5],
    ])
  })

  test('has answered a write that failed', async () => {
    await write(1)
    log.plans.push(() => Promise.reject(new OverloadedError('too much')))
    await expect(write(2)).rejects.toMatchObject({ applied: 'no' })
    await write(3)

    expect(log.stamps.at(-1)).toMatchObject({ sequence: 3, floor: 3 })
  })

  test('gives a refusal of the command to the caller', async () => {
    await write(1)

    await expect(log.session.execute(network('other', 1), CALLER)).rejects.toMatchObject({
      name: 'IpamError',
      reason: 'network_exists',
    })
  })
})

describe('a session that is forgotten', () => {
  async function forget(): Promise<void> {
    await write(1)
    const { now } = log
    log.pass(2 * SESSION_IDLE_MS_MAX)
    // The gateway does not know, as after a wall clock has jumped.
    log.now = now
    ipam.openSession()
  }

  test('is replaced, and the write is sent again, if that was its only copy', async () => {
    await forget()

    const { value } = await write(2)

    expect(value.id).toBe('net-2')
    expect(log.types.slice(2)).toEqual(['createNetwork', 'openSession', 'createNetwork'])
    expect(log.stamps.at(-1)).toMatchObject({ sequence: 1, floor: 1 })
  })

  test('leaves the outcome unknown if an earlier copy may have been applied; the next write opens another', async () => {
    await forget()
    log.plans.push((apply) => ({ ...apply(), isOnlyCopy: false }))

    await expect(write(2)).rejects.toMatchObject({ code: 'RAFT_PROPOSAL_UNCERTAIN', applied: 'unknown' })
    expect((await write(3)).value.id).toBe('net-3')
  })

  test('twice in a row is an overload, and nothing was applied', async () => {
    await forget()
    log.plans.push(
      (apply) => apply(),
      (apply) => {
        const opened = apply()
        ipam.time += 2 * HOUR_MS
        ipam.openSession()
        return opened
      },
    )

    await expect(write(2)).rejects.toMatchObject({ code: 'RAFT_OVERLOADED', applied: 'no' })
    await expect(ipam.machine.query({ type: 'network', id: 'net-2' })).resolves.toBeNull()
  })

  test('is replaced once, however late another write finds it gone', async () => {
    await forget()
    let answer = (): void => {}
    log.plans.push(
      (apply) =>
        new Promise((resolve) => {
          answer = () => resolve(apply())
        }),
    )
    const late = write(2)
    await write(3)

    answer()
    await late
    await write(4)

    expect(log.types.filter((type) => type === 'openSession')).toHaveLength(2)
    expect(log.stamps.at(-1)).toMatchObject({ sequence: 3 })
  })

  test('was last used when a write was sent that it has seen, however late the answer came', async () => {
    await write(1)
    log.plans.push((apply) => {
      const done = apply()
      log.pass(SESSION_IDLE_MS_MAX / 2)
      return done
    })
    await write(2)
    await write(3)

    expect(log.types.slice(1)).toEqual(['createNetwork', 'createNetwork', 'openSession', 'createNetwork'])
  })

  test('is not waited for: a gateway that was idle for half the time opens another before it writes', async () => {
    await write(1)
    log.pass(SESSION_IDLE_MS_MAX / 2 - 1)
    await write(2)
    log.pass(SESSION_IDLE_MS_MAX / 2)
    await write(3)

    expect(log.types.slice(1)).toEqual(['createNetwork', 'createNetwork', 'openSession', 'createNetwork'])
  })
})

describe('while no session can be opened', () => {
  test('a write was certainly not applied, whatever became of the session', async () => {
    log.plans.push(() => Promise.reject(new ProposalUncertainError('lost')))

    const writes = [write(1), write(2)]

    for (const done of writes) await expect(done).rejects.toMatchObject({ applied: 'no' })
    expect(log.types).toEqual(['openSession'])
  })

  test('the reason is passed on, and the next write tries again', async () => {
    log.plans.push(() => Promise.reject(new NotLeaderError(null)))

    await expect(write(1)).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER' })
    expect((await write(1)).value.id).toBe('net-1')
  })

  test('at most as many writes wait as a session has numbers', async () => {
    log.plans.push(never)
    for (let i = 0; i < WINDOW_MAX; i++) void write(i)

    await expect(write(0)).rejects.toMatchObject({ code: 'RAFT_OVERLOADED', applied: 'no' })
  })
})

test('no write passes an unanswered one by more than the window', async () => {
  await write(1)
  log.plans.push(never)
  void write(2)
  const command = { type: 'releaseAllocation', id: 'none', ifChangedIndex: null } as const
  for (let i = 1; i < WINDOW_MAX; i++) {
    await expect(log.session.execute(command, CALLER)).rejects.toMatchObject({
      reason: 'allocation_not_found',
    })
  }

  await expect(log.session.execute(command, CALLER)).rejects.toMatchObject({
    code: 'RAFT_OVERLOADED',
    applied: 'no',
  })
})
