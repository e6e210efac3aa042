/** Many clients that allocate, release and look, and remember everything that they were told. */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { IpamInput, IpamOutput } from '../../linearizability/ipam-model.ts'
import type { Random } from '../../sim/random.ts'
import type { AllocationBody, Answer, ErrorBody, Fate, NetworkBody } from '../client.ts'
import type { Node } from '../cluster.ts'
import { addressNumber, sizeOf } from './address-number.ts'

/** After a request that was not carried out: a node that is down says so at once. */
const PAUSE_MS = 100
const SLOWER = 8

export interface ManagedNetwork {
  readonly id: string
  readonly cidr: string
  /** What has been allocated in it, as far as somebody was told. */
  readonly known: Known[]
}

interface Known {
  readonly name: string
  readonly id: string
  isReleased: boolean
}

/** One request and what became of it. */
export interface Request {
  readonly client: number
  readonly node: number
  readonly networkId: string
  readonly input: IpamInput
  readonly invokedAt: number
  readonly endedAt: number
  readonly fate: Fate
  readonly status: number
  /** Null unless it is known. */
  readonly output: IpamOutput | null
  /** Of the allocation that it made or named; null if nobody was told. */
  readonly allocationId: string | null
}

interface Stats {
  readonly allocated_ips: number
  readonly first_available: string | null
}

type Body = AllocationBody & ErrorBody & Stats

export interface LoadOptions {
  readonly networks: readonly ManagedNetwork[]
  readonly contacts: () => readonly Node[]
  readonly random: Random
  readonly clientCount: number
  /** Mean time between an answer and the next request of a client. */
  readonly thinkMs: number
  /** Writes of known or unknown outcome; after so many the clients only look. */
  readonly writesMax: number
}

export class ClientLoad {
  readonly requests: Request[] = []
  /** Answers that no correct node gives. */
  readonly surprises: string[] = []
  readonly #options: LoadOptions
  readonly #clients: Promise<void>[]
  readonly #over = new AbortController()
  #nameCount = 0
  #writeCount = 0
  #thinkMs: number

  constructor(options: LoadOptions) {
    this.#options = options
    this.#thinkMs = options.thinkMs
    setMaxListeners(0, this.#over.signal)
    this.#clients = Array.from({ length: options.clientCount }, (_, i) =>
      this.#live(i, options.random.fork()),
    )
  }

  slowDown(): void {
    this.#thinkMs = this.#options.thinkMs * SLOWER
  }

  /** Resolves when every request has ended. */
  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#clients)
  }

  get acknowledgedWrites(): number {
    return this.requests.filter(isAcknowledgedWrite).length
  }

  async #live(client: number, random: Random): Promise<void> {
    const { networks, contacts } = this.#options
    const home = networks[client % networks.length]
    while (!this.#over.signal.aborted) {
      const network = random.chance(0.8) ? home : random.pick(networks)
      const node = random.pick(contacts())
      if (network === undefined || network === null || node === null) return
      const { fate } = await this.#ask({ client, node, network, input: this.#draw(random, network) })
      const pauseMs = fate === 'done' || fate === 'refused' ? 0 : PAUSE_MS
      await this.#wait(pauseMs + random.exponential(this.#thinkMs))
    }
  }

  #draw(random: Random, { known }: ManagedNetwork): IpamInput {
    const choice = this.#writeCount < this.#options.writesMax ? random.next() : random.between(0.65, 1)
    const fresh = known.filter(({ isReleased }) => !isReleased)
    if (choice < 0.35 || known.length === 0) return this.#allocation(random)
    // A second release of the same is no error, and tells whether the first one is remembered.
    const released = random.pick(random.chance(0.9) && fresh.length > 0 ? fresh : known)
    if (choice < 0.65) return { type: 'release', id: released?.name ?? '' }
    if (choice < 0.8) return { type: 'get', id: random.pick(known.slice(-20))?.name ?? '' }
    return { type: choice < 0.9 ? 'list' : 'stats' }
  }

  #allocation(random: Random): IpamInput {
    return {
      type: 'allocate',
      id: `host-${++this.#nameCount}`,
      count: random.chance(0.8) ? 1 : random.integer(2, 4),
    }
  }

  async #ask(asked: {
    client: number
    node: Node
    network: ManagedNetwork
    input: IpamInput
  }): Promise<Request> {
    const { client, node, network, input } = asked
    if (input.type === 'allocate' || input.type === 'release') this.#writeCount += 1
    const allocationId = this.#allocationId(network, input)
    const invokedAt = performance.now()
    const answer = await send(node, network, input, allocationId)
    const endedAt = performance.now()
    const output = this.#read(answer, network, input)
    const request = {
      ...{ client, node: node.id, networkId: network.id, input, invokedAt, endedAt },
      ...{ fate: answer.fate, status: answer.status, output },
      allocationId: allocationId ?? (answer.status === 201 ? answer.body.id : null),
    }
    this.requests.push(request)
    this.#remember(network, request)
    return request
  }

  #allocationId({ known }: ManagedNetwork, input: IpamInput): string | null {
    if (input.type !== 'release' && input.type !== 'get') return null
    return known.find(({ name }) => name === input.id)?.id ?? null
  }

  #read(
    answer: Answer<Body | readonly AllocationBody[]>,
    network: ManagedNetwork,
    input: IpamInput,
  ): IpamOutput | null {
    if (answer.fate !== 'done' && answer.fate !== 'refused') return null
    const output = outputOf(answer, network, input)
    if (output === null) {
      this.surprises.push(`${JSON.stringify(input)}: ${answer.status} ${JSON.stringify(answer.body)}`)
    }
    return output
  }

  #remember({ known }: ManagedNetwork, { input, output, allocationId: id }: Request): void {
    if (input.type === 'allocate' && id !== null) known.push({ name: input.id, id, isReleased: false })
    if (input.type !== 'release' || output === null) return
    const one = known.find(({ name }) => name === input.id)
    if (one !== undefined) one.isReleased = true
  }

  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#over.signal }).catch(() => {})
  }
}

