/** The layout of a snapshot file: header, chunks, trailer. The README of this folder has the table. */
import { createHash, type Hash } from 'node:crypto'
import { assert } from '../assert.ts'
import { LogFormatError } from '../errors.ts'
import type { DiskFile } from '../ports.ts'
import type { SnapshotMeta, SnapshotOrigin } from '../types.ts'
import { crc32c } from './crc32c.ts'
import { damage } from './damage.ts'
import { CRC_BYTES, readUInt64, writeUInt64 } from './record.ts'
import { decodeMeta, decodeOrigin, encodeMeta, META_BYTES_MAX } from './snapshot-meta.ts'

const MAGIC = Buffer.from('RAFTSNAP')
const FORMAT_VERSION = 1
/** Magic, version u32, meta length u32. */
const PREAMBLE_BYTES = MAGIC.length + 8
const LENGTH_BYTES = 4
/** A chunk is verified, and handed out, as a whole. */
const CHUNK_BYTES_MAX = 4 * 1024 * 1024
const DIGEST_BYTES = 32
/** A length of zero, chunk count u64, content bytes u64, SHA-256 of all before it, checksum. */
const TRAILER_BYTES = LENGTH_BYTES + 16 + DIGEST_BYTES + CRC_BYTES
const DIGEST_OFFSET = LENGTH_BYTES + 16
/** How much of the file is in memory at a time, unless a chunk is longer. */
const WINDOW_BYTES = 1024 * 1024

/** Makes the bytes of a snapshot file, part by part. */
export class SnapshotEncoder {
  readonly #hash: Hash = createHash('sha256')
  #crc = 0
  #chunkCount = 0
  #contentBytes = 0

  header(meta: SnapshotMeta, origin: SnapshotOrigin | null = null): Buffer {
    const encoded = encodeMeta(meta, origin)
    const bytes = Buffer.alloc(PREAMBLE_BYTES + encoded.length + CRC_BYTES)
    MAGIC.copy(bytes)
    bytes.writeUInt32LE(FORMAT_VERSION, MAGIC.length)
    bytes.writeUInt32LE(encoded.length, MAGIC.length + 4)
    encoded.copy(bytes, PREAMBLE_BYTES)
    return this.#close(bytes)
  }

  chunk(content: Uint8Array): Buffer {
    assert(content.length > 0 && content.length <= CHUNK_BYTES_MAX, 'a chunk of {} bytes', content.length)
    const bytes = Buffer.allocUnsafe(LENGTH_BYTES + content.length + CRC_BYTES)
    bytes.writeUInt32LE(content.length, 0)
    bytes.set(content, LENGTH_BYTES)
    this.#chunkCount++
    this.#contentBytes += content.length
    return this.#close(bytes)
  }

