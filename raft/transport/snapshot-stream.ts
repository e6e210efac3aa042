/**
 * A snapshot on a connection of its own, after the handshake:
 * offer (sender) → offset or refusal (receiver) → chunks, end (sender) → done or refusal (receiver).
 */
import { pack } from 'msgpackr'
import { AssertionError, assert } from '../assert.ts'
import { CorruptLogError } from '../errors.ts'
import type {
  Clock,
  PeerIdentity,
  SnapshotFile,
  SnapshotOffer,
  SnapshotReceiver,
  TransportHandlers,
} from '../ports.ts'
import type { Connection } from './connection.ts'
import { ConnectionError, isNetworkError, ProtocolError, type Refusal, RefusedError } from './errors.ts'
import { encodeFrame, FRAME_HEADER_BYTES, writeFrameHeader } from './frame.ts'
import { decodeBody, encodeRefusal, throwIfRefusal } from './handshake-messages.ts'
import { CHUNK, DONE, END, OFFER, OFFSET } from './kinds.ts'
import { counter, map, positive, text } from './shape.ts'
import { Watchdog } from './timers.ts'

export const CHUNK_BYTES = 256 * 1024
/** Of kind and body, on a connection that carries a snapshot. */
export const SNAPSHOT_FRAME_BYTES_MAX = CHUNK_BYTES + 1
const IDENTITY_LENGTH_MAX = 1024
/** The slowest receiver that verifies its file in time. */
const VERIFIED_BYTES_PER_MS_MIN = 10_000

const NOT_WANTED: Refusal = { reason: 'not_wanted', message: 'this node does not want the snapshot now' }

const OFFER_SHAPE = map<SnapshotOffer>({
  from: positive,
  term: counter,
  session: counter,
  lastIndex: counter,
  sizeBytes: counter,
  identity: text(IDENTITY_LENGTH_MAX),
})
const OFFSET_SHAPE = map<{ readonly offset: number }>({ offset: counter })

/**
 * Sends what the receiver does not have yet.
 *
 * @throws {RefusedError} if it does not want it, or what arrived is not what was offered
 * @throws {ConnectionError | ProtocolError} if the connection breaks, or makes no progress for `idleMs`
 */
export async function streamSnapshot(
  connection: Connection,
  options: { offer: SnapshotOffer; file: SnapshotFile; clock: Clock; idleMs: number },
): Promise<void> {
  const { offer, file, clock, idleMs } = options
  assert(offer.sizeBytes === file.sizeBytes, 'a snapshot is offered with the size of its file')
  const watchdog = idleWatchdog(connection, clock, idleMs)
  try {
    connection.write(encodeOffer(offer))
    const start = await receiveOffset(connection, offer)
    let isAllSent = false
    const done = receiveDone(connection, () => isAllSent)
    // Whatever ends the connection also ends the wait for a disk that hangs.
    await Promise.race([sendChunks(connection, { file, start, watchdog }), done])
    isAllSent = true
    connection.write(encodeFrame(END))
    watchdog.touch()
    watchdog.extend(file.sizeBytes / VERIFIED_BYTES_PER_MS_MIN)
    await done
  } finally {
    watchdog.stop()
    connection.close(new ConnectionError('the snapshot is over'))
  }
}

async function receiveOffset(connection: Connection, offer: SnapshotOffer): Promise<number> {
  const answer = await connection.nextFrame()
  throwIfRefusal(answer)
  const { offset } = decodeBody(answer, OFFSET, OFFSET_SHAPE)
  if (offset > offer.sizeBytes) throw new ProtocolError(`offset ${offset} is above ${offer.sizeBytes}`)
  return offset
}

/** Listens while chunks are sent, so that a refusal half-way ends the sending. */
function receiveDone(connection: Connection, isAllSent: () => boolean): Promise<void> {
  const done = connection.nextFrame().then((answer) => {
    throwIfRefusal(answer)
    if (answer.kind !== DONE || !isAllSent()) throw new ProtocolError(`kind ${answer.kind} before the end`)
  })
  done.catch((error) => connection.close(error))
  return done
}

