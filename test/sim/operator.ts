/** Whoever adds, removes and replaces nodes through the API of any node; whatever comes of it is an answer. */
import { RaftError } from '../../raft/errors.ts'
import type { NodeId } from '../../raft/types.ts'
import { addrOf, type Cluster, type Machine } from './cluster.ts'
import type { Random } from './random.ts'
import type { Swarm } from './swarm.ts'

const CHANGE_EVERY_MS = 700
const MACHINES_MAX = 9
const CALLER = { user: 'operator', requestId: null }

export class Operator {
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #swarm: Swarm
  #nextMachine: NodeId
  #isOver = false

  constructor(cluster: Cluster, { random, swarm }: { random: Random; swarm: Swarm }) {
    this.#cluster = cluster
    this.#random = random
    this.#swarm = swarm
    this.#nextMachine = swarm.nodeCount + 1
  }

  end(): void {
    this.#isOver = true
  }

  async run(): Promise<void> {
    const { isMembershipChanging, transferEveryMs } = this.#swarm
    await Promise.all([
      this.#every(transferEveryMs, () => this.#transfer()),
      this.#every(isMembershipChanging ? CHANGE_EVERY_MS : Number.POSITIVE_INFINITY, () => this.#change()),
    ])
  }

  async #every(meanMs: number, act: () => void): Promise<void> {
    if (!Number.isFinite(meanMs)) return
    while (!this.#isOver) {
      await this.#cluster.world.sleep(Math.min(400, this.#random.exponential(meanMs)))
      if (!this.#isOver && this.#random.chance(Math.min(1, 400 / meanMs))) act()
    }
  }

  #transfer(): void {
    const { running } = this.#cluster
    const nodeId = this.#random.chance(0.5) ? null : (this.#random.pick(running)?.id ?? null)
    void this.#ask(this.#random.pick(running), ({ running: up }) => {
      return up?.service.transferLeader({ nodeId }, CALLER)
    })
  }

  #change(): void {
    const { machines, running } = this.#cluster
    const ruined = [...machines.values()].filter(({ ruin }) => ruin !== null)
    if (ruined.length > 0 && this.#random.chance(0.5)) void this.remove(this.#random.pick(ruined)?.id ?? 1)
    else if (this.#random.chance(0.5) && machines.size < MACHINES_MAX) this.#add()
    // Where disks are lost, a healthy one must not go as well.
    else if (!Number.isFinite(this.#swarm.ruinEveryMs)) void this.remove(this.#random.pick(running)?.id ?? 1)
  }

  #add(): void {
    const id = this.#nextMachine
    this.#nextMachine += 1
    this.#cluster.addMachine(id)
    void this.#cluster.start(id)
    void this.#ask(this.#random.pick(this.#cluster.running), ({ running: up }) => {
      return up?.service.addNode({ nodeId: id, addr: addrOf(id) }, CALLER)
    })
  }

  /** Asks any node. */
  remove(id: NodeId): Promise<void> {
    return this.#ask(this.#random.pick(this.#cluster.running), ({ running: up }) => {
      return up?.service.removeNode({ nodeId: id, isForced: false }, CALLER)
    })
  }

  async #ask(
    machine: Machine | null,
    ask: (machine: Machine) => Promise<unknown> | undefined,
  ): Promise<void> {
    const died = machine?.process?.died
    if (machine === null || died === undefined) return
    try {
      await Promise.race([ask(machine), died])
    } catch (error) {
      if (!(error instanceof RaftError)) this.#cluster.fail(error)
    }
  }
}
