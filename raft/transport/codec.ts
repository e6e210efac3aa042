/** Messages as frames, and the strict way back. */
import { Packr, RESERVE_START_SPACE } from 'msgpackr'
import { ENTRY_HEADER_BYTES, encodedEntryBytes, readEntry, writeEntry } from '../entry.ts'
import { TRACE_CONTEXT_CHARS_MAX } from '../request-trace.ts'
import type {
  AppendEntries,
  AppendEntriesReply,
  CommandTraits,
  DiskHealth,
  Entry,
  ForwardedOutcome,
  ForwardedRequest,
  ForwardReplies,
  ForwardRequests,
  InstallSnapshot,
  InstallSnapshotReply,
  MembershipChange,
  Message,
  ReadIndexReply,
  ReadIndexRequest,
  RequestVote,
  RequestVoteReply,
  StateHashes,
  TimeoutNow,
} from '../types.ts'
import { ProtocolError } from './errors.ts'
import { FRAME_HEADER_BYTES, type Frame, writeFrameHeader } from './frame.ts'
import { MESSAGE_KINDS } from './kinds.ts'
import { bytes, counter, flag, list, nullable, positive, type Shape, text, tuple, variant } from './shape.ts'

/** The encoder's buffer grows with what is encoded, and would come back in that size for small messages. */
const ENCODER_BYTES = 8 * 1024
const ENCODER_BYTES_KEPT_MAX = 64 * 1024
/** Before the head of an AppendEntries: how long it is. */
const HEAD_LENGTH_BYTES = 2
const TEXT_LENGTH_MAX = 64 * 1024
const HASH_LENGTH_MAX = 128

type Unnamed<M> = Omit<M, 'type'>

const ENVELOPE = { from: positive, to: positive, term: counter }

type AppendEntriesHead = Omit<AppendEntries, 'type' | 'entries'> & { readonly entryCount: number }

const APPEND_ENTRIES_HEAD = tuple<AppendEntriesHead>({
  ...ENVELOPE,
  prevLogIndex: counter,
  prevLogTerm: counter,
  leaderCommit: counter,
  leaderDurable: counter,
  session: counter,
  readRound: counter,
  entryCount: counter,
})

const MEMBERSHIP_CHANGE = variant<MembershipChange>({
  add: tuple({ id: positive, addr: text(TEXT_LENGTH_MAX) }),
  remove: tuple({ id: positive, isForced: flag }),
})

const COMMAND_TRAITS = tuple<CommandTraits>({ isIdempotent: flag, needsRoom: flag })

const FORWARDED_REQUEST = variant<ForwardedRequest>({
  command: tuple({ payload: bytes, traits: COMMAND_TRAITS }),
  membership: tuple({ change: MEMBERSHIP_CHANGE, note: text(TEXT_LENGTH_MAX) }),
  transfer: tuple({ target: nullable(positive) }),
})

const FORWARDED_OUTCOME = variant<ForwardedOutcome>({
  result: tuple({ result: bytes, index: counter }),
  error: tuple({
    code: text(TEXT_LENGTH_MAX),
    message: text(TEXT_LENGTH_MAX),
    leaderId: nullable(positive),
  }),
  transferred: tuple({ leaderId: positive }),
})

const DISK_HEALTH = tuple<DiskHealth>({ stallMs: counter, isLow: flag })

type SimpleMessage = Exclude<Message, AppendEntries>

const SHAPES: { readonly [M in SimpleMessage as M['type']]: Shape<Unnamed<M>> } = {
  RequestVote: tuple<Unnamed<RequestVote>>({
    ...ENVELOPE,
    isPreVote: flag,
    isTransfer: flag,
    lastLogIndex: counter,
    lastLogTerm: counter,
  }),
  RequestVoteReply: tuple<Unnamed<RequestVoteReply>>({ ...ENVELOPE, isPreVote: flag, voteGranted: flag }),
  AppendEntriesReply: tuple<Unnamed<AppendEntriesReply>>({
    ...ENVELOPE,
    success: flag,
    matchIndex: counter,
    conflictIndex: counter,
    conflictTerm: counter,
    rejectedIndex: counter,
    session: counter,
    readRound: counter,
    isDrained: flag,
    disk: DISK_HEALTH,
  }),
  InstallSnapshot: tuple<Unnamed<InstallSnapshot>>({
    ...ENVELOPE,
    lastIndex: counter,
    session: counter,
    readRound: counter,
  }),
  InstallSnapshotReply: tuple<Unnamed<InstallSnapshotReply>>({
    ...ENVELOPE,
    success: flag,
    lastIndex: counter,
    session: counter,
    readRound: counter,
    disk: DISK_HEALTH,
  }),
  TimeoutNow: tuple<Unnamed<TimeoutNow>>(ENVELOPE),
  ReadIndexRequest: tuple<Unnamed<ReadIndexRequest>>({ ...ENVELOPE, requestId: counter }),
  ReadIndexReply: tuple<Unnamed<ReadIndexReply>>({
    ...ENVELOPE,
    requestId: counter,
    readIndex: nullable(counter),
  }),
  ForwardRequests: tuple<Unnamed<ForwardRequests>>({
    from: positive,
    to: positive,
    requests: list(
      tuple({
        id: counter,
        request: FORWARDED_REQUEST,
        trace: nullable(text(TRACE_CONTEXT_CHARS_MAX)),
      }),
    ),
  }),
  ForwardReplies: tuple<Unnamed<ForwardReplies>>({
    from: positive,
    to: positive,
    replies: list(tuple({ id: counter, outcome: FORWARDED_OUTCOME })),
  }),
  StateHashes: tuple<Unnamed<StateHashes>>({
    from: positive,
    to: positive,
    checkpoints: list(tuple({ index: counter, hash: text(HASH_LENGTH_MAX) })),
  }),
}

