/** Clients of one network each, whose histories are checked: what they ask for, what they are told, and whether that can all be true. */
import type { LogIndex } from '../../raft/types.ts'
import { parseAddress } from '../../src/ipam/address.ts'
import type { AllocateAddresses, Command, ReleaseAllocation } from '../../src/ipam/command.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import type { IpamError, RefusalReason } from '../../src/ipam/outcome.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import { usableRange } from '../../src/ipam/range.ts'
import type { Allocation } from '../../src/ipam/records.ts'
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
import { allocateCommand, page, tokenIn, tokenOf } from '../state/harness.ts'
import { NO_ALLOCATION_FILTER } from '../state/no-filter.ts'
import { type Answer, type Calls, check } from './calls.ts'
import { keepAsking } from './client.ts'
import type { Cluster, Machine } from './cluster.ts'
import type { Random } from './random.ts'
import type { Retries, Written } from './retries.ts'

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
  /** Allocations it was told of. */
  readonly known: { readonly field: Field; readonly id: string }[]
}

export class Workload {
  readonly #cluster: Cluster
  readonly #calls: Calls
  readonly #retries: Retries
  readonly #random: Random
  readonly #fields: readonly Field[]
  readonly #acknowledged: { readonly allocation: Allocation; readonly index: LogIndex }[] = []
  #nextId = 1
  #isOver = false

