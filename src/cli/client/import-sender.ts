/** One chunk after the other to the API; what came of them all. */
import { type Api, RefusedError } from './api.ts'
import type { ImportBody } from './bodies.ts'
import type { Chunk, ChunkRow } from './import-chunks.ts'
import { objectOf } from './pages.ts'

export interface ImportOptions {
  readonly isDryRun: boolean
  readonly isAtomic: boolean
  readonly skipsExisting: boolean
}

export interface RowError {
  /** Of the file. */
  readonly row: number
  readonly field: string | null
  readonly message: string
}

export interface ImportTotals {
  readonly created: number
  readonly skipped: number
  readonly failed: number
  /** The first of them. */
  readonly errors: readonly RowError[]
  /** Answered for, whatever the answer. */
  readonly rowCount: number
  /** Of `rowCount`, those that an earlier run had been answered for. */
  readonly repeatedRows: number
  /** The last row of the file that is answered for. */
  readonly lastRow: number
}

const ERRORS_MAX = 1_000

export class ImportSender {
  readonly #api: Api
  readonly #options: ImportOptions
  readonly #keyStart: string
  #totals: ImportTotals = {
    created: 0,
    skipped: 0,
    failed: 0,
    errors: [],
    rowCount: 0,
    repeatedRows: 0,
    lastRow: 0,
  }

  /** @param keyStart Of the idempotency keys: the number of the chunk makes them whole. */
  constructor({ api, options, keyStart }: { api: Api; options: ImportOptions; keyStart: string }) {
    this.#api = api
    this.#options = options
    this.#keyStart = keyStart
  }

  get totals(): ImportTotals {
    return this.#totals
  }

  /** @throws {ClientError} */
  async send(chunk: Chunk): Promise<void> {
    let rows = chunk.rows
    for (let round = 1; ; round++) {
      const { body, isReplay } = await this.#post({ ...chunk, rows }, round)
      const failedRows = rowsOf(body, rows)
      // What failed in an earlier run may have been put right since: that is what this run is for.
      const goesOn = isReplay && failedRows.length > 0 && failedRows.length === body.failed
      this.#count(body, { rows, failedRows, isReplay, goesOn })
      if (!goesOn) return
      rows = failedRows
    }
  }

  async #post(
    { kind, number, rows }: Chunk,
    round: number,
  ): Promise<{ body: ImportBody; isReplay: boolean }> {
    const { isDryRun, isAtomic, skipsExisting } = this.#options
    const query = new URLSearchParams({
      format: kind === 'network' ? 'ipam-networks-jsonl' : 'ipam-allocations-jsonl',
      on_conflict: skipsExisting ? 'skip' : 'error',
      ...(isDryRun && { dry_run: 'true' }),
      ...(isAtomic && { atomic: 'true' }),
    })
    const text = rows.map(({ line }) => line).join('')
    const key = isDryRun ? null : `${this.#keyStart}.${number}${round === 1 ? '' : `.${round}`}`
    try {
      const answer = await this.#api.write('POST', `/import?${query}`, text, {
        key,
        contentType: 'application/x-ndjson',
        wayOut: null,
      })
      // What an attempt of this very run has done, and could not tell, is of no earlier one.
      const isReplay = answer.headers.get('idempotency-replayed') === 'true' && !answer.isAfterUncertain
      return { body: objectOf(answer.text), isReplay }
    } catch (error) {
      const refused = isAtomic && error instanceof RefusedError ? refusedRows(error) : null
      if (refused === null) throw error
      return { body: refused, isReplay: false }
    }
  }

  #count(
    { created, skipped, failed, errors }: ImportBody,
    {
      rows,
      failedRows,
      isReplay,
      goesOn,
    }: { rows: readonly ChunkRow[]; failedRows: readonly ChunkRow[]; isReplay: boolean; goesOn: boolean },
  ): void {
    const totals = this.#totals
    const answered = rows.length - (goesOn ? failedRows.length : 0)
    const named = errors.map((error) => rowError(error, rows))
    this.#totals = {
      created: totals.created + created,
      skipped: totals.skipped + skipped,
      failed: totals.failed + (goesOn ? 0 : failed),
      errors: goesOn ? totals.errors : [...totals.errors, ...named].slice(0, ERRORS_MAX),
      rowCount: totals.rowCount + answered,
      repeatedRows: totals.repeatedRows + (isReplay ? answered : 0),
      lastRow: Math.max(totals.lastRow, rows.at(-1)?.row ?? 0),
    }
  }
}

/** The API counts rows of the request, also in its messages. */
function rowError(
  { row, field, message }: ImportBody['errors'][number],
  rows: readonly ChunkRow[],
): RowError {
  const prefixes = [`row ${row}: `, field === null ? '' : `${field}: `]
  const reason = prefixes.reduce(
    (text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text),
    message,
  )
  return { row: rows[row - 1]?.row ?? 0, field, message: reason }
}

/** Distinct, in the order of the file. */
function rowsOf({ errors }: ImportBody, rows: readonly ChunkRow[]): readonly ChunkRow[] {
  const places = new Set(errors.map(({ row }) => row - 1))
  return rows.filter((_, place) => places.has(place))
}

/** An atomic import is refused as a whole, and names its rows as `row 1`. Null where it is refused for something else. */
function refusedRows({ details }: RefusedError): ImportBody | null {
  const errors = details.flatMap(({ field, message }) => {
    const [, row] = /^row ([0-9]+)$/.exec(field) ?? []
    return row === undefined ? [] : [{ row: Number(row), line: Number(row), field: null, message }]
  })
  if (errors.length === 0) return null
  return { format: '', dry_run: false, created: 0, skipped: 0, failed: errors.length, errors }
}
