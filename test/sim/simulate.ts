/** One seed: a cluster, clients, and a swarm of faults; then quiet, in which everything must become well. */
import { listNetworks } from '../state/harness.ts'
import { Admins } from './admins.ts'
import { Calls, type WorkloadCounts } from './calls.ts'
import { Cluster, type Machine, NEW_SCHEMAS, TIMING } from './cluster.ts'
import { Estate } from './estate.ts'
import { checkExactlyOnce } from './exactly-once.ts'
import { Faults } from './faults.ts'
import { Ledger } from './ledger.ts'
import { checkLook, type Look, lookAt } from './looks.ts'
import { PERFECT_NETWORK } from './network.ts'
import { Operator } from './operator.ts'
import { Random } from './random.ts'
import { replay } from './replay.ts'
import { Retries } from './retries.ts'
import { drawClusterOptions, drawSwarm, type Swarm } from './swarm.ts'
import { checkTold, stepsOf } from './told.ts'
import { Workload } from './workload.ts'

export interface SimulationResult extends WorkloadCounts {
  readonly committed: number
  readonly snapshots: number
  readonly terms: number
  readonly traceHash: string
}

const QUIET_MS_MAX = 30_000
/** A stream beside that of the faults. */
const TRAFFIC_SEED = 2 ** 40
/** Another one beside both. */
const STAFF_SEED = 2 ** 41
/** And one beside all of them. */
const STORE_SEED = 2 ** 42

