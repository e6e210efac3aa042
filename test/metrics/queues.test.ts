import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { figuresOf } from '../../raft/figures.ts'
import {
  DEFAULT_APPLY_LIMITS,
  DEFAULT_LIMITS,
  DEFAULT_PROPOSAL_LIMITS,
  DEFAULT_READ_LIMITS,
  Durations,
} from '../../raft/index.ts'
import { ProposalOutcomes } from '../../raft/proposal-outcomes.ts'
import type { RaftStatus } from '../../raft/status.ts'
import { StepCounts } from '../../raft/step-counts.ts'
import { systemClock } from '../../raft/system-clock.ts'
import { DEFAULT_LIMITS as TRANSPORT_LIMITS } from '../../raft/transport/limits.ts'
import { TcpTransport } from '../../raft/transport/tcp-transport.ts'
import { CHECKER_LIMITS } from '../../src/auth/password-checker.ts'
import { HTTP_LIMITS } from '../../src/http/limits.ts'
import { ANSWER_LIMITS } from '../../src/ipam/idempotency.ts'
import { SESSION_WINDOW_MAX, SESSIONS_MAX } from '../../src/ipam/session.ts'
import { queuesOf } from '../../src/metrics/queue-metrics.ts'
import { SNAPSHOT_STREAM_LIMITS } from '../../src/snapshot-streams.ts'
import { DEFAULT_FLUSH_LIMITS } from '../../src/state/flush.ts'
import { EXPORT_LIMITS } from '../../src/tracing/span-exporter.ts'
import { SoloNode } from '../raft/core/solo-node.ts'
import { Harness, silentLog } from '../state/harness.ts'

/** Every limit of the code is either the bound of a queue, which is then watched, or one of these. */
const NO_QUEUES: Readonly<Record<string, string>> = {
  appendBytesMax: 'of one message',
  membersMax: 'no queue: changes above it are refused',
  commandBytesMax: 'of one command',
  forwardBytesMax: 'of one frame',
  requestTimeoutMs: 'a time',
  askAgainMs: 'a time',
  changeWaitMs: 'a time',
  readTimeoutMs: 'a time',
  retryMs: 'a time',
  frameBytesMax: 'of one frame',
  reserveBytes: 'on top of bufferBytesMax',
  smallBytesMax: 'of one message',
  connectMs: 'a time',
  handshakeMs: 'a time',
  silenceMs: 'a time',
  backoffMinMs: 'a time',
  backoffMaxMs: 'a time',
  refusedBackoffMinMs: 'a time',
  refusedBackoffMaxMs: 'a time',
  snapshotIdleMs: 'a time',
  headerBytesMax: 'of one request',
  headersMax: 'of one request',
  urlBytesMax: 'of one request',
  clientConnectionsMax: 'a share of connectionsMax',
  headersTimeoutMs: 'a time',
  answerTimeoutMs: 'a time',
  keepAliveTimeoutMs: 'a time',
  closeTimeoutMs: 'a time',
  eagerBytes: 'when to begin, no bound',
  delayMs: 'a time',
  keptMs: 'a time',
  idleMsMax: 'a time',
  batchSpansMax: 'of one request',
  retryMinMs: 'a time',
  retryMaxMs: 'a time',
  closeMs: 'a time',
  complaintMs: 'a time',
}

const QUEUES: Readonly<Record<string, string>> = {
  inflightMessagesMax: 'inflight_appends entries',
  inflightBytesMax: 'inflight_appends bytes',
  uncommittedEntriesMax: 'uncommitted_entries entries',
  uncommittedBytesMax: 'uncommitted_entries bytes',
  cacheBytesMax: 'log_cache bytes',
  pendingReadsMax: 'unconfirmed_reads entries',
  waitingRequestsMax: 'waiting_requests entries',
  waitingBytesMax: 'waiting_requests bytes',
  waitingReadsMax: 'waiting_reads entries',
  unappliedEntriesMax: 'unapplied_entries entries',
  unappliedBytesMax: 'unapplied_entries bytes',
  bufferBytesMax: 'send_buffer bytes',
  pendingConnectionsMax: 'pending_handshakes entries',
  connectionsMax: 'http_connections entries',
  waitingMax: 'password_checks entries',
  streamsMax: 'backups entries',
  spansMax: 'spans entries',
  dirtyBytesMax: 'unflushed_rows bytes',
  SESSIONS_MAX: 'sessions entries',
  SESSION_WINDOW_MAX: 'session_writes entries',
  keysMax: 'idempotency_answers entries',
  bytesMax: 'idempotency_answers bytes',
}

