/** A picture of what memory holds of active allocations: the runs of their addresses, and when they expire. */

import type { Clock } from '../../raft/ports.ts'
import type { Prefix } from '../ipam/prefix.ts'
import { type AddressRange, rangeOf, rangeSize } from '../ipam/range.ts'
import { CorruptStateError } from './errors.ts'
import type { ExpiryIndex, ExpiryPlace } from './expiry-index.ts'
import { POSITION_BYTES, type Position } from './key-encoding.ts'
import type { NetworkTable } from './network-table.ts'
import { readPosition, writePosition } from './range-journal.ts'
import { Slices } from './slices.ts'
import { readUInt128, writeUInt128 } from './uint128.ts'

const RUNS = 0
const EXPIRIES = 1

/** How finely a checkpoint is cut. */
export interface CheckpointCut {
  /** Runs of a network, or expiries, in one piece: less than a millisecond of work. */
  readonly blockEntriesMax: number
  readonly partBytes: number
  /** So much in one turn of the event loop. */
  readonly sliceBytes: number
}

export const CHECKPOINT_CUT: CheckpointCut = {
  blockEntriesMax: 1_024,
  partBytes: 128 * 1024,
  sliceBytes: 16 * 1024,
}
/** Kind and number of entries. */
const HEAD_BYTES = 5
const RUNS_HEAD_BYTES = HEAD_BYTES + POSITION_BYTES + 1
const EXPIRY_BYTES = 8 + POSITION_BYTES

/** Runs are offsets in the network, as wide as it needs. */
type OffsetBytes = 4 | 8 | 16

/**
 * The picture in parts. It is taken piece by piece while entries are applied: each piece is as it was at
 * some time between the first and the last. Whoever repeats all changes since the first, in their order, has the state of
 * the last, for what a change says of an address or an expiry does not depend on what was there.
 */
export async function* encodeCheckpoint(
  memory: { readonly networks: NetworkTable; readonly expiries: ExpiryIndex },
  clock: Pick<Clock, 'setSoon'>,
  { blockEntriesMax, partBytes, sliceBytes }: CheckpointCut,
): AsyncGenerator<Buffer> {
  const slices = new Slices(clock, sliceBytes)
  let blocks: Buffer[] = []
  let bytes = 0
  for (const block of blocksOf(memory, blockEntriesMax)) {
    blocks.push(block)
    bytes += block.length
    // A block costs more than its bytes, and a network without allocations costs, too.
    await slices.add(block.length + RUNS_HEAD_BYTES)
    if (bytes < partBytes) continue
    yield Buffer.concat(blocks)
    blocks = []
    bytes = 0
  }
  if (blocks.length > 0) yield Buffer.concat(blocks)
}

function* blocksOf(
  { networks, expiries }: { readonly networks: NetworkTable; readonly expiries: ExpiryIndex },
  entriesMax: number,
): Generator<Buffer> {
  for (const { position, prefix, space } of networks.all()) {
    const { first, last } = rangeOf(prefix)
    for (let from = first; from <= last; ) {
      const runs = takeFrom(space.allocatedIn({ first: from, last }), entriesMax)
      const end = runs.length < entriesMax ? last : (runs.at(-1)?.last ?? last)
      if (runs.length > 0) yield encodeRuns(runs, { position, prefix })
      from = end + 1n
    }
  }
  for (let after: ExpiryPlace | null = null; ; ) {
    const block = Buffer.allocUnsafe(HEAD_BYTES + entriesMax * EXPIRY_BYTES)
    const { bytes, last } = writeExpiries(block, { expiries, after, limit: entriesMax })
    if (last === null) return
    yield block.subarray(0, bytes)
    after = last
  }
}

function takeFrom<T>(values: Iterable<T>, count: number): T[] {
  const taken: T[] = []
  for (const value of values) {
    taken.push(value)
    if (taken.length === count) break
  }
  return taken
}

function encodeRuns(
  runs: readonly AddressRange[],
  { position, prefix }: { readonly position: Position; readonly prefix: Prefix },
): Buffer {
  const width = offsetBytes(prefix)
  const block = Buffer.allocUnsafe(RUNS_HEAD_BYTES + runs.length * 2 * width)
  block[0] = RUNS
  block.writeUInt32BE(runs.length, 1)
  writePosition(block, HEAD_BYTES, position)
  block[RUNS_HEAD_BYTES - 1] = width
  let offset = RUNS_HEAD_BYTES
  for (const { first, last } of runs) {
    writeOffset(block, { offset, width, value: first - prefix.first })
    writeOffset(block, { offset: offset + width, width, value: last - prefix.first })
    offset += 2 * width
  }
  return block
}

