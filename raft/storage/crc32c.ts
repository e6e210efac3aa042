/** CRC32C (Castagnoli), reflected: RFC 3720 §12.1. Finds every burst error of up to 32 bits, and any 2 flipped bits. */

const POLYNOMIAL = 0x82f6_3b78
const SLICES = 16

/** Slicing-by-16: table `k` advances a byte over `k` zero bytes, so that 16 look-ups replace 16 dependent ones. */
const TABLES = makeTables()
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES.slice(0, 8) as Eight<Int32Array>
const [T8, T9, T10, T11, T12, T13, T14, T15] = TABLES.slice(8) as Eight<Int32Array>

type Eight<T> = [T, T, T, T, T, T, T, T]

/**
 * The checksum of `bytes[start, end)`, as an unsigned 32-bit integer.
 *
 * @param seed The checksum of what comes before: `crc32c(b, 0, b.length, crc32c(a, 0, a.length))` is that of a + b.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let crc = ~seed
  let i = start
  for (const last = end - SLICES; i <= last; i += SLICES) {
    crc ^=
      byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24)
    crc =
      at(T15, crc & 0xff) ^
      at(T14, (crc >>> 8) & 0xff) ^
      at(T13, (crc >>> 16) & 0xff) ^
      at(T12, crc >>> 24) ^
      at(T11, byte(bytes, i + 4)) ^
      at(T10, byte(bytes, i + 5)) ^
      at(T9, byte(bytes, i + 6)) ^
      at(T8, byte(bytes, i + 7)) ^
      at(T7, byte(bytes, i + 8)) ^
      at(T6, byte(bytes, i + 9)) ^
      at(T5, byte(bytes, i + 10)) ^
      at(T4, byte(bytes, i + 11)) ^
      at(T3, byte(bytes, i + 12)) ^
      at(T2, byte(bytes, i + 13)) ^
      at(T1, byte(bytes, i + 14)) ^
      at(T0, byte(bytes, i + 15))
  }
  for (; i < end; i++) crc = at(T0, (crc ^ byte(bytes, i)) & 0xff) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Inlined by the engine. The caller has checked the range. */
function byte(bytes: Uint8Array, i: number): number {
  return bytes[i] as number
}

function at(table: Int32Array, i: number): number {
  return table[i] as number
}

function makeTables(): Int32Array[] {
  const first = new Int32Array(256)
  for (let value = 0; value < 256; value++) {
    let crc = value
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
    first[value] = crc
  }
  const tables = [first]
  for (let slice = 1; slice < SLICES; slice++) {
    const before = tables[slice - 1] as Int32Array
    tables.push(before.map((crc) => at(first, crc & 0xff) ^ (crc >>> 8)))
  }
  return tables
}