const LIMITS: Readonly<Record<string, number>> = {
  ...DEFAULT_PROPOSAL_LIMITS,
  ...DEFAULT_READ_LIMITS,
  ...DEFAULT_APPLY_LIMITS,
  ...TRANSPORT_LIMITS,
  ...HTTP_LIMITS,
  waitingMax: CHECKER_LIMITS.waitingMax,
  ...SNAPSHOT_STREAM_LIMITS,
  ...EXPORT_LIMITS,
  ...DEFAULT_FLUSH_LIMITS,
  ...ANSWER_LIMITS,
  ...DEFAULT_LIMITS,
  SESSIONS_MAX,
  SESSION_WINDOW_MAX,
}

describe('queues', () => {
  test('each limit of the code is the bound of a queue that is watched, or no bound of a queue', () => {
    const unknown = Object.keys(LIMITS).filter((key) => !(key in QUEUES) && !(key in NO_QUEUES))

    expect(unknown).toEqual([])
  })

  test.each(Object.entries(QUEUES))('%s is shown beside %s', async (limit, queue) => {
    const shown = new Map<string, number | null>(
      (await allQueues()).map((figure) => [`${figure.queue} ${figure.unit}`, figure.max] as const),
    )

    expect(shown.get(queue)).toBe(LIMITS[limit])
  })

  test('docs/configure.md says of each which setting it has, or why none', async () => {
    const docs = await readFile('docs/configure.md', 'utf8')
    const names = new Set((await allQueues()).map(({ queue }) => queue))

    expect(names.size).toBeGreaterThan(15)
    for (const name of names) expect(docs).toContain(`\`${name}\``)
  })
})

async function allQueues() {
  const harness = await Harness.open()
  const { raft } = new SoloNode().becomeLeader()
  const transport = new TcpTransport({
    identity: { clusterId: 1, nodeId: 1, incarnation: 'a', addr: '127.0.0.1:1', schemas: { min: 1, max: 1 } },
    listen: { host: '127.0.0.1', port: 0 },
    secrets: [],
    tls: null,
    clock: systemClock,
    random: () => 0.5,
    logger: silentLog,
    onFatal: () => {},
  })
  const handlers = {
    onMessage: () => {},
    authorize: () => null,
    onPeer: () => {},
    onPeerLost: () => {},
    onRefused: () => {},
    onSnapshotOffer: async () => null,
    onSnapshotReceived: () => {},
  }
  await transport.start(handlers, { id: 1, term: 0, lastIndex: 0 })
  transport.setPeers([{ id: 2, addr: '127.0.0.1:9' }])
  try {
    return queuesOf({
      raft: () => {
        return figuresOf(raft, {
          status: {} as RaftStatus,
          stateDurableIndex: 0,
          steps: new StepCounts(),
          outcomes: new ProposalOutcomes(),
          slices: new Durations(),
          appliedCount: 0,
          underway: {
            requests: { count: 0, bytes: 0, forwarded: 0 },
            reads: 0,
            unapplied: { count: 0, bytes: 0 },
            unwrittenJobs: 0,
          },
          limits: { ...DEFAULT_PROPOSAL_LIMITS, ...DEFAULT_READ_LIMITS, ...DEFAULT_APPLY_LIMITS },
        }).queues
      },
      transport: () => transport.queues(),
      state: () => harness.machine.figures,
      sessionWrites: () => ({ size: 0, max: SESSION_WINDOW_MAX }),
      httpConnections: () => ({ size: 0, max: HTTP_LIMITS.connectionsMax }),
      passwordChecks: () => ({ size: 0, max: CHECKER_LIMITS.waitingMax }),
      backups: () => ({ size: 0, max: SNAPSHOT_STREAM_LIMITS.streamsMax }),
      spans: () => ({ size: 0, max: EXPORT_LIMITS.spansMax }),
    })
  } finally {
    await transport.close()
    await harness.machine.close()
  }
}
