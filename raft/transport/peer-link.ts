import type { PeerIdentity } from '../ports.ts'
import type { NodeId } from '../types.ts'
import type { Connection } from './connection.ts'
import type { TransportContext } from './context.ts'
import { dial } from './dial.ts'
import {
  ConnectionError,
  isNetworkError,
  type NetworkError,
  ProtocolError,
  RefusedError,
  reasonOf,
} from './errors.ts'
import { encodeFrame } from './frame.ts'
import { HEARD, PING } from './kinds.ts'
import { repeat, Watchdog } from './timers.ts'

/** Pings, and their answers, in the time after which silence means death. */
const PINGS_PER_SILENCE = 4
/** A dial that takes longer while the peer can reach us has probably lost its SYN. */
const SLOW_DIAL_MS = 200

/** A connection that both sides have accepted, with what watches it. */
interface OpenConnection {
  readonly connection: Connection
  readonly peer: PeerIdentity
  readonly since: number
  lastHeard: number
  stop(): void
}

/** The connection that we dial to one peer and send on: kept up for as long as the peer is ours. */
export class PeerLink {
  readonly id: NodeId
  readonly addr: string
  readonly #context: TransportContext
  #open: OpenConnection | null = null
  #dialling: { readonly connection: Connection; readonly since: number } | null = null
  #cancelRetry: () => void = () => {}
  #isClosed = false
  #onGone: () => void = () => {}
  #isRetryUrgent = false
  #failedTries = 0
  #refusedTries = 0
  #isFull = false
  /** What was last logged as the reason for not being connected; each is logged once. */
  #lastTrouble = ''

  constructor(context: TransportContext, { id, addr }: { id: NodeId; addr: string }) {
    this.#context = context
    this.id = id
    this.addr = addr
    this.#dial()
  }

  get isOpen(): boolean {
    return this.#open !== null && !this.#open.connection.isClosed
  }

  get bufferedBytes(): number {
    return this.#open?.connection.bufferedBytes ?? 0
  }

  /** Looks before the message is encoded: false if nothing at all can be sent now. */
  get hasRoom(): boolean {
    const { bufferBytesMax, reserveBytes } = this.#context.limits
    if (!this.isOpen) return false
    return this.bufferedBytes < bufferBytesMax + reserveBytes || this.#refuse()
  }

