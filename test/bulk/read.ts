/** Reads bulk files in tests. */
import { createReadStream, readFileSync } from 'node:fs'
import { BulkSyntaxError } from '../../src/bulk/bulk-error.ts'
import { decodeUtf8 } from '../../src/bulk/decode-utf8.ts'
import type { Format } from '../../src/bulk/formats.ts'
import { readBulk } from '../../src/bulk/read-bulk.ts'
import { type AllocationRow, formatRowErrors, type NetworkRow, type RowResult } from '../../src/bulk/rows.ts'

export interface ReadFile {
  readonly format: Format
  readonly results: readonly RowResult[]
}

export async function readText(
  text: string | readonly string[],
  { format = null }: { format?: string | null } = {},
): Promise<ReadFile> {
  const reading = await readBulk(typeof text === 'string' ? [text] : text, { format })
  return { format: reading.format, results: await collect(reading.results) }
}

/** By small chunks of bytes, as a file arrives. */
export async function readFixture(name: string): Promise<ReadFile> {
  const bytes = createReadStream(`test/bulk/fixtures/${name}`, { highWaterMark: 7 })
  const reading = await readBulk(decodeUtf8(bytes), { format: null })
  return { format: reading.format, results: await collect(reading.results) }
}

export function fixtureText(name: string): string {
  return readFileSync(`test/bulk/fixtures/${name}`, 'utf8')
}

/** A result a line, as short as it can be told. */
export function summary({ results }: ReadFile): string[] {
  return results.flatMap((result) => {
    if (result.type === 'row') return [`row ${result.row}: ${nameOf(result.value)}`]
    if (result.type === 'skipped') return [`row ${result.row}: skipped: ${result.reason}`]
    return formatRowErrors(result.row, result.errors)
  })
}

/** Every row, without the rows that are none. */
export function valuesOf({ results }: ReadFile): readonly (NetworkRow | AllocationRow)[] {
  return results.flatMap((result) => (result.type === 'row' ? [result.value] : []))
}

/** The message with which reading stops. */
export async function errorOf(reading: Promise<unknown>): Promise<string> {
  try {
    await reading
  } catch (error) {
    if (error instanceof BulkSyntaxError) return error.message
    throw error
  }
  throw new Error('it was read to its end')
}

export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

function nameOf(row: NetworkRow | AllocationRow): string {
  return row.kind === 'network' ? row.cidr : row.ip
}
