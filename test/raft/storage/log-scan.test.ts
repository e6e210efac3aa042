import { describe, expect, test } from 'vitest'
import type { BatchContent } from '../../../raft/storage/batch.ts'
import { recordsOf } from '../../../raft/storage/log-records.ts'
import { LogScan } from '../../../raft/storage/log-scan.ts'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../../raft/storage/snapshot-files.ts'
import { encodeMeta } from '../../../raft/storage/snapshot-meta.ts'
import { scanSnapshots } from '../../../raft/storage/snapshot-scan.ts'
import type { Entry } from '../../../raft/types.ts'
import { entriesFrom, entryAt, metaAt } from '../../contract/log-store.ts'
import { chunksOf } from '../../contract/snapshot-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { carryOut, comparable, prng, readAll, WorkSource } from './log-model.ts'
import { writeAfterLast } from './senseless-batch.ts'

const SEGMENT_BYTES = 4096
const SECTOR_BYTES = 512
const SEGMENT_1 = 'log/0000000000000001.log'

function openLog(device: MemoryDisk): SegmentedLog {
  return new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: SEGMENT_BYTES })
}

/** As a node would have left it after `count` pieces of random work, cut off by a power failure or not. */
async function randomLog(seed: number, count: number): Promise<MemoryDisk> {
  const device = new MemoryDisk({ random: prng(seed) })
  const log = openLog(device)
  const work = new WorkSource(prng(seed + 1))
  await log.open()
  for (let i = 0; i < count; i++) await carryOut(log, work.next())
  if (seed % 2 === 0) {
    await log.close()
    return device
  }
  const cutOff = carryOut(log, work.next())
  device.crash('random')
  await cutOff.catch(() => {})
  return device
}

async function scanned(device: MemoryDisk): Promise<LogScan> {
  return LogScan.read(device.mount(), 'log')
}

async function entriesOf(scan: LogScan, first = 1, last = Infinity): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of scan.entries({ first, last })) entries.push(entry)
  return entries
}

/** Two segments of batches with five entries each, and a spare one. */
async function twoSegments(): Promise<MemoryDisk> {
  const device = new MemoryDisk({ random: prng(1) })
  const log = openLog(device)
  await log.open()
  await log.initialize(metaAt(0))
  for (let first = 1; first <= 50; first += 5) {
    await log.append({
      hardState: { currentTerm: first, votedFor: 2 },
      entries: entriesFrom(first, first + 4),
    })
  }
  await log.close()
  return device
}

