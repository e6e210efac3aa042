import { describe, expect, test } from 'vitest'
import { CorruptLogError } from '../../../raft/errors.ts'
import { writeBatch } from '../../../raft/storage/batch.ts'
import { segmentPath } from '../../../raft/storage/segment.ts'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import { entriesFrom, entryAt, metaAt } from '../../contract/log-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { apply, carryOut, checkAgainst, EMPTY, type Model, prng, type Work } from './log-model.ts'

const SEGMENT_BYTES = 2560
const SECTOR_BYTES = 512
const SEGMENT_1 = 'log/0000000000000001.log'

function openLog(device: MemoryDisk): SegmentedLog {
  return new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: SEGMENT_BYTES })
}

async function written(works: readonly Work[]): Promise<{ device: MemoryDisk; model: Model }> {
  const device = new MemoryDisk({ random: prng(1) })
  const log = openLog(device)
  await log.open()
  for (const work of works) await carryOut(log, work)
  await log.close()
  return { device, model: works.reduce(apply, EMPTY) }
}

/** The first segment takes four appends, and each after it too. */
function appends(count: number): Work[] {
  const works: Work[] = [{ type: 'initialize', base: metaAt(0) }]
  for (let first = 1; first <= count * 5; first += 5) {
    const hardState = { currentTerm: first, votedFor: 1 }
    works.push({ type: 'append', batch: { hardState, entries: entriesFrom(first, first + 4) } })
  }
  return works
}

/** Three segments with batches, the last one not full, and a spare one. */
function threeSegments(): Promise<{ device: MemoryDisk; model: Model }> {
  const works = appends(9)
  // Zeros in whole sectors, within a batch: they were written, and look as if they were not.
  const zeros = entryAt(46, { text: '\0'.repeat(SECTOR_BYTES * 2) })
  works.push({ type: 'append', batch: { hardState: null, entries: [zeros] } })
  return written(works)
}

/** The part of each file that says something: all but the unused end of the newest segment and the spare one. */
function meaningful(device: MemoryDisk): { path: string; bytes: Buffer; end: number; isNewest: boolean }[] {
  const files = [...device.contents()].filter(([, bytes]) => !bytes.equals(Buffer.alloc(bytes.length)))
  return files.map(([path, bytes], i) => {
    const isNewest = i === files.length - 1
    const sectors = Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / SECTOR_BYTES)
    return { path, bytes, isNewest, end: isNewest ? sectors * SECTOR_BYTES : bytes.length }
  })
}

async function openError(device: MemoryDisk): Promise<unknown> {
  const log = openLog(device)
  return log.open().then(
    () => log.close().then(() => null),
    (error: unknown) => error,
  )
}

