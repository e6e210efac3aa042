/** How bytes on a connection become frames: u32 length (little-endian, of what follows), u8 kind, body. */
import { assert } from '../assert.ts'
import { ProtocolError } from './errors.ts'

export const FRAME_HEADER_BYTES = 5
/** Of kind and body, until both sides have accepted each other: nobody unknown may make us hold more. */
export const HANDSHAKE_FRAME_BYTES_MAX = 4096
/** Of kind and body, on a connection that carries messages. Above four entries of the largest size. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024 + 64 * 1024

/** A body that spans chunks starts with this capacity. */
const BODY_BYTES_MIN = 64 * 1024
const EMPTY = Buffer.alloc(0)

export interface Frame {
  readonly kind: number
  readonly body: Buffer
}

/** Fills in the first `FRAME_HEADER_BYTES` of `target`. */
export function writeFrameHeader(target: Buffer, kind: number, bodyBytes: number): void {
  target.writeUInt32LE(bodyBytes + 1, 0)
  target[4] = kind
}

export function encodeFrame(kind: number, body: Uint8Array = EMPTY): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length)
  writeFrameHeader(frame, kind, body.length)
  frame.set(body, FRAME_HEADER_BYTES)
  return frame
}

/** Of a whole frame, as `encodeFrame` makes it. */
export function bodyOf(frame: Buffer): Buffer {
  return frame.subarray(FRAME_HEADER_BYTES)
}

/**
 * Takes chunks as they come and gives frames.
 *
 * A body that lies within one chunk is a view into it. One that spans chunks is gathered in a buffer that grows
 * with what has arrived, never with what was announced: a length prefix costs its sender as much as it costs us.
 */
export class FrameReader {
  /** Of kind and body. Looked at when a header is complete. */
  frameBytesMax: number
  #chunk: Buffer = EMPTY
  #offset = 0
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerBytes = 0
  #body: Buffer | null = null
  #bodyBytes = 0

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax
  }

  /** Only after `next` has returned null. */
  push(chunk: Buffer): void {
    assert(this.#offset === this.#chunk.length, 'a chunk came before the last one was read')
    this.#chunk = chunk
    this.#offset = 0
  }

  /**
   * The next frame, or null if more bytes are needed.
   *
   * @throws {ProtocolError} on a length that is 0 or above the maximum. Nothing can be read after that.
   */
  next(): Frame | null {
    if (!this.#readHeader()) return this.#drained()
    const length = this.#header.readUInt32LE(0)
    if (length === 0 || length > this.frameBytesMax) {
      const guess = looksLikeTls(this.#header) ? '; it looks like TLS, which is not used here' : ''
      throw new ProtocolError(`frame of ${length} bytes: length is not in 1 to ${this.frameBytesMax}${guess}`)
    }
    const body = this.#readBody(length - 1)
    if (body === null) return this.#drained()
    this.#headerBytes = 0
    return { kind: this.#header.readUInt8(4), body }
  }

  #readHeader(): boolean {
    const end = Math.min(this.#chunk.length, this.#offset + FRAME_HEADER_BYTES - this.#headerBytes)
    this.#headerBytes += this.#chunk.copy(this.#header, this.#headerBytes, this.#offset, end)
    this.#offset = end
    return this.#headerBytes === FRAME_HEADER_BYTES
  }

  #readBody(length: number): Buffer | null {
    const end = Math.min(this.#chunk.length, this.#offset + length - this.#bodyBytes)
    if (this.#body === null && end - this.#offset === length) {
      const body = this.#chunk.subarray(this.#offset, end)
      this.#offset = end
      return body
    }
    const gathered = this.#bodyWithRoom(this.#bodyBytes + end - this.#offset, length)
    this.#bodyBytes += this.#chunk.copy(gathered, this.#bodyBytes, this.#offset, end)
    this.#offset = end
    if (this.#bodyBytes < length) return null
    this.#body = null
    this.#bodyBytes = 0
    return gathered.subarray(0, length)
  }

  /** Doubling keeps the copying linear in the length. */
  #bodyWithRoom(needed: number, length: number): Buffer {
    if (this.#body !== null && this.#body.length >= needed) return this.#body
    const grown = Buffer.allocUnsafeSlow(Math.min(length, Math.max(2 * needed, BODY_BYTES_MIN)))
    this.#body?.copy(grown, 0, 0, this.#bodyBytes)
    this.#body = grown
    return grown
  }

  /** Lets go of the chunk: frames handed out may keep it, this reader does not. */
  #drained(): null {
    this.#chunk = EMPTY
    this.#offset = 0
    return null
  }
}

/** A record of an alert or a handshake of TLS (RFC 8446 §5.1): one side has TLS and the other has not. */
function looksLikeTls(header: Buffer): boolean {
  return (header[0] === 0x15 || header[0] === 0x16) && header[1] === 3
}
