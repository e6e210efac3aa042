/** One seed: a cluster, clients, and a swarm of faults; then quiet, in which everything must become well. */
import { RaftError } from '../../raft/errors.ts'
import type { LogIndex, NodeId } from '../../raft/types.ts'
import { addrOf, Cluster, type Machine } from './cluster.ts'
import { encodeOperation, type OperationResult } from './log-machine.ts'
import { PERFECT_NETWORK } from './network.ts'
import { Random } from './random.ts'

export interface SimulationResult {
  readonly committed: number
  readonly acknowledged: number
  readonly refused: number
  readonly unknown: number
  readonly reads: number
  readonly snapshots: number
  readonly terms: number
  readonly traceHash: string
}

/** Which faults a seed has, and how often: each draws its own subset, so that no fault always hides another. */
interface Swarm {
  readonly nodeCount: number
  readonly durationMs: number
  readonly clientCount: number
  readonly isMembershipChanging: boolean
  /** Mean time between two faults; Infinity: never. */
  readonly crashEveryMs: number
  readonly powerFailureEveryMs: number
  readonly partitionEveryMs: number
  readonly slowDiskEveryMs: number
  readonly diskErrorEveryMs: number
  readonly pauseEveryMs: number
  readonly transferEveryMs: number
  readonly downMs: number
}

type Outcome =
  | { readonly type: 'acknowledged'; readonly index: LogIndex }
  | { readonly type: 'refused' }
  | { readonly type: 'unknown' }

const QUIET_MS_MAX = 30_000

function drawSwarm(random: Random): Swarm {
  const often = (probability: number, min: number, max: number): number =>
    random.chance(probability) ? random.between(min, max) : Number.POSITIVE_INFINITY
  return {
    nodeCount: random.pick([1, 2, 3, 3, 3, 4, 5, 5]) ?? 3,
    durationMs: random.between(3_000, 8_000),
    clientCount: random.integer(2, 8),
    isMembershipChanging: random.chance(0.35),
    crashEveryMs: often(0.7, 400, 3_000),
    powerFailureEveryMs: often(0.4, 1_000, 4_000),
    partitionEveryMs: often(0.6, 500, 4_000),
    slowDiskEveryMs: often(0.5, 500, 4_000),
    diskErrorEveryMs: often(0.3, 500, 4_000),
    pauseEveryMs: often(0.4, 800, 4_000),
    transferEveryMs: often(0.4, 300, 3_000),
    downMs: random.pick([5, 100, 800]) ?? 100,
  }
}

