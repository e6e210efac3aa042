/** Concurrent writers, and what became of each write. */
import { setTimeout as delay } from 'node:timers/promises'
import type { AllocationBody, Answer, Client, Fate, NetworkBody } from './client.ts'
import { until } from './until.ts'

const WRITERS = 8
/** After which writers are taken to be under way. */
const FIRST_WRITES = 100
/** After a write that was not carried out: a node that is down answers at once. */
const PAUSE_MS = 10

export interface Write {
  /** Unique: tells in every listing which request a row came from. */
  readonly hostname: string
  readonly fate: Fate
  readonly status: number
  /** Null unless it is done. */
  readonly allocation: AllocationBody | null
  readonly attemptCount: number
  readonly startedAt: number
  readonly endedAt: number
}

let loadCount = 0

/**
 * `workerCount` clients that allocate one address after the other, each through one node after the other. With more than
 * one attempt, each write has an idempotency key, and is sent again until it is done or refused.
 */
export class WriteLoad {
  readonly writes: Write[] = []
  readonly #networkId: string
  readonly #attemptsMax: number
  readonly #name = `load${++loadCount}`
  #clients: readonly Client[]
  #isStopped = false
  #count = 0
  readonly #workers: Promise<void>[]

  constructor({
    clients,
    networkId,
    workerCount,
    attemptsMax = 1,
  }: {
    clients: readonly Client[]
    networkId: string
    workerCount: number
    attemptsMax?: number
  }) {
    this.#clients = clients
    this.#networkId = networkId
    this.#attemptsMax = attemptsMax
    this.#workers = Array.from({ length: workerCount }, (_, i) => this.#work(i))
  }

  /** From the next write on. */
  sendTo(clients: readonly Client[]): void {
    this.#clients = clients
  }

  get doneCount(): number {
    return this.writes.filter(({ fate }) => fate === 'done').length
  }

  /** Resolves when every write that was begun has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#workers)
  }

  async #work(first: number): Promise<void> {
    for (let i = first; !this.#isStopped; i++) {
      const client = this.#clients[i % this.#clients.length]
      if (client === undefined) return
      if ((await this.#write(client)).fate !== 'done') await delay(PAUSE_MS)
    }
  }

  async #write(client: Client): Promise<Write> {
    const hostname = `${this.#name}-${++this.#count}`
    const startedAt = performance.now()
    let attemptCount = 1
    let answer = await this.#allocate(client, hostname)
    for (; isUnsettled(answer) && attemptCount < this.#attemptsMax; attemptCount++) {
      await delay(PAUSE_MS)
      answer = await this.#allocate(client, hostname)
    }
    const { status, fate } = answer
    const allocation = fate === 'done' ? answer.body : null
    const write = { hostname, fate, status, allocation, attemptCount, startedAt, endedAt: performance.now() }
    this.writes.push(write)
    return write
  }

  #allocate(client: Client, hostname: string): Promise<Answer<AllocationBody>> {
    const body = { network_id: this.#networkId, hostname }
    const headers = this.#attemptsMax > 1 ? { 'Idempotency-Key': hostname } : {}
    return client.send('POST', '/allocations', body, headers)
  }
}

export function clientsOf(nodes: readonly { readonly client: Client }[]): Client[] {
  return nodes.map(({ client }) => client)
}

/** Writers in a network of their own, under way. */
export async function startLoad(
  clients: readonly Client[],
  { workerCount = WRITERS, attemptsMax = 1 }: { workerCount?: number; attemptsMax?: number } = {},
): Promise<WriteLoad> {
  const network = await clients[0]?.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
  const load = new WriteLoad({ clients, networkId: network?.id ?? '', workerCount, attemptsMax })
  await moreWrites(load, FIRST_WRITES)
  return load
}

export async function moreWrites(
  load: WriteLoad,
  count: number,
  options?: { timeoutMs: number },
): Promise<void> {
  const { doneCount } = load
  await until(`${count} more writes`, () => load.doneCount >= doneCount + count, options)
}

function isUnsettled({ fate }: Answer): boolean {
  return fate === 'not applied' || fate === 'unknown'
}

/** The longest time without an acknowledged write, from a moment on. */
export function longestGapMs(writes: readonly Write[], { since }: { since: number }): number {
  const times = writes
    .filter(({ fate }) => fate === 'done')
    .map(({ endedAt }) => endedAt)
    .toSorted((a, b) => a - b)
  const before = times.findLastIndex((time) => time <= since)
  const after = times.slice(Math.max(0, before))
  return Math.max(...after.map((time, i) => time - (after[i - 1] ?? time)))
}

export function countFates(writes: readonly Write[]): Record<Fate, number> {
  const counts: Record<Fate, number> = { done: 0, refused: 0, 'not applied': 0, unknown: 0 }
  for (const { fate } of writes) counts[fate] += 1
  return counts
}
