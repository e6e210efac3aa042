import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { Cluster, type Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { canTrace, failSyncs } from './fail-syncs.ts'
import { expectHonest } from './honest.ts'
import { expectSameState } from './same-state.ts'
import { canMount, SmallDisk } from './small-disk.ts'
import { until } from './until.ts'
import { clientsOf, moreWrites, startLoad } from './write-load.ts'

const WRITERS = 32
const WRITES = 200
const WRITES_MS_MAX = 60_000
const TEST_MS_MAX = 300_000
/** Two segments of the log and little more: it is full before the third. */
const TINY_DISK_MIB = 40

async function pick(cluster: Cluster, role: string): Promise<Node> {
  const leader = await cluster.leader()
  const node = role === 'leader' ? leader : cluster.others(leader)[0]
  if (node === undefined) throw new Error('there is no follower')
  return node
}

function fatalLines({ program }: Node): string[] {
  return (program?.stderr ?? []).filter((line) => line.includes('"msg":"fatal"'))
}

describe('an fsync of the log that fails with EIO', () => {
  test.skipIf(!canTrace()).for(['leader', 'follower'])(
    'ends the %s, acknowledges nothing that is lost, and the others go on',
    { timeout: TEST_MS_MAX },
    async (role, { startCluster }) => {
      const cluster = await startCluster()
      const load = await startLoad(clientsOf(cluster.nodes), { workerCount: WRITERS })
      const node = await pick(cluster, role)
      const directory = join(cluster.dataDirectory(node), 'log')
      const paths = (await readdir(directory)).map((name) => join(directory, name))

      const trace = await failSyncs(node.program?.pid ?? 0, paths)
      const exit = await node.program?.exited
      await trace.ended
      await moreWrites(load, WRITES, { timeoutMs: WRITES_MS_MAX })

      expect(trace.injectedCount).toBeGreaterThan(0)
      expect(exit).toEqual({ code: 1, signal: null })
      expect(fatalLines(node)).toEqual([expect.stringMatching(/EIO/)])
      await cluster.restart(node)
      await moreWrites(load, WRITES, { timeoutMs: WRITES_MS_MAX })
      await load.stop()
      const { allocations } = await expectSameState(cluster)
      expectHonest(load.writes, allocations)
    },
  )
})

describe.skipIf(!canMount())('a disk that is full', () => {
  test.for(['leader', 'follower'])(
    'ends the %s, acknowledges nothing that is lost, and once there is room the node catches up',
    { timeout: TEST_MS_MAX },
    async (role, { onTestFinished, onTestFailed }) => {
      // Low it is from the start: what is tried is the end.
      const cluster = await Cluster.create({ raft: { disk_low_mib: 0 } })
      onTestFailed(() => cluster.tellLogs())
      const disks = new Map<Node, SmallDisk>()
      onTestFinished(async () => {
        await cluster.stopAll()
        for (const disk of disks.values()) await disk.unmount()
        await cluster.close()
      })
      for (const node of cluster.nodes) {
        disks.set(node, await SmallDisk.mount(cluster.dataDirectory(node), { mib: TINY_DISK_MIB }))
      }
      await cluster.startAll()
      const load = await startLoad(clientsOf(cluster.nodes), { workerCount: WRITERS })
      const node = await pick(cluster, role)

      await disks.get(node)?.fill({ leaveMib: 0 })
      const exit = await until('the node has ended', () => node.program?.exit ?? false, { timeoutMs: 60_000 })
      await moreWrites(load, WRITES, { timeoutMs: WRITES_MS_MAX })

      expect(exit).toEqual({ code: 1, signal: null })
      expect(fatalLines(node).join()).toMatch(/ENOSPC|[Nn]o space/)
      await disks.get(node)?.free()
      await cluster.restart(node)
      await moreWrites(load, WRITES, { timeoutMs: WRITES_MS_MAX })
      await load.stop()
      const { allocations } = await expectSameState(cluster)
      expectHonest(load.writes, allocations)
    },
  )
})
