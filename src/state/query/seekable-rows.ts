import type { KeyRange } from '../key-encoding.ts'
import type { Scan, StoredRow, View } from '../view.ts'

/** To begin elsewhere costs about as much as so many rows. */
const FETCH_ROWS_MIN = 64
/** Where one row after the other is wanted. */
const FETCH_ROWS_MAX = 512

/** What one request reads. */
export interface Reading {
  readonly view: View
  readonly isReverse: boolean
  /** Rows that it may still bring; below 1 none. Who reads looks at it between two fetches. */
  left: number
}

/** The rows of one range: read on where the next one is wanted, begun anew where it is one further ahead. */
export class SeekableRows {
  readonly #reading: Reading
  readonly #range: KeyRange
  #scan: Scan | null = null
  #rows: readonly StoredRow[] = []
  #offset = 0
  #limit = FETCH_ROWS_MIN
  #isLast = false

  constructor(reading: Reading, range: KeyRange) {
    this.#reading = reading
    this.#range = range
  }

  /** The nearest that is not before `key`, in the direction of the reading; null: none is left. Who asks again asks no less far. */
  async seek(key: string): Promise<StoredRow | null> {
    for (;;) {
      const isAtEnd = this.#offset >= this.#rows.length - 1
      while (this.#isBefore(this.#rows[this.#offset], key)) this.#offset += 1
      const row = this.#rows[this.#offset]
      if (row !== undefined) return row
      if (this.#isLast) return null
      await this.#fetch(key, isAtEnd)
    }
  }

  async close(): Promise<void> {
    await this.#scan?.close()
  }

  #isBefore(row: StoredRow | undefined, key: string): boolean {
    if (row === undefined) return false
    return this.#reading.isReverse ? row[0] > key : row[0] < key
  }

  async #fetch(key: string, isNext: boolean): Promise<void> {
    const isOn = isNext && this.#scan !== null
    const scan = isOn && this.#scan !== null ? this.#scan : await this.#begin(key)
    this.#limit = isOn ? Math.min(2 * this.#limit, FETCH_ROWS_MAX) : FETCH_ROWS_MIN
    this.#rows = await scan.take(this.#limit)
    this.#offset = 0
    this.#isLast = this.#rows.length < this.#limit
    this.#reading.left -= this.#rows.length
  }

  async #begin(key: string): Promise<Scan> {
    await this.#scan?.close()
    const { view, isReverse } = this.#reading
    const { gte, lt } = this.#range
    // The lowest key after another one is that with a zero byte behind it.
    this.#scan = view.scan(isReverse ? { gte, lt: `${key}\0`, isReverse } : { gte: key, lt })
    return this.#scan
  }
}
