/** Simulated machines that run the real driver, core, log, snapshots and codec. */

import type { Effects } from '../../raft/core/effects.ts'
import { membershipAt } from '../../raft/core/log.ts'
import { DEFAULT_LIMITS, type Limits, type Raft, type Timing } from '../../raft/core/state.ts'
import { CorruptLogError, SchemaMismatchError } from '../../raft/errors.ts'
import { RaftNode } from '../../raft/node.ts'
import type { RaftNodeOptions } from '../../raft/node-options.ts'
import type { Identity, Log, StateMachine } from '../../raft/ports.ts'
import { DEFAULT_PROPOSAL_LIMITS } from '../../raft/proposal-limits.ts'
import { DEFAULT_READ_LIMITS } from '../../raft/reads.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import type { HardState, Membership, NodeId, SchemaRange } from '../../raft/types.ts'
import { Expiry } from '../../src/expiry.ts'
import { TOKEN_CHARS } from '../../src/ipam/allocation-id.ts'
import { ANSWER_LIMITS, type AnswerLimits } from '../../src/ipam/idempotency.ts'
import { ReplicatedIpamService } from '../../src/replicated-service.ts'
import { SnapshotStreams } from '../../src/snapshot-streams.ts'
import type { CheckpointLimits } from '../../src/state/space-checkpoints.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import { DurableImage, WatchedLog } from './durable-log.ts'
import { InvariantChecker } from './invariants.ts'
import { type CrashMode, type DiskImage, EMPTY_DISK, MemoryDisk, PowerLossError } from './memory-disk.ts'
import { Network, type NetworkFaults, SimTransport } from './network.ts'
import { SimProcess } from './process.ts'
import type { Random } from './random.ts'
import { StateDisk } from './state-disk.ts'
import { Trace } from './trace.ts'
import { WatchedMachine } from './watched-machine.ts'
import { World } from './world.ts'

export const TIMING: Timing = { heartbeatMs: 40, electionMinMs: 200, electionMaxMs: 400 }
export const REQUEST_TIMEOUT_MS = 2_000
const SEGMENT_BYTES = 8 * 1024
/** A stall that is ended early is noticed after this. */
const STALL_CHECK_MS = 100
/** So few that entries have to wait for those before them now and then. */
const APPLY_LIMITS = { unappliedEntriesMax: 16, unappliedBytesMax: 8 * 1024 }
/** Small, so that a short run compares states often. */
const CHECKPOINT_INTERVAL = 10
export const DISK_LOW_BYTES = 64 * 1024
/** What the software of today reads and writes, and that of the next release. */
export const OLD_SCHEMAS: SchemaRange = { min: 1, max: 1 }
export const NEW_SCHEMAS: SchemaRange = { min: 1, max: 2 }
const NOBODY: Membership = { members: [], removed: [], schemaVersion: 1 }
/** After which whoever looks after the processes starts one again that has ended by itself. */
const RESTART_MS = 50

export interface ClusterOptions {
  readonly seed: number
  readonly nodeCount: number
  readonly network: NetworkFaults
  readonly limits: Partial<Limits>
  readonly retainedEntriesMin: number
  /** Default: any number. */
  readonly retainedBytesMax?: number
  /** Default: those of production, which no simulation reaches. */
  readonly checkpointLimits?: Partial<CheckpointLimits>
  /** Of rows that wait for their flush. */
  readonly dirtyBytesMax: number
  readonly answerLimits?: AnswerLimits
  /** Software is exchanged, so that a node may meet what it cannot read. */
  readonly isUpgrading?: boolean
  /** How much faster or slower clocks may run than they should: 2 is from half to twice the speed. */
  readonly clockSkew: number
}

/** A process that has read its disk. */
export interface Running {
  readonly node: RaftNode
  readonly service: ReplicatedIpamService
  readonly stateMachine: IpamStateMachine
  readonly expiry: Expiry
  /** Of the program that it is. */
  readonly schemas: SchemaRange
}

/** Everything that a machine's disks held at one moment. */
export interface MachineImage {
  readonly disk: DiskImage
  readonly state: StateDisk
  readonly incarnation: string
  readonly hardState: HardState
}

