/** Three nodes of ours on loopback, with our defaults. */
import type { AllocationBody, NetworkBody } from '../../test/cluster/client.ts'
import { Cluster } from '../../test/cluster/cluster.ts'

export class Ipam {
  readonly #cluster: Cluster
  #networkCount = 0

  static async start(): Promise<Ipam> {
    return new Ipam(await Cluster.start({ logsToFiles: true }))
  }

  private constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get pids(): number[] {
    return this.#cluster.nodes.map(({ program }) => program?.pid ?? 0)
  }

  get ports(): number[] {
    return this.#cluster.nodes.map(({ client }) => client.port)
  }

  async leaderPort(): Promise<number> {
    return (await this.#cluster.leader()).client.port
  }

  async followerPorts(): Promise<number[]> {
    const leader = await this.#cluster.leader()
    return this.#cluster.others(leader).map(({ client }) => client.port)
  }

  /** /16s that nobody has used yet, or /64s. @returns their ids. */
  async makeNetworks(count: number, family: 4 | 6 = 4): Promise<string[]> {
    const { client } = await this.#cluster.leader()
    const ids: string[] = []
    for (let i = 0; i < count; i++) {
      const n = this.#networkCount++
      // 1.0.0.0/16 and up, without those that are nobody's to allocate (127, 224 and up).
      const octet = 1 + (n >>> 8)
      if (octet > 126) throw new Error(`there are no more /16 than ${n}`)
      const cidr = family === 4 ? `${octet}.${n & 255}.0.0/16` : `2001:db8:${n.toString(16)}::/64`
      ids.push((await client.post<NetworkBody>('/networks', { cidr })).id)
    }
    return ids
  }

  /** @throws unless the networks hold just so many addresses, none of them twice. */
  async verify(networkIds: readonly string[], count: number): Promise<void> {
    const { client } = await this.#cluster.leader()
    let total = 0
    for (const id of networkIds) {
      const { rows } = await client.list<AllocationBody>(`/allocations?network_id=${id}`)
      const distinct = new Set(rows.map(({ ip }) => ip)).size
      if (distinct !== rows.length) throw new Error(`${rows.length} allocations have ${distinct} addresses`)
      total += rows.length
    }
    if (total !== count) throw new Error(`${count} allocations were acknowledged, ${total} are there`)
  }

  close(): Promise<void> {
    return this.#cluster.close()
  }
}
