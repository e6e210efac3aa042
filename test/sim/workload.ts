/** Clients of the service on every node: what they ask for, what they are told, and whether that can all be true. */
import { RaftError } from '../../raft/errors.ts'
import type { Entry, LogIndex } from '../../raft/types.ts'
import { parseAddress } from '../../src/ipam/address.ts'
import {
  type Command,
  IpamError,
  isSessionRefusal,
  type Outcome,
  type ResultOf,
} from '../../src/ipam/command.ts'
import { decodeCommand } from '../../src/ipam/command-codec.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import {
  type AnswerTo,
  NO_ALLOCATION_FILTER,
  type Page,
  type PageRequest,
  type Query,
} from '../../src/ipam/query.ts'
import { usableRange } from '../../src/ipam/range.ts'
import type { Allocation, AuditEntry } from '../../src/ipam/records.ts'
import type { Consistency } from '../../src/service.ts'
import { checkLinearizable } from '../linearizability/check-linearizable.ts'
import {
  finalReads,
  formatIpamOperation,
  type Held,
  type IpamInput,
  type IpamOperation,
  type IpamOutput,
  ipamModel,
  settle,
} from '../linearizability/ipam-model.ts'
import { allocateCommand, EVERY_STATUS, listAllocations, listAudit, page } from '../state/harness.ts'
import type { Cluster, Machine, Running } from './cluster.ts'
import { checkExactlyOnce } from './exactly-once.ts'
import type { Random } from './random.ts'

const NEVER = Number.POSITIVE_INFINITY
/** Enough to be reused all the time, and to be full now and then. */
const CIDRS = ['10.0.0.0/28', '2001:db8::/124', '10.0.1.0/29']
/** Its allocations end by themselves, whenever the leader says so: no client can tell the order. */
const LEASES = { id: 'net-leases', cidr: '10.1.0.0/24' }
/** Of the search for an order; where many writes were never answered it is long. */
const STATES_MAX = 3_000_000

/** A network as the checker knows it: addresses count from the first of the prefix. */
interface Field {
  readonly id: string
  readonly cidr: string
  readonly base: bigint
  readonly range: { readonly first: number; readonly last: number }
  readonly history: IpamOperation[]
}

interface Client {
  readonly id: number
  /** Allocations it was told of, or tried for. */
  readonly known: { readonly field: Field; readonly id: string }[]
}

export interface WorkloadCounts {
  acknowledged: number
  /** Decided by the state machine: full, or not there. */
  declined: number
  /** Certainly not applied. */
  refused: number
  unknown: number
  reads: number
}

export class Workload {
  readonly counts: WorkloadCounts = { acknowledged: 0, declined: 0, refused: 0, unknown: 0, reads: 0 }
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #fields: readonly Field[]
  /** Allocation ids of commands that were certainly not applied, it was said. */
  readonly #refusedIds = new Set<string>()
  readonly #acknowledged: { readonly allocation: Allocation; readonly index: LogIndex }[] = []
  #highestAcknowledged: LogIndex = 0
  #nextId = 1
  #isOver = false