/** What of a machine outlives its processes. */
export class Machine {
  readonly id: NodeId
  readonly disk: MemoryDisk
  image = new DurableImage()
  stateDisk = new StateDisk()
  readonly initialMembership: Membership
  /** Of its monotonic clock, against the world's. */
  clockRate: number
  /** Of the program that the next process runs. */
  schemas: SchemaRange = OLD_SCHEMAS
  /** Of each sync; other operations take a tenth. */
  meanDiskMs = 1
  /** Until then nothing on its disk ends, in world time. */
  stalledUntil = 0
  /** Of its data directory. */
  incarnation: string
  /** Why it can never be a member again under this id, as far as we know; null while it can. */
  ruin: string | null = null
  process: SimProcess | null = null
  running: Running | null = null
  /** Of the process that runs, or ran last; to be looked at only. */
  raft: Raft | null = null

  constructor(options: {
    id: NodeId
    world: World
    random: Random
    initialMembership: Membership
    clockRate: number
    onPowerLoss: () => void
  }) {
    const { world, onPowerLoss } = options
    this.id = options.id
    this.initialMembership = options.initialMembership
    this.clockRate = options.clockRate
    this.incarnation = `disk-${options.id}`
    const random = options.random.fork()
    this.disk = new MemoryDisk({
      random: options.random.fork().next,
      onPowerLoss,
      delay: (kind) => {
        const meanMs = kind === 'sync' ? this.meanDiskMs : this.meanDiskMs / 10
        const { process } = this
        return new Promise((resolve) => {
          const wait = (): void => {
            const stallMs = this.stalledUntil - world.now
            if (stallMs > 0) process?.schedule(Math.min(stallMs, STALL_CHECK_MS), wait)
            else process?.schedule(random.exponential(meanMs), resolve)
          }
          wait()
        })
      },
    })
  }

  get node(): RaftNode | null {
    return this.running?.node ?? null
  }

  get isUp(): boolean {
    return this.running !== null
  }
}

export class Cluster {
  readonly world: World
  readonly network: Network
  readonly machines = new Map<NodeId, Machine>()
  readonly checker: InvariantChecker
  readonly trace = new Trace()
  readonly #options: ClusterOptions
  readonly #random: Random
  /** The first thing that went wrong; nothing that happens later matters. */
  readonly failed: Promise<never>
  #reject: (error: unknown) => void = () => {}
  readonly #rotten = new Set<NodeId>()
  /** Their states may be wrong: rows of theirs have vanished, or they have a snapshot of such a node. */
  readonly #tampered = new Set<NodeId>()