describe('a scan of a log', () => {
  test('says of any log what opening it and reading it says, and changes nothing', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const device = await randomLog(seed, 5 + (seed % 40))
      const before = device.contents()
      const operations = device.operations

      const scan = await scanned(device)
      const entries = await entriesOf(scan)

      expect(scan.damage).toBeNull()
      expect(device.operations).toBe(operations)
      expect([...device.contents()].flat().every((part, i) => sameBytes(part, [...before].flat()[i]))).toBe(
        true,
      )
      const { log } = scan
      await scan.close()
      const store = openLog(device)
      const recovered = await store.open()
      expect(JSON.stringify(log)).toBe(JSON.stringify(recovered))
      const read = await readAll(store, (recovered.base?.lastIndex ?? 0) + 1, recovered.lastIndex)
      expect(JSON.stringify(entries.map(comparable))).toBe(JSON.stringify(read.map(comparable)))
      await store.close()
    }
  })

  test('gives a range of entries, as far as there are any', async () => {
    const scan = await scanned(await twoSegments())

    expect((await entriesOf(scan, 34, 37)).map(({ index }) => index)).toEqual([34, 35, 36, 37])
    expect((await entriesOf(scan, 49, 60)).map(({ index }) => index)).toEqual([49, 50])
    expect(await entriesOf(scan, 51)).toEqual([])
  })

  test('stops at damage, and says what comes before it', async () => {
    const device = await twoSegments()
    device.flipBit(SEGMENT_1, 3 * SECTOR_BYTES + 40, 2)

    const scan = await scanned(device)

    expect(scan.damage).toMatchObject({ file: SEGMENT_1, offset: 3 * SECTOR_BYTES })
    expect(scan.damage?.reason).toBe('a damaged batch is followed by a later one')
    expect(scan.segments.map(({ batchCount }) => batchCount)).toEqual([3])
    expect(scan.unread).toEqual([2, 3])
    expect((await entriesOf(scan)).map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test.each<{ why: string; part: Partial<BatchContent>; reason: string }>([
    {
      why: 'an entry is missing after others that replace some',
      part: {
        hardState: { currentTerm: 99, votedFor: 3 },
        entries: [...entriesFrom(47, 49, 99), ...entriesFrom(51, 51, 99)],
      },
      reason: 'entry 51 follows 49',
    },
    {
      why: 'an entry is before the base',
      part: {
        base: { type: 'base', meta: encodeMeta(metaAt(50)) },
        hardState: { currentTerm: 99, votedFor: 3 },
        entries: entriesFrom(50, 50),
      },
      reason: 'entry 50 is before the base',
    },
    {
      why: 'an entry does not follow on the base that empties the log',
      part: { base: { type: 'reset', meta: encodeMeta(metaAt(20)) }, entries: entriesFrom(51, 51) },
      reason: 'entry 51 follows 20',
    },
    {
      why: 'a membership entry cannot be read',
      part: {
        hardState: { currentTerm: 99, votedFor: 3 },
        entries: [...entriesFrom(51, 51), { ...entryAt(52), type: 'membership', time: Number.NaN }],
      },
      reason: 'a membership entry that cannot be read',
    },
    {
      why: 'a base cannot be read',
      part: { base: { type: 'reset', meta: Buffer.from('{}') } },
      reason: 'a base that cannot be read',
    },
    {
      why: 'it is of another segment',
      part: { segment: { number: 9, sizeBytes: SEGMENT_BYTES, lastIndex: 50 }, entries: entriesFrom(51, 51) },
      reason: 'this is segment 9 under another name',
    },
  ])(
    'takes nothing of a batch that makes no sense, though its checksums are right: $why',
    async ({ part, reason }) => {
      const device = await twoSegments()
      const before = await scanned(device)
      const entries = (await entriesOf(before)).map(comparable)
      const { path } = await writeAfterLast(device.mount(), 'log', part)

      const scan = await scanned(device)

      expect(scan.damage).toMatchObject({ file: path, reason })
      expect(scan.log).toEqual(before.log)
      expect(scan.chain).toEqual(before.chain)
      expect(scan.segments.map(({ batchCount }) => batchCount)).toEqual(
        before.segments.slice(0, scan.segments.length).map(({ batchCount }) => batchCount),
      )
      expect(scan.begun.map((segment) => scan.termsIn(segment))).toEqual(
        before.begun.map((segment) => before.termsIn(segment)),
      )
      expect((await entriesOf(scan)).map(comparable)).toEqual(entries)
    },
  )

  test('tells what a crash left of the last write', async () => {
    const device = await twoSegments()
    const last = (await scanned(device)).lastBatch
    if (last === null) throw new Error('there is no batch')
    device.overwrite(last.segment.path, last.offset + SECTOR_BYTES - 1, Uint8Array.of(0))

    const scan = await scanned(device)

    expect(scan.damage).toBeNull()
    expect(scan.tornBytes).toBe(SECTOR_BYTES)
    expect(scan.log.lastIndex).toBe(45)
  })
})

describe('the records of a log', () => {
  test('are all there, those of replaced entries too', async () => {
    const device = new MemoryDisk({ random: prng(1) })
    const log = openLog(device)
    await log.open()
    await log.initialize(metaAt(0))
    await log.append({ hardState: { currentTerm: 1, votedFor: 3 }, entries: entriesFrom(1, 3) })
    await log.append({ hardState: { currentTerm: 2, votedFor: null }, entries: entriesFrom(2, 2, 2) })
    await log.close()
    const records: string[] = []

    const scan = await LogScan.read(device.mount(), 'log', async ({ source, batches }) => {
      for (const batch of batches) {
        for (const { offset, record } of recordsOf(source, batch)) {
          const what =
            record.type === 'entry' ? `entry ${record.entry.index} of ${record.entry.term}` : record.type
          if (record.type !== 'end') records.push(`${Math.floor(offset / SECTOR_BYTES)}: ${what}`)
        }
      }
    })

    expect(records).toEqual([
      ...['0: begin', '0: segment', '0: reset', '0: hardState'],
      ...['1: begin', '1: hardState', '1: entry 1 of 1', '1: entry 2 of 1', '1: entry 3 of 1'],
      ...['2: begin', '2: hardState', '2: entry 2 of 2'],
    ])
    expect(scan.log.lastIndex).toBe(2)
  })
})

describe('a scan of snapshots', () => {
  async function stored(): Promise<{ device: MemoryDisk; name: string }> {
    const device = new MemoryDisk({ random: prng(1) })
    const files = new SnapshotFiles({ disk: device.mount(), directory: 'snapshots' })
    await files.open()
    await (await files.create(metaAt(7), chunksOf('some', 'rows'.repeat(200)))).close()
    return { device, name: [...device.contents().keys()][0]?.split('/')[1] ?? '' }
  }

  async function scan(device: MemoryDisk) {
    const scans = []
    for await (const snapshot of scanSnapshots(device.mount(), 'snapshots')) scans.push(snapshot)
    return scans
  }

  test('reads every byte of it', async () => {
    const { device, name } = await stored()
    const sizeBytes = device.contents().get(`snapshots/${name}`)?.length ?? 0
    expect(await scan(device)).toMatchObject([
      { name, kind: 'complete', sizeBytes, intactBytes: sizeBytes, damage: null, meta: { lastIndex: 7 } },
    ])

    for (let offset = 0; offset < sizeBytes; offset += 7) {
      device.flipBit(`snapshots/${name}`, offset, offset % 8)
      const [found] = await scan(device)
      expect(found?.damage, `byte ${offset}`).not.toBeNull()
      device.flipBit(`snapshots/${name}`, offset, offset % 8)
    }
  })

  test('takes one that is still on its way in for what it is', async () => {
    const { device, name } = await stored()
    const bytes = device.contents().get(`snapshots/${name}`) ?? Buffer.alloc(0)
    const disk = device.mount()
    const partial = await disk.open(`snapshots/${'0'.repeat(32)}.partial`, { create: true })
    partial?.write(0, bytes.subarray(0, bytes.length - 100))

    const [found] = await scan(device)

    expect(found).toMatchObject({ kind: 'partial', sizeBytes: bytes.length - 100, damage: null })
    expect(found?.intactBytes).toBeGreaterThan(0)
  })
})

function sameBytes(a: string | Buffer | undefined, b: string | Buffer | undefined): boolean {
  return a instanceof Buffer && b instanceof Buffer ? a.equals(b) : a === b
}