/** @returns `last`: null if none was left. */
function writeExpiries(
  block: Buffer,
  {
    expiries,
    after,
    limit,
  }: { readonly expiries: ExpiryIndex; readonly after: ExpiryPlace | null; readonly limit: number },
): { bytes: number; last: ExpiryPlace | null } {
  let bytes = HEAD_BYTES
  const last = expiries.visitAfter(after, limit, (expiresAt, index, sequence) => {
    block.writeDoubleBE(expiresAt, bytes)
    block[bytes + 8] = Math.floor(index / 2 ** 48)
    block.writeUIntBE(index % 2 ** 48, bytes + 9, 6)
    block.writeUInt16BE(sequence, bytes + 15)
    bytes += EXPIRY_BYTES
  })
  block[0] = EXPIRIES
  block.writeUInt32BE((bytes - HEAD_BYTES) / EXPIRY_BYTES, 1)
  return { bytes, last }
}

function offsetBytes(prefix: Prefix): OffsetBytes {
  const size = rangeSize(rangeOf(prefix))
  return size <= 1n << 32n ? 4 : size <= 1n << 64n ? 8 : 16
}

function writeOffset(
  block: Buffer,
  { offset, width, value }: { readonly offset: number; readonly width: OffsetBytes; readonly value: bigint },
): void {
  if (width === 4) block.writeUInt32BE(Number(value), offset)
  else if (width === 8) block.writeBigUInt64BE(value, offset)
  else writeUInt128(block, offset, value)
}

function readOffset(block: Buffer, offset: number, width: number): bigint {
  if (width === 4) return BigInt(block.readUInt32BE(offset))
  return width === 8 ? block.readBigUInt64BE(offset) : readUInt128(block, offset)
}

/** Reads parts in the order in which they were written. */
export class CheckpointReader {
  /** Where a network's runs lie in the parts: they are read when its space is built, and take no memory twice. */
  readonly #runs = new Map<Position, { readonly block: Buffer; readonly count: number }[]>()
  readonly #expiries: ExpiryIndex

  constructor(expiries: ExpiryIndex) {
    this.#expiries = expiries
  }

  /** @throws {CorruptStateError} */
  read(part: Buffer): void {
    for (let offset = 0; offset < part.length; ) {
      const count = part.readUInt32BE(offset + 1)
      const bytes =
        part[offset] === RUNS
          ? RUNS_HEAD_BYTES + count * 2 * (part[offset + RUNS_HEAD_BYTES - 1] ?? 0)
          : HEAD_BYTES + count * EXPIRY_BYTES
      if (offset + bytes > part.length) throw new CorruptStateError('a part of a checkpoint is too short')
      const block = part.subarray(offset, offset + bytes)
      if (part[offset] === RUNS) this.#addRuns(block, count)
      else this.#addExpiries(block, count)
      offset += bytes
    }
  }

  /** Ascending, not all merged. Empty for a network that is newer than the checkpoint. */
  runsOf(network: Position, { first: start }: Prefix): AddressRange[] {
    const runs: AddressRange[] = []
    for (const { block, count } of this.#runs.get(network) ?? []) {
      const width = block[RUNS_HEAD_BYTES - 1] ?? 0
      for (let i = 0; i < count; i++) {
        const offset = RUNS_HEAD_BYTES + 2 * i * width
        const [first, last] = [readOffset(block, offset, width), readOffset(block, offset + width, width)]
        runs.push({ first: start + first, last: start + last })
      }
    }
    return runs
  }

  #addRuns(block: Buffer, count: number): void {
    const network = readPosition(block, HEAD_BYTES)
    const blocks = this.#runs.get(network)
    if (blocks === undefined) this.#runs.set(network, [{ block, count }])
    else blocks.push({ block, count })
  }

  #addExpiries(block: Buffer, count: number): void {
    for (let i = 0; i < count; i++) {
      const offset = HEAD_BYTES + i * EXPIRY_BYTES
      this.#expiries.append(block.readDoubleBE(offset), {
        index: (block[offset + 8] ?? 0) * 2 ** 48 + block.readUIntBE(offset + 9, 6),
        sequence: block.readUInt16BE(offset + 15),
      })
    }
  }
}
