import type { Log } from '../../raft/index.ts'

/** What parts of a node would log is told, if at all, by the command that uses them. */
export const QUIET: Log = { info: () => {}, warn: () => {}, error: () => {} }