async function sendChunks(
  connection: Connection,
  { file, start, watchdog }: { file: SnapshotFile; start: number; watchdog: Watchdog },
): Promise<void> {
  for (let offset = start; offset < file.sizeBytes; ) {
    const chunk = await file.read(offset, CHUNK_BYTES)
    assert(chunk.length > 0, 'the snapshot file ends at {} of {}', offset, file.sizeBytes)
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
    writeFrameHeader(header, CHUNK, chunk.length)
    connection.write(header, chunk)
    await connection.drain()
    watchdog.touch()
    offset += chunk.length
  }
}

/**
 * Receives one snapshot, and tells `handlers` when it is whole.
 *
 * @throws {NetworkError} if nothing came of it; what was received is then kept for a later try
 */
export async function receiveSnapshot(
  connection: Connection,
  options: {
    peer: PeerIdentity
    handlers: Pick<TransportHandlers, 'onSnapshotOffer' | 'onSnapshotReceived'>
    clock: Clock
    idleMs: number
  },
): Promise<void> {
  const { peer, handlers, clock, idleMs } = options
  const watchdog = idleWatchdog(connection, clock, idleMs)
  try {
    const offer = decodeBody(await connection.nextFrame(), OFFER, OFFER_SHAPE)
    if (offer.from !== peer.nodeId)
      throw new ProtocolError(`offer from ${offer.from} came from ${peer.nodeId}`)
    const file = await receiveFile(connection, { offer, handlers, watchdog })
    connection.write(encodeFrame(DONE))
    connection.finish(new ConnectionError('the snapshot is over'))
    handlers.onSnapshotReceived(offer, file)
  } finally {
    watchdog.stop()
  }
}

async function receiveFile(
  connection: Connection,
  options: {
    offer: SnapshotOffer
    handlers: Pick<TransportHandlers, 'onSnapshotOffer'>
    watchdog: Watchdog
  },
): Promise<SnapshotFile> {
  const { offer, handlers, watchdog } = options
  try {
    const receiver = await handlers.onSnapshotOffer(offer)
    if (receiver === null) throw new RefusedError(NOT_WANTED, 'us')
    await receiveChunks(connection, { offer, receiver, watchdog })
    watchdog.stop()
    return await receiver.finish()
  } catch (error) {
    const refusal = refusalFor(error)
    if (refusal === null) throw error
    connection.write(encodeRefusal(refusal))
    connection.finish(refusal)
    throw refusal
  }
}

/** Our disk's trouble is not worth the process: the log is not touched by it, and the sender comes again. */
function refusalFor(error: unknown): RefusedError | null {
  if (error instanceof RefusedError) return error
  if (error instanceof AssertionError || isNetworkError(error)) return null
  const reason = error instanceof CorruptLogError ? 'corrupt' : 'failed'
  return new RefusedError({ reason, message: error instanceof Error ? error.message : String(error) }, 'us')
}

async function receiveChunks(
  connection: Connection,
  options: { offer: SnapshotOffer; receiver: SnapshotReceiver; watchdog: Watchdog },
): Promise<void> {
  const { offer, receiver, watchdog } = options
  try {
    let offset = receiver.offset
    if (offset > offer.sizeBytes) throw new ProtocolError(`${offset} of ${offer.sizeBytes} bytes are here`)
    connection.write(encodeOffset(offset))
    while (true) {
      const { kind, body } = await connection.nextFrame()
      watchdog.touch()
      if (kind === END) break
      if (kind !== CHUNK || body.length === 0) throw new ProtocolError(`kind ${kind} in a snapshot`)
      offset += body.length
      if (offset > offer.sizeBytes) throw new ProtocolError(`snapshot passes its ${offer.sizeBytes} bytes`)
      await receiver.write(body)
      watchdog.touch()
    }
    if (offset < offer.sizeBytes) throw new ProtocolError(`snapshot ends at ${offset} of ${offer.sizeBytes}`)
  } catch (error) {
    await receiver.suspend()
    throw error
  }
}

export function encodeOffer(offer: SnapshotOffer): Buffer {
  return encodeFrame(OFFER, pack(OFFER_SHAPE.encode(offer)))
}

export function encodeOffset(offset: number): Buffer {
  return encodeFrame(OFFSET, pack(OFFSET_SHAPE.encode({ offset })))
}

function idleWatchdog(connection: Connection, clock: Clock, limitMs: number): Watchdog {
  return new Watchdog({
    clock,
    limitMs,
    onExpired: () => connection.close(new ConnectionError(`no progress for ${limitMs} ms`)),
  })
}