/** @throws with the last events, if anything is not as it must be. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const simulation = new Simulation(seed)
  try {
    return await simulation.run()
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    throw new Error(`SEED=${seed}: ${reason}\n\n${simulation.cluster.trace}\n`)
  }
}

class Simulation {
  readonly cluster: Cluster
  readonly #random: Random
  readonly #swarm: Swarm
  readonly #outcomes = new Map<number, Outcome>()
  #nextOperation = 1
  #nextMachine: NodeId
  #highestAcknowledged: LogIndex = 0
  #readCount = 0
  /** Clients stop, and no new fault begins. */
  #isQuiet = false

  constructor(seed: number) {
    const random = new Random(seed)
    this.#swarm = drawSwarm(random)
    this.#nextMachine = this.#swarm.nodeCount + 1
    const isLossy = random.chance(0.5)
    this.cluster = new Cluster({
      seed,
      nodeCount: this.#swarm.nodeCount,
      network: {
        lossProbability: isLossy ? random.between(0, 0.15) : 0,
        duplicateProbability: random.chance(0.5) ? random.between(0, 0.2) : 0,
        breakProbability: random.chance(0.5) ? random.between(0, 0.03) : 0,
        meanDelayMs: random.pick([0.5, 2, 10]) ?? 2,
      },
      limits: {
        appendBytesMax: random.pick([200, 2_000, 1024 * 1024]) ?? 2_000,
        inflightMessagesMax: random.integer(1, 8),
        cacheBytesMax: random.pick([0, 1_000, 1024 * 1024]) ?? 0,
        uncommittedEntriesMax: random.pick([20, 20_000]) ?? 20,
      },
      retainedEntriesMin: random.pick([5, 30, 1_000]) ?? 30,
      clockSkew: random.pick([0, 0.1, 0.3]) ?? 0,
    })
    this.#random = random.fork()
  }

  async run(): Promise<SimulationResult> {
    const { world, failed, checker, trace } = this.cluster
    await world.runUntil(Promise.race([failed, this.#storm()]))
    await world.runUntil(Promise.race([failed, this.#quiet()]))
    return {
      committed: checker.committedIndex,
      acknowledged: this.#count('acknowledged'),
      refused: this.#count('refused'),
      unknown: this.#count('unknown'),
      reads: this.#readCount,
      snapshots: trace.snapshotCount,
      terms: Math.max(...this.cluster.running.map(({ node }) => node?.status().term ?? 0)),
      traceHash: trace.hash,
    }
  }

  #count(type: Outcome['type']): number {
    let count = 0
    for (const outcome of this.#outcomes.values()) if (outcome.type === type) count += 1
    return count
  }

  async #storm(): Promise<void> {
    const { world } = this.cluster
    const swarm = this.#swarm
    for (const { id } of this.cluster.machines.values()) void this.cluster.start(id)
    const clients = Array.from({ length: swarm.clientCount }, () => this.#watch(this.#client()))
    const faults = [
      this.#every(swarm.crashEveryMs, () => this.#crashOne()),
      this.#every(swarm.powerFailureEveryMs, () => this.#powerFailure()),
      this.#every(swarm.partitionEveryMs, () => this.#partition()),
      this.#every(swarm.slowDiskEveryMs, () => this.#slowDisk()),
      this.#every(swarm.diskErrorEveryMs, () => this.#diskError()),
      this.#every(swarm.pauseEveryMs, () => this.#pause()),
      this.#every(swarm.transferEveryMs, () => this.#transfer()),
      this.#every(swarm.isMembershipChanging ? 700 : Number.POSITIVE_INFINITY, () =>
        this.#changeMembership(),
      ),
    ]
    await world.sleep(swarm.durationMs)
    this.#isQuiet = true
    this.cluster.trace.note(world.now, null, 'quiet')
    this.cluster.network.faults = PERFECT_NETWORK
    this.cluster.network.heal()
    for (const machine of this.cluster.machines.values()) {
      machine.meanDiskMs = 1
      machine.process?.resume()
    }
    await Promise.all([...clients, ...faults])
    await Promise.all(this.cluster.stopped.map(({ id }) => this.cluster.start(id)))
  }

  /** A client that finds something wrong ends the simulation. */
  #watch(activity: Promise<void>): Promise<void> {
    return activity.catch((error: unknown) => this.cluster.fail(error))
  }

  async #every(meanMs: number, act: () => void): Promise<void> {
    if (!Number.isFinite(meanMs)) return
    const { world } = this.cluster
    for (;;) {
      const waitMs = this.#random.exponential(meanMs)
      // Wakes up now and then, so as not to keep the quiet waiting.
      for (let waited = 0; waited < waitMs && !this.#isQuiet; waited += 200) {
        await world.sleep(Math.min(200, waitMs - waited))
      }
      if (this.#isQuiet) return
      act()
    }
  }

  // Clients.

  async #client(): Promise<void> {
    const { world } = this.cluster
    while (!this.#isQuiet) {
      const machine = this.#random.pick(this.cluster.running)
      const done = this.#watch(this.#random.chance(0.6) ? this.#write(machine) : this.#read(machine))
      // Some wait for their answer, some do not: a client that hangs must not be all that there is.
      if (this.#random.chance(0.5)) await done
      await world.sleep(this.#random.exponential(this.#random.chance(0.1) ? 200 : 20))
    }
  }

  async #write(machine: Machine | null): Promise<void> {
    const id = this.#nextOperation
    this.#nextOperation += 1
    const padding = 'x'.repeat(this.#random.integer(0, 30))
    const node = machine?.node
    const process = machine?.process
    if (!node || !process) return
    this.#outcomes.set(id, { type: 'unknown' })
    try {
      const done = node.propose(encodeOperation({ id, padding }))
      const completion = await Promise.race([done, process.died.then(() => null)])
      if (completion === null) return
      const result = completion.result as OperationResult
      if (result.id !== id || result.index !== completion.index) {
        throw new Error(`operation ${id} was answered with the result of ${result.id} at ${result.index}`)
      }
      this.#outcomes.set(id, { type: 'acknowledged', index: completion.index })
      this.#highestAcknowledged = Math.max(this.#highestAcknowledged, completion.index)
    } catch (error) {
      if (!(error instanceof RaftError)) throw error
      if (error.applied === 'no') this.#outcomes.set(id, { type: 'refused' })
    }
  }

  async #read(machine: Machine | null): Promise<void> {
    const node = machine?.node
    const process = machine?.process
    if (!node || !process) return
    const stateMachine = machine?.stateMachine
    const floor = this.#highestAcknowledged
    try {
      const index = await Promise.race([node.readIndex(), process.died.then(() => null)])
      if (index === null) return
      const applied = stateMachine?.appliedIndex ?? 0
      if (applied < floor) {
        throw new Error(
          `a read on node ${machine?.id} saw ${applied}; ${floor} had been acknowledged before it`,
        )
      }
      this.#readCount += 1
    } catch (error) {
      if (!(error instanceof RaftError)) throw error
    }
  }

  // Faults.

  #crashOne(): void {
    const machine = this.#random.pick(this.#alive())
    if (machine === null) return
    const how = this.#random.pick(['drop', 'random', 'keep', 'kill', 'stop'] as const) ?? 'drop'
    if (how === 'stop') {
      void this.cluster.stop(machine.id).then(() => this.#restartLater(machine.id))
      return
    }
    this.cluster.crash(machine.id, how)
    this.#restartLater(machine.id)
  }

  #powerFailure(): void {
    const how = this.#random.pick(['drop', 'random'] as const) ?? 'drop'
    for (const { id } of this.#alive()) {
      this.cluster.crash(id, how)
      this.#restartLater(id)
    }
  }

  #restartLater(id: NodeId): void {
    this.cluster.world.schedule(
      this.#random.exponential(this.#swarm.downMs),
      () => void this.cluster.start(id),
    )
  }

  #partition(): void {
    const { network, world } = this.cluster
    const leader = this.cluster.leaders[0]?.id ?? null
    const others = this.#random.shuffle([...this.cluster.machines.keys()].filter((id) => id !== leader))
    // A leader on the smaller side is the one that may not know yet that it is none.
    const isLeaderFirst = this.#random.chance(0.6)
    const ids =
      leader === null
        ? others
        : isLeaderFirst
          ? [leader, ...others]
          : this.#random.shuffle([leader, ...others])
    const kind = this.#random.pick(['halves', 'isolate', 'one-way', 'partial'] as const) ?? 'halves'
    const [first, second] = ids
    if (first === undefined || second === undefined) return
    this.cluster.trace.note(world.now, null, `partition (${kind}) of ${ids}`)
    if (kind === 'partial') {
      network.cut(first, second)
      network.cut(second, first)
    } else {
      const size = kind === 'halves' ? this.#random.integer(1, ids.length - 1) : 1
      for (const one of ids.slice(0, size)) {
        for (const other of ids.slice(size)) {
          network.cut(one, other)
          if (kind !== 'one-way') network.cut(other, one)
        }
      }
    }
    world.schedule(this.#random.exponential(800), () => network.heal())
  }

  #slowDisk(): void {
    const machine = this.#random.pick([...this.cluster.machines.values()])
    if (machine === null) return
    machine.meanDiskMs = this.#random.pick([5, 30, 200]) ?? 30
    this.cluster.world.schedule(this.#random.exponential(1_500), () => {
      machine.meanDiskMs = 1
    })
  }

  /** One operation, soon, fails; after a failed sync the data may be gone although it can still be read. */
  #diskError(): void {
    const disk = this.#random.pick([...this.cluster.machines.values()])?.disk
    const fault = this.#random.pick(['EIO', 'ENOSPC', 'short-write'] as const) ?? 'EIO'
    disk?.failAt(disk.operations + this.#random.integer(1, 20), fault)
  }

  #pause(): void {
    const process = this.#random.pick(this.#alive())?.process
    if (!process || process.isPaused) return
    process.pause()
    this.cluster.world.schedule(this.#random.exponential(600), () => process.resume())
  }

  #transfer(): void {
    const { running } = this.cluster
    const target = this.#random.chance(0.5) ? null : (this.#random.pick(running)?.id ?? null)
    this.#ask(this.#random.pick(running), (machine) => machine.node?.transferLeadership(target))
  }

  #changeMembership(): void {
    const { machines, running } = this.cluster
    if (this.#random.chance(0.5) && machines.size < 9) {
      const id = this.#nextMachine
      this.#nextMachine += 1
      this.cluster.addMachine(id)
      void this.cluster.start(id)
      const change = { type: 'add', id, addr: addrOf(id) } as const
      this.#ask(this.#random.pick(running), (machine) => machine.node?.changeMembership(change, ''))
    } else {
      const id = this.#random.pick([...machines.keys()]) ?? 1
      const change = { type: 'remove', id, isForced: false } as const
      this.#ask(this.#random.pick(running), (machine) => machine.node?.changeMembership(change, ''))
    }
  }

  /** Of an administrator; whatever comes of it is fine, as long as it is an answer. */
  #ask(machine: Machine | null, ask: (machine: Machine) => Promise<unknown> | undefined): void {
    if (machine === null) return
    ask(machine)?.catch((error: unknown) => {
      if (!(error instanceof RaftError)) this.cluster.fail(error)
    })
  }

  #alive(): Machine[] {
    return [...this.cluster.machines.values()].filter(({ process }) => process !== null)
  }

  // After the faults.

  async #quiet(): Promise<void> {
    const { world } = this.cluster
    const deadline = world.now + QUIET_MS_MAX
    let missing: string | null = ''
    while (missing !== null) {
      if (world.now > deadline) {
        const statuses = this.cluster.running.map(({ node }) => JSON.stringify(node?.status()))
        throw new Error(`not well after ${QUIET_MS_MAX} ms of quiet: ${missing}\n${statuses.join('\n')}`)
      }
      await world.sleep(100)
      missing = this.#whatIsMissing() ?? (await this.#tryFreshWriteAndRead()) ?? this.#whatIsMissing()
    }
    this.#checkHistory()
  }

  /** Every member, for the others may stay behind forever. */
  #members(): Machine[] {
    const [leader] = this.cluster.leaders
    const members = leader?.node?.status().membership.members ?? []
    return members.map(({ id }) => this.cluster.machine(id))
  }

  #whatIsMissing(): string | null {
    const terms = this.cluster.leaders.map((machine) => machine.node?.status().term ?? 0)
    if (terms.length !== 1) return `there are ${terms.length} leaders`
    const members = this.#members()
    const statuses = members.map(({ id, node }) => ({ id, status: node?.status() ?? null }))
    for (const { id, status } of statuses) {
      if (status === null) return `member ${id} is not running`
      if (status.isTransferring || status.isRestoring) return `node ${id} is transferring or restoring`
      const first = statuses[0]?.status
      if (status.appliedIndex !== first?.appliedIndex || status.term !== first.term) {
        return statuses
          .map((s) => `node ${s.id} has applied ${s.status?.appliedIndex} in term ${s.status?.term}`)
          .join(', ')
      }
      if (status.commitIndex !== status.lastIndex) return `node ${id} has entries that are not committed`
      if (status.membership.members.some(({ voter }) => !voter)) return 'a learner is not promoted'
    }
    return null
  }

  /** Through every member. @returns What was in the way: an error of a disk may come this late. */
  async #tryFreshWriteAndRead(): Promise<string | null> {
    const reads = this.#readCount
    const writes = this.#count('acknowledged')
    const members = this.#members()
    for (const machine of members) await this.#write(machine)
    for (const machine of members) await this.#read(machine)
    if (this.#count('acknowledged') < writes + members.length) return 'a fresh write is not acknowledged'
    return this.#readCount < reads + members.length ? 'a fresh read is not served' : null
  }

  /** What clients were told is what happened. */
  #checkHistory(): void {
    const [reference, ...others] = this.#members().map(({ stateMachine }) => stateMachine?.state)
    if (reference === undefined) throw new Error('there are no members')
    for (const other of others) {
      if (other?.hash !== reference.hash) throw new Error('two members have different states')
    }
    const positions = new Map<number, number>()
    for (const [position, id] of reference.operations.entries()) {
      if (positions.has(id)) throw new Error(`operation ${id} was applied twice`)
      positions.set(id, position)
    }
    for (const [id, outcome] of this.#outcomes) {
      if (outcome.type === 'acknowledged' && !positions.has(id)) {
        throw new Error(`operation ${id} was acknowledged at ${outcome.index} and is lost`)
      }
      if (outcome.type === 'refused' && positions.has(id)) {
        throw new Error(`operation ${id} was certainly not applied, it was said, and it was`)
      }
    }
  }
}
