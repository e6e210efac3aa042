/** Any message that a node may send. */
import fc from 'fast-check'
import { TRACE_CONTEXT_CHARS_MAX } from '../../../raft/request-trace.ts'
import type { Entry, Message, NodeId } from '../../../raft/types.ts'

const counter = fc.oneof(fc.nat(), fc.maxSafeNat())
const nodeId: fc.Arbitrary<NodeId> = fc.oneof(
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
)
const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const note = fc.string({ unit: 'grapheme', maxLength: 100 })
const envelope = { from: nodeId, to: nodeId, term: counter }

const disk = fc.record({ stallMs: counter, isLow: fc.boolean() })

export const entriesFrom = (firstIndex: number, lengthMax = 20): fc.Arbitrary<Entry[]> =>
  fc
    .array(
      fc.record({
        term: counter,
        time: fc.double({ noNaN: true, noDefaultInfinity: true }),
        type: fc.constantFrom('noop', 'command', 'membership'),
        payload,
      }),
      { maxLength: lengthMax },
    )
    .map((entries) => entries.map((entry, i) => ({ index: firstIndex + i, ...entry })))

const appendEntries = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 }).chain((prevLogIndex) =>
  fc.record({
    type: fc.constant('AppendEntries' as const),
    ...envelope,
    prevLogIndex: fc.constant(prevLogIndex),
    prevLogTerm: counter,
    entries: entriesFrom(prevLogIndex + 1),
    leaderCommit: counter,
    leaderDurable: counter,
    session: counter,
    readRound: counter,
  }),
)

const membershipChange = fc.oneof(
  fc.record({ type: fc.constant('add' as const), id: nodeId, addr: note }),
  fc.record({ type: fc.constant('remove' as const), id: nodeId, isForced: fc.boolean() }),
)

const forwardedRequest = fc.oneof(
  fc.record({
    type: fc.constant('command' as const),
    payload,
    traits: fc.record({ isIdempotent: fc.boolean(), needsRoom: fc.boolean() }),
  }),
  fc.record({ type: fc.constant('membership' as const), change: membershipChange, note }),
  fc.record({ type: fc.constant('transfer' as const), target: fc.option(nodeId) }),
)

const trace = fc.option(fc.string({ unit: 'grapheme-ascii', maxLength: TRACE_CONTEXT_CHARS_MAX }))

const forwardedOutcome = fc.oneof(
  fc.record({ type: fc.constant('result' as const), result: payload, index: counter }),
  fc.record({ type: fc.constant('error' as const), code: note, message: note, leaderId: fc.option(nodeId) }),
  fc.record({ type: fc.constant('transferred' as const), leaderId: nodeId }),
)

/** By type, so that a new type of message without one does not compile. */
export const MESSAGES: { readonly [T in Message['type']]: fc.Arbitrary<Extract<Message, { type: T }>> } = {
  RequestVote: fc.record({
    type: fc.constant('RequestVote'),
    ...envelope,
    isPreVote: fc.boolean(),
    isTransfer: fc.boolean(),
    lastLogIndex: counter,
    lastLogTerm: counter,
  }),
  RequestVoteReply: fc.record({
    type: fc.constant('RequestVoteReply'),
    ...envelope,
    isPreVote: fc.boolean(),
    voteGranted: fc.boolean(),
  }),
  AppendEntries: appendEntries,
  AppendEntriesReply: fc.record({
    type: fc.constant('AppendEntriesReply'),
    ...envelope,
    success: fc.boolean(),
    matchIndex: counter,
    conflictIndex: counter,
    conflictTerm: counter,
    rejectedIndex: counter,
    session: counter,
    readRound: counter,
    isDrained: fc.boolean(),
    disk,
  }),
  InstallSnapshot: fc.record({
    type: fc.constant('InstallSnapshot'),
    ...envelope,
    lastIndex: counter,
    session: counter,
    readRound: counter,
  }),
  InstallSnapshotReply: fc.record({
    type: fc.constant('InstallSnapshotReply'),
    ...envelope,
    success: fc.boolean(),
    lastIndex: counter,
    session: counter,
    readRound: counter,
    disk,
  }),
  TimeoutNow: fc.record({ type: fc.constant('TimeoutNow'), ...envelope }),
  ReadIndexRequest: fc.record({ type: fc.constant('ReadIndexRequest'), ...envelope, requestId: counter }),
  ReadIndexReply: fc.record({
    type: fc.constant('ReadIndexReply'),
    ...envelope,
    requestId: counter,
    readIndex: fc.option(counter),
  }),
  ForwardRequests: fc.record({
    type: fc.constant('ForwardRequests'),
    from: nodeId,
    to: nodeId,
    requests: fc.array(fc.record({ id: counter, request: forwardedRequest, trace }), { maxLength: 8 }),
  }),
  ForwardReplies: fc.record({
    type: fc.constant('ForwardReplies'),
    from: nodeId,
    to: nodeId,
    replies: fc.array(fc.record({ id: counter, outcome: forwardedOutcome }), { maxLength: 8 }),
  }),
  StateHashes: fc.record({
    type: fc.constant('StateHashes'),
    from: nodeId,
    to: nodeId,
    checkpoints: fc.array(fc.record({ index: counter, hash: fc.string({ maxLength: 64 }) }), {
      maxLength: 8,
    }),
  }),
}

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(MESSAGES))