  /** @returns False if it was not sent. */
  send(parts: readonly Buffer[]): boolean {
    if (this.#open === null || !this.isOpen) return false
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const { frameBytesMax, bufferBytesMax, reserveBytes, smallBytesMax } = this.#context.limits
    if (length > frameBytesMax) {
      this.#context.logger.error({ peer: this.id, length }, 'a message is too large to send')
      return false
    }
    const buffered = this.bufferedBytes
    const room = bufferBytesMax + (length <= smallBytesMax ? reserveBytes : 0)
    // Alone behind a heartbeat a message always has room, however large: none may wait for ever.
    if (buffered > smallBytesMax && buffered + length > room) return this.#refuse()
    this.#isFull &&= buffered + length > bufferBytesMax / 2
    this.#open.connection.write(...parts)
    return true
  }

  /**
   * The peer has just reached us, so it is up and the network works: whatever we wait for may be over.
   * After a partition the operating system would go on waiting for up to two minutes before it tries again.
   */
  nudge(): void {
    if (this.#isClosed) return
    if (this.#open !== null) {
      const quietMs = this.#context.clock.now() - this.#open.lastHeard
      if (quietMs <= (2 * this.#context.limits.silenceMs) / PINGS_PER_SILENCE) return
      this.#redial(this.#open.connection)
    } else if (this.#dialling === null) {
      this.#cancelRetry()
      this.#dial()
    } else if (this.#dialling.connection.isConnecting) {
      const dialMs = this.#context.clock.now() - this.#dialling.since
      if (dialMs > SLOW_DIAL_MS) this.#redial(this.#dialling.connection)
    }
  }

  /** Asks again whether we want this peer, now that more may be known about it. */
  authorize(): void {
    if (this.#open === null) return
    const refusal = this.#context.handlers.authorize(this.#open.peer)
    if (refusal !== null) this.#open.connection.close(new RefusedError(refusal, 'us'))
  }

  /** At once. */
  close(): void {
    const reason = this.#stop()
    this.#open?.connection.close(reason)
  }

  /** Lets what was sent leave, but does not wait for ever. Resolves once the connection is closed. */
  flush(): Promise<void> {
    const reason = this.#stop()
    const { clock, limits } = this.#context
    const open = this.#open
    if (open === null) return Promise.resolve()
    return new Promise((resolve) => {
      const cancelDeadline = clock.setTimer(limits.closeMs, () => open.connection.abort())
      this.#onGone = () => {
        cancelDeadline()
        resolve()
      }
      open.connection.finish(reason)
    })
  }

  #stop(): NetworkError {
    const reason = new ConnectionError('the peer is not ours any more')
    this.#isClosed = true
    this.#cancelRetry()
    this.#dialling?.connection.close(reason)
    return reason
  }

  #redial(connection: Connection): void {
    this.#isRetryUrgent = true
    connection.close(new ConnectionError('dialled anew: the peer has just reached us'))
  }

  #dial(): void {
    this.#runDial().catch(this.#context.onFatal)
  }

  async #runDial(): Promise<void> {
    try {
      const { connection, accepted } = dial(this.#context, { to: this.id, addr: this.addr, kind: 'raft' })
      this.#dialling = { connection, since: this.#context.clock.now() }
      const peer = await accepted
      if (connection.isClosed) throw new ConnectionError('the connection was closed')
      this.#opened(connection, peer)
    } catch (error) {
      if (!isNetworkError(error)) throw error
      this.#dialling = null
      this.#retry(error)
    }
  }

  #opened(connection: Connection, peer: PeerIdentity): void {
    const { clock, limits, logger, handlers } = this.#context
    const watchdog = new Watchdog({
      clock,
      limitMs: limits.silenceMs,
      onExpired: () => connection.close(new ConnectionError(`nothing heard for ${limits.silenceMs} ms`)),
    })
    const cancelPing = repeat(clock, limits.silenceMs / PINGS_PER_SILENCE, () => {
      // Bytes that wait to be sent will be heard as well as a ping.
      if (connection.bufferedBytes === 0) connection.write(encodeFrame(PING))
    })
    const now = clock.now()
    const open: OpenConnection = {
      connection,
      peer,
      since: now,
      lastHeard: now,
      stop: () => {
        watchdog.stop()
        cancelPing()
      },
    }
    connection.onReceived(() => {
      watchdog.touch()
      open.lastHeard = clock.now()
    })
    connection.onClosed((error) => this.#lost(open, error))
    this.#dialling = null
    this.#open = open
    this.#lastTrouble = ''
    this.#refusedTries = 0
    this.#isFull = false
    logger.info({ peer: this.id, addr: this.addr }, 'connected to peer')
    connection.consume(({ kind }) => {
      if (kind !== HEARD) throw new ProtocolError(`kind ${kind} came back on a connection that we dialled`)
    })
    handlers.onPeer(peer)
  }

  #lost(open: OpenConnection, error: NetworkError): void {
    const { clock, limits, handlers } = this.#context
    open.stop()
    this.#open = null
    // One that breaks at once is no sign of health: back off further.
    if (clock.now() - open.since >= limits.backoffMaxMs) this.#failedTries = 0
    handlers.onPeerLost(this.id)
    this.#retry(error)
    this.#onGone()
  }

  #retry(error: NetworkError): void {
    if (this.#isClosed) return
    const isUrgent = this.#isRetryUrgent
    this.#isRetryUrgent = false
    this.#reportTrouble(error)
    const delayMs = isUrgent ? 0 : this.#delayAfter(error)
    this.#cancelRetry = this.#context.clock.setTimer(delayMs, () => this.#dial())
    if (error instanceof RefusedError && error.by === 'peer') {
      const { reason, message } = error
      this.#context.handlers.onRefused({ peer: this.id, reason, message })
    }
  }

  /** Doubles up to its maximum; the random half keeps nodes that lost each other at once apart. */
  #delayAfter(error: NetworkError): number {
    const { backoffMinMs, backoffMaxMs, refusedBackoffMinMs, refusedBackoffMaxMs } = this.#context.limits
    const delayMs =
      error instanceof RefusedError
        ? Math.min(refusedBackoffMaxMs, refusedBackoffMinMs * 2 ** this.#refusedTries++)
        : Math.min(backoffMaxMs, backoffMinMs * 2 ** this.#failedTries++)
    return delayMs * (0.5 + this.#context.random() / 2)
  }

  #reportTrouble(error: NetworkError): void {
    const trouble = `${reasonOf(error)} ${error.message}`
    if (trouble === this.#lastTrouble) return
    this.#lastTrouble = trouble
    const fields = { peer: this.id, addr: this.addr, reason: reasonOf(error), error: error.message }
    if (!(error instanceof RefusedError)) this.#context.logger.info(fields, 'not connected to peer')
    else if (error.by === 'peer') this.#context.logger.warn(fields, 'refused by peer')
    else this.#context.logger.warn(fields, 'refused the peer that was dialled')
  }

  #refuse(): false {
    if (!this.#isFull) {
      const { id: peer, bufferedBytes } = this
      this.#context.logger.warn({ peer, bufferedBytes }, 'send buffer of peer is full')
    }
    this.#isFull = true
    return false
  }
}