/** @throws with the command that repeats it and the last events, if anything is not as it must be. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const simulation = new Simulation(seed)
  try {
    return await simulation.run()
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    throw new Error(`seed ${seed} (make sim SEED=${seed}): ${reason}\n\n${simulation.cluster.trace}\n`)
  }
}

class Simulation {
  readonly cluster: Cluster
  readonly #swarm: Swarm
  readonly #calls: Calls
  readonly #workload: Workload
  readonly #estate: Estate
  readonly #admins: Admins
  /** Of what is asked at the end. */
  readonly #questions: Random
  readonly #faults: Faults
  readonly #operator: Operator

  constructor(seed: number) {
    const random = new Random(seed)
    const traffic = new Random(seed + TRAFFIC_SEED)
    const staff = new Random(seed + STAFF_SEED)
    const store = new Random(seed + STORE_SEED)
    const swarm = drawSwarm(random, { traffic, staff, store })
    this.#swarm = swarm
    this.cluster = new Cluster(drawClusterOptions(seed, swarm, random))
    const { cluster } = this
    const calls = new Calls(cluster)
    const retries = new Retries({ cluster, calls, random: traffic.fork(), swarm: swarm.retries })
    const { networkCount } = swarm
    this.#calls = calls
    this.#workload = new Workload({ cluster, calls, retries, random: random.fork(), networkCount })
    this.#estate = new Estate({ cluster, calls, retries, random: traffic.fork() })
    this.#questions = traffic.fork()
    this.#admins = new Admins({ cluster, calls, retries, random: staff.fork() })
    this.#faults = new Faults(this.cluster, { random: random.fork(), store, swarm })
    this.#operator = new Operator(this.cluster, { random: random.fork(), swarm })
  }

  async run(): Promise<SimulationResult> {
    const { world, failed, checker, trace } = this.cluster
    await world.runUntil(Promise.race([failed, this.#storm()]))
    await world.runUntil(Promise.race([failed, this.#quiet()]))
    return {
      ...this.#calls.counts,
      committed: checker.committedIndex,
      snapshots: trace.snapshotCount,
      terms: Math.max(...this.cluster.running.map(({ node }) => node?.status().term ?? 0)),
      traceHash: trace.hash,
    }
  }

  async #storm(): Promise<void> {
    const { world, network, trace, machines } = this.cluster
    for (const { id } of machines.values()) void this.cluster.start(id)
    const clients = this.#workload.prepare().then(() => {
      const ids = Array.from({ length: this.#swarm.clientCount }, (_, i) => i + 1)
      const { estateClientCount, estatePauseMs: pauseMs, adminCount } = this.#swarm
      const others = Array.from({ length: estateClientCount }, () => this.#estate.run({ pauseMs }))
      const admins = Array.from({ length: adminCount }, () => this.#admins.run())
      return Promise.all([...ids.map((id) => this.#workload.run(id)), ...others, ...admins])
    })
    const faults = this.#faults.run()
    const operator = this.#operator.run()
    for (const activity of [clients, faults, operator])
      activity.catch((error: unknown) => this.cluster.fail(error))
    await world.sleep(this.#swarm.durationMs)
    trace.note(world.now, null, 'quiet')
    network.faults = PERFECT_NETWORK
    network.heal()
    this.#faults.end()
    this.#operator.end()
    await Promise.all([faults, operator])
    await Promise.all(this.cluster.stopped.map(({ id }) => this.cluster.start(id)))
    this.#workload.end()
    this.#estate.end()
    this.#admins.end()
    await clients
  }

  // After the faults.

  async #quiet(): Promise<void> {
    const { world } = this.cluster
    const deadline = world.now + QUIET_MS_MAX
    let missing: string | null = ''
    while (missing !== null) {
      // A majority that is wrong outvotes those that are right, and who is removed then is as good a guess as any.
      if (this.cluster.isTamperedBeyondMinority) return
      if (world.now > deadline) {
        const statuses = this.cluster.running.map(({ node }) => JSON.stringify(node?.status()))
        throw new Error(`not well after ${QUIET_MS_MAX} ms of quiet: ${missing}\n${statuses.join('\n')}`)
      }
      await world.sleep(100)
      await this.#removeRuined()
      await this.#installNewest()
      if (this.cluster.isTampered) await this.#goOn()
      missing = this.#whatIsMissing() ?? (await this.#tryFreshWritesAndReads())
      // Followers learn of the last commit with the next heartbeat.
      if (missing === null) await world.sleep(3 * TIMING.heartbeatMs)
      missing ??= this.#whatIsMissing()
    }
    await this.#checkOutcome()
  }

  /** A wrong state shows at the next checkpoint, which comes with writes; what they are answered until then is worth nothing. */
  async #goOn(): Promise<void> {
    for (const machine of this.#members()) {
      await this.#workload.tryFreshWriteAndRead(machine).catch(() => {})
    }
  }

  /** What an operator does with a disk that is lost, or a state that went wrong. Its id never returns. */
  async #removeRuined(): Promise<void> {
    for (const { id, ruin, node } of this.#members()) {
      const isDiverged = (node?.status().divergence ?? null) !== null
      if (ruin !== null || isDiverged) await this.#operator.remove(id)
    }
  }

  /** Everything that still runs software of before is stopped, and started with the new one. */
  async #installNewest(): Promise<void> {
    for (const { id, schemas, running } of this.cluster.machines.values()) {
      if (running === null || running.schemas === schemas) continue
      this.cluster.crash(id, 'kill')
      await this.cluster.start(id)
    }
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
    const first = members[0]?.node?.status()
    const hash = members[0]?.running?.stateMachine.stateHash
    for (const { id, node, ruin, running } of members) {
      const status = node?.status()
      if (ruin !== null) return `node ${id} (${ruin}) is not removed`
      if (status !== undefined && status.divergence !== null)
        return `node ${id} has diverged and is not removed`
      if (status === undefined) return `member ${id} is not running`
      if (status.isTransferring || status.isRestoring) return `node ${id} is transferring or restoring`
      if (status.appliedIndex !== first?.appliedIndex || status.term !== first.term) {
        return `node ${id} has applied ${status.appliedIndex} in term ${status.term}, another ${first?.appliedIndex} in ${first?.term}`
      }
      // Where there is no majority nobody stops, but all say so.
      const isSaid = status.stateAlarms.length > 0
      if (running?.stateMachine.stateHash !== hash && !isSaid)
        return `node ${id} has another state, and is silent`
      if (status.commitIndex !== status.lastIndex) return `node ${id} has entries that are not committed`
      if (this.#swarm.isUpgrading && status.schemaVersion < NEW_SCHEMAS.max)
        return 'the schema version is not raised'
      if (status.membership.members.some(({ voter }) => !voter)) return 'a learner is not promoted'
    }
    return null
  }

  async #tryFreshWritesAndReads(): Promise<string | null> {
    if (this.cluster.isTampered) return null
    for (const machine of this.#members()) {
      const missing = await this.#workload.tryFreshWriteAndRead(machine)
      if (missing !== null) return missing
    }
    return null
  }

  /** All members have the same state, it is what the log makes of nothing, and clients were told the truth. */
  async #checkOutcome(): Promise<void> {
    this.#checkRefusals()
    // What was tampered with and never looked at again does not show; what came of it has.
    if (this.cluster.isTampered) return
    // An expiry may come at any time: all members are looked at, at one moment, by views of one index.
    const members = this.#members()
    const networkIds = await this.#networkIds(members[0])
    const looks = await Promise.all(members.map((member) => this.#look(member, networkIds)))
    const [reference] = looks
    if (reference === undefined) throw new Error('there are no members')
    for (const { id, index, digest } of looks) {
      if (index !== reference.index) return this.#checkOutcome()
      if (digest !== reference.digest) throw new Error(`nodes ${reference.id} and ${id} differ at ${index}`)
    }
    const { answerLimits } = this.#swarm.retries
    const { world, checker } = this.cluster
    const committed = checker.committedEntries()
    const entries = committed.slice(0, reference.index)
    const { digest, outcomes } = await replay(entries, { world, answerLimits })
    if (digest !== reference.digest) {
      throw new Error(`node ${reference.id} is not what the log up to ${reference.index} makes of nothing`)
    }
    checkTold(this.#calls, committed, outcomes)
    checkExactlyOnce(entries, outcomes)
    const ledger = new Ledger(answerLimits, this.#admins.seen)
    for (const step of stepsOf(entries, outcomes, reference.audit)) ledger.apply(step)
    for (const look of looks) checkLook(look, ledger, networkIds)
    this.#workload.checkHistory(reference.allocations)
  }

  async #networkIds(machine: Machine | undefined): Promise<string[]> {
    const stateMachine = machine?.running?.stateMachine
    if (stateMachine === undefined) return []
    return (await listNetworks(stateMachine)).rows.map(({ id }) => id)
  }

  #look({ id, running }: Machine, networkIds: readonly string[]): Promise<Look> {
    if (running === null) throw new Error(`member ${id} is not running`)
    return lookAt(id, running.stateMachine, { networkIds, random: this.#questions })
  }

  /** Where no disk is lost, every node belongs to the cluster until it is removed. */
  #checkRefusals(): void {
    if (Number.isFinite(this.#swarm.ruinEveryMs)) return
    const expected = this.#swarm.isUpgrading ? ['removed', 'schema'] : ['removed']
    const mistakes = [...this.cluster.network.refusals.keys()].filter((reason) => !expected.includes(reason))
    if (mistakes.length > 0) throw new Error(`nodes of the cluster were refused: ${mistakes.join(', ')}`)
  }
}
