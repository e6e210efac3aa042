import { CorruptLogError } from '../errors.ts'

/** What an operator can do about a log or snapshot that does not read back. */
export const REMEDY =
  'remove this node from the cluster, and let it join again with an empty data directory under a new node id'

export function damage(file: string, offset: number, message: string): CorruptLogError {
  return new CorruptLogError({ file, offset, message, remedy: REMEDY })
}