export function isAcknowledgedWrite({ input, fate }: Request): boolean {
  return fate === 'done' && (input.type === 'allocate' || input.type === 'release')
}

function send(
  { client }: Node,
  { id: networkId }: ManagedNetwork,
  input: IpamInput,
  allocationId: string | null,
): Promise<Answer<Body & readonly AllocationBody[]>> {
  switch (input.type) {
    case 'allocate':
      return client.send('POST', '/allocations', {
        network_id: networkId,
        hostname: input.id,
        count: input.count,
      })
    case 'release':
      return client.send('POST', `/allocations/${allocationId}/release`, {})
    case 'get':
      return client.send('GET', `/allocations/${allocationId}`)
    case 'list':
      return client.send('GET', `/allocations?network_id=${networkId}`)
    case 'stats':
      return client.send('GET', `/networks/${networkId}/stats`)
    default:
      return input satisfies never
  }
}

/** Null for an answer that does not belong to the request. */
function outputOf(
  { status, body }: Answer<Body | readonly AllocationBody[]>,
  network: ManagedNetwork,
  input: IpamInput,
): IpamOutput | null {
  if (Array.isArray(body)) return listed(body, network, input)
  const one = body as Body
  if (input.type === 'allocate' && status === 201) {
    if (one.hostname !== input.id || one.network_id !== network.id || sizeOf(one) !== input.count) return null
    return { type: 'allocated', first: addressNumber(one.ip) }
  }
  if (input.type === 'allocate' && status === 409 && one.reason === 'network_exhausted')
    return { type: 'exhausted' }
  if (input.type === 'release' && status === 204) return { type: 'released' }
  if (input.type === 'get' && status === 200) {
    if (one.hostname !== input.id) return null
    return { type: 'record', first: addressNumber(one.ip), isActive: one.status === 'allocated' }
  }
  if ((input.type === 'get' || input.type === 'release') && status === 404) return { type: 'missing' }
  if (input.type === 'stats' && status === 200) {
    const firstFree = one.first_available === null ? null : addressNumber(one.first_available)
    return { type: 'counted', allocated: one.allocated_ips, firstFree }
  }
  return null
}

function listed(
  rows: readonly AllocationBody[],
  network: ManagedNetwork,
  input: IpamInput,
): IpamOutput | null {
  if (input.type !== 'list' || rows.some((row) => row.network_id !== network.id)) return null
  const active = rows.map((row) => {
    return { id: String(row.hostname), first: addressNumber(row.ip), count: sizeOf(row) }
  })
  return { type: 'listed', active }
}

/** @param count At most 256: 10.64.n.0/28. */
export async function createNetworks(node: Node, count: number): Promise<ManagedNetwork[]> {
  const networks: ManagedNetwork[] = []
  for (let i = 0; i < count; i++) {
    const { id, cidr } = await node.client.post<NetworkBody>('/networks', { cidr: `10.64.${i}.0/28` })
    networks.push({ id, cidr, known: [] })
  }
  return networks
}