describe('a log whose durable part has changed on disk (bugs 36, 37)', () => {
  test('is refused whatever byte it is, in any batch, the last one too', async () => {
    const { device, model } = await threeSegments()
    const files = meaningful(device)
    expect(files.length).toBeGreaterThanOrEqual(3)
    const before = device.contents()

    for (const { path, end, isNewest } of files) {
      for (let offset = 0; offset < end; offset += isNewest ? 3 : 13) {
        const bit = (offset * 5) % 8
        device.flipBit(path, offset, bit)
        const error = await openError(device)
        if (!(error instanceof CorruptLogError))
          throw new Error(`${path}, byte ${offset}, bit ${bit}: accepted`)
        device.flipBit(path, offset, bit)
      }
    }

    expect([...device.contents()].map(([path]) => path)).toEqual([...before.keys()])
    const log = openLog(device)
    await checkAgainst(model, log, await log.open())
  })

  test('says which segment, where, and what to do', async () => {
    const { device } = await threeSegments()
    device.flipBit(SEGMENT_1, 600, 0)

    const error = await openError(device)

    expect(error).toMatchObject({ file: SEGMENT_1, code: 'RAFT_CORRUPT_LOG', offset: SECTOR_BYTES })
    expect(String(error)).toContain('join again with an empty data directory under a new node id')
  })

  test('loses nothing to a bit that flips where nothing was written yet', async () => {
    const { device, model } = await threeSegments()
    const newest = meaningful(device).find(({ isNewest }) => isNewest)
    if (newest === undefined) throw new Error('there is no newest segment')
    for (let offset = newest.end; offset < newest.bytes.length; offset += 97) {
      device.flipBit(newest.path, offset, 3)
      const log = openLog(device)
      const recovered = await log.open().catch((error: unknown) => {
        expect(error).toBeInstanceOf(CorruptLogError)
        device.flipBit(newest.path, offset, 3)
      })
      if (recovered) await checkAgainst(model, log, recovered)
      await log.close()
    }
  })

  test('is refused for a sector that reads as zeros in any batch but the last', async () => {
    const { device } = await threeSegments()
    for (const { path, bytes, end, isNewest } of meaningful(device)) {
      // The last batch is the one with three sectors.
      const limit = isNewest ? end - 3 * SECTOR_BYTES : end
      for (let offset = 0; offset < limit; offset += SECTOR_BYTES) {
        const sector = Buffer.from(bytes.subarray(offset, offset + SECTOR_BYTES))
        if (sector.equals(Buffer.alloc(SECTOR_BYTES))) continue
        device.overwrite(path, offset, Buffer.alloc(SECTOR_BYTES))
        expect(await openError(device), `${path} at ${offset}`).toBeInstanceOf(CorruptLogError)
        device.overwrite(path, offset, sector)
      }
    }
  })

  test('is refused when a batch between two others reads as zeros', async () => {
    const { device } = await written(appends(7))
    device.overwrite(segmentPath('log', 2), 2 * SECTOR_BYTES, Buffer.alloc(SECTOR_BYTES))
    expect(String(await openError(device))).toContain('a batch is missing before the one at offset 1536')
  })

  test.each([
    { sector: 1, expected: 'a batch is missing before the one at offset 1536' },
    { sector: 2, expected: 'a damaged batch is followed by a later one' },
  ])(
    'is refused when sector $sector, of a batch before the last one, reads as zeros',
    async ({ sector, expected }) => {
      const large = entryAt(1, { text: 'x'.repeat(600) })
      const { device } = await written([
        { type: 'initialize', base: metaAt(0) },
        { type: 'append', batch: { hardState: null, entries: [large] } },
        { type: 'append', batch: { hardState: null, entries: [entryAt(2)] } },
      ])
      device.overwrite(SEGMENT_1, sector * SECTOR_BYTES, Buffer.alloc(SECTOR_BYTES))
      expect(String(await openError(device))).toContain(expected)
    },
  )

  test('is cut where a sector of the last batch reads as zeros: a torn write looks the same', async () => {
    const { device, model } = await threeSegments()
    const newest = meaningful(device).find(({ isNewest }) => isNewest)
    if (newest === undefined) throw new Error('there is no newest segment')
    device.overwrite(newest.path, newest.end - SECTOR_BYTES, Buffer.alloc(SECTOR_BYTES))

    const log = openLog(device)
    const recovered = await log.open()

    expect(recovered.tornBytes).toBeGreaterThan(0)
    await checkAgainst({ ...model, entries: model.entries.slice(0, -1) }, log, recovered)
  })

  test.each([0, 1, 2])('is refused when segment %i of three is missing', async (position) => {
    const { device } = await threeSegments()
    device.lose(meaningful(device)[position]?.path ?? '')
    expect(await openError(device)).toBeInstanceOf(CorruptLogError)
  })

  test('is refused when a segment has another one’s name', async () => {
    const { device } = await threeSegments()
    const [first, second] = meaningful(device)
    if (first === undefined || second === undefined) throw new Error('there are no two segments')
    device.overwrite(first.path, 0, second.bytes)
    device.overwrite(second.path, 0, first.bytes)
    expect(await openError(device)).toBeInstanceOf(CorruptLogError)
  })

  test('is refused after an earlier image of its newest segment was put back', async () => {
    const { device } = await written([{ type: 'initialize', base: metaAt(0) }])
    const log = openLog(device)
    await log.open()
    await log.append({ hardState: null, entries: [entryAt(1)] })
    const early =
      device
        .contents()
        .get(SEGMENT_1)
        ?.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES) ?? Buffer.alloc(0)
    await log.append({ hardState: null, entries: [entryAt(2)] })
    await log.close()

    device.overwrite(SEGMENT_1, 2 * SECTOR_BYTES, early)

    expect(String(await openError(device))).toContain('does not follow on the one before')
  })

  test('is found out by a read, if it changed since the log was opened', async () => {
    const { device } = await threeSegments()
    const log = openLog(device)
    await log.open()
    device.flipBit(SEGMENT_1, 600, 0)

    await expect(log.read({ first: 1, last: 5, bytesMax: Infinity })).rejects.toThrow(CorruptLogError)
    await expect(log.read({ first: 41, last: 46, bytesMax: Infinity })).resolves.toHaveLength(6)
    await log.close()
  })
})

describe('a torn write', () => {
  test('that holds what looks like a later batch is still cut', async () => {
    // As a client could make it: the first record of some batch far ahead, where a sector begins.
    const image = Buffer.alloc(SECTOR_BYTES)
    const nothing = { segment: null, base: null, hardState: null, entries: [] }
    writeBatch(image, nothing, { sequence: 99, previousCrc: 0 }, { salt: 0, entryOffsets: [] })
    async function torn(shift: number): Promise<{ device: MemoryDisk; model: Model; path: string }> {
      const { device, model } = await threeSegments()
      const log = openLog(device)
      await log.open()
      const payload = Buffer.concat([Buffer.from('here!'), Buffer.alloc(shift), image, image])
      await log.append({ hardState: null, entries: [{ ...entryAt(47), payload }] })
      await log.close()
      const path = meaningful(device).at(-1)?.path ?? ''
      return { device, model, path }
    }
    const probe = await torn(0)
    const at = (probe.device.contents().get(probe.path)?.indexOf('here!') ?? 0) + 'here!'.length
    const { device, model, path } = await torn(SECTOR_BYTES - (at % SECTOR_BYTES))
    expect(device.contents().get(path)?.indexOf(image.subarray(0, 29))).toSatisfy(
      (found) => found % SECTOR_BYTES === 0,
    )
    device.overwrite(path, 0, Buffer.alloc(SECTOR_BYTES))

    const log = openLog(device)

    await expect(log.open()).rejects.toThrow('the segment is empty, but a later one exists')
    device.lose(segmentPath('log', 5))
    const again = openLog(device)
    await checkAgainst(model, again, await again.open())
  })

  test('of a batch that needed a segment of its own is cut', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const device = new MemoryDisk({ random: prng(seed) })
      const log = openLog(device)
      await log.open()
      await log.initialize(metaAt(0))
      const large = entryAt(1, { text: 'x'.repeat(SEGMENT_BYTES + (seed % 3) * SECTOR_BYTES) })
      device.failAt(device.operations + 1 + (seed % 12), 'crash')
      const outcome = await log.append({ hardState: null, entries: [large] }).then(
        () => 'durable',
        () => 'unknown',
      )
      device.clearFaults()
      device.crash('random')

      const again = openLog(device)
      const recovered = await again.open()

      if (outcome === 'durable') expect(recovered.lastIndex).toBe(1)
      if (recovered.lastIndex === 1) {
        expect(await again.read({ first: 1, last: 1, bytesMax: 1 })).toHaveLength(1)
      }
      await again.close()
    }
  })
})
