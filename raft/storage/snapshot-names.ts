/** What the files of a snapshot directory are called. */
import { createHash } from 'node:crypto'
import type { LogIndex } from '../types.ts'

const COMPLETE = /^(\d{16})-[0-9a-f]{32}\.snapshot$/
const PARTIAL = /^[0-9a-f]{32}\.partial$/

/** While it is created; a crash leaves it, `open` removes it. */
export const NEW_NAME = 'new.tmp'

export function completeName(lastIndex: LogIndex, identity: string): string {
  return `${String(lastIndex).padStart(16, '0')}-${hashOf(identity)}.snapshot`
}

/** An identity comes from the network: nothing of it may reach the file system. */
export function partialName(identity: string): string {
  return `${hashOf(identity)}.partial`
}

/** @returns `null` if `name` is not that of a complete snapshot. */
export function lastIndexOf(name: string): LogIndex | null {
  const digits = COMPLETE.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

export function isPartial(name: string): boolean {
  return PARTIAL.test(name)
}

function hashOf(identity: string): string {
  return createHash('sha256').update(identity).digest('hex').slice(0, 32)
}
