/** One core without a driver: the test is its network, its disk and its clock. */

import type { Effects } from '../../../raft/core/effects.ts'
import type { Event } from '../../../raft/core/event.ts'
import { checkState } from '../../../raft/core/invariants.ts'
import { encodeMembership } from '../../../raft/core/membership-entry.ts'
import { HEALTHY_DISK } from '../../../raft/core/progress.ts'
import { DEFAULT_LIMITS, type Limits, type Raft, restoreRaft, type Timing } from '../../../raft/core/state.ts'
import { step } from '../../../raft/core/step.ts'
import type {
  AppendEntries,
  AppendEntriesReply,
  DiskHealth,
  Entry,
  InstallSnapshot,
  InstallSnapshotReply,
  Member,
  Membership,
  NodeId,
  RaftMessage,
  RequestVote,
  RequestVoteReply,
  SnapshotMeta,
  Term,
  TermRun,
} from '../../../raft/types.ts'

export const TIMING: Timing = { heartbeatMs: 10, electionMinMs: 100, electionMaxMs: 200 }
/** With `random` at 0 the election timeout is exactly the minimum. */
export const TIMEOUT_MS = TIMING.electionMinMs

export interface SoloOptions {
  readonly id?: NodeId
  readonly voters?: readonly NodeId[]
  readonly learners?: readonly NodeId[]
  readonly removed?: readonly NodeId[]
  /** The log's terms, one an entry, after the base. */
  readonly terms?: readonly Term[]
  readonly currentTerm?: Term
  readonly votedFor?: NodeId | null
  readonly base?: { readonly lastIndex: number; readonly lastTerm: Term }
  /** Entries up to here are applied, and none of them is in memory. */
  readonly appliedIndex?: number
  readonly limits?: Partial<Limits>
}

export class SoloNode {
  readonly raft: Raft
  now = 0
  /** As every tick tells it. */
  disk: DiskHealth = HEALTHY_DISK

  constructor({
    id = 1,
    voters = [1, 2, 3],
    learners = [],
    removed = [],
    terms = [],
    currentTerm = terms.at(-1) ?? 1,
    votedFor = null,
    base = { lastIndex: 0, lastTerm: 0 },
    appliedIndex = base.lastIndex,
    limits = {},
  }: SoloOptions = {}) {
    const membership = membershipOf({ voters, learners, removed })
    const entries = entriesOf(terms, base.lastIndex + 1)
    this.raft = restoreRaft({
      id,
      hardState: { currentTerm, votedFor },
      base: { ...base, lastTime: 0, membership, membershipIndex: 0 },
      lastIndex: base.lastIndex + terms.length,
      terms: runsOf(entries),
      membershipEntries: [],
      tail: entries.filter(({ index }) => index > appliedIndex || index === base.lastIndex + terms.length),
      appliedIndex,
      timing: TIMING,
      limits: { ...DEFAULT_LIMITS, ...limits },
      random: () => 0,
      now: 0,
    })
  }

  /** Every step ends in a legal state. */
  step(...events: Event[]): Effects {
    const effects = step(this.raft, events, this.now)
    checkState(this.raft)
    return effects
  }

  receive(...messages: RaftMessage[]): Effects {
    return this.step(...messages.map((message): Event => ({ type: 'message', message })))
  }

  /** Everything written so far is on disk. */
  persist(): Effects {
    return this.step({ type: 'persisted', batchNumber: this.raft.nextBatch - 1 })
  }

  elapse(ms: number): Effects {
    this.now += ms
    return this.step({ type: 'tick', disk: this.disk })
  }

  propose(...ids: number[]): Effects {
    return this.step(
      ...ids.map((id): Event => {
        return { type: 'propose', id, peer: null, payload: new Uint8Array([id]), needsRoom: false, time: 0 }
      }),
    )
  }

  /** A command that takes room on disk for good. */
  store(id: number): Effects {
    return this.step({
      type: 'propose',
      id,
      peer: null,
      payload: new Uint8Array([id]),
      needsRoom: true,
      time: 0,
    })
  }

  add(id: NodeId): Effects {
    const change = { type: 'add', id, addr: `node-${id}:1` } as const
    return this.step({ type: 'changeMembership', id: 100 + id, peer: null, change, note: '', time: 0 })
  }

  remove(id: NodeId, { isForced = false } = {}): Effects {
    const change = { type: 'remove', id, isForced } as const
    return this.step({ type: 'changeMembership', id: 200 + id, peer: null, change, note: '', time: 0 })
  }

  /** Answers of `peer` to this leader. */
  acknowledge(peer: NodeId, matchIndex: number, fields: Partial<AppendEntriesReply> = {}): Effects {
    return this.receive(appendReply(this, peer, { matchIndex, ...fields }))
  }

  /** Everybody votes for this node, and its no-op is on its own disk but on no other. */
  becomeLeader(): this {
    this.elapse(TIMEOUT_MS)
    const voters = this.raft.log.memberships.at(-1)?.membership ?? this.raft.log.base.membership
    const peers = voters.members.filter(({ id, voter }) => voter && id !== this.raft.id)
    const grant = (isPreVote: boolean, term: Term): void => {
      for (const { id } of peers) {
        if (this.raft.role === 'leader') return
        this.receive({
          type: 'RequestVoteReply',
          from: id,
          to: this.raft.id,
          term,
          isPreVote,
          voteGranted: true,
        })
      }
    }
    if (this.raft.role === 'preCandidate') grant(true, this.raft.currentTerm + 1)
    this.persist()
    grant(false, this.raft.currentTerm)
    this.persist()
    return this
  }

