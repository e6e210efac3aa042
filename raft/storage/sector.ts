/** What a disk writes whole or not at all (ATA, NVMe: a logical block); the grain of a torn write. */
export const SECTOR_BYTES = 512

const ZEROS = Buffer.alloc(64 * 1024)

export function roundUpToSector(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES
}

export function isZero(source: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += ZEROS.length) {
    const length = Math.min(ZEROS.length, end - at)
    if (source.compare(ZEROS, 0, length, at, at + length) !== 0) return false
  }
  return true
}

/** Where the last sector of `[start, end)` that is not all zeros ends; `start` if there is none. Both are at sectors. */
export function endOfWritten(source: Buffer, start: number, end: number): number {
  let at = end
  while (at > start) {
    const before = Math.max(start, at - ZEROS.length)
    if (!isZero(source, before, at)) break
    at = before
  }
  while (at > start && isZero(source, at - SECTOR_BYTES, at)) at -= SECTOR_BYTES
  return at
}

/** Of the sectors of `[start, end)` but the last one. */
export function countZeroSectors(source: Buffer, start: number, end: number): number {
  let count = 0
  for (let at = start; at + SECTOR_BYTES < end; at += SECTOR_BYTES) {
    // Most sectors differ in their first bytes; the comparison costs a call into C++.
    if (source[at] === 0 && source[at + 1] === 0 && isZero(source, at, at + SECTOR_BYTES)) count++
  }
  return count
}
