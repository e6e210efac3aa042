/** Our own files, written: what an import reads back to the same rows. */
import { defuseFormula, formatCsvRecord } from './csv-writer.ts'
import { formatList, formatMap } from './ipam-cells.ts'
import {
  ALLOCATION_FIELDS,
  type AllocationRecord,
  type IpamFields,
  NETWORK_FIELDS,
  type NetworkRecord,
} from './ipam-records.ts'

export type ExportNotation = 'csv' | 'jsonl'

/** A chunk is handed on once it is above this, so that no export is ever in memory as a whole. */
const CHUNK_CHARS = 64 * 1_024

export function exportNetworks(
  records: AsyncIterable<NetworkRecord> | Iterable<NetworkRecord>,
  { notation }: { notation: ExportNotation },
): AsyncGenerator<string> {
  return joinChunks(lines(records, NETWORK_FIELDS, notation))
}

export function exportAllocations(
  records: AsyncIterable<AllocationRecord> | Iterable<AllocationRecord>,
  { notation }: { notation: ExportNotation },
): AsyncGenerator<string> {
  return joinChunks(lines(records, ALLOCATION_FIELDS, notation))
}

type FieldValue = string | number | readonly string[] | Readonly<Record<string, string>> | null

async function* lines(
  records: AsyncIterable<object> | Iterable<object>,
  fields: IpamFields,
  notation: ExportNotation,
): AsyncGenerator<string> {
  const names = Object.keys(fields)
  if (notation === 'csv') yield formatCsvRecord(names)
  for await (const record of records) {
    const values = new Map<string, FieldValue>(Object.entries(record))
    yield notation === 'csv' ? csvLine(values, names) : jsonLine(values, names)
  }
}

function csvLine(values: ReadonlyMap<string, FieldValue>, names: readonly string[]): string {
  return formatCsvRecord(names.map((name) => defuseFormula(formatCell(values.get(name) ?? null))))
}

/** In the order of the fields, and nothing else that the record may have. */
function jsonLine(values: ReadonlyMap<string, FieldValue>, names: readonly string[]): string {
  return `${JSON.stringify(Object.fromEntries(names.map((name) => [name, values.get(name) ?? null])))}\n`
}

function formatCell(value: FieldValue): string {
  if (value === null) return ''
  if (typeof value !== 'object') return String(value)
  return isList(value) ? formatList(value) : formatMap(value)
}

function isList(value: readonly string[] | Readonly<Record<string, string>>): value is readonly string[] {
  return Array.isArray(value)
}

async function* joinChunks(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = ''
  for await (const text of texts) {
    chunk += text
    if (chunk.length < CHUNK_CHARS) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}
