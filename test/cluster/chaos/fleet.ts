/** The nodes of a cluster in a storm: who should run, who may have ended, and what stands between them. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../sim/random.ts'
import type { MemberBody, StatusBody } from '../client.ts'
import { Cluster, type Node } from '../cluster.ts'
import type { Exit } from '../program.ts'
import { type Link, Network } from '../proxy.ts'
import { canMount, SmallDisk } from '../small-disk.ts'
import { until } from '../until.ts'

const NODES_ADDED_MAX = 40
const READY_MS_MAX = 180_000
/** A node that answers at all does so at once. */
const STATUS_MS_MAX = 500
/** So low that a node which was down for some seconds of load needs a snapshot. */
const RETAINED_ENTRIES = 400

/** Two segments of the log, which are allocated ahead, and room for a storm. */
const DISK_MIB = 128

export const ELECTION_MIN_MS = 1_000

/** A node may end only when a fault made it, or makes it likely. */
export interface UnexpectedExit {
  readonly node: number
  readonly exit: Exit
}

export class Fleet {
  readonly cluster: Cluster
  readonly network: Network
  /** Null where none can be mounted. */
  readonly smallDisk: { readonly node: Node; readonly disk: SmallDisk } | null
  readonly unexpectedExits: UnexpectedExit[] = []
  /** Members, also those that are down. */
  readonly #members: Set<Node>
  /** Removed ones that still run. */
  readonly #former = new Set<Node>()
  readonly #mayEnd = new Set<number>()
  readonly #cannotWrite = new Set<number>()
  /** Processes, not nodes: another fault may meet one that is stopping. */
  readonly #killed = new WeakSet<object>()
  readonly #launches = new Map<number, { args: string[]; filePath?: string }>()
  #nextId: number

  static async start(nodeCount: number): Promise<Fleet> {
    const ids = Array.from({ length: nodeCount + NODES_ADDED_MAX }, (_, i) => i + 1)
    const network = await Network.open(ids)
    const cluster = await Cluster.create({
      nodeCount,
      raft: {
        election_min_ms: ELECTION_MIN_MS,
        election_max_ms: 2 * ELECTION_MIN_MS,
        retained_entries_min: RETAINED_ENTRIES,
      },
      environmentOf: (id) => network.environmentOf(id),
      keepsLogs: true,
    })
    const last = cluster.node(nodeCount)
    const disk = canMount() ? await SmallDisk.mount(cluster.dataDirectory(last), { mib: DISK_MIB }) : null
    const fleet = new Fleet(cluster, network, disk === null ? null : { node: last, disk })
    for (const node of cluster.nodes) fleet.launch(node)
    await fleet.waitUntilReady()
    return fleet
  }

  private constructor(cluster: Cluster, network: Network, smallDisk: Fleet['smallDisk']) {
    this.cluster = cluster
    this.network = network
    this.smallDisk = smallDisk
    this.#members = new Set(cluster.nodes)
    this.#nextId = cluster.nodes.length + 1
    for (const node of cluster.nodes) network.addNode(node)
  }

