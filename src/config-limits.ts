/** The section `limits` of the cluster file: how much may wait in one node. A key is a queue of the metrics, and its unit. */
import { z } from 'zod'
import {
  type ApplyLimits,
  DEFAULT_APPLY_LIMITS,
  DEFAULT_LIMITS,
  DEFAULT_PROPOSAL_LIMITS,
  DEFAULT_READ_LIMITS,
  DEFAULT_TRANSPORT_LIMITS,
  type Limits,
  type ProposalLimits,
  type ReadLimits,
  type TransportLimits,
} from '../raft/index.ts'
import { section, wholeNumber } from './config-values.ts'
import { SNAPSHOT_STREAM_LIMITS, type SnapshotStreamLimits } from './snapshot-streams.ts'
import { DEFAULT_FLUSH_LIMITS, type FlushLimits } from './state/flush.ts'

/** Of one node, by the part of it that has the queues. */
export interface QueueLimits {
  readonly proposals: ProposalLimits
  readonly reads: ReadLimits
  readonly core: Limits
  readonly apply: ApplyLimits
  readonly transport: Pick<TransportLimits, 'bufferBytesMax' | 'pendingConnectionsMax'>
  readonly flush: Pick<FlushLimits, 'dirtyBytesMax'>
  readonly backups: Pick<SnapshotStreamLimits, 'streamsMax'>
}

const MIB = 1024 * 1024
/** Less would be in the way of a handful of clients. */
const COUNT_MIN = 16
const COUNT_MAX = 100_000
/** Below `SESSION_WINDOW_MAX`: beyond, a write could be forgotten while it waits. */
const REQUESTS_MAX = 30_000
/** A command is up to 1 MiB, and must find room where nothing else waits. */
const MIB_MIN = 2
/** Queues are memory of one process. */
const MIB_MAX = 256
/** Half of a batch of the log (`BATCH_BYTES_MAX`): all of it may come to be written at once. */
const UNCOMMITTED_MIB_MAX = 128
const INFLIGHT_MESSAGES_MAX = 1_024
/** Each change of leaders may add as much to what a slow follower has to write as one batch. */
const INFLIGHT_MIB_MAX = 32
const LOG_CACHE_MIB_MAX = 1_024
const HANDSHAKES_MAX = 1_024
const BACKUPS_MAX = 16

function count(standard: number, { max = COUNT_MAX, min = COUNT_MIN } = {}) {
  return wholeNumber(max, min).default(standard)
}

function mib(standardBytes: number, { max = MIB_MAX, min = MIB_MIN } = {}) {
  return wholeNumber(max, min).default(standardBytes / MIB)
}

export const LimitsSchema = z.strictObject(
  {
    waiting_requests_max: count(DEFAULT_PROPOSAL_LIMITS.waitingRequestsMax, { max: REQUESTS_MAX }),
    waiting_requests_mib_max: mib(DEFAULT_PROPOSAL_LIMITS.waitingBytesMax),
    waiting_reads_max: count(DEFAULT_READ_LIMITS.waitingReadsMax),
    uncommitted_entries_max: count(DEFAULT_LIMITS.uncommittedEntriesMax),
    uncommitted_entries_mib_max: mib(DEFAULT_LIMITS.uncommittedBytesMax, { max: UNCOMMITTED_MIB_MAX }),
    unapplied_entries_max: count(DEFAULT_APPLY_LIMITS.unappliedEntriesMax),
    unapplied_entries_mib_max: mib(DEFAULT_APPLY_LIMITS.unappliedBytesMax),
    unflushed_rows_mib_max: mib(DEFAULT_FLUSH_LIMITS.dirtyBytesMax),
    inflight_appends_max: count(DEFAULT_LIMITS.inflightMessagesMax, { max: INFLIGHT_MESSAGES_MAX, min: 1 }),
    inflight_appends_mib_max: mib(DEFAULT_LIMITS.inflightBytesMax, { max: INFLIGHT_MIB_MAX, min: 1 }),
    send_buffer_mib_max: mib(DEFAULT_TRANSPORT_LIMITS.bufferBytesMax),
    log_cache_mib_max: mib(DEFAULT_LIMITS.cacheBytesMax, { max: LOG_CACHE_MIB_MAX }),
    pending_handshakes_max: count(DEFAULT_TRANSPORT_LIMITS.pendingConnectionsMax, { max: HANDSHAKES_MAX }),
    backups_max: count(SNAPSHOT_STREAM_LIMITS.streamsMax, { max: BACKUPS_MAX, min: 1 }),
  },
  { error: section },
)

export function toQueueLimits(limits: z.output<typeof LimitsSchema>): QueueLimits {
  return {
    proposals: {
      ...DEFAULT_PROPOSAL_LIMITS,
      waitingRequestsMax: limits.waiting_requests_max,
      waitingBytesMax: limits.waiting_requests_mib_max * MIB,
    },
    reads: { ...DEFAULT_READ_LIMITS, waitingReadsMax: limits.waiting_reads_max },
    core: {
      ...DEFAULT_LIMITS,
      uncommittedEntriesMax: limits.uncommitted_entries_max,
      uncommittedBytesMax: limits.uncommitted_entries_mib_max * MIB,
      inflightMessagesMax: limits.inflight_appends_max,
      inflightBytesMax: limits.inflight_appends_mib_max * MIB,
      cacheBytesMax: limits.log_cache_mib_max * MIB,
    },
    apply: {
      unappliedEntriesMax: limits.unapplied_entries_max,
      unappliedBytesMax: limits.unapplied_entries_mib_max * MIB,
    },
    transport: {
      bufferBytesMax: limits.send_buffer_mib_max * MIB,
      pendingConnectionsMax: limits.pending_handshakes_max,
    },
    flush: { dirtyBytesMax: limits.unflushed_rows_mib_max * MIB },
    backups: { streamsMax: limits.backups_max },
  }
}

export const QUEUE_LIMITS: QueueLimits = toQueueLimits(LimitsSchema.parse({}))
