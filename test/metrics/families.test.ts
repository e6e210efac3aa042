/** What single families say, of parts of a node that a test without peers does not have. */
import { describe, expect, test } from 'vitest'
import { Durations } from '../../raft/durations.ts'
import { figuresOf } from '../../raft/figures.ts'
import { DEFAULT_APPLY_LIMITS, DEFAULT_PROPOSAL_LIMITS, DEFAULT_READ_LIMITS } from '../../raft/index.ts'
import { ProposalOutcomes } from '../../raft/proposal-outcomes.ts'
import type { RaftStatus } from '../../raft/status.ts'
import { StepCounts } from '../../raft/step-counts.ts'
import type { Family, Source } from '../../src/metrics/family.ts'
import { networkMetrics } from '../../src/metrics/network-metrics.ts'
import { peerMetrics } from '../../src/metrics/peer-metrics.ts'
import { serverMetrics } from '../../src/metrics/server-metrics.ts'
import { SoloNode } from '../raft/core/solo-node.ts'
import { Harness } from '../state/harness.ts'

const NO_LOG = {
  ...{ term: 0, lastIndex: 0, commitIndex: 0, knownCommitIndex: 0, appliedIndex: 0 },
  ...{ disk: { stallMs: 0, isLow: false }, membership: { members: [] } },
}

async function valuesOf(source: Source): Promise<Record<string, number>> {
  const families: readonly Family[] = await source()
  const pairs = families.flatMap(({ samples }) => {
    return samples.map(({ metricName, labels, value }) => {
      return [[metricName, ...Object.values(labels)].join(' '), value] as const
    })
  })
  return Object.fromEntries(pairs)
}

test('a leader tells of each peer how far it is behind, since when it is silent, and whether it is reached', async () => {
  const peers = [
    { id: 2, matchIndex: 7, lastContactMs: 1_500, state: 'replicate' },
    { id: 3, matchIndex: 12, lastContactMs: 0, state: 'probe' },
  ]
  const status = { lastIndex: 10, peers } as unknown as RaftStatus

  const values = await valuesOf(
    peerMetrics({
      status: () => status,
      connections: () => [
        { id: 2, isConnected: false },
        { id: 3, isConnected: true },
      ],
    }),
  )

  expect(values).toEqual({
    'ipam_peer_connected 2': 0,
    'ipam_peer_connected 3': 1,
    'ipam_peer_match_index 2': 7,
    'ipam_peer_match_index 3': 12,
    'ipam_peer_lag_entries 2': 3,
    'ipam_peer_lag_entries 3': 0,
    'ipam_peer_last_contact_seconds 2': 1.5,
    'ipam_peer_last_contact_seconds 3': 0,
    'ipam_peer_replication_state 2 replicate': 1,
    'ipam_peer_replication_state 3 probe': 1,
  })
})

test('what became of requests is told in the words of the API, by where they came from', async () => {
  const outcomes = new ProposalOutcomes()
  outcomes.noteApplied('local', 1)
  outcomes.noteFailed('peer', 'RAFT_NOT_LEADER')
  const { raft } = new SoloNode()
  const underway = { count: 0, bytes: 0, forwarded: 0 }
  const figures = figuresOf(raft, {
    status: { stateAlarms: [], leaderContactMs: null, schemaVersion: 1, ...NO_LOG } as unknown as RaftStatus,
    stateDurableIndex: 0,
    steps: new StepCounts(),
    outcomes,
    slices: new Durations(),
    appliedCount: 0,
    underway: { requests: underway, reads: 0, unapplied: underway, unwrittenJobs: 0 },
    limits: { ...DEFAULT_PROPOSAL_LIMITS, ...DEFAULT_READ_LIMITS, ...DEFAULT_APPLY_LIMITS },
  })

  const values = await valuesOf(serverMetrics({ figures: () => figures, isReady: () => true }))

  expect(values).toMatchObject({
    'ipam_server_proposals_total local applied': 1,
    'ipam_server_proposals_total peer not_leader': 1,
  })
})

describe('the next expiry', () => {
  test.each([
    { why: 'is due', nextExpiry: 7_500, overdue: 2.5 },
    { why: 'is to come', nextExpiry: 12_000, overdue: 0 },
    { why: 'does not exist', nextExpiry: null, overdue: 0 },
  ])('is overdue by $overdue s where it $why', async ({ nextExpiry, overdue }) => {
    const { machine } = await Harness.open()

    const values = await valuesOf(
      networkMetrics({
        state: () => machine.figures,
        ended: () => ({ expired: 3, cooled: 4 }),
        nextExpiry: () => nextExpiry,
        wallTime: () => 10_000,
        breathe: async () => {},
        networksMax: 0,
      }),
    )

    expect(values).toMatchObject({
      ipam_expiry_overdue_seconds: overdue,
      ipam_allocations_expired_total: 3,
      ipam_coolings_ended_total: 4,
    })
    await machine.close()
  })
})
