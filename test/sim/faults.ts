/** What is done to the machines, their disks and clocks, and the network between them. */
import type { NodeId } from '../../raft/types.ts'
import {
  type Cluster,
  DISK_LOW_BYTES,
  type Machine,
  type MachineImage,
  NEW_SCHEMAS,
  OLD_SCHEMAS,
} from './cluster.ts'
import { DISK_BYTES } from './memory-disk.ts'
import type { Random } from './random.ts'
import type { Swarm } from './swarm.ts'

const HOUR_MS = 3_600_000
const NEVER = Number.POSITIVE_INFINITY
const IMAGE_EVERY_MS = 500
const UPGRADE_EVERY_MS = 500

export class Faults {
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #store: Random
  readonly #swarm: Swarm
  /** Machines whose disk is lost, or may be. */
  readonly #ruined = new Set<NodeId>()
  readonly #images = new Map<NodeId, MachineImage>()
  #isOver = false

  /** @param streams.store Of what befalls LevelDB alone. */
  constructor(cluster: Cluster, { random, store, swarm }: { random: Random; store: Random; swarm: Swarm }) {
    this.#cluster = cluster
    this.#random = random
    this.#store = store
    this.#swarm = swarm
  }

  /** Resolves soon after `end`. */
  async run(): Promise<void> {
    const swarm = this.#swarm
    await Promise.all([
      this.#every(swarm.crashEveryMs, () => this.#crashOne()),
      this.#every(swarm.powerFailureEveryMs, () => this.#powerFailure()),
      this.#every(swarm.partitionEveryMs, () => this.#partition()),
      this.#every(swarm.clogEveryMs, () => this.#clog()),
      this.#every(swarm.slowDiskEveryMs, () => this.#slowDisk()),
      this.#every(swarm.stallEveryMs, () => this.#stall()),
      this.#every(swarm.stateHangEveryMs, () => this.#hangState(), this.#store),
      this.#every(swarm.diskErrorEveryMs, () => this.#diskError()),
      this.#every(swarm.fullDiskEveryMs, () => this.#fillDisk()),
      this.#every(swarm.pauseEveryMs, () => this.#pause()),
      this.#every(swarm.wallClockEveryMs, () => this.#jumpWallClock()),
      this.#every(swarm.ruinEveryMs, () => this.#ruin()),
      this.#every(Number.isFinite(swarm.ruinEveryMs) ? IMAGE_EVERY_MS : NEVER, () => this.#takeImage()),
      this.#every(swarm.isUpgrading ? UPGRADE_EVERY_MS : NEVER, () => this.#install()),
    ])
  }

  /** No new fault begins; what can be mended is. */
  end(): void {
    this.#isOver = true
    for (const machine of this.#cluster.machines.values()) {
      machine.meanDiskMs = 1
      machine.stalledUntil = 0
      machine.stateDisk.isHung = false
      machine.clockRate = 1
      if (this.#swarm.isUpgrading) machine.schemas = NEW_SCHEMAS
      machine.disk.clearFaults()
      machine.disk.capacityBytes = DISK_BYTES
      machine.process?.setRate(1)
      machine.process?.resume()
    }
  }

  /** Every `meanMs` on average, until the end. */
  async #every(meanMs: number, act: () => void, random = this.#random): Promise<void> {
    if (!Number.isFinite(meanMs)) return
    const { world } = this.#cluster
    for (;;) {
      const waitMs = random.exponential(meanMs)
      // Wakes up now and then, so as not to keep the quiet waiting.
      for (let waited = 0; waited < waitMs && !this.#isOver; waited += 200) {
        await world.sleep(Math.min(200, waitMs - waited))
      }
      if (this.#isOver) return
      act()
    }
  }

  #alive(): Machine[] {
    return [...this.#cluster.machines.values()].filter(({ process }) => process !== null)
  }

  #any(): Machine | null {
    return this.#random.pick([...this.#cluster.machines.values()])
  }

  #crashOne(): void {
    const machine = this.#random.pick(this.#alive())
    if (machine === null) return
    const how = this.#random.pick(['drop', 'random', 'keep', 'kill', 'stop', 'at-a-step'] as const) ?? 'drop'
    if (how === 'stop') {
      void this.#cluster.stop(machine.id).then(() => this.#restartLater(machine.id))
    } else if (how === 'at-a-step') {
      // In the middle of some operation on the disk: between a write and its sync, within a swap of files.
      machine.disk.failAt(machine.disk.operations + this.#random.integer(1, 12), 'crash')
    } else {
      this.#cluster.crash(machine.id, how)
      this.#restartLater(machine.id)
    }
  }

