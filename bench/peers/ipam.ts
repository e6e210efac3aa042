/** Three nodes of ours on loopback, with our defaults. */
import type { AllocationBody, Client, NetworkBody } from '../../test/cluster/client.ts'
import { Cluster, type Node } from '../../test/cluster/cluster.ts'
import { allocateBody } from '../load/ipam-operations.ts'

/** Of a network that is filled; a /16 has room for more. */
const FILLED_MAX = 62_500
const BATCH_ITEMS = 1_000
const BATCHES_AT_ONCE = 4

/** Which nodes the clients talk to. */
export type Placement = 'leader' | 'all' | 'followers'

export class Ipam {
  readonly cluster: Cluster
  #networkCount = 0

  static async start(): Promise<Ipam> {
    return new Ipam(await Cluster.start({ logsToFiles: true }))
  }

  private constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /** Of those that run. */
  get pids(): number[] {
    return this.cluster.nodes.flatMap(({ program }) => (program?.isRunning === true ? [program.pid] : []))
  }

  async ports(placement: Placement): Promise<number[]> {
    const leader = await this.cluster.leader()
    const nodes = { all: this.cluster.nodes, leader: [leader], followers: this.cluster.others(leader) }[
      placement
    ]
    return nodes.map(({ client }) => client.port)
  }

  async aFollower(): Promise<Node> {
    const [follower] = this.cluster.others(await this.cluster.leader())
    if (follower === undefined) throw new Error('there is no follower')
    return follower
  }

  /** /16s that nobody has used yet, or /64s. @returns their ids. */
  async makeNetworks(count: number, family: 4 | 6 = 4): Promise<string[]> {
    const client = await this.#leader()
    const ids: string[] = []
    for (let i = 0; i < count; i++) {
      const n = this.#networkCount++
      // From 1.0.0.0/16 on.
      const cidr = family === 4 ? `${1 + (n >>> 8)}.${n & 255}.0.0/16` : `2001:db8:0:${n.toString(16)}::/64`
      ids.push((await client.post<NetworkBody>('/networks', { cidr })).id)
    }
    return ids
  }

  /** @returns the ids of the new allocations. */
  async fill(networkId: string, count: number): Promise<string[]> {
    const client = await this.#leader()
    const allocation: unknown = JSON.parse(allocateBody(networkId, 'stored'))
    const ids: string[] = []
    let left = count
    const worker = async (): Promise<void> => {
      while (left > 0) {
        const items = Array.from({ length: Math.min(left, BATCH_ITEMS) }, () => allocation)
        left -= items.length
        const rows = await client.post<AllocationBody[]>('/allocations/batch', { items })
        for (const { id } of rows) ids.push(id)
      }
    }
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, worker))
    return ids
  }

  /** So many allocations in new networks, to have them. */
  async store(count: number): Promise<void> {
    for (let left = count; left > 0; left -= FILLED_MAX) {
      const [networkId = ''] = await this.makeNetworks(1)
      await this.fill(networkId, Math.min(left, FILLED_MAX))
    }
    await this.cluster.waitUntilLevel()
  }

  /** @throws unless the networks hold just so many active addresses, none of them twice. */
  async verify(networkIds: readonly string[], count: number): Promise<void> {
    const client = await this.#leader()
    let total = 0
    for (const id of networkIds) {
      const { rows } = await client.list<AllocationBody>(`/allocations?network_id=${id}`)
      const distinct = new Set(rows.map(({ ip }) => ip)).size
      if (distinct !== rows.length) throw new Error(`${rows.length} allocations have ${distinct} addresses`)
      total += rows.length
    }
    if (total !== count) throw new Error(`${count} allocations were acknowledged, ${total} are there`)
  }

  /** Ends the processes; `resume` starts them on what they have stored. */
  async suspend(): Promise<void> {
    await Promise.all(this.cluster.nodes.map((node) => node.terminate()))
  }

  resume(): Promise<void> {
    return this.cluster.startAll()
  }

  close(): Promise<void> {
    return this.cluster.close()
  }

  async #leader(): Promise<Client> {
    return (await this.cluster.leader()).client
  }
}