  constructor(cluster: Cluster, options: { random: Random; networkCount: number }) {
    this.#cluster = cluster
    this.#random = options.random
    this.#fields = CIDRS.slice(0, options.networkCount).map((cidr, i) => {
      const prefix = parsePrefix(cidr)
      const { first, last } = usableRange(prefix)
      const range = { first: Number(first - prefix.first), last: Number(last - prefix.first) }
      return { id: `net-${i}`, cidr, base: prefix.first, range, history: [] }
    })
  }

  /** No client asks for anything new. */
  end(): void {
    this.#isOver = true
  }

  /** Resolves when the networks exist. */
  async prepare(): Promise<void> {
    for (const { id, cidr } of [...this.#fields, LEASES]) await this.#createNetwork(id, cidr)
  }

  async #createNetwork(id: string, cidr: string): Promise<void> {
    for (;;) {
      const machine = this.#random.pick(this.#cluster.running)
      const command = {
        ...NETWORK_DEFAULTS,
        type: 'createNetwork',
        id,
        cidr,
      } as const
      const answer = machine === null ? null : await this.#execute(machine, command)
      if (answer !== null && answer.type !== 'error') return
      await this.#cluster.world.sleep(50)
    }
  }

  /** One client, until the end. Rejects if it is told something that cannot be. */
  async run(id: number): Promise<void> {
    const { world } = this.#cluster
    const client: Client = { id, known: [] }
    const hanging = new Set<Promise<void>>()
    while (!this.#isOver) {
      const machine = this.#random.pick(this.#cluster.running)
      if (machine !== null) {
        const asking = this.#ask(client, machine).catch((error: unknown) => {
          if (!this.#cluster.isTampered) this.#cluster.fail(error)
        })
        hanging.add(asking)
        void asking.then(() => hanging.delete(asking))
        // Some wait for their answer, some do not: a client that hangs must not be all that there is.
        if (this.#random.chance(0.5)) await asking
      }
      await world.sleep(this.#random.exponential(this.#random.chance(0.1) ? 200 : 20))
    }
    await Promise.all(hanging)
  }

  #ask(client: Client, machine: Machine): Promise<void> {
    const random = this.#random
    const field = random.pick(this.#fields) as Field
    const draw = random.next()
    if (draw < 0.3) return this.#allocate(client, machine, field)
    if (draw < 0.55) return this.#release(client, machine)
    if (draw < 0.62) return this.#lease(machine)
    if (draw < 0.75) return this.#get(client, machine)
    if (draw < 0.88) return this.#list(client, machine, field)
    if (draw < 0.96) return this.#stats(client, machine, field)
    return this.#readAtIndex(machine)
  }

  async #allocate(client: Client, machine: Machine, field: Field): Promise<void> {
    const id = this.#newAllocationId()
    const count = this.#random.chance(0.8) ? 1 : this.#random.integer(2, 4)
    client.known.push({ field, id })
    if (client.known.length > 20) client.known.shift()
    await this.#record(client, field, { type: 'allocate', id, count }, async () => {
      const answer = await this.#execute(machine, allocateCommand(id, field.id, { count }))
      if (answer === null) return 'unknown'
      if (answer.type === 'error') return this.#noteError(answer.error, id)
      if (answer.type === 'declined')
        return this.#noteDeclined(answer.error, 'network_exhausted', { type: 'exhausted' })
      const { value, index } = answer
      check(value.id === id && value.changedIndex <= index, `the answer to ${id} is about ${value.id}`)
      this.#noteAcknowledged(value, index)
      return { type: 'allocated', first: placeOf(field, value) }
    })
  }

  async #release(client: Client, machine: Machine): Promise<void> {
    const target = this.#random.pick(client.known)
    if (target === null) return
    const { field, id } = target
    await this.#record(client, field, { type: 'release', id }, async () => {
      const answer = await this.#execute(machine, { type: 'releaseAllocation', id, ifChangedIndex: null })
      if (answer === null) return 'unknown'
      if (answer.type === 'error') return this.#noteError(answer.error, null)
      if (answer.type === 'declined')
        return this.#noteDeclined(answer.error, 'allocation_not_found', { type: 'missing' })
      check(answer.value.status === 'released', `${id} was released and is ${answer.value.status}`)
      this.#noteAcknowledged(answer.value, answer.index)
      return { type: 'released' }
    })
  }

  async #lease(machine: Machine): Promise<void> {
    const id = this.#newAllocationId()
    const ttlMs = this.#random.integer(100, 3_000)
    const answer = await this.#execute(machine, allocateCommand(id, LEASES.id, { ttlMs }))
    if (answer === null) this.counts.unknown += 1
    else if (answer.type === 'error') this.#noteError(answer.error, id)
    else if (answer.type === 'declined')
      this.#noteDeclined(answer.error, 'network_exhausted', { type: 'exhausted' })
    else this.#noteAcknowledged(answer.value, answer.index)
  }

  async #get(client: Client, machine: Machine): Promise<void> {
    const target = this.#random.pick(client.known)
    if (target === null) return
    const { field, id } = target
    await this.#record(client, field, { type: 'get', id }, async () => {
      const allocation = await this.#read(machine, { type: 'allocation', id })
      if (allocation === 'unknown') return 'none'
      if (allocation === null) return { type: 'missing' }
      return {
        type: 'record',
        first: placeOf(field, allocation),
        isActive: allocation.status === 'allocated',
      }
    })
  }

  async #list(client: Client, machine: Machine, field: Field): Promise<void> {
    await this.#record(client, field, { type: 'list' }, async () => {
      const filter = { ...NO_ALLOCATION_FILTER, networkId: field.id }
      const listed = await this.#read(machine, { type: 'allocations', filter, page: page(1_000) })
      if (listed === 'unknown') return 'none'
      return { type: 'listed', active: listed.rows.map((row) => heldOf(field, row)) }
    })
  }

  async #stats(client: Client, machine: Machine, field: Field): Promise<void> {
    await this.#record(client, field, { type: 'stats' }, async () => {
      const stats = await this.#read(machine, { type: 'networkStats', id: field.id })
      if (stats === 'unknown') return 'none'
      check(stats !== null, `network ${field.id} is gone`)
      const { firstAvailable } = stats
      const firstFree =
        firstAvailable === null ? null : Number(parseAddress(firstAvailable).value - field.base)
      return { type: 'counted', allocated: Number(stats.allocated), firstFree }
    })
  }

  /** "Read your own writes": a read that waits for an index sees at least that. */
  async #readAtIndex(machine: Machine): Promise<void> {
    const latest = this.#acknowledged.at(-1)
    if (latest === undefined) return
    const { allocation, index } = latest
    const found = await this.#read(
      machine,
      { type: 'allocation', id: allocation.id },
      { type: 'minIndex', index },
    )
    if (found === 'unknown') return
    check(found !== null, `a read at ${index} or later does not show ${allocation.id}`)
    check(
      found.changedIndex >= allocation.changedIndex,
      `a read at ${index} shows ${allocation.id} as it was before`,
    )
  }

  /** @param ask `unknown`: it may take effect at any time, or never; `none`: it certainly had none, or was a read. */
  async #record(
    client: Client,
    field: Field,
    input: IpamInput,
    ask: () => Promise<IpamOutput | 'unknown' | 'none'>,
  ): Promise<void> {
    const { world } = this.#cluster
    const invokedAt = world.now
    const output = await ask()
    if (output === 'none') return
    const isUnknown = output === 'unknown'
    if (isUnknown) this.counts.unknown += 1
    field.history.push({
      client: client.id,
      invokedAt,
      returnedAt: isUnknown ? NEVER : world.now,
      input,
      output: isUnknown ? null : output,
    })
  }

  /** @returns Null when the process died before it answered. */
  async #execute<C extends Command>(machine: Machine, command: C): Promise<Answer<C> | null> {
    const up = upOf(machine)
    if (up === null) return { type: 'error', error: new NotThere() }
    try {
      const done = up.running.service.execute(command, { user: 'sim', requestId: null })
      const answer = await Promise.race([done, up.died])
      return answer === null ? null : { type: 'done', value: answer.value, index: answer.index }
    } catch (error) {
      if (error instanceof IpamError) return { type: 'declined', error }
      if (!(error instanceof RaftError)) throw error
      const isNo = error.applied === 'no' && !this.#cluster.network.copies.hasDoubled(command)
      return isNo ? { type: 'error', error } : null
    }
  }

  async #read<Q extends Query>(
    machine: Machine,
    query: Q,
    consistency: Consistency = { type: 'linearizable' },
  ): Promise<AnswerTo<Q> | 'unknown'> {
    const up = upOf(machine)
    if (up === null) return 'unknown'
    const floor = consistency.type === 'minIndex' ? consistency.index : this.#highestAcknowledged
    try {
      const answer = await Promise.race([up.running.service.read(query, consistency), up.died])
      if (answer === null) return 'unknown'
      check(
        answer.index >= floor,
        `a read on node ${machine.id} saw ${answer.index}, and ${floor} was acknowledged`,
      )
      this.counts.reads += 1
      return answer.value
    } catch (error) {
      if (error instanceof RaftError) return 'unknown'
      throw error
    }
  }

  #newAllocationId(): string {
    return `alloc-${this.#nextId++}`
  }

  #noteError(error: RaftError | NotThere, id: string | null): 'none' {
    if (error instanceof NotThere) return 'none'
    this.counts.refused += 1
    if (id !== null) this.#refusedIds.add(id)
    return 'none'
  }

  #noteDeclined(error: IpamError, expected: IpamError['reason'], output: IpamOutput): IpamOutput {
    check(error.reason === expected, `${error.reason}: ${error.message}`)
    this.counts.declined += 1
    return output
  }

  #noteAcknowledged(allocation: Allocation, index: LogIndex): void {
    this.counts.acknowledged += 1
    this.#acknowledged.push({ allocation, index })
    this.#highestAcknowledged = Math.max(this.#highestAcknowledged, index)
  }

  /** A write and a read through that node. @returns What was in the way: an error of a disk may come this late. */
  async tryFreshWriteAndRead(machine: Machine): Promise<string | null> {
    const { acknowledged, declined, reads } = this.counts
    const client = { id: machine.id, known: [] }
    const field = this.#fields[0] as Field
    await this.#allocate(client, machine, field)
    if (this.counts.acknowledged + this.counts.declined === acknowledged + declined) {
      return `a fresh write through node ${machine.id} is not acknowledged`
    }
    await this.#release(client, machine)
    await this.#list(client, machine, field)
    return this.counts.reads === reads ? `a fresh read on node ${machine.id} is not served` : null
  }

  /** What clients were told is what happened. @param running Any node, when all is quiet. */
  async checkHistory(
    { stateMachine }: Running,
    log: { readonly entries: readonly Entry[]; readonly outcomes: readonly (Outcome | null)[] },
  ): Promise<void> {
    this.#checkRefused(log)
    checkExactlyOnce(log.entries, log.outcomes)
    const rows = await everyPage((asked) => listAllocations(stateMachine, { statuses: EVERY_STATUS }, asked))
    const records = new Map(rows.map((row) => [row.id, row]))
    for (const { allocation, index } of this.#acknowledged) {
      const record = records.get(allocation.id)
      check(record?.ip === allocation.ip, `${allocation.id} was acknowledged at ${index} and is lost`)
      const isBack = record.status === 'allocated' && allocation.status !== 'allocated'
      check(!isBack, `the release of ${allocation.id} was acknowledged at ${index} and is lost`)
    }
    for (const field of this.#fields) this.#checkLinearizable(field, rows)
    checkExpiries(rows)
    checkAudit(rows, await everyPage((asked) => listAudit(stateMachine, {}, asked)))
  }

  /** "No" is a promise: no such command is in the log, then or ever after; unless its session was gone, and it did nothing. */
  #checkRefused({
    entries,
    outcomes,
  }: {
    entries: readonly Entry[]
    outcomes: readonly (Outcome | null)[]
  }): void {
    for (const [i, { type, payload, index }] of entries.entries()) {
      const command = type === 'command' ? decodeCommand(payload)?.command : undefined
      if (command?.type !== 'allocateAddresses' || !this.#refusedIds.has(command.id)) continue
      const outcome = outcomes[i] ?? null
      const isWithoutSession = outcome !== null && !outcome.ok && isSessionRefusal(outcome.refusal)
      check(isWithoutSession, `${command.id} was certainly not applied, it was said, and is at ${index}`)
    }
  }

  #checkLinearizable(field: Field, rows: readonly Allocation[]): void {
    const ofField = rows.filter(({ networkId }) => networkId === field.id)
    const records = new Map(
      ofField.map((row) => [row.id, { ...heldOf(field, row), isActive: row.status === 'allocated' }]),
    )
    const final = { readAt: this.#cluster.world.now + 1, records }
    const history = [...settle(field.history, final), ...finalReads(final)]
    const verdict = checkLinearizable(ipamModel(field.range), history, { statesMax: STATES_MAX })
    if (verdict.ok) return
    if (verdict.result === 'unknown')
      throw new Error(`the history of ${field.cidr} is too tangled to be checked`)
    const lines = [...verdict.prefix.slice(-15), ...verdict.blocked].map(formatIpamOperation)
    throw new Error(
      `the history of ${field.cidr} is not linearizable; none of the last ${verdict.blocked.length} can follow:\n${lines.join('\n')}`,
    )
  }
}

