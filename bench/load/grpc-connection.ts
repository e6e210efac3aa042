/**
 * Unary gRPC calls over one HTTP/2 connection, all multiplexed, as gRPC's own clients do it.
 *
 * By hand, because a driver has to cost little: `node:http2` takes more than three times the processor time for a call.
 * Header blocks of answers are not decoded. A server sends no message with an error, so that a message is a success.
 */
import type { Socket } from 'node:net'
import { openSocket } from './socket.ts'

// RFC 9113 §6.
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const
const END_STREAM = 0x1
const ACK = 0x1
const END_HEADERS = 0x4
const FRAME_HEAD_BYTES = 9
/** A window before anything was said about it (RFC 9113 §6.9.2). */
const WINDOW_BYTES = 65_535
const WINDOW_BYTES_MAX = 2 ** 31 - 1
/** What we have received before we give the server new room. */
const RENEW_BYTES = 2 ** 30
/** Table entries of HPACK that are the connection's own begin here (RFC 7541 §2.3.3). */
const DYNAMIC_INDEX_MIN = 62

interface Call {
  readonly resolve: (message: Buffer) => void
  readonly reject: (error: Error) => void
  message: Buffer | null
}

export class GrpcConnection {
  readonly #authority: string
  #socket: Socket | null = null
  #received: Buffer = Buffer.alloc(0)
  readonly #calls = new Map<number, Call>()
  #nextStream = 1
  /** Names of headers that both ends know by index, the newest first. */
  readonly #table: string[] = []
  /** What the server lets us send, over all streams. */
  #sendBytes = WINDOW_BYTES
  #receivedBytes = 0
  #outgoing: Buffer[] = []
  /** Messages that wait for room in the window. */
  #held: { stream: number; message: Buffer }[] = []
  #isFlushQueued = false

  static async open(port: number): Promise<GrpcConnection> {
    const connection = new GrpcConnection(port)
    const socket = await openSocket(port, {
      onBytes: (bytes) => connection.#receive(bytes),
      onEnd: (error) => connection.#fail(error),
    })
    connection.#socket = socket
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    // ENABLE_PUSH = 0, INITIAL_WINDOW_SIZE = the most.
    const settings = Buffer.from([0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff])
    socket.write(frame(FRAME.settings, 0, 0, settings))
    socket.write(frame(FRAME.windowUpdate, 0, 0, uint32(WINDOW_BYTES_MAX - WINDOW_BYTES)))
    return connection
  }

  private constructor(port: number) {
    this.#authority = `127.0.0.1:${port}`
  }

  /** @param path `/package.Service/Method`. @returns the bytes of the answer's message. */
  call(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#nextStream
      this.#nextStream += 2
      this.#calls.set(stream, { resolve, reject, message: null })
      this.#outgoing.push(frame(FRAME.headers, END_HEADERS, stream, this.#headers(path)))
      this.#held.push({ stream, message })
      this.#queueFlush()
    })
  }

  close(): void {
    this.#calls.clear()
    this.#socket?.destroy()
  }

  #headers(path: string): Buffer {
    // 0x83 is `:method: POST`, 0x86 `:scheme: http` (RFC 7541 appendix A).
    return Buffer.concat([
      Buffer.from([0x83, 0x86]),
      this.#header(0x44, '', path),
      this.#header(0x41, '', this.#authority),
      this.#header(0x5f, '', 'application/grpc'),
      this.#header(0x40, 'te', 'trailers'),
    ])
  }

  /** @param first The first byte of a literal with incremental indexing: its name's index, or 0x40 for a name of its own. */
  #header(first: number, name: string, value: string): Buffer {
    const key = `${first} ${value}`
    const at = this.#table.indexOf(key)
    if (at >= 0) return Buffer.from([0x80 | (DYNAMIC_INDEX_MIN + at)])
    this.#table.unshift(key)
    const own = name === '' ? [] : [name.length, ...Buffer.from(name)]
    return Buffer.from([first, ...own, value.length, ...Buffer.from(value)])
  }

  /** All that the answers of one read lead to goes out in one write. */
  #queueFlush(): void {
    if (this.#isFlushQueued) return
    this.#isFlushQueued = true
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushQueued = false
    let sent = 0
    for (const { stream, message } of this.#held) {
      const bytes = message.length + 5
      if (bytes > this.#sendBytes) break
      this.#sendBytes -= bytes
      sent += 1
      this.#outgoing.push(frame(FRAME.data, END_STREAM, stream, grpcMessage(message)))
    }
    if (sent > 0) this.#held = this.#held.slice(sent)
    if (this.#outgoing.length === 0) return
    this.#socket?.write(Buffer.concat(this.#outgoing))
    this.#outgoing = []
  }

  #receive(bytes: Buffer): void {
    const all = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    let at = 0
    while (all.length - at >= FRAME_HEAD_BYTES) {
      const length = all.readUIntBE(at, 3)
      const end = at + FRAME_HEAD_BYTES + length
      if (end > all.length) break
      const stream = all.readUInt32BE(at + 5) & WINDOW_BYTES_MAX
      this.#handle(all[at + 3] ?? 0, all[at + 4] ?? 0, stream, all.subarray(at + FRAME_HEAD_BYTES, end))
      at = end
    }
    // A copy: the next read overwrites these bytes.
    this.#received = Buffer.from(all.subarray(at))
  }

  #handle(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FRAME.data:
        this.#handleMessage(stream, payload)
        break
      case FRAME.settings:
        if ((flags & ACK) === 0) this.#answer(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)))
        break
      case FRAME.ping:
        if ((flags & ACK) === 0) this.#answer(frame(FRAME.ping, ACK, 0, payload))
        break
      case FRAME.windowUpdate:
        if (stream === 0) this.#sendBytes += payload.readUInt32BE(0)
        if (this.#held.length > 0) this.#queueFlush()
        break
      case FRAME.reset:
        this.#fail(new Error(`gRPC: the server has ended a call with code ${payload.readUInt32BE(0)}`))
        return
      case FRAME.goAway:
        this.#fail(new Error(`gRPC: the server ends the connection with code ${payload.readUInt32BE(4)}`))
        return
      default:
        break
    }
    const isEnd = (type === FRAME.headers || type === FRAME.data) && (flags & END_STREAM) !== 0
    if (isEnd) this.#end(stream, payload)
  }

  #handleMessage(stream: number, payload: Buffer): void {
    const call = this.#calls.get(stream)
    const part = Buffer.from(payload)
    if (call !== undefined) call.message = call.message === null ? part : Buffer.concat([call.message, part])
    this.#receivedBytes += payload.length
    if (this.#receivedBytes < RENEW_BYTES) return
    this.#answer(frame(FRAME.windowUpdate, 0, 0, uint32(this.#receivedBytes)))
    this.#receivedBytes = 0
  }

  #answer(bytes: Buffer): void {
    this.#outgoing.push(bytes)
    this.#queueFlush()
  }

  #end(stream: number, trailers: Buffer): void {
    const call = this.#calls.get(stream)
    this.#calls.delete(stream)
    if (call === undefined) return
    const { message } = call
    if (message !== null && message.length >= 5) call.resolve(message.subarray(5))
    else call.reject(new Error(`gRPC: an error instead of a message: ${trailers.toString('latin1')}`))
  }

  #fail(error: Error): void {
    for (const call of this.#calls.values()) call.reject(error)
    this.#calls.clear()
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  payload.copy(bytes, FRAME_HEAD_BYTES)
  return bytes
}

/** Not compressed, then its length. */
function grpcMessage(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(5 + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  message.copy(bytes, 5)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
