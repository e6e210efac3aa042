/** The host names that are not in rows yet, from the records of the newest allocations. */
import { CorruptStateError } from './errors.ts'
import { type BlockEntry, positionAt } from './hostname-block.ts'
import {
  BLOCK_ALLOCATIONS,
  blockOf,
  CHUNK_ALLOCATIONS,
  chunkOf,
  HostnameChunk,
  placeOf,
} from './hostname-chunk.ts'
import { firstChunkInMemory, type HostnameMemory } from './hostname-rows.ts'
import { signatureOf } from './hostname-signature.ts'
import { type KeyRange, positionIn } from './key-encoding.ts'
import { ALLOCATIONS, allocationKey, blockKey } from './key-space.ts'
import { decodeNamed } from './record-codec.ts'
import type { StateDatabase } from './storage.ts'
import { tripsThrough } from './trips.ts'

/** @throws {CorruptStateError} */
export async function loadHostnames(database: StateDatabase): Promise<HostnameMemory> {
  const count = await countAllocations(database)
  const chunks = new Map<number, HostnameChunk>()
  const tail: BlockEntry[] = []
  let ordinal = firstChunkInMemory(count) * CHUNK_ALLOCATIONS
  for await (const rows of tripsThrough(database, fromOrdinal(database, ordinal))) {
    for (const [key, row] of rows) {
      const named = decodeNamed(row)
      if (named.ordinal !== ordinal)
        throw new CorruptStateError(`${key} is number ${named.ordinal}, not ${ordinal}`)
      const chunk = chunks.get(chunkOf(ordinal)) ?? new HostnameChunk()
      chunks.set(chunkOf(ordinal), chunk)
      if (named.hostname !== null) chunk.add(named.hostname, placeOf(ordinal))
      if (blockOf(ordinal) === blockOf(count)) {
        tail.push({ position: positionIn(key), signature: signatureOf(named.hostname) })
      }
      ordinal += 1
    }
  }
  return { count, tail, chunks }
}

async function countAllocations(database: StateDatabase): Promise<number> {
  const [last] = await database.values({ ...ALLOCATIONS, reverse: true, limit: 1 }).all()
  return last === undefined ? 0 : decodeNamed(last).ordinal + 1
}

/** @param ordinal The first of a block. */
function fromOrdinal(database: StateDatabase, ordinal: number): KeyRange {
  if (ordinal === 0) return ALLOCATIONS
  const row = database.getSync(blockKey(blockOf(ordinal) - 1))
  if (row === undefined) throw new CorruptStateError(`no row of the block before allocation ${ordinal}`)
  return { gte: `${allocationKey(positionAt(row, BLOCK_ALLOCATIONS - 1))}\0`, lt: ALLOCATIONS.lt }
}
