/** A file as a stream of rows: finds out the format, and reads one chunk at a time. */
import { nearest } from '../nearest.ts'
import { show } from '../show.ts'
import { BulkSyntaxError } from './bulk-error.ts'
import { FORMATS, type Format, isLineFormat } from './formats.ts'
import { LINE_CHARS_MAX, type Line, LineReader } from './line-reader.ts'
import { openCsv } from './read-csv.ts'
import { detectLineFormat, readLines } from './read-lines.ts'
import type { RowResult } from './rows.ts'

export interface BulkReading {
  /** As asked for, or as detected. */
  readonly format: Format
  /** To be read once. Throws `BulkSyntaxError` where the rest of the file cannot be read. */
  readonly results: AsyncGenerator<RowResult>
}

/**
 * @param chunks The text, cut anywhere but within a character (`decodeUtf8`). Each chunk should be small: its rows are in memory together.
 * @param format Null: detected from the first line.
 * @throws {BulkSyntaxError} also when the format is unknown, or the header is not its.
 */
export async function readBulk(
  chunks: AsyncIterable<string> | Iterable<string>,
  { format }: { format: string | null },
): Promise<BulkReading> {
  const asked = format === null ? null : checkFormat(format)
  const { first, rest } = await takeFirstLine(chunks)
  const lineFormat = asked === null ? detectLineFormat(first) : isLineFormat(asked) ? asked : null
  if (lineFormat !== null) return { format: lineFormat, results: readLines(rest, lineFormat) }
  return openCsv(rest, asked)
}

function checkFormat(name: string): Format {
  const format = FORMATS.find((known) => known === name)
  if (format !== undefined) return format
  const meant = nearest(name, FORMATS)
  const wayOut = meant !== null ? `did you mean ${meant}?` : `known are ${FORMATS.join(', ')}`
  throw new BulkSyntaxError(`unknown format ${show(name)}; ${wayOut}`)
}

interface Start {
  /** The first line that is neither empty nor a comment, without spaces around it; empty where there is none, or it is too long. */
  readonly first: string
  /** All of the text. */
  readonly rest: AsyncGenerator<string>
}

/** Comments may be long, and have to end somewhere. */
const HEAD_CHARS_MAX = 16 * LINE_CHARS_MAX

async function takeFirstLine(chunks: AsyncIterable<string> | Iterable<string>): Promise<Start> {
  const iterator = iterate(chunks)
  const lines = new LineReader()
  const head: string[] = []
  let headChars = 0
  let first: string | null = null
  while (first === null && headChars <= HEAD_CHARS_MAX) {
    const { done, value } = await iterator.next()
    if (!done) head.push(value)
    headChars += done ? 0 : value.length
    first = firstOf(done ? lines.end() : lines.push(value))
    if (done) break
  }
  return { first: first ?? '', rest: replay(head, iterator) }
}

function firstOf(lines: readonly Line[]): string | null {
  for (const { text } of lines) {
    if (text === null) return ''
    const trimmed = text.trim()
    if (trimmed !== '' && !trimmed.startsWith('#')) return trimmed
  }
  return null
}

async function* iterate(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string, void> {
  yield* chunks
}

async function* replay(head: readonly string[], rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    yield* head
    yield* rest
  } finally {
    // Whoever stops in the middle of the head stops the source too.
    await rest.return(undefined)
  }
}
