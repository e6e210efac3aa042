/** What the core has been through, counted by comparing its state after each step with that before. */

import type { Effects } from './core/effects.ts'
import type { Raft, Role } from './core/state.ts'
import { Durations } from './durations.ts'
import type { LogIndex, NodeId, Term } from './types.ts'

/** Batches whose commitment is timed at once: a leader that nobody answers gathers no more. */
const TIMED_BATCHES_MAX = 1_024

/** All of them since the process started. */
export interface Happened {
  /** Rounds of asking whether a campaign could be won (§9.6). */
  preVotes: number
  /** Elections that this node stood in (§3.4), and those that it won. */
  campaigns: number
  elected: number
  stepDowns: number
  /** Leaders that this node learned of, itself too: each leader of each term once. */
  leaderChanges: number
  /** Snapshots that were put in place here, or begun to be; and those begun to be sent. */
  snapshotInstalls: number
  snapshotSends: number
  /** Peers that lacked what they had acknowledged. */
  lostEntries: number
}

export class StepCounts {
  readonly happened: Happened = {
    preVotes: 0,
    campaigns: 0,
    elected: 0,
    stepDowns: 0,
    leaderChanges: 0,
    snapshotInstalls: 0,
    snapshotSends: 0,
    lostEntries: 0,
  }
  /** On the leader: from the step that appended a batch to the one that committed all of it. */
  readonly commit = new Durations()
  /** Oldest first. */
  readonly #uncommitted: { readonly lastIndex: LogIndex; readonly at: number }[] = []
  #role: Role = 'follower'
  #term: Term = 0
  #electionDeadline = 0
  readonly #knownLeader: { id: NodeId | null; term: Term } = { id: null, term: 0 }

  /** @param now As the step was told. */
  note(raft: Raft, effects: Effects, now: number): void {
    this.#noteRole(raft)
    this.#noteLeader(raft)
    if (raft.role === 'leader') this.#timeCommit(raft, effects, now)
    if (effects.install !== null) this.happened.snapshotInstalls += 1
    this.happened.snapshotSends += effects.snapshots.length
    this.happened.lostEntries += effects.lostEntries.length
  }

  #noteRole({ role, currentTerm, electionDeadline }: Raft): void {
    const isSameRole = role === this.#role
    // Who campaigns again stays what it is, in a later term, or with another deadline.
    if (role === 'preCandidate' && !(isSameRole && electionDeadline === this.#electionDeadline)) {
      this.happened.preVotes += 1
    }
    if (role === 'candidate' && !(isSameRole && currentTerm === this.#term)) this.happened.campaigns += 1
    if (role === 'leader' && !isSameRole) this.happened.elected += 1
    if (role !== 'leader' && this.#role === 'leader') {
      this.happened.stepDowns += 1
      this.#uncommitted.length = 0
    }
    this.#role = role
    this.#term = currentTerm
    this.#electionDeadline = electionDeadline
  }

  #noteLeader({ leaderId: id, currentTerm: term }: Raft): void {
    const known = this.#knownLeader
    if (id === null || (id === known.id && term === known.term)) return
    known.id = id
    known.term = term
    this.happened.leaderChanges += 1
  }

  #timeCommit({ commitIndex }: Raft, { batch }: Effects, now: number): void {
    const lastIndex = batch?.entries.at(-1)?.index
    if (lastIndex !== undefined && this.#uncommitted.length < TIMED_BATCHES_MAX) {
      this.#uncommitted.push({ lastIndex, at: now })
    }
    for (let oldest = this.#uncommitted[0]; oldest !== undefined; oldest = this.#uncommitted[0]) {
      if (oldest.lastIndex > commitIndex) break
      this.commit.note(now - oldest.at)
      this.#uncommitted.shift()
    }
  }
}
