/**
 * Clients of everything else that the service has: nested networks in namespaces, carving, batches, wishes, leases, reserved and
 * resting addresses. What they are told is judged by the log (`ledger.ts`), since no client knows what others do.
 */
import type { Command, ResultOf, ScopedCommand } from '../../src/ipam/command.ts'
import type { Allocation } from '../../src/ipam/records.ts'
import { tokenOf } from '../state/harness.ts'
import { type Calls, check } from './calls.ts'
import { keepAsking } from './client.ts'
import type { Cluster, Machine } from './cluster.ts'
import { EstateRequests, type KnownNetwork } from './estate-requests.ts'
import type { Random } from './random.ts'
import type { Retries } from './retries.ts'

const NETWORKS_KNOWN_MAX = 16
const ALLOCATIONS_KNOWN_MAX = 24

type Ask = (machine: Machine) => Promise<void>

export class Estate {
  readonly #cluster: Cluster
  readonly #calls: Calls
  readonly #retries: Retries
  readonly #random: Random
  readonly #requests: EstateRequests
  readonly #networks: KnownNetwork[] = []
  /** As they were last heard of. */
  readonly #allocations: Allocation[] = []
  #nextId = 1
  #isOver = false

  constructor(options: { cluster: Cluster; calls: Calls; retries: Retries; random: Random }) {
    this.#cluster = options.cluster
    this.#calls = options.calls
    this.#retries = options.retries
    this.#random = options.random
    this.#requests = new EstateRequests(options.random.fork())
  }

  end(): void {
    this.#isOver = true
  }