  #powerFailure(): void {
    const how = this.#random.pick(['drop', 'random'] as const) ?? 'drop'
    for (const { id } of this.#alive()) {
      this.#cluster.crash(id, how)
      this.#restartLater(id)
    }
  }

  #restartLater(id: NodeId): void {
    this.#cluster.world.schedule(this.#random.exponential(this.#swarm.downMs), () => this.#start(id))
  }

  #start(id: NodeId): void {
    const { disk } = this.#cluster.machine(id)
    if (!this.#isOver && this.#random.chance(this.#swarm.crashInRecovery)) {
      disk.failAt(disk.operations + this.#random.integer(1, 10), 'crash')
    }
    void this.#cluster.start(id)
  }

  #partition(): void {
    const { network, world, machines, trace } = this.#cluster
    const leader = this.#cluster.leaders[0]?.id ?? null
    const others = this.#random.shuffle([...machines.keys()].filter((id) => id !== leader))
    // A leader on the smaller side is the one that may not know yet that it is none.
    const withLeader = leader === null ? others : [leader, ...others]
    const ids = this.#random.chance(0.6) ? withLeader : this.#random.shuffle(withLeader)
    const kinds = ['halves', 'isolate', 'one-way', 'partial', 'flapping'] as const
    const kind = this.#random.pick(kinds) ?? 'halves'
    const [first, second] = ids
    if (first === undefined || second === undefined) return
    trace.note(world.now, null, `partition (${kind}) of ${ids}`)
    if (kind === 'partial') {
      network.cut(first, second)
      network.cut(second, first)
    } else if (kind === 'flapping') {
      this.#flap(first, second, this.#random.integer(3, 12))
      return
    } else {
      const size = kind === 'halves' ? this.#random.integer(1, ids.length - 1) : 1
      const isOneWay = kind === 'one-way'
      for (const one of ids.slice(0, size)) {
        for (const other of ids.slice(size)) {
          network.cut(one, other)
          if (!isOneWay) network.cut(other, one)
        }
      }
    }
    world.schedule(this.#random.exponential(800), () => network.heal())
  }

  /** The way from one to the other goes and comes back, `count` times. */
  #flap(from: NodeId, to: NodeId, count: number): void {
    const { network, world } = this.#cluster
    if (count === 0 || this.#isOver) {
      network.uncut(from, to)
      return
    }
    if (count % 2 === 0) network.cut(from, to)
    else network.uncut(from, to)
    world.schedule(this.#random.exponential(120), () => this.#flap(from, to, count - 1))
  }

  #clog(): void {
    const ids = this.#random.shuffle([...this.#cluster.machines.keys()])
    const [from, to] = ids
    if (from !== undefined && to !== undefined) {
      this.#cluster.network.clog(from, to, this.#random.exponential(700))
    }
  }

  #slowDisk(): void {
    const machine = this.#any()
    if (machine === null) return
    machine.meanDiskMs = this.#random.pick([5, 30, 200]) ?? 30
    this.#cluster.world.schedule(this.#random.exponential(1_500), () => {
      machine.meanDiskMs = 1
    })
  }

  /** Nothing ends on that disk for a while: a controller that resets, a volume that is moved. */
  #stall(): void {
    const machine = this.#any()
    if (machine === null) return
    const { world, trace } = this.#cluster
    const forMs = this.#random.chance(0.1) ? 30_000 : this.#random.between(100, 2_500)
    trace.note(world.now, machine.id, `the disk stalls for ${forMs.toFixed(0)} ms`)
    machine.stalledUntil = world.now + forMs
  }

  /** LevelDB does not answer for a while, often that of the leader, who may be the one that has to give way. */
  #hangState(): void {
    const { world, trace, machines, leaders } = this.#cluster
    const candidates = leaders.length > 0 && this.#store.chance(0.5) ? leaders : [...machines.values()]
    const machine = this.#store.pick(candidates)
    if (machine === null) return
    const forMs = this.#store.chance(0.1) ? 30_000 : this.#store.between(100, 2_500)
    trace.note(world.now, machine.id, `the state does not answer for ${forMs.toFixed(0)} ms`)
    const { stateDisk } = machine
    stateDisk.isHung = true
    world.schedule(forMs, () => {
      stateDisk.isHung = false
    })
  }

  /** One operation, soon, fails; after a failed sync the data may be gone although it can still be read. */
  #diskError(): void {
    const machine = this.#any()
    if (machine === null) return
    const { disk, stateDisk } = machine
    const fault = this.#random.pick(['EIO', 'ENOSPC', 'short-write', 'state'] as const) ?? 'EIO'
    if (fault === 'state') stateDisk.failAfter(this.#random.integer(0, 5))
    else disk.failAt(disk.operations + this.#random.integer(1, 20), fault)
  }

  /** To below what counts as low, and sometimes to the last byte; then it is cleared. */
  #fillDisk(): void {
    const machine = this.#any()
    if (machine === null) return
    machine.disk.fill(this.#random.chance(0.3) ? 0 : this.#random.integer(0, 2 * DISK_LOW_BYTES))
    this.#cluster.world.schedule(this.#random.exponential(2_000), () => {
      machine.disk.capacityBytes = DISK_BYTES
    })
  }

  /** Up to ten election timeouts; then everything that waited comes at once. */
  #pause(): void {
    const process = this.#random.pick(this.#alive())?.process
    if (!process || process.isPaused) return
    process.pause()
    const forMs = this.#random.chance(0.1) ? 2_500 : this.#random.exponential(500)
    this.#cluster.world.schedule(forMs, () => process.resume())
  }

  #jumpWallClock(): void {
    const process = this.#random.pick(this.#alive())?.process
    process?.jumpWallClock(this.#random.integer(-HOUR_MS, HOUR_MS))
  }

  // Disks that are lost.

  /** Acknowledged means on a majority: a minority of disks may go for good. */
  #ruin(): void {
    const minority = Math.floor((this.#swarm.nodeCount - 1) / 2)
    const machine = this.#any()
    if (machine === null || machine.ruin !== null) return
    if (!this.#ruined.has(machine.id) && this.#ruined.size >= minority) return
    const kind = this.#random.pick(['rot', 'rot', 'wipe', 'roll-back'] as const)
    if (this.#swarm.isTampering) this.#tamper(machine)
    else if (kind === 'rot') this.#rot(machine)
    else if (kind === 'wipe') this.#wipe(machine)
    else this.#rollBack(machine)
  }

  #takeImage(): void {
    const machine = this.#any()
    if (machine === null || machine.ruin !== null) return
    // Of a machine that is off, so that log and state are of one moment, as in a copy of a volume.
    if (machine.process !== null) this.#cluster.crash(machine.id, 'keep')
    void this.#cluster.imageOf(machine.id).then((image) => {
      this.#images.set(machine.id, image)
      this.#restartLater(machine.id)
    })
  }

  /**
   * An old image of a disk comes back. The others know what it had acknowledged, if they led; that nobody lost anything by it
   * does not rest on that: all others have all that is committed, and it had not voted since.
   */
  #rollBack(machine: Machine): void {
    const image = this.#images.get(machine.id)
    if (image === undefined || image.incarnation !== machine.incarnation) return
    const { currentTerm, votedFor } = machine.image.hardState
    const isSameVote = image.hardState.currentTerm === currentTerm && image.hardState.votedFor === votedFor
    if (!isSameVote || !this.#cluster.haveAllCommitted(machine.id)) return
    this.#ruined.add(machine.id)
    this.#cluster.crash(machine.id, 'drop')
    this.#cluster.restore(machine.id, image)
    this.#restartLater(machine.id)
  }

  /** Mostly newer software; now and then it is taken back, which a cluster that has moved on must not bear. */
  #install(): void {
    const machine = this.#any()
    if (machine === null) return
    this.#cluster.crash(machine.id, 'kill')
    machine.schemas = this.#random.chance(0.8) ? NEW_SCHEMAS : OLD_SCHEMAS
    this.#cluster.trace.note(
      this.#cluster.world.now,
      machine.id,
      `gets software for schema ${machine.schemas.max}`,
    )
    this.#restartLater(machine.id)
  }

  /** Its process finds another state than it left. */
  #tamper({ id }: Machine): void {
    this.#ruined.add(id)
    this.#cluster.crash(id, 'kill')
    void this.#cluster.tamper(id, this.#random).then(() => this.#restartLater(id))
  }

  #rot(machine: Machine): void {
    const files = [...machine.disk.contents()].filter(([path, content]) => {
      return content.length > 0 && (path.startsWith('log/') || path.endsWith('.snapshot'))
    })
    const file = this.#random.pick(files)
    if (file === null) return
    const [path, content] = file
    this.#ruined.add(machine.id)
    this.#cluster.rot(machine.id, path, this.#offsetIn(content), this.#random.integer(0, 7))
  }

  /** Mostly where something is written, cold or hot. */
  #offsetIn(content: Buffer): number {
    for (let tries = 0; tries < 20; tries++) {
      const offset = this.#random.integer(0, content.length - 1)
      if (content[offset] !== 0) return offset
    }
    return this.#random.integer(0, content.length - 1)
  }

  /** Once the cluster has learned a data directory, another one in its place is a stranger. */
  #wipe(machine: Machine): void {
    if (!this.#cluster.isKnownEverywhere(machine.id)) return
    this.#ruined.add(machine.id)
    this.#cluster.crash(machine.id, 'drop')
    this.#cluster.wipe(machine.id)
    this.#restartLater(machine.id)
  }
}
