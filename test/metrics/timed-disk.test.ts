import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { DiskUsage } from '../../src/metrics/disk-usage.ts'
import { TimedDisk } from '../../src/metrics/timed-disk.ts'
import { entry, membershipOf } from '../raft/core/solo-node.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'

describe('the disk of the log', () => {
  test('a log works on it as on any other, and each append is one more sync', async () => {
    let now = 0
    const device = new MemoryDisk({
      random: () => 0,
      delay: async (kind) => {
        if (kind === 'sync') now += 2
      },
    })
    const disk = new TimedDisk(device.mount(), () => now)
    const log = new SegmentedLog({ disk, directory: 'log' })
    await log.open()
    const membership = membershipOf({ voters: [1] })
    await log.initialize({ lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 })
    await new Promise((resolve) => setImmediate(resolve))
    const before = { syncs: count(disk), bytes: disk.writtenBytes, sumMs: disk.syncs.sumMs }

    await log.append({ hardState: null, entries: [entry(1, 1), entry(2, 1)] })

    expect(count(disk)).toBe(before.syncs + 1)
    expect(disk.syncs.sumMs).toBe(before.sumMs + 2)
    expect(disk.writtenBytes).toBeGreaterThan(before.bytes)
    expect(await log.read({ first: 1, last: 2, bytesMax: 1e6 })).toHaveLength(2)
    await log.close()
  })
})

function count({ syncs }: TimedDisk): number {
  return syncs.counts.reduce((a, b) => a + b)
}

describe('the files of a node', () => {
  test('are added up by what they are', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ipam-usage-'))
    for (const name of ['log', 'state', 'snapshots']) await mkdir(join(directory, name))
    await writeFile(join(directory, 'log', '1.log'), 'abc')
    await writeFile(join(directory, 'log', '2.log'), 'de')
    await writeFile(join(directory, 'state', '000005.ldb'), 'fghi')
    await writeFile(join(directory, 'snapshots', 'a.partial'), 'j')
    await writeFile(join(directory, 'snapshots', 'b.snapshot'), 'kl')
    await utimes(join(directory, 'snapshots', 'b.snapshot'), 1_000, 1_000)

    const figures = await new DiskUsage(directory).figures()

    expect(figures).toMatchObject({
      segments: 2,
      logBytes: 5,
      stateBytes: 4,
      snapshotBytes: 3,
      snapshotTime: 1_000_000,
    })
    expect(figures?.freeBytes).toBeGreaterThan(0)
    expect(figures?.sizeBytes).toBeGreaterThanOrEqual(figures?.freeBytes ?? 0)
    await rm(directory, { recursive: true })
  })

  test('that cannot be looked at are not known, and nobody fails', async () => {
    expect(await new DiskUsage('/nowhere/at/all').figures()).toBeNull()
  })
})
