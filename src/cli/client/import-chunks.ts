/** The rows of a file, as the requests that make them. */
import { formatRowErrors, type Row, type RowResult } from '../../bulk/rows.ts'

export interface ChunkLimits {
  readonly rowsMax: number
  readonly bytesMax: number
}

/** Short enough for one log entry of moderate size, and for an answer within a second. */
export const CHUNK_LIMITS: ChunkLimits = { rowsMax: 500, bytesMax: 512 << 10 }
/** What one request may have at most. */
export const REQUEST_LIMITS: ChunkLimits = { rowsMax: 1_000, bytesMax: 1 << 20 }

export interface ChunkRow {
  /** Of the file, as a spreadsheet counts. */
  readonly row: number
  /** A JSON line, with its end. */
  readonly line: string
}

/** Rows of one kind. */
export interface Chunk {
  readonly kind: Row['kind']
  /** From 1. */
  readonly number: number
  readonly rows: readonly ChunkRow[]
}

/** Wrong and skipped rows are left out. The same file gives the same chunks. */
export async function* chunksOf(
  results: AsyncIterable<RowResult>,
  { rowsMax, bytesMax }: ChunkLimits,
): AsyncGenerator<Chunk> {
  let number = 1
  let kind: Row['kind'] | null = null
  let rows: ChunkRow[] = []
  let byteCount = 0
  for await (const result of results) {
    if (result.type !== 'row') continue
    const line = lineOf(result.value)
    const bytes = Buffer.byteLength(line)
    const isFull = rows.length >= rowsMax || byteCount + bytes > bytesMax || result.value.kind !== kind
    if (isFull && kind !== null && rows.length > 0) {
      yield { kind, number, rows }
      number += 1
      rows = []
      byteCount = 0
    }
    kind = result.value.kind
    rows.push({ row: result.row, line })
    byteCount += bytes
  }
  if (kind !== null && rows.length > 0) yield { kind, number, rows }
}

/** In the fields of our own export, without what the source does not say. */
function lineOf(row: Row): string {
  if (row.kind === 'network') {
    const { kind: _, ...fields } = row
    return jsonLine(fields)
  }
  const { kind: _, network, ...fields } = row
  if (network === null) return jsonLine(fields)
  return jsonLine(network.includes('/') ? { ...fields, cidr: network } : { ...fields, network_id: network })
}

function jsonLine(fields: object): string {
  const said = Object.entries(fields).filter(([, value]) => !isBlank(value))
  return `${JSON.stringify(Object.fromEntries(said))}\n`
}

function isBlank(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}

/** What can be known of a file before anything is sent. */
export interface Survey {
  readonly rowCount: number
  readonly byteCount: number
  readonly wrongCount: number
  readonly skipped: readonly { readonly row: number; readonly reason: string }[]
  readonly skippedCount: number
}

/** What is named one by one. */
const NAMED_MAX = 100

/** @param complain Gets "row 3: ip: …" of the first wrong rows. @throws {BulkSyntaxError} */
export async function surveyRows(
  results: AsyncIterable<RowResult>,
  complain: (line: string) => void,
): Promise<Survey> {
  const skipped: { row: number; reason: string }[] = []
  let rowCount = 0
  let byteCount = 0
  let wrongCount = 0
  let skippedCount = 0
  for await (const result of results) {
    if (result.type === 'row') {
      rowCount += 1
      byteCount += Buffer.byteLength(lineOf(result.value))
    } else if (result.type === 'skipped') {
      skippedCount += 1
      if (skipped.length < NAMED_MAX) skipped.push({ row: result.row, reason: result.reason })
    } else {
      wrongCount += 1
      if (wrongCount <= NAMED_MAX)
        for (const line of formatRowErrors(result.row, result.errors)) complain(line)
    }
  }
  if (wrongCount > NAMED_MAX) complain(`… and ${wrongCount - NAMED_MAX} more wrong rows`)
  return { rowCount, byteCount, wrongCount, skipped, skippedCount }
}
