/** Simulated machines that run the real driver, core, log, snapshots and codec. */
import { DEFAULT_LIMITS, type Limits, type Timing } from '../../raft/core/state.ts'
import { RaftNode } from '../../raft/node.ts'
import type { Log } from '../../raft/ports.ts'
import { DEFAULT_PROPOSAL_LIMITS } from '../../raft/proposals.ts'
import { DEFAULT_READ_LIMITS } from '../../raft/reads.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import type { Membership, NodeId } from '../../raft/types.ts'
import { DurableImage, WatchedLog } from './durable-log.ts'
import { InvariantChecker } from './invariants.ts'
import { LogMachine, LogMachineDisk } from './log-machine.ts'
import { type CrashMode, MemoryDisk, PowerLossError } from './memory-disk.ts'
import { Network, type NetworkFaults, SimTransport } from './network.ts'
import { SimProcess } from './process.ts'
import type { Random } from './random.ts'
import { Trace } from './trace.ts'
import { World } from './world.ts'

export const TIMING: Timing = { heartbeatMs: 40, electionMinMs: 200, electionMaxMs: 400 }
const SEGMENT_BYTES = 8 * 1024
/** After which whoever looks after the processes starts one again that has ended by itself. */
const RESTART_MS = 50

export interface ClusterOptions {
  readonly seed: number
  readonly nodeCount: number
  readonly network: NetworkFaults
  readonly limits: Partial<Limits>
  readonly retainedEntriesMin: number
  /** How far clocks may run apart: 0.2 is from 0.8 to 1.2. */
  readonly clockSkew: number
}

/** What of a machine outlives its processes. */
export class Machine {
  readonly id: NodeId
  readonly disk: MemoryDisk
  readonly image = new DurableImage()
  readonly machineDisk = new LogMachineDisk()
  readonly initialMembership: Membership
  readonly clockRate: number
  /** Of each sync; other operations take a tenth. */
  meanDiskMs = 1
  process: SimProcess | null = null
  node: RaftNode | null = null
  stateMachine: LogMachine | null = null

