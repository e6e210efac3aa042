/**
 * Rows as MessagePack, byte for byte what `msgpackr` makes of the same fields.
 *
 * Four rows are written with each allocation, and `msgpackr`, made for anything, takes 1.8 µs for them. What rows seldom have (long texts,
 * other scripts than Latin, objects) is left to it.
 */
import { Packr } from 'msgpackr'
import { writeUInt128 } from './uint128.ts'

/** Rows are views of it, one behind the other: a buffer of its own for each would cost as much as writing it. */
const SLAB_BYTES = 32 * 1024
/** From here on the engine's own encoder is faster. */
const TEXT_CHARS_MAX = 64
/** Of the head of an array, a number, or a short text with its head. */
const FIELD_BYTES_MAX = TEXT_CHARS_MAX + 2
const FIXED_TEXT_CHARS_MAX = 31
const FIXED_ARRAY_LENGTH_MAX = 15

/** One row at a time: `begin`, fields, `end`. */
export class RowWriter {
  /** Without records, so that the bytes of a row depend on nothing but the row. */
  readonly #packr = new Packr({ useRecords: false })
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #view = viewOf(this.#slab)
  /** Of the row that is being written, in the slab. */
  #start = 0
  #end = 0
  /** The last record that was written with `writeOnce`, and where its bytes lie. */
  #known: {
    readonly record: object
    readonly slab: Buffer
    readonly start: number
    readonly end: number
  } | null = null

  /** A row of one value. */
  pack(value: unknown): Buffer {
    this.begin()
    this.write(value)
    return this.end()
  }

  begin(): void {
    if (this.#end === this.#start) return
    // What came before a failure is no part of this row, and where it lies come other bytes.
    this.#end = this.#start
    this.#known = null
  }

  end(): Buffer {
    const row = this.#slab.subarray(this.#start, this.#end)
    this.#start = this.#end
    return row
  }

  write(value: unknown): void {
    if (typeof value === 'string') this.writeText(value)
    else if (typeof value === 'number') this.writeNumber(value)
    else if (value === null) this.#writeByte(0xc0)
    else if (Array.isArray(value)) this.#writeArray(value)
    else if (typeof value === 'boolean') this.#writeByte(value ? 0xc3 : 0xc2)
    else this.#writeOther(value)
  }

  /** So many values come next. @param length At most 15. */
  writeHead(length: number): void {
    this.#writeByte(0x90 | length)
  }

  writeText(text: string | null): void {
    if (text === null) {
      this.#writeByte(0xc0)
      return
    }
    const { length } = text
    if (length >= TEXT_CHARS_MAX) {
      this.#writeOther(text)
      return
    }
    this.#reserve(FIELD_BYTES_MAX)
    const slab = this.#slab
    let end = this.#end
    if (length <= FIXED_TEXT_CHARS_MAX) {
      slab[end++] = 0xa0 | length
    } else {
      slab[end++] = 0xd9
      slab[end++] = length
    }
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        // More bytes than characters: the head that was written says too few.
        this.#writeOther(text)
        return
      }
      slab[end++] = code
    }
    this.#end = end
  }

  writeNumber(value: number | null): void {
    if (value === null) {
      this.#writeByte(0xc0)
      return
    }
    this.#reserve(FIELD_BYTES_MAX)
    const slab = this.#slab
    if (value >>> 0 !== value) {
      if (value >> 0 === value) {
        this.#writeOther(value)
        return
      }
      slab[this.#end] = 0xcb
      this.#view.setFloat64(this.#end + 1, value)
      this.#end += 9
    } else if (value < 0x80) {
      slab[this.#end++] = value
    } else if (value < 0x100) {
      slab[this.#end++] = 0xcc
      slab[this.#end++] = value
    } else if (value < 0x1_0000) {
      slab[this.#end] = 0xcd
      this.#view.setUint16(this.#end + 1, value)
      this.#end += 3
    } else {
      slab[this.#end] = 0xce
      this.#view.setUint32(this.#end + 1, value)
      this.#end += 5
    }
  }

  /** Eight bytes without a head: whoever reads them knows that they are there. */
  writeFloat(value: number): void {
    this.#reserve(FIELD_BYTES_MAX)
    this.#view.setFloat64(this.#end, value)
    this.#end += 8
  }

  /** 16 bytes, big-endian, without a head. */
  writeUInt128(value: bigint): void {
    this.#reserve(FIELD_BYTES_MAX)
    writeUInt128(this.#slab, this.#end, value)
    this.#end += 16
  }

  /** Without a head. @param text ASCII, at most 64 characters. */
  writeAscii(text: string): void {
    this.#reserve(FIELD_BYTES_MAX)
    const slab = this.#slab
    for (let i = 0; i < text.length; i++) slab[this.#end + i] = text.charCodeAt(i)
    this.#end += text.length
  }

  /** As `write(record)`, by a copy if that was the last record: a new allocation stands in three rows. It must not change. */
  writeOnce<T extends object>(record: T, write: (record: T) => void): void {
    const known = this.#known
    if (known?.record === record) {
      const length = known.end - known.start
      this.#reserve(length)
      if (known.slab === this.#slab) this.#slab.copyWithin(this.#end, known.start, known.end)
      else this.#slab.set(known.slab.subarray(known.start, known.end), this.#end)
      this.#end += length
      return
    }
    const length = this.#end - this.#start
    write(record)
    this.#known = { record, slab: this.#slab, start: this.#start + length, end: this.#end }
  }

  #writeArray(values: readonly unknown[]): void {
    if (values.length > FIXED_ARRAY_LENGTH_MAX) {
      this.#writeOther(values)
      return
    }
    this.writeHead(values.length)
    for (const value of values) this.write(value)
  }

  #writeByte(byte: number): void {
    this.#reserve(1)
    this.#slab[this.#end++] = byte
  }

  #writeOther(value: unknown): void {
    const bytes = this.#packr.pack(value)
    this.#reserve(bytes.length)
    this.#slab.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** What the row has so far moves to another slab if this one is too full for it. */
  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return
    const begun = this.#slab.subarray(this.#start, this.#end)
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (begun.length + bytes)))
    this.#view = viewOf(this.#slab)
    this.#slab.set(begun)
    this.#start = 0
    this.#end = begun.length
  }
}

/** Of all rows: they lie in its slab in the order in which they are written. */
export const rowWriter = new RowWriter()

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}
