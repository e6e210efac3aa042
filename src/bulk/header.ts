/** The columns of a CSV file, by name. */
import { cut } from '../show.ts'
import type { Found } from './build-row.ts'
import { BulkSyntaxError } from './bulk-error.ts'

export interface Column {
  /** As the file writes it. */
  readonly label: string
  /** Folded: what formats call it. */
  readonly name: string
  readonly index: number
}

/** Lower case; whatever is neither letter nor digit is one `_`: "NAT (Inside)" is `nat_inside`. */
export function fold(label: string): string {
  return label
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .replaceAll(/^_|_$/g, '')
}

export class Header {
  readonly row: number
  readonly labels: readonly string[]
  readonly columns: readonly Column[]

  /** @throws {BulkSyntaxError} where two columns have one name. Columns without a name are none. */
  constructor({ row, fields }: { row: number; fields: readonly string[] }) {
    this.row = row
    this.labels = fields.map((field) => field.trim())
    this.columns = this.labels
      .map((label, index) => ({ label, name: fold(label), index }))
      .filter(({ label }) => label !== '')
    this.#checkDistinct()
  }

  has(name: string): boolean {
    return this.column(name) !== null
  }

  /** The first of these names that is there. */
  column(...names: string[]): Column | null {
    for (const name of names) {
      const column = this.columns.find((candidate) => candidate.name === name)
      if (column !== undefined) return column
    }
    return null
  }

  /** What is wrong with the number of fields of a row, or null. Empty ones too many, which spreadsheets add, are none. */
  countMistake(fields: readonly string[]): string | null {
    const surplus = fields.slice(this.labels.length).filter((field) => field !== '')
    if (fields.length >= this.labels.length && surplus.length === 0) return null
    return `has ${fields.length} fields where the header has ${this.labels.length}`
  }

  /** The number of a column that has a value here and no name above, from 1, or null. */
  namelessValue(fields: readonly string[]): number | null {
    const index = fields.findIndex((field, i) => field !== '' && this.labels[i] === '')
    return index < 0 ? null : index + 1
  }

  #checkDistinct(): void {
    const seen = new Map<string, string>()
    for (const { label, name } of this.columns) {
      const other = seen.get(name)
      if (other !== undefined) {
        const names =
          other === label ? `is there twice` : `is there twice, also as ${JSON.stringify(cut(other))}`
        throw new BulkSyntaxError(`column ${JSON.stringify(cut(label))} ${names}`, {
          row: this.row,
          column: null,
        })
      }
      seen.set(name, label)
    }
  }
}

/** The value in a column, without spaces around it; empty where there is no such column. */
export function foundIn(fields: readonly string[], column: Column | null, field: string): Found<string> {
  if (column === null) return { field, value: '' }
  return { field: column.label, value: (fields[column.index] ?? '').trim() }
}