  trailer(): Buffer {
    const bytes = Buffer.alloc(TRAILER_BYTES)
    writeUInt64(bytes, LENGTH_BYTES, this.#chunkCount)
    writeUInt64(bytes, LENGTH_BYTES + 8, this.#contentBytes)
    this.#hash.update(bytes.subarray(0, DIGEST_OFFSET))
    this.#hash.digest().copy(bytes, DIGEST_OFFSET)
    bytes.writeUInt32LE(crc32c(bytes, 0, bytes.length - CRC_BYTES, this.#crc), bytes.length - CRC_BYTES)
    return bytes
  }

  #close(bytes: Buffer): Buffer {
    this.#crc = crc32c(bytes, 0, bytes.length - CRC_BYTES, this.#crc)
    bytes.writeUInt32LE(this.#crc, bytes.length - CRC_BYTES)
    this.#hash.update(bytes)
    return bytes
  }
}

/** Reads a snapshot file from its beginning, verifying as it goes. Every failure is a `CorruptLogError`. */
export class SnapshotReader {
  readonly #file: DiskFile
  readonly #path: string
  readonly #hash: Hash = createHash('sha256')
  #window: Buffer = Buffer.alloc(0)
  #windowOffset = 0
  #position = 0
  #crc = 0
  #chunkCount = 0
  #contentBytes = 0
  #origin: SnapshotOrigin | null = null

  constructor(file: DiskFile, path: string) {
    this.#file = file
    this.#path = path
  }

  /** Where the last verified part ends. */
  get position(): number {
    return this.#position
  }

  /** What the header says of it; null for a snapshot that was made for a peer. */
  get origin(): SnapshotOrigin | null {
    return this.#origin
  }

  /** First of all. */
  async readHeader(): Promise<SnapshotMeta> {
    const preamble = await this.#peek(PREAMBLE_BYTES)
    if (!preamble.subarray(0, MAGIC.length).equals(MAGIC)) throw this.#damage('this is not a snapshot')
    const offset = this.#position
    const metaBytes = preamble.readUInt32LE(MAGIC.length + 4)
    if (metaBytes > META_BYTES_MAX) throw this.#damage(`a header of ${metaBytes} bytes`)
    const header = await this.#take(PREAMBLE_BYTES + metaBytes + CRC_BYTES)
    // Not before the checksum: a version that is only damaged is no other version.
    const version = header.readUInt32LE(MAGIC.length)
    if (version !== FORMAT_VERSION) {
      throw new LogFormatError({ file: this.#path, offset, found: version, known: FORMAT_VERSION })
    }
    const encoded = header.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + metaBytes)
    const meta = decodeMeta(encoded)
    if (meta === null) throw this.#damage('a header that cannot be read')
    this.#origin = decodeOrigin(encoded)
    return meta
  }

  /** @returns `null` once the trailer is verified, and with it everything before it. */
  async readChunk(): Promise<Uint8Array | null> {
    const length = (await this.#peek(LENGTH_BYTES)).readUInt32LE(0)
    if (length === 0) return this.#checkTrailer()
    if (length > CHUNK_BYTES_MAX) throw this.#damage(`a chunk of ${length} bytes`)
    const bytes = await this.#take(LENGTH_BYTES + length + CRC_BYTES)
    this.#chunkCount++
    this.#contentBytes += length
    return bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
  }

  async #checkTrailer(): Promise<null> {
    const bytes = await this.#peek(TRAILER_BYTES)
    this.#hash.update(bytes.subarray(0, DIGEST_OFFSET))
    const isRight =
      readUInt64(bytes, LENGTH_BYTES) === this.#chunkCount &&
      readUInt64(bytes, LENGTH_BYTES + 8) === this.#contentBytes &&
      this.#hash.digest().equals(bytes.subarray(DIGEST_OFFSET, DIGEST_OFFSET + DIGEST_BYTES)) &&
      crc32c(bytes, 0, TRAILER_BYTES - CRC_BYTES, this.#crc) === bytes.readUInt32LE(TRAILER_BYTES - CRC_BYTES)
    if (!isRight) throw this.#damage('the digest does not match')
    if (this.#position + TRAILER_BYTES !== this.#file.sizeBytes()) throw this.#damage('bytes after the end')
    this.#position += TRAILER_BYTES
    return null
  }

  /** The next part, whose last bytes are its checksum. */
  async #take(length: number): Promise<Buffer> {
    const bytes = await this.#peek(length)
    const crc = crc32c(bytes, 0, length - CRC_BYTES, this.#crc)
    if (crc !== bytes.readUInt32LE(length - CRC_BYTES)) throw this.#damage('a checksum does not match')
    this.#crc = crc
    this.#hash.update(bytes)
    this.#position += length
    return bytes
  }

  async #peek(length: number): Promise<Buffer> {
    if (this.#position + length > this.#windowOffset + this.#window.length) {
      this.#window = await this.#file.read(this.#position, Math.max(length, WINDOW_BYTES))
      this.#windowOffset = this.#position
      if (this.#window.length < length) throw this.#damage('the file ends too early')
    }
    const start = this.#position - this.#windowOffset
    return this.#window.subarray(start, start + length)
  }

  #damage(message: string): Error {
    return damage(this.#path, this.#position, message)
  }
}

/** Tells this snapshot from every other: its size and digest. Reads only the end of the file. */
export async function readIdentity(file: DiskFile, path: string): Promise<string> {
  const start = file.sizeBytes() - TRAILER_BYTES
  if (start < PREAMBLE_BYTES + CRC_BYTES) throw damage(path, 0, 'the file is too short')
  // The checksum before the trailer seeds that of the trailer.
  const bytes = await file.read(start - CRC_BYTES, CRC_BYTES + TRAILER_BYTES)
  const crc = crc32c(bytes, CRC_BYTES, bytes.length - CRC_BYTES, bytes.readUInt32LE(0))
  if (crc !== bytes.readUInt32LE(bytes.length - CRC_BYTES))
    throw damage(path, start, 'the trailer is damaged')
  const digest = bytes.subarray(CRC_BYTES + DIGEST_OFFSET, CRC_BYTES + DIGEST_OFFSET + DIGEST_BYTES)
  return `${digest.toString('hex')}-${file.sizeBytes()}`
}

/**
 * From the beginning. Everything is verified once the last one was given out, and not before.
 *
 * @throws {CorruptLogError} from the iteration.
 */
export async function* readChunks(file: DiskFile, path: string): AsyncGenerator<Uint8Array> {
  const reader = new SnapshotReader(file, path)
  await reader.readHeader()
  for (;;) {
    const chunk = await reader.readChunk()
    if (chunk === null) return
    yield chunk
  }
}