  get members(): Node[] {
    return [...this.#members]
  }

  /** Whom a client may ask: also who is down, or was removed and does not know it. */
  get contacts(): Node[] {
    return [...this.#members, ...this.#former]
  }

  isMember(node: Node): boolean {
    return this.#members.has(node)
  }

  launch(node: Node): void {
    if (node.isRunning) return
    const { id } = node
    if (!this.#cannotWrite.has(id)) this.#mayEnd.delete(id)
    this.cluster.launch(node, this.#launches.get(id) ?? {})
    void node.program?.exited.then((exit) => {
      if (!this.#mayEnd.has(id)) this.unexpectedExits.push({ node: id, exit })
    })
  }

  /** From now on, until it is launched again, this node may end. */
  allowEnd({ id }: Node): void {
    this.#mayEnd.add(id)
  }

  /** It may also end when somebody else launches it meanwhile, who has killed it before its disk was full. */
  noteFullDisk(node: Node): void {
    this.allowEnd(node)
    this.#cannotWrite.add(node.id)
  }

  noteFreeDisk({ id }: Node): void {
    this.#cannotWrite.delete(id)
  }

  async kill(node: Node): Promise<void> {
    this.allowEnd(node)
    if (node.program !== null) this.#killed.add(node.program)
    await node.kill()
  }

  async terminate(node: Node): Promise<void> {
    if (!node.isRunning) return
    this.allowEnd(node)
    const { program } = node
    const exit = await node.terminate()
    // It was killed while it was stopping.
    if (program !== null && this.#killed.has(program)) return
    // One that is only just starting has no handler yet.
    if (exit.code !== 0 && exit.signal !== 'SIGTERM') this.unexpectedExits.push({ node: node.id, exit })
  }

  /** A node that the cluster has not been told of. */
  async makeNode(): Promise<Node> {
    const { node, filePath } = await this.cluster.makeNode(this.#nextId++)
    this.network.addNode(node)
    this.#launches.set(node.id, { args: ['--join'], filePath })
    return node
  }

  join(node: Node): void {
    this.#members.add(node)
  }

  leave(node: Node): void {
    this.#members.delete(node)
    this.#former.add(node)
  }

  /** Ends a node that was removed. */
  async retire(node: Node): Promise<void> {
    this.#former.delete(node)
    await this.kill(node)
  }

  /** The node that leads in the newest term that somebody tells of; null if nobody does. */
  async leader(): Promise<Node | null> {
    const view = await this.leaderView()
    return this.members.find(({ id }) => id === view?.node_id) ?? null
  }

  /** What the newest leader says of itself and the cluster. */
  async leaderView(): Promise<StatusBody | null> {
    const running = this.contacts.filter(({ isRunning }) => isRunning)
    const views = await Promise.all(running.map((node) => statusWithin(node, STATUS_MS_MAX)))
    const leaders = views.filter((view) => view !== null && view.leader_id === view.node_id)
    return leaders.toSorted((a, b) => (b?.term ?? 0) - (a?.term ?? 0))[0] ?? null
  }

  /** Of the newest leader, by node. */
  async membership(): Promise<Map<number, MemberBody> | null> {
    const view = await this.leaderView()
    return view === null ? null : new Map(view.members.map((member) => [member.node_id, member]))
  }

  /** The leader as likely as chance has it: most of what goes wrong goes wrong there. */
  async target(random: Random): Promise<Node | null> {
    const leader = random.chance(0.4) ? await this.leader() : null
    return leader ?? random.pick(this.members)
  }

  linksOf(node: Node): Link[] {
    return this.#others(node).flatMap(({ id }) => [
      { from: id, to: node.id },
      { from: node.id, to: id },
    ])
  }

  linksBetween(one: readonly Node[], other: readonly Node[]): Link[] {
    return one.flatMap(({ id: from }) => other.map(({ id: to }) => ({ from, to })))
  }

  #others(node: Node): Node[] {
    return this.contacts.filter((other) => other !== node)
  }

  /** Ends every fault: the network is well, everybody runs. Resolves when all members are ready. */
  async recover(): Promise<void> {
    this.network.heal()
    await this.smallDisk?.disk.free()
    for (const node of this.members) {
      node.resume()
      this.launch(node)
    }
    await until('the leader and we agree on the members', () => this.#agreeOnMembers(), {
      timeoutMs: READY_MS_MAX,
    })
    await this.waitUntilReady()
  }

  /** A change that nobody answered may have been made, or not. */
  async #agreeOnMembers(): Promise<boolean> {
    const membership = await this.membership()
    if (membership === null) return false
    for (const node of this.cluster.nodes) {
      if (membership.has(node.id) && !this.#members.has(node)) {
        this.join(node)
        this.launch(node)
      } else if (!membership.has(node.id) && this.#members.has(node)) {
        this.leave(node)
        await this.retire(node)
      }
    }
    return this.members.every(({ id }) => membership.get(id)?.voter === true)
  }

  async waitUntilReady(): Promise<void> {
    await Promise.all(
      this.members.map((node) => this.cluster.waitUntilReady(node, { timeoutMs: READY_MS_MAX })),
    )
  }

  /** @param keepsDirectory With the data and the whole logs of all nodes. */
  async close({ keepsDirectory }: { keepsDirectory: boolean }): Promise<void> {
    for (const node of this.cluster.nodes) this.allowEnd(node)
    await this.cluster.stopAll()
    await this.network.close()
    if (keepsDirectory) {
      await this.smallDisk?.disk.unmountAndKeep()
    } else {
      await this.smallDisk?.disk.unmount()
      await this.cluster.close()
    }
  }
}

/** Null if it does not answer in time: a node that is paused says nothing. */
async function statusWithin(node: Node, timeoutMs: number): Promise<StatusBody | null> {
  const over = new AbortController()
  const late = delay(timeoutMs, null, { signal: over.signal }).catch(() => null)
  const status = await Promise.race([node.client.status().catch(() => null), late])
  over.abort()
  return status
}
