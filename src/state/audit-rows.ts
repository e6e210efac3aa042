/** The audit log: one row a change, in the order of the log, and what finds it by resource, request, action and user. */
import type { AuditAction } from '../ipam/records.ts'
import { groupOfRequestId } from '../ipam/request-groups.ts'
import type { AuditDraft } from '../ipam/store.ts'
import {
  AUDIT_BLOCK_INDEXES,
  AUDIT_FLOOR_KEY,
  type AuditBlockKind,
  auditBlockKey,
  auditKey,
  auditRequestKey,
  auditResourceKey,
} from './audit-keys.ts'
import { type Position, positionOf } from './key-encoding.ts'
import { decodeAudit, encodeAudit } from './record-codec.ts'
import { type AuditFloor, decodeAuditFloor, EMPTY_ROW, encodeAuditFloor } from './row-codec.ts'
import type { StagedRows } from './staged-rows.ts'

const WHOLE_LOG: AuditFloor = { index: 1, values: [] }

/** The creation of an allocation is found through the allocation, which lies at the same position. */
const ALLOCATION: AuditAction = 'ip_allocated'

export class AuditRows {
  readonly #rows: StagedRows
  #index = 0
  #count = 0
  /** Values whose row of the current block is known to be there. */
  #marked = noMarks()

  constructor(options: { rows: StagedRows }) {
    this.#rows = options.rows
  }

  beginEntry(index: number): void {
    if (index % AUDIT_BLOCK_INDEXES === 0) this.#marked = noMarks()
    this.#index = index
    this.#count = 0
  }

  /** Where the next audit row will lie. */
  get next(): Position {
    return positionOf(this.#index, this.#count)
  }

  append(draft: AuditDraft): void {
    const position = this.next
    this.#count += 1
    const rows = this.#rows
    rows.undoLater(() => {
      this.#count -= 1
    })
    rows.put(auditKey(position), encodeAudit(draft))
    if (draft.action !== ALLOCATION) rows.put(auditResourceKey(draft.resource, position), EMPTY_ROW)
    if (draft.requestId !== null) this.#markRequest(draft.requestId, position)
    this.#markBlock('action', draft.action)
    this.#markBlock('user', draft.user)
  }

  #markRequest(requestId: string, position: Position): void {
    const group = groupOfRequestId(requestId)
    if (group === null) this.#rows.put(auditRequestKey(requestId, position), EMPTY_ROW)
    else this.#markBlock('requests', group)
  }

  /** Once a block: what is written must not depend on how long this process has run, so the row itself is asked at first. */
  #markBlock(kind: AuditBlockKind, value: string): void {
    const marked = this.#marked[kind]
    if (marked.has(value)) return
    marked.add(value)
    this.#rows.undoLater(() => marked.delete(value))
    const key = auditBlockKey(kind, value, this.#index)
    if (this.#rows.get(key) === null) this.#rows.put(key, EMPTY_ROW)
  }

  /** @returns `isDone` when the oldest row that is left is not older than `before`, or is of this entry. */
  prune({ before, limit }: { readonly before: number; readonly limit: number }): {
    pruned: number
    isDone: boolean
  } {
    const row = this.#rows.get(AUDIT_FLOOR_KEY)
    const floor = row === null ? WHOLE_LOG : decodeAuditFloor(row)
    const end = Math.min(floor.index + limit, this.#index)
    const values = new Set(floor.values)
    let pruned = 0
    let index = floor.index
    for (; index < end && this.#isBefore(index, before); index++) {
      pruned += this.#pruneEntry(index, values)
      if ((index + 1) % AUDIT_BLOCK_INDEXES === 0) this.#endBlock(values)
    }
    if (index > floor.index) this.#rows.put(AUDIT_FLOOR_KEY, encodeAuditFloor({ index, values: [...values] }))
    return { pruned, isDone: index < end || end === this.#index }
  }

  /** All rows of an entry have one time. */
  #isBefore(index: number, time: number): boolean {
    const position = positionOf(index, 0)
    const row = this.#rows.get(auditKey(position))
    return row === null || decodeAudit(position, row).timestamp < time
  }

  #pruneEntry(index: number, values: Set<string>): number {
    for (let sequence = 0; ; sequence++) {
      const position = positionOf(index, sequence)
      const row = this.#rows.get(auditKey(position))
      if (row === null) return sequence
      const { resource, requestId, action, user } = decodeAudit(position, row)
      this.#rows.put(auditKey(position), null)
      if (action !== ALLOCATION) this.#rows.put(auditResourceKey(resource, position), null)
      const group = requestId === null ? null : groupOfRequestId(requestId)
      if (group !== null) values.add(auditBlockKey('requests', group, index))
      else if (requestId !== null) this.#rows.put(auditRequestKey(requestId, position), null)
      values.add(auditBlockKey('action', action, index))
      values.add(auditBlockKey('user', user, index))
    }
  }

  /** Only then no row of the block is left that its keys would find. */
  #endBlock(keys: Set<string>): void {
    for (const key of keys) this.#rows.put(key, null)
    keys.clear()
  }
}

function noMarks(): Record<AuditBlockKind, Set<string>> {
  return { action: new Set(), user: new Set(), requests: new Set() }
}