  /** A leader whose no-op is committed: every voter has it. */
  becomeReadyLeader(): this {
    this.becomeLeader()
    for (const [peer] of this.raft.progress) {
      if (this.raft.commitIndex < this.raft.log.lastIndex) this.acknowledge(peer, this.raft.log.lastIndex)
    }
    return this
  }
}

export function membershipOf({
  voters,
  learners = [],
  removed = [],
}: {
  voters: readonly NodeId[]
  learners?: readonly NodeId[]
  removed?: readonly NodeId[]
}): Membership {
  const member = (id: NodeId, voter: boolean): Member => {
    return { id, addr: `node-${id}:1`, voter, incarnation: null, schemas: null, isRolledBack: false }
  }
  const members = [...voters.map((id) => member(id, true)), ...learners.map((id) => member(id, false))]
  return { members: members.toSorted((a, b) => a.id - b.id), removed, schemaVersion: 1 }
}

export function entry(index: number, term: Term): Entry {
  return { index, term, time: index, type: 'command', payload: new Uint8Array([index % 256, term]) }
}

export function entriesOf(terms: readonly Term[], firstIndex = 1): Entry[] {
  return terms.map((term, i) => entry(firstIndex + i, term))
}

export function membershipEntry(
  index: number,
  term: Term,
  members: { voters: readonly NodeId[]; learners?: readonly NodeId[]; removed?: readonly NodeId[] },
): Entry {
  const payload = encodeMembership({ membership: membershipOf(members), note: '' })
  return { index, term, time: index, type: 'membership', payload }
}

export function runsOf(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = []
  for (const { index, term } of entries) {
    if (runs.at(-1)?.term !== term) runs.push({ firstIndex: index, term })
  }
  return runs
}

export function requestVote(fields: Partial<RequestVote> = {}): RequestVote {
  return {
    type: 'RequestVote',
    from: 2,
    to: 1,
    term: 2,
    isPreVote: false,
    isTransfer: false,
    lastLogIndex: 0,
    lastLogTerm: 0,
    ...fields,
  }
}

export function voteReply(fields: Partial<RequestVoteReply> = {}): RequestVoteReply {
  return {
    type: 'RequestVoteReply',
    from: 2,
    to: 1,
    term: 2,
    isPreVote: false,
    voteGranted: true,
    ...fields,
  }
}

export function appendEntries(fields: Partial<AppendEntries> = {}): AppendEntries {
  return {
    type: 'AppendEntries',
    from: 2,
    to: 1,
    term: 2,
    prevLogIndex: 0,
    prevLogTerm: 0,
    entries: [],
    leaderCommit: 0,
    leaderDurable: 0,
    session: 7,
    readRound: 0,
    ...fields,
  }
}

/** By default a success, of the session that the leader has with `from`. */
export function appendReply(
  { raft }: SoloNode,
  from: NodeId,
  fields: Partial<AppendEntriesReply> = {},
): AppendEntriesReply {
  return {
    type: 'AppendEntriesReply',
    from,
    to: raft.id,
    term: raft.currentTerm,
    success: true,
    matchIndex: 0,
    conflictIndex: 0,
    conflictTerm: 0,
    rejectedIndex: 0,
    session: raft.progress.get(from)?.session ?? 0,
    readRound: raft.leaderRound,
    isDrained: false,
    disk: HEALTHY_DISK,
    ...fields,
  }
}

export function installSnapshot(fields: Partial<InstallSnapshot> = {}): InstallSnapshot {
  return {
    type: 'InstallSnapshot',
    from: 2,
    to: 1,
    term: 2,
    lastIndex: 0,
    session: 7,
    readRound: 0,
    ...fields,
  }
}

export function installReply(
  { raft }: SoloNode,
  from: NodeId,
  fields: Partial<InstallSnapshotReply> = {},
): InstallSnapshotReply {
  return {
    type: 'InstallSnapshotReply',
    from,
    to: raft.id,
    term: raft.currentTerm,
    success: true,
    lastIndex: 0,
    session: raft.progress.get(from)?.session ?? 0,
    readRound: raft.leaderRound,
    disk: HEALTHY_DISK,
    ...fields,
  }
}

export function metaAt(
  lastIndex: number,
  lastTerm: Term,
  voters: readonly NodeId[] = [1, 2, 3],
): SnapshotMeta {
  return { lastIndex, lastTerm, lastTime: 0, membership: membershipOf({ voters }), membershipIndex: 0 }
}

/** Everything that would leave, now or once the batch is on disk. */
export function allMessages({ messages, batch }: Effects): RaftMessage[] {
  return [...messages, ...(batch?.messages ?? [])]
}

/** A cluster of bare cores whose messages and disks never fail: delivers until nothing is left to say. */
export function settle(nodes: readonly SoloNode[], first: readonly RaftMessage[]): void {
  const queue = [...first]
  for (let turns = 0; turns < 10_000; turns++) {
    const message = queue.shift()
    if (message === undefined) return
    const node = nodes.find(({ raft }) => raft.id === message.to)
    if (node === undefined) continue
    queue.push(...allMessages(node.receive(message)), ...allMessages(node.persist()))
  }
  throw new Error('the nodes never fall silent')
}
