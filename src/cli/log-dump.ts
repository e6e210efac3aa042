/** `ipam log dump`: what a log holds, line by line, with one segment of it in memory at a time. */
import type { CorruptLogError } from '../../raft/errors.ts'
import type { Disk } from '../../raft/ports.ts'
import { type LocatedRecord, type LogRecord, recordsOf } from '../../raft/storage/log-records.ts'
import { LogScan } from '../../raft/storage/log-scan.ts'
import { entryFields, entryText, printable, timeText } from './log-entry.ts'

/** Lines leave in pieces of about this much. */
const PIECE_CHARS = 64 * 1024

/** Both included. */
export interface IndexRange {
  readonly first: number
  readonly last: number
}

export interface DumpOptions {
  /** Of entries; other records are always shown. */
  readonly range: IndexRange
  readonly isJson: boolean
  write(text: string): Promise<void>
}

/** What was not shown. */
export interface DumpEnd {
  readonly damage: CorruptLogError | null
  readonly tornBytes: number
}

type ReadableDisk = Pick<Disk, 'list' | 'open'>

/** The entries that a node would start with: those after the base that no later one has replaced. */
export async function dumpLog(
  disk: ReadableDisk,
  directory: string,
  { range, isJson, write }: DumpOptions,
): Promise<DumpEnd> {
  const scan = await LogScan.read(disk, directory)
  try {
    const lines = new Lines(write)
    for await (const entry of scan.entries(range)) {
      await lines.add(isJson ? printable(entryFields(entry)) : entryText(entry))
    }
    await lines.flush()
    return { damage: scan.damage, tornBytes: scan.tornBytes }
  } finally {
    await scan.close()
  }
}

/** Every record of every intact batch in the order of the files, also of entries that were replaced or compacted. */
export async function dumpRecords(
  disk: ReadableDisk,
  directory: string,
  { range, isJson, write }: DumpOptions,
): Promise<DumpEnd> {
  const lines = new Lines(write)
  const scan = await LogScan.read(disk, directory, async ({ path, source, batches }) => {
    for (const batch of batches) {
      for (const located of recordsOf(source, batch)) {
        if (!isWithin(located.record, range)) continue
        await lines.add(isJson ? printable(recordFields(path, located)) : recordText(path, located))
      }
    }
  })
  await scan.close()
  await lines.flush()
  return { damage: scan.damage, tornBytes: scan.tornBytes }
}

function isWithin(record: LogRecord, { first, last }: IndexRange): boolean {
  return record.type !== 'entry' || (record.entry.index >= first && record.entry.index <= last)
}

function recordFields(file: string, { offset, bytes, record }: LocatedRecord): object {
  return { file, offset, record_bytes: bytes, record: record.type, ...contentOf(record) }
}

function recordText(file: string, located: LocatedRecord): string {
  const { offset, record } = located
  const content =
    record.type === 'entry' ? entryText(record.entry) : printable(contentOf(record)).replace(/^\{\}$/, '')
  return `${file}:${offset} ${record.type} ${content}`.trimEnd()
}

function contentOf(record: LogRecord): object {
  switch (record.type) {
    case 'begin':
      return { sequence: record.sequence, batch_bytes: record.batchBytes }
    case 'segment':
      return { number: record.number, file_bytes: record.sizeBytes, last_index: record.lastIndex }
    case 'base':
    case 'reset': {
      const { lastIndex, lastTerm, lastTime, membership, membershipIndex } = record.meta
      const point = { last_index: lastIndex, last_term: lastTerm, last_time: timeText(lastTime) }
      return { ...point, membership, membership_index: membershipIndex }
    }
    case 'hardState':
      return { term: record.hardState.currentTerm, vote: record.hardState.votedFor }
    case 'entry':
      return entryFields(record.entry)
    case 'unknown':
      return { hex: record.body.subarray(0, 32).toString('hex') }
    case 'end':
      return {}
  }
}

class Lines {
  readonly #write: (text: string) => Promise<void>
  #piece = ''

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write
  }

  async add(line: string): Promise<void> {
    this.#piece += `${line}\n`
    if (this.#piece.length >= PIECE_CHARS) await this.flush()
  }

  async flush(): Promise<void> {
    const piece = this.#piece
    this.#piece = ''
    if (piece !== '') await this.#write(piece)
  }
}
