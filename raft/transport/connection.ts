import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import { TLSSocket } from 'node:tls'
import { ConnectionError, isNetworkError, type NetworkError, ProtocolError } from './errors.ts'
import { type Frame, FrameReader } from './frame.ts'

const KEEP_ALIVE_MS = 5000

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

/**
 * A socket that carries frames.
 *
 * First read with `nextFrame`, one at a time and never ahead of the reader; then, for messages, with `consume`.
 * Once it is closed, for whatever reason, nothing more comes out of it.
 */
export class Connection {
  /** `address:port` of the other end, for logs. */
  readonly remote: string
  readonly #socket: Socket
  readonly #reader: FrameReader
  readonly #onFatal: (error: unknown) => void
  #consumer: ((frame: Frame) => void) | null = null
  #frameWaiter: Waiter<Frame> | null = null
  #openWaiter: Waiter<void> | null = null
  #drainWaiter: Waiter<void> | null = null
  #closedBy: NetworkError | null = null
  #isCorked = false
  /** Dialled, and not connected or not encrypted yet. */
  #isOpening: boolean
  #onClosed: (error: NetworkError) => void = () => {}
  #onReceived: () => void = () => {}

  /** @param onFatal Gets what a consumer throws that is not a network error: our bug. */
  constructor(
    socket: Socket,
    options: { remote: string; frameBytesMax: number; onFatal: (error: unknown) => void },
  ) {
    this.remote = options.remote
    this.#socket = socket
    this.#reader = new FrameReader(options.frameBytesMax)
    this.#onFatal = options.onFatal
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#isOpening = socket.connecting
    socket.on(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => this.#opened())
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.close(new ConnectionError('the other side closed the connection')))
    socket.on('error', (cause) => this.close(new ConnectionError(cause.message, { cause })))
    socket.on('close', () => {
      const error = this.#closedBy ?? new ConnectionError('the connection was closed')
      this.close(error)
      this.#guard(() => this.#onClosed(error))
    })
    socket.pause()
  }

  get isClosed(): boolean {
    return this.#closedBy !== null
  }

  /** Handed to `write` and not yet to the operating system. */
  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  get isConnecting(): boolean {
    return this.#socket.connecting
  }

  set frameBytesMax(bytes: number) {
    this.#reader.frameBytesMax = bytes
  }

  /** Called once, never from within a call to this connection. Set it before anything else can happen. */
  onClosed(callback: (error: NetworkError) => void): void {
    this.#onClosed = callback
  }

  /** Called for every chunk of bytes that arrives. */
  onReceived(callback: () => void): void {
    this.#onReceived = callback
  }

  /** Resolves when a dialled connection stands. @throws {ConnectionError} */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== null) reject(this.#closedBy)
      else if (this.#isOpening) this.#openWaiter = { resolve, reject }
      else resolve()
    })
  }

  /** One caller at a time; until it asks, nothing more is read. @throws {NetworkError} once closed */
  nextFrame(): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== null) {
        reject(this.#closedBy)
        return
      }
      this.#frameWaiter = { resolve, reject }
      this.#deliver()
    })
  }

  /** From now on every frame is handed to `consumer` as it arrives. A `ProtocolError` that it throws closes. */
  consume(consumer: (frame: Frame) => void): void {
    this.#consumer = consumer
    this.#deliver()
  }

  /**
   * Buffers without bound: look at `bufferedBytes` first, or wait for `drain`.
   *
   * What is written until the current callback has ended leaves as one `writev`. Not later, with `setImmediate`:
   * that comes after the next poll, and an Append would wait for every request that poll brings in.
   */
  write(...parts: readonly Uint8Array[]): void {
    if (this.#closedBy !== null) return
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      nextTick(() => {
        this.#isCorked = false
        this.#socket.uncork()
      })
    }
    for (const part of parts) this.#socket.write(part)
  }

  /** Resolves when the operating system has taken enough to go on writing. @throws {NetworkError} once closed */
  drain(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== null) reject(this.#closedBy)
      else if (!this.#socket.writableNeedDrain) resolve()
      else this.#drainWaiter = { resolve, reject }
    })
  }

  /** Lets what was written leave, then closes. Nothing more is read. */
  finish(error: NetworkError): void {
    if (this.#closedBy !== null) return
    this.#fail(error)
    this.#socket.destroySoon()
  }

  /** At once; what was not sent is lost. Does nothing if there was a reason before. */
  close(error: NetworkError): void {
    if (this.#closedBy !== null) return
    this.#fail(error)
    this.#socket.destroy()
  }

  /** For one that does not `finish`. */
  abort(): void {
    this.#socket.destroy()
  }

  #fail(error: NetworkError): void {
    this.#closedBy = error
    for (const waiter of [this.#openWaiter, this.#frameWaiter, this.#drainWaiter]) waiter?.reject(error)
    this.#openWaiter = this.#frameWaiter = this.#drainWaiter = null
  }

  #opened(): void {
    this.#isOpening = false
    this.#openWaiter?.resolve()
    this.#openWaiter = null
  }

  #drained(): void {
    this.#drainWaiter?.resolve()
    this.#drainWaiter = null
  }

  #receive(chunk: Buffer): void {
    if (this.#closedBy !== null) return
    this.#guard(() => {
      this.#onReceived()
      this.#reader.push(chunk)
      this.#deliver()
    })
  }

  /** Hands out what is there, as far as somebody wants it; reads on only then. */
  #deliver(): void {
    try {
      while (this.#closedBy === null && (this.#consumer !== null || this.#frameWaiter !== null)) {
        const frame = this.#reader.next()
        if (frame === null) {
          this.#socket.resume()
          return
        }
        this.#handOver(frame)
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.close(error)
    }
    if (this.#consumer === null) this.#socket.pause()
  }

  #handOver(frame: Frame): void {
    if (this.#consumer !== null) {
      this.#consumer(frame)
      return
    }
    const waiter = this.#frameWaiter
    this.#frameWaiter = null
    waiter?.resolve(frame)
  }

  #guard(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.close(isNetworkError(error) ? error : new ConnectionError('failed', { cause: error }))
      if (!isNetworkError(error)) this.#onFatal(error)
    }
  }
}