  constructor(options: {
    cluster: Cluster
    calls: Calls
    retries: Retries
    random: Random
    networkCount: number
  }) {
    this.#cluster = options.cluster
    this.#calls = options.calls
    this.#retries = options.retries
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
      const command = { ...NETWORK_DEFAULTS, type: 'createNetwork', id, cidr } as const
      const answer = machine === null ? null : await this.#calls.execute(machine, command)
      if (answer?.type === 'done' || answer?.type === 'declined') return
      await this.#cluster.world.sleep(50)
    }
  }

  /** One client, until the end. */
  run(id: number): Promise<void> {
    const client: Client = { id, known: [] }
    return keepAsking(this.#cluster, {
      random: this.#random,
      pauseMs: 20,
      isOver: () => this.#isOver,
      ask: (machine) => this.#ask(client, machine),
    })
  }

  #ask(client: Client, machine: Machine): Promise<void> {
    const random = this.#random
    const field = random.pick(this.#fields) as Field
    const draw = random.next()
    if (draw < 0.3) return this.#allocate(client, machine, field, this.#retries.drawStamp())
    if (draw < 0.55) return this.#release(client, machine)
    if (draw < 0.62) return this.#lease(machine)
    if (draw < 0.75) return this.#get(client, machine)
    if (draw < 0.88) return this.#list(client, machine, field)
    if (draw < 0.96) return this.#stats(client, machine, field)
    return this.#readAtIndex(machine)
  }

  async #allocate(
    client: Client,
    machine: Machine,
    field: Field,
    stamp: IdempotencyStamp | null,
  ): Promise<void> {
    const count = this.#random.chance(0.8) ? 1 : this.#random.integer(2, 4)
    const make = (size: number) => (): AllocateAddresses => {
      return allocateCommand(this.#newName(), field.id, { count: size })
    }
    const written = await this.#retries.write(machine, stamp, make(count))
    this.#recordAllocations(client, field, { ...written, isFirst: true })
    const again = await this.#retries.again(stamp, { same: make(count), other: make(count + 1) })
    if (again !== null) this.#recordAllocations(client, field, { ...again, isFirst: false })
  }

  /** One operation from the first attempt to the answer. Where more than one attempt took effect, the key had been forgotten. */
  #recordAllocations(
    client: Client,
    field: Field,
    { attempts, answer, isFirst }: Written<AllocateAddresses> & { readonly isFirst: boolean },
  ): void {
    const returnedAt = this.#cluster.world.now
    const decided = this.#decidedAllocation(field, answer)
    const named = answer.type === 'done' ? tokenIn(answer.value.id) : null
    if (answer.type === 'done') this.#learn(client, { field, id: answer.value.id })
    const winner = attempts.find(({ command }) => command.token === named) ?? null
    const isAbout = winner !== null || named === null || (answer.type === 'done' && answer.isReplay)
    check(isAbout, `the answer to ${attempts.at(-1)?.command.token} is about ${named}`)
    // The answer to an earlier write says nothing of now.
    const isOld = !isFirst && answer.type !== 'unknown' && answer.type !== 'refused' && answer.isReplay
    const decidedBy = winner ?? (isOld || decided === null ? null : attempts.at(-1))
    for (const attempt of attempts) {
      const { token, count } = attempt.command
      const input = { type: 'allocate', id: token, count } as const
      if (attempt === decidedBy && decided !== null) {
        const invokedAt = attempts[0]?.invokedAt ?? 0
        field.history.push({ client: client.id, invokedAt, returnedAt, input, output: decided })
      } else if (!isOld) {
        const { invokedAt } = attempt
        field.history.push({ client: client.id, invokedAt, returnedAt: NEVER, input, output: null })
      }
    }
  }

  #decidedAllocation(field: Field, answer: Answer<AllocateAddresses>): IpamOutput | null {
    switch (answer.type) {
      case 'done':
        this.#noteAcknowledged(answer.value, answer.index)
        return { type: 'allocated', first: placeOf(field, answer.value) }
      case 'declined':
        return declined(answer.error, { network_exhausted: { type: 'exhausted' } })
      default:
        return null
    }
  }

  async #release(client: Client, machine: Machine): Promise<void> {
    const target = this.#random.pick(client.known)
    if (target === null) return
    const { id } = target
    const make = (): ReleaseAllocation => ({ type: 'releaseAllocation', id, ifChangedIndex: null })
    const stamp = this.#retries.drawStamp()
    const written = await this.#retries.write(machine, stamp, make)
    this.#recordRelease(client, target, written)
    const again = await this.#retries.again(stamp, { same: make, other: make })
    if (again === null || isReplayed(again.answer)) return
    this.#recordRelease(client, target, again)
  }

  #recordRelease(
    client: Client,
    { field, id }: Client['known'][number],
    { attempts, answer }: Written<ReleaseAllocation>,
  ): void {
    const [first] = attempts
    if (first === undefined) return
    const output = this.#decidedRelease(id, answer)
    const returnedAt = output === null ? NEVER : this.#cluster.world.now
    const input = { type: 'release', id: tokenIn(id) } as const
    field.history.push({ client: client.id, invokedAt: first.invokedAt, returnedAt, input, output })
  }

  #decidedRelease(id: string, answer: Answer<ReleaseAllocation>): IpamOutput | null {
    switch (answer.type) {
      case 'done': {
        const { value, index } = answer
        check(value.id === id, `the answer to the release of ${id} is about ${value.id}`)
        check(value.status === 'released', `${id} was released and is ${value.status}`)
        this.#noteAcknowledged(value, index)
        return { type: 'released' }
      }
      case 'declined':
        return declined(answer.error, { allocation_not_found: { type: 'missing' } })
      default:
        return null
    }
  }

  async #lease(machine: Machine): Promise<void> {
    const ttlMs = this.#random.integer(100, 3_000)
    const stamp = this.#retries.drawStamp()
    const make = (): AllocateAddresses => allocateCommand(this.#newName(), LEASES.id, { ttlMs })
    const { answer } = await this.#retries.write(machine, stamp, make)
    if (answer.type === 'done') this.#noteAcknowledged(answer.value, answer.index)
    else if (answer.type === 'declined') declined(answer.error, { network_exhausted: { type: 'exhausted' } })
  }

  async #get(client: Client, machine: Machine): Promise<void> {
    const target = this.#random.pick(client.known)
    if (target === null) return
    const { field, id } = target
    if (this.#random.chance(0.1)) return this.#getOfAnotherLife(machine, id)
    await this.#recordRead(client, field, { type: 'get', id: tokenIn(id) }, async () => {
      const allocation = await this.#calls.read(machine, { type: 'allocation', id })
      if (allocation === 'unknown') return null
      if (allocation === null) return { type: 'missing' }
      const isActive = allocation.status === 'allocated'
      return { type: 'record', first: placeOf(field, allocation), isActive }
    })
  }

  /** The position of another allocation, and not its token: as from before an older backup was restored. */
  async #getOfAnotherLife(machine: Machine, id: string): Promise<void> {
    const old = id.replace(tokenIn(id), tokenOf('other-life'))
    const found = await this.#calls.read(machine, { type: 'allocation', id: old })
    check(found === 'unknown' || found === null, `${old} is nobody's, and a read shows it`)
  }

  async #list(client: Client, machine: Machine, field: Field): Promise<void> {
    await this.#recordRead(client, field, { type: 'list' }, async () => {
      const filter = { ...NO_ALLOCATION_FILTER, networkId: field.id }
      const listed = await this.#calls.read(machine, { type: 'allocations', filter, page: page(1_000) })
      if (listed === 'unknown') return null
      return { type: 'listed', active: listed.rows.map((row) => heldOf(field, row)) }
    })
  }

  async #stats(client: Client, machine: Machine, field: Field): Promise<void> {
    await this.#recordRead(client, field, { type: 'stats' }, async () => {
      const stats = await this.#calls.read(machine, { type: 'networkStats', id: field.id })
      if (stats === 'unknown') return null
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
    const found = await this.#calls.read(
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

  /** @param ask Null where nothing was answered: such a read says nothing. */
  async #recordRead(
    client: Client,
    field: Field,
    input: IpamInput,
    ask: () => Promise<IpamOutput | null>,
  ): Promise<void> {
    const { world } = this.#cluster
    const invokedAt = world.now
    const output = await ask()
    if (output !== null)
      field.history.push({ client: client.id, invokedAt, returnedAt: world.now, input, output })
  }

  /** Part of the id, and what the history calls it: nobody knows the whole id of a write without an answer. */
  #newName(): string {
    return `a${this.#nextId++}`
  }

  #learn({ known }: Client, allocation: Client['known'][number]): void {
    if (known.some(({ id }) => id === allocation.id)) return
    known.push(allocation)
    if (known.length > 20) known.shift()
  }

  #noteAcknowledged(allocation: Allocation, index: LogIndex): void {
    this.#acknowledged.push({ allocation, index })
  }

  /** A write and a read through that node. @returns What was in the way: an error of a disk may come this late. */
  async tryFreshWriteAndRead(machine: Machine): Promise<string | null> {
    const { acknowledged, declined, reads } = this.#calls.counts
    const { counts } = this.#calls
    const client = { id: machine.id, known: [] }
    const field = this.#fields[0] as Field
    await this.#allocate(client, machine, field, null)
    if (counts.acknowledged + counts.declined === acknowledged + declined) {
      return `a fresh write through node ${machine.id} is not acknowledged`
    }
    await this.#release(client, machine)
    await this.#list(client, machine, field)
    return counts.reads === reads ? `a fresh read on node ${machine.id} is not served` : null
  }

  /** What clients were told is what happened. @param rows All allocations, ended ones too, when all is quiet. */
  checkHistory(rows: readonly Allocation[]): void {
    const records = new Map(rows.map((row) => [row.id, row]))
    for (const { allocation, index } of this.#acknowledged) {
      const record = records.get(allocation.id)
      check(record?.ip === allocation.ip, `${allocation.id} was acknowledged at ${index} and is lost`)
      const isBack = record.status === 'allocated' && allocation.status !== 'allocated'
      check(!isBack, `the release of ${allocation.id} was acknowledged at ${index} and is lost`)
    }
    for (const field of this.#fields) this.#checkLinearizable(field, rows)
  }

  #checkLinearizable(field: Field, rows: readonly Allocation[]): void {
    const ofField = rows.filter(({ networkId }) => networkId === field.id)
    const records = new Map(
      ofField.map((row) => [
        tokenIn(row.id),
        { ...heldOf(field, row), isActive: row.status === 'allocated' },
      ]),
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

/** @throws if it is another refusal than what may be. */
function declined(error: IpamError, expected: Partial<Record<RefusalReason, IpamOutput>>): IpamOutput | null {
  if (error.reason === 'idempotency_key_reused') return null
  const output = expected[error.reason]
  check(output !== undefined, `${error.reason}: ${error.message}`)
  return output
}

function isReplayed<C extends Command>(answer: Answer<C>): boolean {
  return (answer.type === 'done' || answer.type === 'declined') && answer.isReplay
}

function placeOf({ base }: Field, { ip }: Allocation): number {
  return Number(parseAddress(ip).value - base)
}

function heldOf(field: Field, allocation: Allocation): Held {
  const first = placeOf(field, allocation)
  const count =
    allocation.endIp === null ? 1 : Number(parseAddress(allocation.endIp).value - field.base) - first + 1
  return { id: tokenIn(allocation.id), first, count }
}
