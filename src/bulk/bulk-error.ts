/** Why reading a file stops. What is wrong with one row only is a result, not an error. */

export interface Place {
  /** As a spreadsheet counts: the first line of the file is row 1. */
  readonly row: number
  /** As messages name it: `"hostname"`, or a number from 1 on; null where the whole row is meant. */
  readonly column: string | null
}

export class BulkSyntaxError extends Error {
  override readonly name = 'BulkSyntaxError'
  /** Null where the file as a whole is meant. */
  readonly row: number | null

  constructor(reason: string, place: Place | null = null) {
    super(place === null ? reason : `${formatPlace(place)}: ${reason}`)
    this.row = place?.row ?? null
  }
}

function formatPlace({ row, column }: Place): string {
  return column === null ? `row ${row}` : `row ${row}, column ${column}`
}
