/** LevelDB of one node does not answer, while its log goes on. */
import { expect, test } from 'vitest'
import { RaftError } from '../../raft/errors.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { tokenOf } from '../state/harness.ts'
import { type Cluster, type Machine, REQUEST_TIMEOUT_MS, type Running, TIMING } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

const NODES = [1, 2, 3]
const CALLER = { user: 'alice', requestId: null }
const CLIENTS = 4
const PAUSE_MS = 5
/** Of rows that are not on disk: some writes fill it. */
const DIRTY_BYTES_MAX = 8 * 1024

function up({ id, running }: Machine): Running {
  if (running === null) throw new Error(`node ${id} does not run`)
  return running
}

/** Clients of one node that write all the time, whatever becomes of a write. */
class Writers {
  readonly doneAt: number[] = []
  readonly #cluster: Cluster
  readonly #machine: Machine
  #isOver = false
  #next = 1

  constructor(cluster: Cluster, machine: Machine) {
    this.#cluster = cluster
    this.#machine = machine
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, () => this.#repeat()))
  }

  end(): void {
    this.#isOver = true
  }

  async #repeat(): Promise<void> {
    const { world } = this.#cluster
    while (!this.#isOver) {
      try {
        await this.#write()
        this.doneAt.push(world.now)
      } catch (error) {
        if (!(error instanceof RaftError)) throw error
      }
      await world.sleep(PAUSE_MS)
    }
  }

  async #write(): Promise<void> {
    const token = tokenOf(`write-${this.#next++}`)
    const network = { id: 'net-1' }
    await up(this.#machine).service.execute(
      { type: 'allocateAddresses', ...ALLOCATION_DEFAULTS, token, network },
      CALLER,
      null,
    )
  }
}

test.each([1, 2, 3, 4, 5])(
  'a leader whose state does not answer gives way, writes go on, and it catches up when the state answers again (seed %i)',
  async (seed) => {
    const cluster = quietCluster({ seed, dirtyBytesMax: DIRTY_BYTES_MAX })
    const { world } = cluster
    await runIn(cluster, async () => {
      for (const id of NODES) void cluster.start(id)
      await until(cluster, 'there is a leader', () => cluster.leaders.length === 1)
      const [old] = cluster.leaders
      const other = cluster.running.find((machine) => machine !== old)
      if (old === undefined || other === undefined) throw new Error('nobody leads')
      const network = {
        type: 'createNetwork',
        ...NETWORK_DEFAULTS,
        id: 'net-1',
        cidr: '10.0.0.0/16',
      } as const
      await up(other).service.execute(network, CALLER, null)
      const writers = new Writers(cluster, other)
      const writing = writers.run()
      await world.sleep(500)

      old.stateDisk.isHung = true
      await until(cluster, 'the leader says that it is stalled', () => up(old).node.status().disk.isStalled)
      const stalledAt = world.now
      await until(cluster, 'another one leads', () => {
        return cluster.leaders.some((machine) => machine !== old) && !cluster.leaders.includes(old)
      })
      expect(world.now - stalledAt).toBeLessThan(2 * TIMING.electionMaxMs)

      // Those that the old leader has taken wait until their time is over; then all go on as before.
      const movedAt = world.now
      await until(cluster, 'writes go on', () => writers.doneAt.some((at) => at > movedAt), {
        waitMsMax: REQUEST_TIMEOUT_MS + TIMING.electionMaxMs,
      })
      const { term } = up(other).node.status()
      const from = world.now
      await world.sleep(5 * TIMING.electionMaxMs)
      const times = [from, ...writers.doneAt.filter((at) => at > from), world.now]
      const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
      expect(Math.max(...gaps)).toBeLessThan(TIMING.electionMinMs)
      expect(up(other).node.status().term).toBe(term)
      expect(up(old).node.status()).toMatchObject({ role: 'follower', disk: { isStalled: true } })

      old.stateDisk.isHung = false
      writers.end()
      await writing
      const { commitIndex } = up(other).node.status()
      await until(cluster, 'the old leader has everything', () => {
        const { appliedIndex, disk } = up(old).node.status()
        return appliedIndex >= commitIndex && !disk.isStalled
      })
      expect(up(old).stateMachine.stateHash).toBe(up(other).stateMachine.stateHash)
    })
  },
)
