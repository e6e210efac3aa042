/** Everything that a node needs from outside. Interfaces only: see `storage/` and `transport/` for the real ones. */
import type {
  Divergence,
  Entry,
  HardState,
  LogIndex,
  Message,
  NodeId,
  SchemaRange,
  SnapshotMeta,
  Term,
  TermRun,
} from './types.ts'

/** Time, and the order in which things run. The simulator's is a queue of due tasks. */
export interface Clock {
  /** Monotonic milliseconds since some start; for timeouts. */
  now(): number
  /** Milliseconds since 1970; only ever stamped into entries, never compared with `now`. */
  wallTime(): number
  /** Runs `callback` once after `delayMs`. Returns what cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void
  /** Runs `callback` once what has already arrived is delivered; how a turn gathers its batch. */
  setSoon(callback: () => void): void
}

/** A file system, as much of it as a log needs. Paths are relative to the disk's root and use `/`. */
export interface Disk {
  /** Names in a directory, in any order; empty if it does not exist. */
  list(directory: string): Promise<string[]>
  /** Opens for reading and writing; `create` makes it if missing, else a missing file is `null`. */
  open(path: string, options: { create: boolean }): Promise<DiskFile | null>
  /** Atomic, replaces the target. Durable only after `syncDirectory` of the parent. */
  rename(from: string, to: string): Promise<void>
  /** Removing what does not exist is no error. Durable only after `syncDirectory` of the parent. */
  remove(path: string): Promise<void>
  /** With its parents; no error if it exists. Durable when it resolves. */
  makeDirectory(path: string): Promise<void>
  syncDirectory(path: string): Promise<void>
  /** Bytes that can still be written. */
  freeBytes(): Promise<number>
}

