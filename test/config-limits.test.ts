import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TRACE_CONTEXT_CHARS_MAX } from '../raft/index.ts'
import { BATCH_BYTES_MAX } from '../raft/storage/batch.ts'
import { loadConfig } from '../src/config.ts'
import { LimitsSchema, QUEUE_LIMITS } from '../src/config-limits.ts'
import { SESSION_WINDOW_MAX } from '../src/ipam/session.ts'
import { complaintOf } from './config-error.ts'

const MIB = 1024 * 1024

function load(limits: unknown) {
  const nodes = [{ node_id: 1, addr: '127.0.0.1:5001', api: '127.0.0.1:8080' }]
  // JSON is YAML.
  const file = JSON.stringify({ cluster_id: 1, nodes, limits })
  return loadConfig(['--config', 'cluster.yaml', '--node-id', '1'], {}, () => file)
}

/** What is under way to a peer finds room, unless one of the two is what a test is about. */
const ROOM = { inflight_appends_mib_max: 1, send_buffer_mib_max: 256 }

const { properties } = z.toJSONSchema(LimitsSchema, { io: 'input' })
const BOUNDS = Object.entries(properties ?? {}).map(([key, schema]) => {
  const { minimum = 0, maximum = 0 } = schema as { minimum?: number; maximum?: number }
  return { key, minimum, maximum }
})

describe('the section limits', () => {
  test.each([undefined, {}])('that says nothing leaves the defaults: %j', (section) => {
    expect(load(section).queues).toEqual(QUEUE_LIMITS)
  })

  test('sets each bound where it is kept, and nothing else', () => {
    const { queues } = load({
      waiting_requests_max: 21,
      waiting_requests_mib_max: 3,
      waiting_reads_max: 22,
      uncommitted_entries_max: 23,
      uncommitted_entries_mib_max: 4,
      unapplied_entries_max: 24,
      unapplied_entries_mib_max: 5,
      unflushed_rows_mib_max: 6,
      inflight_appends_max: 25,
      inflight_appends_mib_max: 7,
      send_buffer_mib_max: 15,
      log_cache_mib_max: 8,
      pending_handshakes_max: 26,
      backups_max: 9,
    })

    expect(queues).toEqual({
      proposals: { ...QUEUE_LIMITS.proposals, waitingRequestsMax: 21, waitingBytesMax: 3 * MIB },
      reads: { ...QUEUE_LIMITS.reads, waitingReadsMax: 22 },
      core: {
        ...QUEUE_LIMITS.core,
        uncommittedEntriesMax: 23,
        uncommittedBytesMax: 4 * MIB,
        inflightMessagesMax: 25,
        inflightBytesMax: 7 * MIB,
        cacheBytesMax: 8 * MIB,
      },
      apply: { unappliedEntriesMax: 24, unappliedBytesMax: 5 * MIB },
      transport: { bufferBytesMax: 15 * MIB, pendingConnectionsMax: 26 },
      flush: { dirtyBytesMax: 6 * MIB },
      backups: { streamsMax: 9 },
    })
  })

  test.each(BOUNDS)('$key may be $minimum to $maximum', ({ key, minimum, maximum }) => {
    expect(minimum).toBeGreaterThan(0)
    expect(maximum).toBeGreaterThan(minimum)
    for (const value of [minimum, maximum]) expect(() => load({ ...ROOM, [key]: value })).not.toThrow()
  })

  test.each(BOUNDS)('$key outside of that is refused, with what it may be', ({ key, minimum, maximum }) => {
    for (const value of [minimum - 1, maximum + 1, minimum + 0.5, `${minimum}`]) {
      const complaint = complaintOf(() => load({ ...ROOM, [key]: value }))

      expect(complaint).toContain(
        `limits.${key}: must be a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(value)}`,
      )
    }
  })

  test('with an unknown key says which was probably meant', () => {
    expect(complaintOf(() => load({ waiting_request_max: 100 }))).toContain(
      'limits.waiting_request_max: unknown key; did you mean waiting_requests_max?',
    )
  })

  test.each([
    { inflight: 8, buffer: 16, isRefused: false },
    { inflight: 8, buffer: 15, isRefused: true },
  ])(
    'with $inflight MiB under way and $buffer MiB to buffer them is refused: $isRefused',
    ({ inflight, buffer, isRefused }) => {
      const limits = { inflight_appends_mib_max: inflight, send_buffer_mib_max: buffer }

      if (isRefused)
        expect(complaintOf(() => load(limits))).toContain(
          'limits.send_buffer_mib_max: 15 is below twice inflight_appends_mib_max 8: what a peer may have under way would find no room',
        )
      else expect(() => load(limits)).not.toThrow()
    },
  )
})

describe('the ranges of limits', () => {
  const boundsOf = (key: string) => {
    return BOUNDS.find((bounds) => bounds.key === key) ?? { minimum: Number.NaN, maximum: Number.NaN }
  }

  test('no write that waits is forgotten by the session that it belongs to', () => {
    expect(boundsOf('waiting_requests_max').maximum).toBeLessThan(SESSION_WINDOW_MAX)
  })

  test('what a leader has appended and a majority has not can be written as one batch, twice', () => {
    const uncommitted = boundsOf('uncommitted_entries_mib_max').maximum * MIB

    expect(2 * uncommitted).toBeLessThanOrEqual(BATCH_BYTES_MAX)
  })

  test.each(['waiting_requests_mib_max', 'uncommitted_entries_mib_max', 'unapplied_entries_mib_max'])(
    'the largest command has room where nothing else waits: %s',
    (key) => {
      const command = QUEUE_LIMITS.proposals.commandBytesMax + TRACE_CONTEXT_CHARS_MAX

      expect(boundsOf(key).minimum * MIB).toBeGreaterThan(command)
    },
  )
})