  constructor(options: ClusterOptions) {
    this.#options = options
    this.world = new World(options.seed)
    this.network = new Network(this.world, options.network)
    this.network.onSnapshotPassed = (from, to) => {
      if (this.#tampered.has(from)) this.#tampered.add(to)
    }
    this.#random = this.world.random.fork()
    this.checker = new InvariantChecker((id) => this.machine(id).image)
    this.failed = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.failed.catch(() => {})
    const ids = Array.from({ length: options.nodeCount }, (_, i) => i + 1)
    const members = ids.map((id) => {
      return { id, addr: addrOf(id), voter: true, incarnation: null, schemas: null, isRolledBack: false }
    })
    for (const id of ids) this.addMachine(id, { members, removed: [], schemaVersion: 1 })
  }

  fail(error: unknown): void {
    this.#reject(error)
  }

  /** A machine that is switched off. Without members it waits to be added to the cluster. */
  addMachine(id: NodeId, initialMembership: Membership = NOBODY): Machine {
    const clockRate = this.#options.clockSkew ** this.#random.between(-1, 1)
    const machine = new Machine({
      id,
      world: this.world,
      random: this.#random,
      initialMembership,
      clockRate,
      onPowerLoss: () => this.#restartAfterPowerLoss(id),
    })
    this.machines.set(id, machine)
    return machine
  }

  machine(id: NodeId): Machine {
    const machine = this.machines.get(id)
    if (machine === undefined) throw new Error(`there is no machine ${id}`)
    return machine
  }

  get running(): Machine[] {
    return [...this.machines.values()].filter(({ isUp }) => isUp)
  }

  /** Machines whose process has been started, whether or not it has read its disk. */
  get stopped(): Machine[] {
    return [...this.machines.values()].filter(({ process }) => process === null)
  }

  get leaders(): Machine[] {
    return this.running.filter(({ node }) => node?.status().role === 'leader')
  }

  /** Resolves when the node has read its disk, or has died meanwhile. */
  async start(id: NodeId): Promise<void> {
    const machine = this.machine(id)
    if (machine.process !== null) return
    this.trace.note(this.world.now, id, 'start')
    const wallOffsetMs = this.#random.integer(-3_600_000, 3_600_000)
    const process = new SimProcess(this.world, { rate: machine.clockRate, wallOffsetMs })
    machine.process = process
    try {
      const running = await this.#open(machine, process)
      if (process.isAlive) machine.running = running
    } catch (error) {
      this.#onFatal(machine, process, error)
    }
  }

  /** A process that cannot go on ends; whether that is our fault depends on the disk. */
  #onFatal(machine: Machine, process: SimProcess, error: unknown): void {
    const { id } = machine
    if (!process.isAlive || error instanceof PowerLossError) return
    if (error instanceof CorruptLogError && this.isRotten(id)) {
      this.trace.note(this.world.now, id, `refuses: ${error.message}`)
      machine.ruin = 'corrupt'
      this.crash(id, 'kill')
      return
    }
    if (error instanceof SchemaMismatchError && this.isUpgrading) {
      this.trace.note(this.world.now, id, `refuses: ${error.message}`)
      // What an operator does who reads this.
      machine.schemas = NEW_SCHEMAS
      this.crash(id, 'kill')
      this.world.schedule(RESTART_MS, () => void this.start(id))
      return
    }
    if (this.#tampered.has(id)) {
      this.trace.note(this.world.now, id, `ends: ${String(error)}`)
      machine.ruin = 'diverged'
      this.crash(id, 'kill')
      return
    }
    if (!isDiskError(error)) {
      this.fail(error)
      return
    }
    this.crash(id, 'kill')
    this.world.schedule(RESTART_MS, () => void this.start(id))
  }