type Answer<C extends Command> =
  | { readonly type: 'done'; readonly value: ResultOf<C>; readonly index: LogIndex }
  | { readonly type: 'declined'; readonly error: IpamError }
  /** Certainly not applied. */
  | { readonly type: 'error'; readonly error: RaftError | NotThere }

/** Nobody was asked. */
class NotThere extends Error {}

function upOf({ running, process }: Machine): { running: Running; died: Promise<null> } | null {
  return running === null || process === null ? null : { running, died: process.died.then(() => null) }
}

async function everyPage<T>(list: (asked: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const rows: T[] = []
  let cursor: string | null = null
  do {
    const taken: Page<T> = await list(page(10_000, cursor))
    rows.push(...taken.rows)
    cursor = taken.nextCursor
  } while (cursor !== null)
  return rows
}

function placeOf({ base }: Field, { ip }: Allocation): number {
  return Number(parseAddress(ip).value - base)
}

function heldOf(field: Field, allocation: Allocation): Held {
  const first = placeOf(field, allocation)
  const count =
    allocation.endIp === null ? 1 : Number(parseAddress(allocation.endIp).value - field.base) - first + 1
  return { id: allocation.id, first, count }
}

/** Nothing expires before its time by the log's clock. */
function checkExpiries(rows: readonly Allocation[]): void {
  for (const { id, status, expiresAt, releasedAt } of rows) {
    if (status !== 'expired') continue
    check(
      expiresAt !== null && releasedAt !== null && releasedAt >= expiresAt,
      `${id} expired before its time`,
    )
  }
}

/** Every allocation began once and ended at most once, and both are on record. */
function checkAudit(rows: readonly Allocation[], audit: readonly AuditEntry[]): void {
  const counts = new Map<string, number>()
  for (const { action, resource } of audit) {
    const kind =
      action === 'ip_allocated' ? 'begins' : action === 'ip_released' || action === 'ip_expired' ? 'ends' : ''
    counts.set(`${resource} ${kind}`, (counts.get(`${resource} ${kind}`) ?? 0) + 1)
  }
  for (const { id, status } of rows) {
    const [begins, ends] = [counts.get(`${id} begins`) ?? 0, counts.get(`${id} ends`) ?? 0]
    const isRight = begins === 1 && ends === (status === 'allocated' ? 0 : 1)
    check(
      isRight,
      `${id} is ${status}, and by the audit log it began ${begins} times and ended ${ends} times`,
    )
  }
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`history: ${message}`)
}