  constructor(options: { id: NodeId; random: Random; initialMembership: Membership; clockRate: number }) {
    this.id = options.id
    this.initialMembership = options.initialMembership
    this.clockRate = options.clockRate
    const random = options.random.fork()
    this.disk = new MemoryDisk({
      random: options.random.fork().next,
      delay: (kind) => {
        const meanMs = kind === 'sync' ? this.meanDiskMs : this.meanDiskMs / 10
        return new Promise((resolve) => {
          this.process?.schedule(random.exponential(meanMs), resolve)
        })
      },
    })
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

  constructor(options: ClusterOptions) {
    this.#options = options
    this.world = new World(options.seed)
    this.network = new Network(this.world, options.network)
    this.#random = this.world.random.fork()
    this.checker = new InvariantChecker((id) => this.machine(id).image)
    this.failed = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.failed.catch(() => {})
    const ids = Array.from({ length: options.nodeCount }, (_, i) => i + 1)
    const members = ids.map((id) => ({ id, addr: addrOf(id), voter: true, incarnation: null }))
    for (const id of ids) this.addMachine(id, { members, removed: [] })
  }

  fail(error: unknown): void {
    this.#reject(error)
  }

  /** A machine that is switched off. Without members it waits to be added to the cluster. */
  addMachine(id: NodeId, initialMembership: Membership = { members: [], removed: [] }): Machine {
    const skew = this.#options.clockSkew
    const clockRate = this.#random.between(1 - skew, 1 + skew)
    const machine = new Machine({ id, random: this.#random, initialMembership, clockRate })
    this.machines.set(id, machine)
    return machine
  }

  machine(id: NodeId): Machine {
    const machine = this.machines.get(id)
    if (machine === undefined) throw new Error(`there is no machine ${id}`)
    return machine
  }

  get running(): Machine[] {
    return [...this.machines.values()].filter(({ node }) => node !== null)
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
      const node = await this.#open(machine, process)
      if (process.isAlive) machine.node = node
    } catch (error) {
      this.#onFatal(machine, process, error)
    }
  }

  /** A process that cannot go on ends; whether that is our fault depends on the disk. */
  #onFatal({ id }: Machine, process: SimProcess, error: unknown): void {
    if (!process.isAlive || error instanceof PowerLossError) return
    if (!isDiskError(error)) {
      this.fail(error)
      return
    }
    this.crash(id, 'kill')
    this.world.schedule(RESTART_MS, () => void this.start(id))
  }

  async #open(machine: Machine, process: SimProcess): Promise<RaftNode> {
    const { id, image } = machine
    const disk = machine.disk.mount()
    const log = new WatchedLog(
      new SegmentedLog({ disk, directory: 'log', segmentBytes: SEGMENT_BYTES }),
      image,
    )
    const stateMachine = new LogMachine({
      disk: machine.machineDisk,
      process,
      random: this.#random.fork(),
      onApply: (entry, { hash }) => this.#guard(process, () => this.checker.checkApplied(id, entry, hash)),
    })
    machine.stateMachine = stateMachine
    const identity = { clusterId: 1, nodeId: id, incarnation: `disk-${id}`, addr: addrOf(id) }
    const transport = new SimTransport({
      network: this.network,
      process,
      identity,
      onSend: (message) => this.#guard(process, () => this.checker.checkSent(message)),
    })
    return RaftNode.open(
      {
        identity,
        initialMembership: machine.initialMembership,
        addresses: [...this.machines.keys()]
          .filter((other) => other !== id)
          .map((other) => {
            return { id: other, addr: addrOf(other) }
          }),
        timing: TIMING,
        tickMs: 20,
        limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
        proposalLimits: { ...DEFAULT_PROPOSAL_LIMITS, requestTimeoutMs: 2_000, changeWaitMs: 500 },
        readLimits: { ...DEFAULT_READ_LIMITS, readTimeoutMs: 2_000, retryMs: 200 },
        retainedEntriesMin: this.#options.retainedEntriesMin,
        onStep: (raft, effects) => {
          this.#guard(process, () => {
            this.trace.step(this.world.now, raft, effects)
            this.checker.checkStep(raft, effects)
          })
        },
      },
      {
        clock: process.clock,
        random: this.#random.fork().next,
        log,
        snapshots: new SnapshotFiles({ disk, directory: 'snapshots' }),
        transport,
        stateMachine,
        logger: this.#logger(id, process),
        onFatal: (error) => this.#onFatal(machine, process, error),
      },
    )
  }

  /** The process ends here and now. `kill`: the machine lives, and with it what the operating system has taken. */
  crash(id: NodeId, how: CrashMode | 'kill'): void {
    const machine = this.machine(id)
    if (machine.process === null) return
    this.trace.note(this.world.now, id, `crash (${how})`)
    machine.process.kill()
    machine.process = null
    machine.node = null
    machine.stateMachine = null
    if (how === 'kill') machine.disk.kill()
    else machine.disk.crash(how)
  }

  /** As SIGTERM does it: leadership goes first, then everything is made durable and let go of. */
  async stop(id: NodeId): Promise<void> {
    const machine = this.machine(id)
    const { node, process } = machine
    if (node === null || process === null) return
    this.trace.note(this.world.now, id, 'stop')
    machine.node = null
    const stopped = node.handOver().then(() => node.close())
    try {
      await Promise.race([stopped, process.died])
    } catch (error) {
      this.#onFatal(machine, process, error)
    }
    if (process.isAlive) this.crash(id, 'kill')
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
      (_fields: object, message: string): void => {
        if (process.isAlive && level !== 'info') this.trace.note(this.world.now, id, `${level}: ${message}`)
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

export function addrOf(id: NodeId): string {
  return `node-${id}:5000`
}