  /** The disk has crashed already: in the middle of an operation. */
  #restartAfterPowerLoss(id: NodeId): void {
    this.crash(id, 'kill')
    this.world.schedule(RESTART_MS, () => void this.start(id))
  }

  async #open(machine: Machine, process: SimProcess): Promise<Running> {
    const { id, image } = machine
    const { clock } = process
    const disk = machine.disk.mount()
    const log = new WatchedLog(
      new SegmentedLog({ disk, directory: 'log', segmentBytes: SEGMENT_BYTES }),
      image,
    )
    const logger = this.#logger(id, process)
    const onFatal = (error: unknown): void => this.#onFatal(machine, process, error)
    const stateMachine = await IpamStateMachine.open({
      storage: machine.stateDisk.mount(process, this.#random.fork()),
      clock,
      logger,
      limits: { dirtyBytesMax: this.#options.dirtyBytesMax },
      answerLimits: this.#options.answerLimits ?? ANSWER_LIMITS,
      checkpointLimits: this.#options.checkpointLimits ?? {},
    })
    const { incarnation, schemas } = machine
    const identity = { clusterId: 1, nodeId: id, incarnation, addr: addrOf(id), schemas }
    const transport = new SimTransport({
      network: this.network,
      process,
      identity,
      onSend: (message) => this.#guard(process, () => this.checker.checkSent(message)),
    })
    const onStep = (raft: Raft, effects: Effects): void => {
      machine.raft = raft
      this.#guard(process, () => {
        this.trace.step(this.world.now, raft, effects)
        this.checker.checkStep(raft, effects)
        this.checker.checkOrder(raft, stateMachine)
      })
    }
    const node = await RaftNode.open(this.#nodeOptions(machine, { identity, onStep }), {
      clock,
      random: this.#random.fork().next,
      log,
      snapshots: new SnapshotFiles({ disk, directory: 'snapshots' }),
      disk,
      transport,
      stateMachine: this.#watched(stateMachine, id, process),
      logger,
      onFatal,
    })
    const ids = this.#random.fork()
    const service = new ReplicatedIpamService({
      node: withSchema1(node),
      stateMachine,
      clusterId: 1,
      isClusterMode: true,
      electionMinMs: TIMING.electionMinMs,
      newId: () => ids.integer(0, 2 ** 50).toString(36),
      newToken: () =>
        ids
          .integer(0, 2 ** 50)
          .toString(36)
          .padStart(TOKEN_CHARS, '0'),
      clock,
      logger,
      snapshots: new SnapshotStreams({ node, clock, origin: { clusterId: 1, nodeId: id, program: 'sim' } }),
    })
    const expiry = new Expiry({ node: withSchema1(node), stateMachine, clock, onFatal })
    expiry.start()
    return { node, service, stateMachine, expiry, schemas }
  }

  #nodeOptions(
    machine: Machine,
    { identity, onStep }: { identity: Identity; onStep: (raft: Raft, effects: Effects) => void },
  ): RaftNodeOptions {
    const others = [...this.machines.keys()].filter((other) => other !== machine.id)
    return {
      identity,
      initialMembership: machine.initialMembership,
      addresses: others.map((id) => ({ id, addr: addrOf(id) })),
      timing: TIMING,
      tickMs: 20,
      limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
      proposalLimits: {
        ...DEFAULT_PROPOSAL_LIMITS,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        askAgainMs: 300,
        changeWaitMs: 500,
      },
      applyLimits: APPLY_LIMITS,
      readLimits: { ...DEFAULT_READ_LIMITS, readTimeoutMs: 2_000, retryMs: 200 },
      retainedEntriesMin: this.#options.retainedEntriesMin,
      retainedBytesMax: this.#options.retainedBytesMax ?? Number.POSITIVE_INFINITY,
      checkpointInterval: CHECKPOINT_INTERVAL,
      diskLowBytes: DISK_LOW_BYTES,
      onStep,
    }
  }

  #watched(stateMachine: IpamStateMachine, id: NodeId, process: SimProcess): StateMachine {
    return new WatchedMachine(stateMachine, (entry, outcome) => {
      const state = this.isTampered ? null : { hash: stateMachine.stateHash, outcome }
      this.#guard(process, () => this.checker.checkApplied(id, entry, state))
    })
  }

  /** The process ends here and now. `kill`: the machine lives, and with it what the operating system has taken. */
  crash(id: NodeId, how: CrashMode | 'kill'): void {
    const machine = this.machine(id)
    if (machine.process === null) return
    this.trace.note(this.world.now, id, `crash (${how})`)
    machine.process.kill()
    machine.process = null
    machine.running = null
    if (how === 'kill') machine.disk.kill()
    else machine.disk.crash(how)
  }

  /** As SIGTERM does it: leadership goes first, then everything is made durable and let go of. */
  async stop(id: NodeId): Promise<void> {
    const machine = this.machine(id)
    const { running, process } = machine
    if (running === null || process === null) return
    this.trace.note(this.world.now, id, 'stop')
    machine.running = null
    try {
      await Promise.race([shutDown(running), process.died])
    } catch (error) {
      this.#onFatal(machine, process, error)
    }
    if (process.isAlive) this.crash(id, 'kill')
  }

  /** Its disks as they are, without what is not synced. */
  async imageOf(id: NodeId): Promise<MachineImage> {
    const { disk, stateDisk, incarnation, image } = this.machine(id)
    const { hardState } = image
    return { disk: disk.image(), state: await stateDisk.image(), incarnation, hardState }
  }

  /** An empty disk in a machine that is off: its node comes back with another incarnation. */
  wipe(id: NodeId): void {
    this.trace.note(this.world.now, id, 'wipe')
    const machine = this.machine(id)
    machine.disk.replace(EMPTY_DISK)
    machine.stateDisk = new StateDisk()
    machine.image = new DurableImage(machine.image)
    machine.incarnation += '+'
    machine.ruin = 'wiped'
  }

  /** An older image of its disks in a machine that is off: its node has forgotten what it did since. */
  restore(id: NodeId, { disk, state, incarnation }: MachineImage): void {
    this.trace.note(this.world.now, id, 'restore')
    const machine = this.machine(id)
    machine.disk.replace(disk)
    machine.stateDisk = state
    machine.image = new DurableImage(machine.image)
    machine.incarnation = incarnation
    machine.ruin = 'rolled back'
  }

  /** Everybody else runs, and has on its disk all that was ever committed. */
  haveAllCommitted(id: NodeId): boolean {
    const others = [...this.machines.values()].filter((machine) => machine.id !== id)
    return others.every(({ image, isUp, ruin }) => {
      return isUp && ruin === null && image.certainIndex >= this.checker.committedIndex
    })
  }

  /** Every member has a committed configuration on its disk that tells this machine's data directory from any other. */
  isKnownEverywhere(id: NodeId): boolean {
    return [...this.machines.values()].every(({ node, raft, image }) => {
      if (node === null || raft === null) return false
      const { membership } = membershipAt(raft.log, Math.min(raft.commitIndex, image.certainIndex))
      const member = membership.members.find((candidate) => candidate.id === id)
      return member === undefined || member.incarnation !== null
    })
  }

  /** One that is off holds an active address less than it did. */
  async tamper(id: NodeId, random: Random): Promise<void> {
    this.#tampered.add(id)
    this.checker.isTampered = true
    await this.machine(id).stateDisk.overwrite(async (rows) => {
      const keys = await rows.keys({ gte: 'r', lt: 's' }).all()
      const key = random.pick(keys)
      this.trace.note(this.world.now, id, `row ${key} vanishes`)
      if (key !== null) await rows.del(key)
    })
  }

  get isUpgrading(): boolean {
    return this.#options.isUpgrading === true
  }

  /** Some node's state may be wrong, and with it what it answers and the snapshots that it sends. */
  get isTampered(): boolean {
    return this.#tampered.size > 0
  }

  /** More states may be wrong than a majority can outvote: the right one may be the one that is refused. */
  get isTamperedBeyondMinority(): boolean {
    return this.#tampered.size > Math.floor((this.#options.nodeCount - 1) / 2)
  }

  /** Whether bits of what this machine's log had made durable were changed. */
  isRotten(id: NodeId): boolean {
    return this.#rotten.has(id)
  }

  /** One bit of a file of the log or of a snapshot turns over. */
  rot(id: NodeId, path: string, offset: number, bit: number): void {
    this.trace.note(this.world.now, id, `a bit of ${path} at ${offset} turns over`)
    this.#rotten.add(id)
    this.machine(id).disk.flipBit(path, offset, bit)
  }

  /** Runs a check. What it finds ends the simulation, wherever it was called from. */
  #guard(process: SimProcess, check: () => void): void {
    if (!process.isAlive) return
    try {
      check()
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  #logger(id: NodeId, process: SimProcess): Log {
    const at =
      (level: string) =>
      (fields: object, message: string): void => {
        const why = 'error' in fields && fields.error instanceof Error ? ` (${fields.error.message})` : ''
        if (process.isAlive && level !== 'info') {
          this.trace.note(this.world.now, id, `${level}: ${message}${why}`)
        }
        // Late rejections look the same; where nothing comes late, it would be true.
        const isAlarm = message.includes('lost entries') && this.network.lateCount === 0
        if (process.isAlive && isAlarm) this.fail(new Error(message))
      }
    return { info: at('info'), warn: at('warn'), error: at('error') }
  }
}

function isDiskError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EIO' || error.code === 'ENOSPC')
}

/** Schema 2 is a number only: nobody can write it yet. */
function withSchema1(node: RaftNode): RaftNode {
  return new Proxy(node, {
    get(target, name) {
      if (name === 'schemaVersion') return Math.min(target.schemaVersion, OLD_SCHEMAS.max)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** What `server.ts` does on SIGTERM. */
async function shutDown({ node, service, expiry }: Running): Promise<void> {
  service.drain()
  expiry.stop()
  if (await node.handOver()) await node.settleDown()
  await node.close()
}

export function addrOf(id: NodeId): string {
  return `node-${id}:5000`
}
