/**
 * What a write costs, counted and not timed: at a fixed load on a simulated cluster the same on every machine, so that a
 * slower design fails here. Whoever makes it cheaper lowers the limits.
 */
import { expect, test } from 'vitest'
import type { Command } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { tokenOf } from '../state/harness.ts'
import type { Cluster } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

const NODES = [1, 2, 3]
const WRITES_EACH = 25
const CALLER = { user: 'alice', requestId: null }

/** Of one committed write, over all three nodes unless said otherwise. */
interface Work {
  readonly logSyncs: number
  readonly logWrites: number
  readonly logBytes: number
  readonly messages: number
  readonly messageBytes: number
  readonly rows: number
  readonly rowBytes: number
  /** Rows looked up while entries are applied. */
  readonly reads: number
}

function count(cluster: Cluster): Work {
  const machines = NODES.map((id) => cluster.machine(id))
  const sum = (of: (machine: (typeof machines)[number]) => number): number =>
    machines.reduce((total, machine) => total + of(machine), 0)
  return {
    logSyncs: sum(({ disk }) => disk.work.syncs),
    logWrites: sum(({ disk }) => disk.work.writes),
    logBytes: sum(({ disk }) => disk.work.bytes),
    messages: cluster.network.work.messages,
    messageBytes: cluster.network.work.bytes,
    rows: sum(({ stateDisk }) => stateDisk.work.rows),
    rowBytes: sum(({ stateDisk }) => stateDisk.work.bytes),
    reads: sum(({ stateDisk }) => stateDisk.work.reads),
  }
}

/** Clients that write one after the other, through the leader or through a follower. */
async function measure(options: { clients: number; through: 'leader' | 'follower' }): Promise<Work> {
  const cluster = quietCluster({ retainedEntriesMin: 100_000 })
  const writes = options.clients * WRITES_EACH
  let before: Work | null = null
  let after: Work | null = null
  const scenario = async (): Promise<void> => {
    for (const id of NODES) void cluster.start(id)
    await until(cluster, 'there is a leader', () => cluster.leaders.length === 1)
    const leader = cluster.leaders[0]
    const asked =
      options.through === 'leader' ? leader : cluster.running.find((machine) => machine !== leader)
    const service = asked?.running?.service
    if (service === undefined) throw new Error('nobody to ask')
    const execute = (command: Command): Promise<unknown> => service.execute(command, CALLER, null)
    await execute({ type: 'createNetwork', ...NETWORK_DEFAULTS, id: 'net-1', cidr: '10.0.0.0/16' })
    await cluster.world.sleep(1_000)
    before = count(cluster)
    const write = async (client: number): Promise<void> => {
      for (let i = 0; i < WRITES_EACH; i++) {
        const token = tokenOf(`${client}-${i}`)
        const network = { id: 'net-1' }
        const hostname = `host-${client * WRITES_EACH + i}`
        await execute({ type: 'allocateAddresses', ...ALLOCATION_DEFAULTS, token, network, hostname })
      }
    }
    await Promise.all(Array.from({ length: options.clients }, (_, client) => write(client)))
    await cluster.world.sleep(1_000)
    after = count(cluster)
  }
  await runIn(cluster, scenario)
  if (before === null || after === null) throw new Error('not measured')
  const names = Object.keys(before) as (keyof Work)[]
  const difference = (name: keyof Work): number =>
    ((after as unknown as Work)[name] - (before as unknown as Work)[name]) / writes
  return Object.fromEntries(names.map((name) => [name, difference(name)])) as unknown as Work
}

/** A tenth above what it was when the limit was set. */
const LIMITS: {
  readonly clients: number
  readonly through: 'leader' | 'follower'
  readonly why: string
  readonly most: Work
}[] = [
  {
    clients: 1,
    through: 'leader',
    why: 'nothing to share: a sync on each node, and an append and its answer for each follower',
    most: {
      logSyncs: 3.2,
      logWrites: 3,
      logBytes: 1_600,
      messages: 9.1,
      messageBytes: 361,
      rows: 11.5,
      rowBytes: 1_120,
      reads: 0.14,
    },
  },
  {
    clients: 64,
    through: 'leader',
    why: 'what arrives together is written, sent and answered together',
    most: {
      logSyncs: 0.11,
      logWrites: 0.055,
      logBytes: 360,
      messages: 0.8,
      messageBytes: 215,
      rows: 10.8,
      rowBytes: 1_200,
      reads: 0.03,
    },
  },
  {
    clients: 64,
    through: 'follower',
    why: 'and forwarded together',
    most: {
      logSyncs: 0.11,
      logWrites: 0.055,
      logBytes: 360,
      messages: 0.87,
      messageBytes: 415,
      rows: 11.4,
      rowBytes: 1_230,
      reads: 0.03,
    },
  },
]

test.each(LIMITS)('$clients clients through a $through: $why', async ({ clients, through, most }) => {
  const work = await measure({ clients, through })

  const above = Object.entries(work).filter(([name, amount]) => amount > most[name as keyof Work])
  expect(above, `a write costs ${JSON.stringify(work)}`).toEqual([])
})
