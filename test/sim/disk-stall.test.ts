import { expect, test } from 'vitest'
import type { RaftNode } from '../../raft/node.ts'
import type { NodeId } from '../../raft/types.ts'
import { type Cluster, TIMING } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

/** So slow that a write under way is not over before somebody else leads. */
const STALLED_MS = 100_000

function nodeOf(cluster: Cluster, id: NodeId): RaftNode {
  const { node } = cluster.machine(id)
  if (node === null) throw new Error(`node ${id} does not run`)
  return node
}

async function run(seed: number, scenario: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = quietCluster({ seed })
  const started = async (): Promise<void> => {
    for (const id of [1, 2, 3]) void cluster.start(id)
    await until(cluster, 'there is a leader', () => cluster.leaders.length === 1)
    await propose(cluster, cluster.leaders[0]?.id ?? 1, 1)
    await scenario(cluster)
  }
  await runIn(cluster, started)
}

/** Resolves with the index at which `operation` was decided. */
async function propose(cluster: Cluster, id: NodeId, operation: number): Promise<number> {
  const payload = Buffer.from(JSON.stringify({ id: operation }))
  return (await nodeOf(cluster, id).propose(payload, { needsRoom: false })).index
}

test.each([1, 2, 3])(
  'a leader whose disk stalls is replaced, what it had not taken goes to the next one, and it comes back with a working disk (seed %i)',
  (seed) =>
    run(seed, async (cluster) => {
      const { world } = cluster
      const old = cluster.leaders[0]?.id ?? 1
      const [other = 2] = [1, 2, 3].filter((id) => id !== old)
      cluster.machine(old).meanDiskMs = STALLED_MS
      const startedAt = world.now
      // This one is in the log when the disk stalls; the old leader cannot tell what became of it.
      propose(cluster, old, 2).catch(() => {})
      await until(cluster, 'the leader says that its disk is stalled', () => {
        return nodeOf(cluster, old).status().disk.isStalled
      })
      const parked = propose(cluster, old, 3)

      await parked
      expect(world.now - startedAt).toBeLessThan(2 * TIMING.electionMaxMs)
      const next = cluster.leaders.find(({ id }) => id !== old)?.id
      expect(next).toBeDefined()
      expect(nodeOf(cluster, old).status()).toMatchObject({ role: 'follower', disk: { isStalled: true } })
      await propose(cluster, other, 4)

      // As long as it is stalled it stays what it is, and so does everybody else.
      const { term } = nodeOf(cluster, other).status()
      await world.sleep(5 * TIMING.electionMaxMs)
      expect(nodeOf(cluster, other).status().term).toBe(term)

      // A machine with a working disk, as after the controller came back.
      cluster.machine(old).meanDiskMs = 1
      cluster.crash(old, 'kill')
      await cluster.start(old)
      const index = await propose(cluster, other, 5)
      await until(cluster, 'the old leader has everything', () => {
        const { appliedIndex, disk } = nodeOf(cluster, old).status()
        return appliedIndex >= index && !disk.isStalled
      })
    }),
)

test('a follower whose disk stalls is no candidate, and everybody else goes on', () =>
  run(4, async (cluster) => {
    const leader = cluster.leaders[0]?.id ?? 1
    const [slow = 2, well = 3] = [1, 2, 3].filter((id) => id !== leader)
    cluster.machine(slow).meanDiskMs = STALLED_MS
    await propose(cluster, leader, 2)
    await until(cluster, 'the follower says that its disk is stalled', () => {
      return nodeOf(cluster, slow).status().disk.isStalled
    })
    await until(cluster, 'the leader knows', () => {
      const { peers } = nodeOf(cluster, leader).status()
      return peers.find(({ id }) => id === slow)?.disk.isStalled === true
    })

    // Chosen although both are in contact, and whatever their ids.
    expect(await nodeOf(cluster, leader).handOver()).toBe(true)
    await until(cluster, 'the other follower leads', () => {
      return nodeOf(cluster, well).status().role === 'leader'
    })
  }))

test('a process that was asleep does not blame its disk', () =>
  run(5, async (cluster) => {
    const { world } = cluster
    const leader = cluster.leaders[0]?.id ?? 1
    const { process } = cluster.machine(leader)
    // One write is under way, and another one behind it.
    for (const operation of [2, 3]) {
      propose(cluster, leader, operation).catch(() => {})
      await world.sleep(0.1)
    }
    process?.pause()
    await world.sleep(TIMING.electionMinMs * 0.75)
    process?.resume()

    for (let i = 0; i < 100; i++) {
      await world.sleep(1)
      const { role, isTransferring, disk } = nodeOf(cluster, leader).status()
      expect({ role, isTransferring, disk }).toMatchObject({
        role: 'leader',
        isTransferring: false,
        disk: { isStalled: false },
      })
    }
  }))

test('where all disks hang nobody else could do better: the leader stays, reads, and takes nothing', () =>
  run(6, async (cluster) => {
    const leader = cluster.leaders[0]?.id ?? 1
    for (const id of [1, 2, 3]) cluster.machine(id).meanDiskMs = STALLED_MS
    propose(cluster, leader, 2).catch(() => {})
    await until(cluster, 'the leader says that its disk is stalled', () => {
      return nodeOf(cluster, leader).status().disk.isStalled
    })
    const { term, lastIndex } = nodeOf(cluster, leader).status()

    const refused = propose(cluster, leader, 3)

    await nodeOf(cluster, leader).readIndex()
    await expect(refused).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER', applied: 'no' })
    expect(nodeOf(cluster, leader).status()).toMatchObject({ role: 'leader', term, lastIndex })
  }))
