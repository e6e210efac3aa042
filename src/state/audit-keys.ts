/** Where the rows of the audit log lie, and by what they are found; see README.md. */
import { asciiOf, INDEX_DIGITS, type KeyRange, type Position, prefixRange, toHex } from './key-encoding.ts'

/** Where the audit log begins, once its start is forgotten. */
export const AUDIT_FLOOR_KEY = '!audit'

export const AUDIT = prefixRange('u')

export function auditKey(position: Position): string {
  return `u${position}`
}

export function auditRequestKey(requestId: string, position: Position): string {
  return `q${asciiOf(requestId)} ${position}`
}

export function auditsOfRequest(requestId: string): KeyRange {
  return prefixRange(`q${asciiOf(requestId)} `)
}

export function auditResourceKey(resource: string, position: Position): string {
  return `v${resource} ${position}`
}

export function auditsOfResource(resource: string): KeyRange {
  return prefixRange(`v${resource} `)
}

/** By what audit rows are looked for in blocks: `requests` are a group of request ids. */
export type AuditBlockKind = 'action' | 'user' | 'requests'

/** … of so many log indexes. */
export const AUDIT_BLOCK_INDEXES = 256

/** Says that some row of that block has the value. */
export function auditBlockKey(kind: AuditBlockKind, value: string, index: number): string {
  return `${auditBlockPrefix(kind, value)}${toHex(Math.floor(index / AUDIT_BLOCK_INDEXES))}`
}

/** The blocks with rows of the value. */
export function auditBlocks(kind: AuditBlockKind, value: string): KeyRange {
  return prefixRange(auditBlockPrefix(kind, value))
}

/** The first index of the block. */
export function parseAuditBlockKey(key: string): number {
  return Number.parseInt(key.slice(-INDEX_DIGITS), 16) * AUDIT_BLOCK_INDEXES
}

function auditBlockPrefix(kind: AuditBlockKind, value: string): string {
  return `w${kind.charAt(0)}${asciiOf(value)} `
}
