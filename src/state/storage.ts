import type { AbstractLevel } from 'abstract-level'

/** LevelDB, or what behaves like it; open. */
export type StateDatabase = AbstractLevel<string | Buffer | Uint8Array, string, Buffer>

/** Where the rows are kept, at most one database at a time. */
export interface StateStorage {
  /** Opens what is there, or an empty database. Keys are `utf8`, values `buffer`. */
  open(): Promise<StateDatabase>
  /** Removes everything. A crash in the middle leaves all of it or nothing; the database is closed. */
  destroy(): Promise<void>
}
