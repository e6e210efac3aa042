/** The row of a full block of allocations: where they lie, and the signatures of their host names. */
import { BLOCK_ALLOCATIONS } from './hostname-chunk.ts'
import { mayHave, SIGNATURE_BYTES } from './hostname-signature.ts'
import { POSITION_BYTES, type Position } from './key-encoding.ts'

const ENTRY_BYTES = POSITION_BYTES + SIGNATURE_BYTES

export interface BlockEntry {
  readonly position: Position
  readonly signature: Buffer
}

export function encodeBlock(entries: readonly BlockEntry[]): Buffer {
  const row = Buffer.allocUnsafe(entries.length * ENTRY_BYTES)
  for (const [i, { position, signature }] of entries.entries()) {
    row.write(position, i * ENTRY_BYTES, POSITION_BYTES, 'hex')
    row.set(signature, i * ENTRY_BYTES + POSITION_BYTES)
  }
  return row
}

/** A copy, with another signature for one of its allocations. */
export function withSignature(row: Buffer, place: number, signature: Buffer): Buffer {
  const changed = Buffer.from(row)
  changed.set(signature, place * ENTRY_BYTES + POSITION_BYTES)
  return changed
}

export function positionAt(row: Buffer, place: number): Position {
  return row.toString('hex', place * ENTRY_BYTES, place * ENTRY_BYTES + POSITION_BYTES)
}

/** Of all its allocations. */
export function positionsIn(row: Buffer): Position[] {
  return Array.from({ length: BLOCK_ALLOCATIONS }, (_, place) => positionAt(row, place))
}

/** Of those whose host names may have a part. @param part Its signature. */
export function positionsWith(row: Buffer, part: Buffer): Position[] {
  const positions: Position[] = []
  for (let place = 0; place < BLOCK_ALLOCATIONS; place++) {
    if (mayHave(row, place * ENTRY_BYTES + POSITION_BYTES, part)) positions.push(positionAt(row, place))
  }
  return positions
}
