/** The formats that have a line for a row: JSON lines and hosts files. */
import { BulkSyntaxError } from './bulk-error.ts'
import type { LineFormat } from './formats.ts'
import { looksLikeHosts, readHostsLine } from './hosts.ts'
import { readAllocationObject, readNetworkObject } from './ipam-import.ts'
import { type JsonObject, parseJsonLine } from './jsonl.ts'
import { LINE_CHARS_MAX, type Line, LineReader } from './line-reader.ts'
import type { RowOutcome, RowResult } from './rows.ts'
import { ValueError } from './values.ts'

const LINE_READERS: Record<LineFormat, (line: Line) => RowOutcome | null> = {
  'ipam-networks-jsonl': (line) => readObject(line, readNetworkObject),
  'ipam-allocations-jsonl': (line) => readObject(line, readAllocationObject),
  hosts: readHosts,
}

/** JSON lines and hosts files show on their first line what they are; null for all others. */
export function detectLineFormat(first: string): LineFormat | null {
  if (looksLikeHosts(first)) return 'hosts'
  if (first.startsWith('[')) {
    throw new BulkSyntaxError('the file is a JSON list; write one object a line, as jq -c ".[]" does')
  }
  if (!first.startsWith('{')) return null
  const object = parseFirst(first)
  if ('ip' in object) return 'ipam-allocations-jsonl'
  if ('cidr' in object) return 'ipam-networks-jsonl'
  throw new BulkSyntaxError(
    `the first object has neither "cidr", as a network has, nor "ip", as an allocation has`,
  )
}

function parseFirst(first: string): object {
  try {
    return parseJsonLine({ number: 1, text: first }) ?? {}
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    throw new BulkSyntaxError(`the first line begins like JSON, and is none: ${error.message}`)
  }
}

export async function* readLines(
  chunks: AsyncGenerator<string>,
  format: LineFormat,
): AsyncGenerator<RowResult> {
  for await (const line of linesOf(chunks)) {
    const outcome = LINE_READERS[format](line)
    if (outcome !== null) yield { ...outcome, row: line.number, line: line.number }
  }
}

async function* linesOf(chunks: AsyncGenerator<string>): AsyncGenerator<Line> {
  const reader = new LineReader()
  for await (const chunk of chunks) yield* reader.push(chunk)
  yield* reader.end()
}

function readObject(line: Line, read: (object: JsonObject) => RowOutcome): RowOutcome | null {
  try {
    const object = parseJsonLine(line)
    return object === null ? null : read(object)
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    return { type: 'errors', errors: [{ field: null, message: error.message }] }
  }
}

function readHosts({ text }: Line): RowOutcome | null {
  if (text === null)
    return {
      type: 'errors',
      errors: [{ field: null, message: `the line is above ${LINE_CHARS_MAX} characters` }],
    }
  return readHostsLine(text)
}