  /** One client, until the end. */
  run({ pauseMs }: { readonly pauseMs: number }): Promise<void> {
    return keepAsking(this.#cluster, {
      random: this.#random,
      pauseMs,
      isOver: () => this.#isOver,
      ask: (machine) => this.#ask(machine),
    })
  }

  #ask(machine: Machine): Promise<void> {
    const network = this.#random.pick(this.#networks)
    if (network === null) return this.#createNetwork(machine)
    const asks: readonly (readonly [weight: number, Ask])[] = [
      [10, (via) => this.#createNetwork(via)],
      [7, (via) => this.#carve(via, network)],
      [9, (via) => this.#changeNetwork(via, network)],
      [5, (via) => this.#deleteNetwork(via, network)],
      [30, (via) => this.#allocate(via, network)],
      [10, (via) => this.#allocateBatch(via)],
      [15, (via) => this.#release(via)],
      [10, (via) => this.#renew(via)],
      [6, (via) => this.#changeAllocation(via)],
      [5, (via) => this.#readAgain(via)],
    ]
    let draw = this.#random.next() * asks.reduce((sum, [weight]) => sum + weight, 0)
    const chosen = asks.find(([weight]) => {
      draw -= weight
      return draw < 0
    })
    return (chosen?.[1] ?? ((via) => this.#readAgain(via)))(machine)
  }

  #createNetwork(machine: Machine): Promise<void> {
    const parent = this.#random.pick(this.#networks)
    const draw = (): Omit<Extract<Command, { type: 'createNetwork' }>, 'type' | 'id'> =>
      parent === null || this.#random.chance(0.4) ? this.#requests.root() : this.#requests.child(parent)
    return this.#write(machine, draw, (request) => {
      return { ...request, type: 'createNetwork', id: this.#newNetworkId() }
    })
  }

  #carve(machine: Machine, parent: KnownNetwork): Promise<void> {
    const draw = () => ({ ...this.#requests.carving(parent), count: this.#random.integer(1, 3) })
    return this.#write(machine, draw, ({ count, ...request }) => {
      const ids = Array.from({ length: count }, () => this.#newNetworkId())
      return { ...request, type: 'carveNetworks', ids }
    })
  }

  #changeNetwork(machine: Machine, network: KnownNetwork): Promise<void> {
    const draw = () => this.#requests.changes(network)
    return this.#write(machine, draw, (changes) => {
      return { type: 'updateNetwork', id: network.id, changes, ifChangedIndex: null }
    })
  }

  #deleteNetwork(machine: Machine, { id }: KnownNetwork): Promise<void> {
    const draw = () => this.#random.pick(this.#networks)?.id ?? id
    return this.#write(machine, draw, (chosen) => ({
      type: 'deleteNetwork',
      id: chosen,
      ifChangedIndex: null,
    }))
  }

  #allocate(machine: Machine, network: KnownNetwork): Promise<void> {
    const draw = () => this.#requests.allocation(network)
    return this.#write(machine, draw, (request) => {
      return { ...request, type: 'allocateAddresses', token: this.#newToken() }
    })
  }

  #allocateBatch(machine: Machine): Promise<void> {
    const draw = () => this.#requests.batch(this.#networks)
    return this.#write(machine, draw, (requests) => {
      const items = requests.map((request) => ({ ...request, token: this.#newToken() }))
      return { type: 'allocateBatch', items }
    })
  }

  /** Also what was released before. */
  #release(machine: Machine): Promise<void> {
    return this.#about(machine, ({ id, ifChangedIndex }) => ({
      type: 'releaseAllocation',
      id,
      ifChangedIndex,
    }))
  }

  #renew(machine: Machine): Promise<void> {
    return this.#about(machine, ({ id, ifChangedIndex }, { ttlMs }) => {
      return { type: 'renewAllocation', id, ifChangedIndex, ttlMs }
    })
  }

  #changeAllocation(machine: Machine): Promise<void> {
    return this.#about(machine, ({ id, ifChangedIndex }, { tags, owner }) => {
      const changes = { tags, metadata: { owner } }
      return { type: 'updateAllocation', id, ifChangedIndex, changes }
    })
  }

  /** A write about a known allocation; sometimes only if it still is as it was seen. */
  #about(
    machine: Machine,
    commandFor: (
      known: { readonly id: string; readonly ifChangedIndex: number | null },
      drawn: {
        readonly ttlMs: number | null
        readonly tags: readonly string[]
        readonly owner: string | null
      },
    ) => ScopedCommand,
  ): Promise<void> {
    if (this.#allocations.length === 0) return Promise.resolve()
    const draw = () => {
      const known = this.#random.pick(this.#allocations) as Allocation
      const ifChangedIndex = this.#random.chance(0.2) ? known.changedIndex : null
      const owner = this.#random.pick(['alice', 'bob', null])
      const drawn = { ttlMs: this.#requests.ttl(), tags: this.#requests.tags(), owner }
      return { known: { id: known.id, ifChangedIndex }, drawn }
    }
    return this.#write(machine, draw, ({ known, drawn }) => commandFor(known, drawn))
  }

  /** Nothing that was acknowledged is older than it was, whoever is asked. */
  async #readAgain(machine: Machine): Promise<void> {
    const known = this.#random.pick(this.#allocations)
    if (known === null) return
    const found = await this.#calls.read(machine, { type: 'allocation', id: known.id })
    if (found === 'unknown') return
    check(found !== null, `${known.id} was acknowledged, and a read does not show it`)
    check(found.changedIndex >= known.changedIndex, `a read shows ${known.id} as it was before`)
  }

  /** Now and then with a key for a part of the networks. @param draw What is asked for. @param make The command for it, with new ids. */
  async #write<Request>(
    machine: Machine,
    draw: () => Request,
    make: (request: Request) => ScopedCommand,
  ): Promise<void> {
    const [request, other] = [draw(), draw()]
    const scope = this.#random.chance(0.2) ? this.#requests.scope(this.#networks) : null
    const commandFor = (asked: Request): Command => {
      const command = make(asked)
      return scope === null ? command : { type: 'withinScope', scope, command }
    }
    const stamp = this.#retries.drawStamp()
    const same = (): Command => commandFor(request)
    const { answer } = await this.#retries.write(machine, stamp, same)
    if (answer.type === 'done') this.#learn(answer.value)
    const again = await this.#retries.again(stamp, { same, other: () => commandFor(other) })
    if (again?.answer.type === 'done') this.#learn(again.answer.value)
  }

  #learn(value: ResultOf<Command>): void {
    for (const record of Array.isArray(value) ? value : [value]) {
      if (isAllocation(record)) this.#learnAllocation(record)
      else if (isNetwork(record)) this.#learnNetwork(record)
    }
  }

  #learnAllocation(allocation: Allocation): void {
    const place = this.#allocations.findIndex(({ id }) => id === allocation.id)
    const known = this.#allocations[place]
    if (known === undefined) this.#allocations.push(allocation)
    // An answer of before is no news.
    else if (known.changedIndex < allocation.changedIndex) this.#allocations[place] = allocation
    if (this.#allocations.length > ALLOCATIONS_KNOWN_MAX) this.#allocations.shift()
  }

  #learnNetwork({ id, namespace, cidr }: KnownNetwork): void {
    if (this.#networks.some((known) => known.id === id)) return
    this.#networks.push({ id, namespace, cidr })
    if (this.#networks.length > NETWORKS_KNOWN_MAX) this.#networks.shift()
  }

  #newNetworkId(): string {
    return `net-estate-${this.#nextId++}`
  }

  #newToken(): string {
    return tokenOf(`estate-${this.#nextId++}`)
  }
}

function isAllocation(record: unknown): record is Allocation {
  return typeof record === 'object' && record !== null && 'networkId' in record
}

function isNetwork(record: unknown): record is KnownNetwork {
  return typeof record === 'object' && record !== null && 'cidr' in record
}