/** One open file; one writer at a time. */
export interface DiskFile {
  sizeBytes(): number
  /** Up to `length` bytes; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>
  /**
   * Hands all of `bytes` to the operating system before it returns. Not durable: see `sync`.
   * Synchronous on purpose: a copy into the page cache is cheaper than a hop through a thread pool (measured).
   *
   * @throws on any error, a short write included. The file is then unknown; the caller stops.
   */
  write(offset: number, bytes: Uint8Array): void
  /** Reserves blocks up to `sizeBytes`, which becomes the size; the new part reads as zeros. */
  allocate(sizeBytes: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /** fdatasync. A rejection is final: the data may be gone even if a retry succeeds. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** One atomic, ordered piece of work for the log. Empty fields change nothing. */
export interface LogBatch {
  readonly hardState: HardState | null
  /**
   * Contiguous and ascending. `entries[0].index` is at most one past the last written index;
   * entries already there from that index on are replaced (§3.5).
   */
  readonly entries: readonly Entry[]
}

/** What a log knew when it was last closed, or killed. */
export interface RecoveredLog {
  /** Term 0 and no vote in a new directory. */
  readonly hardState: HardState
  /** What the log starts after; `null` in a new directory, where nothing was ever written. */
  readonly base: SnapshotMeta | null
  /** `base.lastIndex` when the log is empty. */
  readonly lastIndex: LogIndex
  /** Terms of all entries after the base, ascending by `firstIndex`. */
  readonly terms: readonly TermRun[]
  /** All entries of type `membership` after the base, ascending. */
  readonly membershipEntries: readonly Entry[]
  /** Bytes cut from the end because they were never synced (0 after a clean stop). */
  readonly tornBytes: number
}

/**
 * The part of a node that survives a crash: its hard state and its log (thesis §3.8, Figure 3.1).
 *
 * One writer at a time: the caller awaits `append`, `compact` and `reset` before the next of them; `read` may run
 * beside them. After any rejection of a write the store's content is unknown, so the caller must stop the
 * node and start again from `open`: an fsync that failed once may "succeed" when retried, having lost the data.
 */
export interface LogStore {
  /**
   * Reads everything back, once, before anything else. Cuts a torn tail: it was never acknowledged.
   *
   * @throws {CorruptLogError} if the durable part is damaged. Nothing is changed then.
   */
  open(): Promise<RecoveredLog>
  /** Writes the base of a new directory. Durable when it resolves. */
  initialize(base: SnapshotMeta): Promise<void>
  /** Makes the batch durable, all or nothing, with one fsync. */
  append(batch: LogBatch): Promise<void>
  /**
   * Entries from `first` to at most `last`, stopping before `bytesMax` but always with at least one.
   * The caller asks only for what the log holds; may run while an append is in flight.
   *
   * @throws {CorruptLogError} if what is read fails its checksum.
   */
  read(options: { first: LogIndex; last: LogIndex; bytesMax: number }): Promise<Entry[]>
  /** The last index after which there are `bytes` of log or more, as far as whole segments go; 0 if there are not so many. */
  indexBefore(bytes: number): LogIndex
  /**
   * Forgets entries up to `base.lastIndex`, as far as whole segments go, and records `base` as what the log may
   * start after. `open` may later report an older base than this one, never a newer.
   */
  compact(base: SnapshotMeta): Promise<void>
  /** The commit point of a snapshot install: the log becomes empty after `base`. Durable when it resolves. */
  reset(base: SnapshotMeta): Promise<void>
  close(): Promise<void>
}

/** A whole snapshot as a file: header with its meta, checksummed chunks, digest over all. */
export interface SnapshotFile {
  readonly meta: SnapshotMeta
  /** Tells this file from every other: derived from its bytes. Opaque; at most 128 characters. */
  readonly identity: string
  readonly sizeBytes: number
  /** Raw bytes of the file, for sending; `length` may reach past the end. */
  read(offset: number, length: number): Promise<Buffer>
  /** What the state machine wrote, verified chunk by chunk and, at the end, by the digest. @throws {CorruptLogError} */
  chunks(): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** A snapshot on its way in. Bytes are those of the sender's file. */
export interface SnapshotReceiver {
  /** How many bytes are here already: a sender goes on from there. */
  readonly offset: number
  /** @throws if the bytes would pass the announced size. */
  write(bytes: Uint8Array): Promise<void>
  /** Verifies everything and makes the file durable. @throws {CorruptLogError} and discards it if anything is wrong. */
  finish(): Promise<SnapshotFile>
  /** Keeps what came so far for a later resume. */
  suspend(): Promise<void>
}

/** Snapshots on disk; at most one complete file and one partial one. */
export interface SnapshotStore {
  /** Removes what a crash left half-made, and opens the newest complete snapshot if there is one. */
  open(): Promise<SnapshotFile | null>
  /** Writes, verifies, makes durable; older files go. The chunks' total size may be anything. */
  create(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<SnapshotFile>
  /** @param identity Tells one snapshot file from another with the same index; a partial one with another identity is dropped. */
  receive(options: { identity: string; lastIndex: LogIndex; sizeBytes: number }): Promise<SnapshotReceiver>
  /** Removes every file. */
  clear(): Promise<void>
}

/** Everything about who we are that a peer checks before it listens. */
export interface Identity {
  readonly clusterId: number
  readonly nodeId: NodeId
  /** Of the data directory: random, made once. */
  readonly incarnation: string
  /** `host:port` where peers reach our Raft listener. */
  readonly addr: string
  /** What our program can read and write. */
  readonly schemas: SchemaRange
}

/**
 * One start of a process, and what its disk held then. Values of a moment that is over: newer ones would race with
 * the acknowledgements on the other connection between the same two nodes.
 */
export interface Boot {
  /** Random, positive; tells this start from every other. */
  readonly id: number
  readonly term: Term
  readonly lastIndex: LogIndex
}

/** The peer's side of a handshake, already checked for cluster id and protocol. */
export interface PeerIdentity {
  readonly nodeId: NodeId
  readonly incarnation: string
  readonly addr: string
  readonly schemas: SchemaRange
  readonly boot: Boot
}

/** Called by the transport; none of them may throw or wait. */
export interface TransportHandlers {
  onMessage(message: Message): void
  /** `null` to accept, else a machine word and a sentence that the peer logs too. */
  authorize(peer: PeerIdentity): { reason: string; message: string } | null
  /** A peer has connected to us, or we to it, and both accepted. */
  onPeer(peer: PeerIdentity): void
  /** Our connection to a peer is gone: what was sent on it may or may not have arrived. */
  onPeerLost(peer: NodeId): void
  /** A peer refused us: `removed`, `incarnation`, `rolled_back`, `schema`, `cluster_id`, `node_id`, `protocol`, `secret`. */
  onRefused(refusal: { peer: NodeId; reason: string; message: string }): void
  /** A peer wants to send a snapshot on its own connection; `null` refuses. Resolves with where its bytes go. */
  onSnapshotOffer(offer: SnapshotOffer): Promise<SnapshotReceiver | null>
  /** All its bytes are here and `finish` has resolved with `file`. */
  onSnapshotReceived(offer: SnapshotOffer, file: SnapshotFile): void
}

/** What a sender says of a snapshot before its bytes: for whom in the protocol, and which file. */
export interface SnapshotOffer {
  readonly from: NodeId
  readonly term: number
  readonly session: number
  readonly lastIndex: LogIndex
  readonly sizeBytes: number
  readonly identity: string
}

/** Messages between nodes: best effort, in order on one connection, bounded. */
export interface Transport {
  /** @param boot Goes to every peer with the identity. */
  start(handlers: TransportHandlers, boot: Boot): Promise<void>
  /** Whom to keep connections to. Called again at every membership change. */
  setPeers(peers: readonly { id: NodeId; addr: string }[]): void
  /**
   * @returns False if it was certainly not sent: no connection, or its buffer is at its maximum.
   * True says nothing about arrival.
   */
  send(message: Message): boolean
  /** Streams `file` from the offset that the receiver reports. Rejects if the connection breaks or it refuses. */
  sendSnapshot(offer: SnapshotOffer & { readonly to: NodeId }, file: SnapshotFile): Promise<void>
  close(): Promise<void>
}

/** What the cluster replicates. `apply` is deterministic: same entries, same state on every node. */
export interface StateMachine {
  /** The last entry that `apply` has seen. */
  readonly appliedIndex: LogIndex
  /** The last entry whose effects survive a crash. The log is kept after it. */
  readonly durableIndex: LogIndex
  /** Over everything that was applied: equal where states are equal. Opaque; at most 128 characters. */
  readonly stateHash: string
  /** What `markDiverged` was told, also before a restart; null again once `restore` has replaced the state. */
  readonly divergence: Divergence | null
  /** This state is wrong. Durable when it resolves. */
  markDiverged(divergence: Divergence): Promise<void>
  /**
   * Applies one committed entry and returns what a waiting proposer gets. Called in log order, each index once
   * since `open` or `restore`. Works on memory: a write-behind flush follows.
   */
  apply(entry: Entry): unknown
  /** Resolves when the state machine takes more: at once, or when its unflushed bytes are below their maximum. */
  waitForCapacity(): Promise<void> | null
  /** Results travel to the follower that forwarded the command. */
  encodeResult(result: unknown): Uint8Array
  decodeResult(bytes: Uint8Array): unknown
  /** Makes everything applied so far durable. */
  flush(): Promise<void>
  /** A consistent image of `appliedIndex`, while later entries are applied. `release` it in any case. */
  snapshot(): Promise<StateImage>
  /**
   * Before the log gives way to a snapshot: why `restore` would not take it, as far as its beginning tells, for example
   * because newer software has written it; null if it would. Changes nothing. Rejects only if `chunks` does.
   */
  refusalOf(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<string | null>
  /** Replaces everything. A crash in the middle leaves `durableIndex` 0, so that it is done again. */
  restore(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void>
  /** Rejects once a flush has failed: the process must stop. Never resolves. */
  readonly failed: Promise<never>
  close(): Promise<void>
}

/** A state at one index, kept from changing until it is released. */
export interface StateImage {
  readonly appliedIndex: LogIndex
  chunks(): AsyncIterable<Uint8Array>
  release(): Promise<void>
}

/** How full something is that has a bound. */
export interface QueueFigure {
  readonly queue: string
  /** Of what is kept for each peer; null for what there is once. */
  readonly peer: NodeId | null
  readonly unit: 'entries' | 'bytes'
  readonly size: number
  /** Null: it has no bound of its own, others keep it small. */
  readonly max: number | null
}

/** What an operator should see. Structured; the message is a constant. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Everything injected into a node. */
export interface Ports {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: LogStore
  readonly snapshots: SnapshotStore
  /** Where log, snapshots and state machine are: how much room there is. */
  readonly disk: Pick<Disk, 'freeBytes'>
  readonly transport: Transport
  readonly stateMachine: StateMachine
  readonly logger: Log
  /** Something failed after which no promise holds: log it and end the process. Called at most once. */
  readonly onFatal: (error: unknown) => void
}
