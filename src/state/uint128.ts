/** Addresses of either family in rows: 16 bytes, big-endian. */

export function writeUInt128(row: Buffer, offset: number, value: bigint): void {
  // Most are of IPv4: halves as bigints would take 0.1 µs more.
  if (value <= 0xffff_ffffn) {
    row.writeDoubleBE(0, offset)
    row.writeUInt32BE(0, offset + 8)
    row.writeUInt32BE(Number(value), offset + 12)
    return
  }
  row.writeBigUInt64BE(value >> 64n, offset)
  row.writeBigUInt64BE(value & 0xffff_ffff_ffff_ffffn, offset + 8)
}

export function readUInt128(row: Buffer, offset: number): bigint {
  return (row.readBigUInt64BE(offset) << 64n) | row.readBigUInt64BE(offset + 8)
}
