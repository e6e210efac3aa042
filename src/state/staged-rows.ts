/** What one entry writes, until it is over: rows and memory, all of which can be taken back. */
import { assert } from '../../raft/assert.ts'
import type { Outcome } from '../ipam/outcome.ts'
import type { Overlay, Row } from './overlay.ts'
import type { RangeChange } from './range-journal.ts'
import type { StateDatabase } from './storage.ts'

export class StagedRows {
  readonly #database: StateDatabase
  readonly #overlay: Overlay
  /** A new one for each entry: in V8 a map that was cleared keeps its new table alive, with all its rows, until a full collection. */
  #rows = new Map<string, Row>()
  readonly #changes: RangeChange[] = []
  /** What takes back the changes since the entry began, newest last; a key stands for a row that was not staged before. */
  readonly #undo: (string | (() => void))[] = []

  constructor(options: { database: StateDatabase; overlay: Overlay }) {
    this.#database = options.database
    this.#overlay = options.overlay
  }

  get(key: string): Buffer | null {
    const staged = this.#rows.get(key)
    if (staged !== undefined) return staged
    const row = this.#overlay.get(key)
    return row === undefined ? (this.#database.getSync(key) ?? null) : row
  }

  existing(key: string): Buffer {
    const row = this.get(key)
    assert(row !== null, 'no row {}', key)
    return row
  }

  /** @param row Null deletes it. */
  put(key: string, row: Row): void {
    const before = this.#rows.get(key)
    this.#undo.push(before === undefined ? key : () => this.#rows.set(key, before))
    this.#rows.set(key, row)
  }

  /** What the rows mean for addresses and expiries in memory. */
  noteChange(change: RangeChange): void {
    this.#changes.push(change)
    this.#undo.push(() => this.#changes.pop())
  }

  /** Memory has changed with the rows. */
  undoLater(undo: () => void): void {
    this.#undo.push(undo)
  }

  /** Takes back what `change` did if it refuses. */
  attempt(change: () => Outcome): Outcome {
    const mark = this.#undo.length
    const outcome = change()
    if (!outcome.ok) this.#takeBack(mark)
    return outcome
  }

  /** What the entry has written stays, in the order in which it was written first. */
  endEntry(): void {
    for (const [key, row] of this.#rows) this.#overlay.put(key, row)
    for (const change of this.#changes) this.#overlay.noteChange(change)
    this.#rows = new Map()
    this.#changes.length = 0
    this.#undo.length = 0
  }

  #takeBack(mark: number): void {
    while (this.#undo.length > mark) {
      const undo = this.#undo.pop()
      if (typeof undo === 'string') this.#rows.delete(undo)
      else undo?.()
    }
  }
}