const TYPE_OF_KIND: ReadonlyMap<number, Message['type']> = new Map(
  Object.entries(MESSAGE_KINDS).map(([type, kind]) => [kind, type as Message['type']]),
)

/**
 * One for each node. What it encodes does not depend on what it encoded before.
 *
 * Entries are encoded once for each array of them: send the same array to several peers, and never change it.
 */
export class MessageCodec {
  // No records: they are state between encoder and decoder.
  readonly #packr = new Packr({ useRecords: false })
  readonly #blocks = new WeakMap<readonly Entry[], Buffer>()

  /** The message's frame, in parts to be written one after the other. Parts may be shared between messages. */
  encode(message: Message): readonly Buffer[] {
    if (message.type === 'AppendEntries') return this.#encodeAppendEntries(message)
    const shape = SHAPES[message.type] as Shape<SimpleMessage>
    const frame = this.#pack(shape.encode(message), FRAME_HEADER_BYTES)
    writeFrameHeader(frame, MESSAGE_KINDS[message.type], frame.length - FRAME_HEADER_BYTES)
    return [frame]
  }

  /** @throws {ProtocolError} whatever else the frame may hold. */
  decode({ kind, body }: Frame): Message {
    const type = TYPE_OF_KIND.get(kind)
    if (type === undefined) throw new ProtocolError(`unknown kind of frame: ${kind}`)
    try {
      if (type === 'AppendEntries') return this.#decodeAppendEntries(body)
      // What is forwarded becomes entries of our log, and stays.
      const kept = type === 'ForwardRequests' ? unpinned(body) : body
      return { type, ...(SHAPES[type] as Shape<object>).decode(this.#unpack(kept)) } as Message
    } catch (error) {
      if (error instanceof ProtocolError) throw new ProtocolError(`${type}: ${error.message}`)
      throw error
    }
  }

  #encodeAppendEntries(message: AppendEntries): readonly Buffer[] {
    const { entries, ...rest } = message
    const reserved = FRAME_HEADER_BYTES + HEAD_LENGTH_BYTES
    const head = this.#pack(APPEND_ENTRIES_HEAD.encode({ ...rest, entryCount: entries.length }), reserved)
    const block = this.#block(entries)
    writeFrameHeader(head, MESSAGE_KINDS.AppendEntries, head.length - FRAME_HEADER_BYTES + block.length)
    head.writeUInt16LE(head.length - reserved, FRAME_HEADER_BYTES)
    return block.length === 0 ? [head] : [head, block]
  }

  #block(entries: readonly Entry[]): Buffer {
    const known = this.#blocks.get(entries)
    if (known !== undefined) return known
    const block = encodeEntries(entries)
    this.#blocks.set(entries, block)
    return block
  }

  #decodeAppendEntries(body: Buffer): AppendEntries {
    if (body.length < HEAD_LENGTH_BYTES) throw new ProtocolError('no head')
    const headEnd = HEAD_LENGTH_BYTES + body.readUInt16LE(0)
    if (headEnd > body.length) throw new ProtocolError('head ends after the frame')
    const head = APPEND_ENTRIES_HEAD.decode(this.#unpack(body.subarray(HEAD_LENGTH_BYTES, headEnd)))
    const { entryCount, ...rest } = head
    const block = unpinned(body.subarray(headEnd))
    return {
      type: 'AppendEntries',
      ...rest,
      entries: decodeEntries(block, { firstIndex: head.prevLogIndex + 1, count: entryCount }),
    }
  }

  /** With `reserved` bytes in front for what only is known afterwards. */
  #pack(value: unknown, reserved: number): Buffer {
    const packed = this.#packr.pack(value, RESERVE_START_SPACE + reserved)
    if (packed.length > ENCODER_BYTES_KEPT_MAX) this.#packr.useBuffer(Buffer.allocUnsafeSlow(ENCODER_BYTES))
    return packed
  }

  #unpack(source: Buffer): unknown {
    try {
      return this.#packr.unpack(source)
    } catch (error) {
      // Its errors are of any class, a stack overflow included.
      throw new ProtocolError('not msgpack', { cause: error })
    }
  }
}

function encodeEntries(entries: readonly Entry[]): Buffer {
  let length = 0
  for (const entry of entries) length += encodedEntryBytes(entry)
  const block = Buffer.allocUnsafeSlow(length)
  let offset = 0
  for (const entry of entries) offset = writeEntry(block, offset, entry)
  return block
}

function decodeEntries(block: Buffer, { firstIndex, count }: { firstIndex: number; count: number }): Entry[] {
  if (count > block.length / ENTRY_HEADER_BYTES) throw new ProtocolError(`no room for ${count} entries`)
  const entries: Entry[] = []
  let offset = 0
  for (let i = 0; i < count; i++) {
    const read = readEntry(block, offset)
    if (read === null) throw new ProtocolError(`entry ${i} is malformed`)
    if (read.entry.index !== firstIndex + i) {
      throw new ProtocolError(`entry ${i} has index ${read.entry.index}, not ${firstIndex + i}`)
    }
    entries.push(read.entry)
    offset = read.end
  }
  if (offset !== block.length) throw new ProtocolError(`${block.length - offset} bytes after the last entry`)
  return entries
}

/**
 * The same bytes, in memory that is not much larger than they are.
 *
 * Payloads are views, and live as long as their log entries. One copy of a whole run is cheaper than one for each
 * payload, and is only made where a view would keep more than as much again.
 */
function unpinned(body: Buffer): Buffer {
  if (body.length === 0 || body.buffer.byteLength <= 2 * body.length) return body
  const copy = Buffer.allocUnsafeSlow(body.length)
  body.copy(copy)
  return copy
}
