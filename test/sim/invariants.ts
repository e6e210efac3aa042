/** What must be true of a cluster after every single event; see raft/core/invariants.ts for what is true of one node. */

import type { Effects } from '../../raft/core/effects.ts'
import { checkState } from '../../raft/core/invariants.ts'
import { membershipAt, termAt } from '../../raft/core/log.ts'
import { decodeMembership } from '../../raft/core/membership-entry.ts'
import type { Raft } from '../../raft/core/state.ts'
import { crc32c } from '../../raft/storage/crc32c.ts'
import type {
  AppendEntriesReply,
  Entry,
  LogIndex,
  Membership,
  Message,
  NodeId,
  Term,
} from '../../raft/types.ts'
import type { DurableImage } from './durable-log.ts'

interface Applied {
  readonly hash: number
  /** Of what apply returned; null where states were tampered with. */
  readonly outcome: number | null
  readonly stateHash: string | null
}

/** What was last seen of one process. */
interface Seen {
  term: Term
  commitIndex: LogIndex
  releasedIndex: LogIndex
  role: string
}

export class InvariantChecker {
  readonly #image: (id: NodeId) => DurableImage
  readonly #leaderOfTerm = new Map<Term, NodeId>()
  /** By index and term: the entry, its own hash, and the term of the entry before it. */
  readonly #entries = new Map<string, KnownEntry>()
  /** All configurations that ever were in a log, ascending. */
  readonly #configurations: { readonly index: LogIndex; readonly term: Term }[] = []
  /** Terms of the one history of committed entries that all nodes agree on; its first entry has index 1. */
  readonly #committed: Term[] = []
  /** In which term each of them was committed: leaders of later terms have it, one of an earlier term need not. */
  readonly #committedIn: Term[] = []
  /** By index: the entry that was applied, what came of it, and the state after it. */
  readonly #applied = new Map<LogIndex, Applied>()
  readonly #seen = new WeakMap<Raft, Seen>()
  /** Somebody has changed rows behind a node's back. */
  isTampered = false
  /** The last one to lead. */
  #leader: Raft | null = null

  constructor(imageOf: (id: NodeId) => DurableImage) {
    this.#image = imageOf
  }

  get committedIndex(): LogIndex {
    return this.#committed.length
  }

  /** The one history that all nodes agree on, from its first entry. */
  committedEntries(): Entry[] {
    return this.#committed.map((term, i) => {
      const known = this.#entries.get(`${i + 1} ${term}`)
      if (known === undefined) throw new Error(`invariant: nobody ever wrote entry ${i + 1} of term ${term}`)
      return known.entry
    })
  }

  /** After every step of every node. */
  checkStep(raft: Raft, effects: Effects): void {
    checkState(raft)
    checkBounds(raft)
    check(
      this.isTampered || raft.wrongStates.length === 0,
      `the states of ${raft.wrongStates} are said to be wrong`,
    )
    const seen = this.#seen.get(raft) ?? { term: 0, commitIndex: 0, releasedIndex: 0, role: 'follower' }
    this.#checkMonotonic(raft, seen)
    this.#checkLogMatching(raft, effects)
    this.#checkConfiguration(raft)
    if (raft.role === 'leader') {
      if (seen.role !== 'leader' || seen.term !== raft.currentTerm) this.#checkElected(raft)
      this.#checkLeader(raft, effects)
      this.#leader = raft
    }
    this.#checkCommitted(raft, seen)
    this.#seen.set(raft, {
      term: raft.currentTerm,
      commitIndex: raft.commitIndex,
      releasedIndex: raft.releasedIndex,
      role: raft.role,
    })
  }

  /** The state machine is never ahead of its log on disk, and the log never starts after what the state machine kept. */
  checkOrder(raft: Raft, { durableIndex }: { readonly durableIndex: LogIndex }): void {
    const { lastIndex } = this.#image(raft.id)
    check(
      durableIndex <= lastIndex,
      `the state of node ${raft.id} is durable to ${durableIndex}, its log to ${lastIndex}`,
    )
    // While a snapshot takes the place of both, the log goes first.
    const base = raft.log.base.lastIndex
    check(
      raft.installing !== null || durableIndex >= base,
      `the log starts after ${base}, and ${durableIndex} is kept`,
    )
  }

  #checkMonotonic(raft: Raft, seen: Seen): void {
    check(raft.currentTerm >= seen.term, `term ${seen.term} became ${raft.currentTerm}`)
    check(raft.commitIndex >= seen.commitIndex, `commit ${seen.commitIndex} became ${raft.commitIndex}`)
    check(
      raft.releasedIndex >= seen.releasedIndex,
      `released ${seen.releasedIndex} became ${raft.releasedIndex}`,
    )
    const { currentTerm } = this.#image(raft.id).hardState
    check(raft.currentTerm >= currentTerm, `term ${raft.currentTerm} is below the durable ${currentTerm}`)
  }

  /** "If two logs contain an entry with the same index and term, then the logs are identical up to there" (Figure 3.2). */
  #checkLogMatching(raft: Raft, { batch }: Effects): void {
    for (const entry of batch?.entries ?? []) {
      const key = `${entry.index} ${entry.term}`
      const hash = entryHash(entry)
      const previousTerm = termAt(raft.log, entry.index - 1)
      const known = this.#entries.get(key)
      if (known === undefined) {
        this.#entries.set(key, { entry, hash, previousTerm })
        if (entry.type === 'membership') this.#noteConfiguration(raft, entry)
      } else {
        check(known.hash === hash, `two entries ${entry.index} of term ${entry.term}`)
        const isSame =
          known.previousTerm === previousTerm || known.previousTerm === null || previousTerm === null
        check(
          isSame,
          `entry ${entry.index} of term ${entry.term} follows terms ${known.previousTerm} and ${previousTerm}`,
        )
      }
    }
  }

  /** A configuration differs from the one before it by one voter, so that their majorities share one (§4.1); ids never return. */
  #noteConfiguration(raft: Raft, { index, term, payload }: Entry): void {
    const before = membershipAt(raft.log, index - 1).membership
    const after = decodeMembership(payload).membership
    const changed = symmetricDifference(voterIdsOf(before), voterIdsOf(after))
    check(changed.length <= 1, `entry ${index} changes the votes of ${changed}`)
    const returned = after.members.filter(
      ({ id }) => after.removed.includes(id) || before.removed.includes(id),
    )
    check(returned.length === 0, `entry ${index} brings back removed node ${returned[0]?.id}`)
    const forgotten = before.removed.filter((id) => !after.removed.includes(id))
    check(forgotten.length === 0, `entry ${index} forgets that node ${forgotten[0]} was removed`)
    this.#configurations.push({ index, term })
    this.#configurations.sort((a, b) => a.index - b.index)
  }

  /** "A server always uses the latest configuration in its log" (§4.1), wherever it came from, and after any truncation. */
  #checkConfiguration({ id, log }: Raft): void {
    const newest = this.#configurations.findLast(({ index, term }) => {
      return index > log.base.lastIndex && termAt(log, index) === term
    })
    const inBase = this.#configurations.findLast(({ index, term }) => {
      return index <= log.base.lastIndex && this.#committed[index - 1] === term
    })
    const expected = newest?.index ?? inBase?.index ?? 0
    const { index } = membershipAt(log, log.lastIndex)
    check(
      index === expected,
      `node ${id} goes by the configuration of ${index}, its log's newest is ${expected}`,
    )
  }

  /** Election Safety and Leader Completeness (Figure 3.2). */
  #checkElected(raft: Raft): void {
    const leader = this.#leaderOfTerm.get(raft.currentTerm) ?? raft.id
    check(leader === raft.id, `nodes ${leader} and ${raft.id} both lead term ${raft.currentTerm}`)
    this.#leaderOfTerm.set(raft.currentTerm, raft.id)
    this.#checkVotes(raft)
    for (let index = raft.log.base.lastIndex; index <= this.#committed.length; index++) {
      if (index === 0 || (this.#committedIn[index - 1] ?? 0) > raft.currentTerm) continue
      const term = termAt(raft.log, index)
      const committed = this.#committed[index - 1]
      check(
        term === committed,
        `leader ${raft.id} of term ${raft.currentTerm} lacks committed entry ${index}`,
      )
    }
  }

  /** A majority of voters has the vote on disk, or has moved on meanwhile. Learners do not count (§4.2.1). */
  #checkVotes(raft: Raft): void {
    const voters = voterIdsOf(membershipAt(raft.log, raft.log.lastIndex).membership)
    const granted = voters.filter((id) => this.#image(id).hasVoted(raft.currentTerm, raft.id))
    check(
      granted.length >= majorityOf(voters.length),
      `node ${raft.id} leads term ${raft.currentTerm} with the votes of ${granted} among ${voters}`,
    )
  }

  #checkLeader(raft: Raft, { batch }: Effects): void {
    const { log } = raft
    const pending = log.memberships.filter(({ index }) => index > raft.commitIndex)
    const isNew = batch?.entries.some(({ type, term }) => type === 'membership' && term === raft.currentTerm)
    if (isNew) {
      check(pending.length <= 1, `${pending.length} configurations are not committed`)
      check(
        raft.commitIndex >= raft.termStartIndex,
        'a configuration before the no-op of its term is committed',
      )
    }
  }

  #checkCommitted(raft: Raft, seen: Seen): void {
    const { log } = raft
    // One that gives way in the same step led when it committed.
    const isLeading = raft.role === 'leader' || (seen.role === 'leader' && seen.term === raft.currentTerm)
    const first = Math.max(seen.commitIndex, log.base.lastIndex - 1, 0) + 1
    for (let index = first; index <= raft.commitIndex; index++) {
      const term = termAt(log, index)
      if (index > this.#committed.length) this.#commit(raft, { index, term, isLeading })
      else {
        const known = this.#committed[index - 1]
        check(known === term, `entry ${index} is committed with terms ${known} and, on ${raft.id}, ${term}`)
      }
    }
  }

  /** The first node to commit `index`. */
  #commit(
    raft: Raft,
    { index, term, isLeading }: { index: LogIndex; term: Term | null; isLeading: boolean },
  ): void {
    check(isLeading, `follower ${raft.id} is the first to commit ${index}`)
    check(index === this.#committed.length + 1, `the commit of ${index} leaves a gap`)
    const newest = termAt(raft.log, raft.commitIndex)
    check(
      newest === raft.currentTerm,
      `a leader commits ${index} up to one of term ${newest} by counting (§3.6.2)`,
    )
    const voters = membershipAt(raft.log, raft.log.lastIndex).membership.members.filter(({ voter }) => voter)
    const durable = voters.filter(({ id }) => this.#image(id).has(index, term ?? 0)).length
    check(
      durable >= majorityOf(voters.length),
      `${index} is committed and durable on ${durable} of ${voters.length} voters`,
    )
    this.#committed.push(term ?? 0)
    this.#committedIn.push(raft.currentTerm)
  }

  /**
   * State Machine Safety (Figure 3.2): over contents, and over what the state machine made of them.
   *
   * @param state After the entry; null where somebody has tampered with states.
   */
  checkApplied(id: NodeId, entry: Entry, state: { hash: string; outcome: Uint8Array } | null): void {
    const { index } = entry
    check(index <= this.#committed.length, `node ${id} applies ${index}, which is not committed`)
    check(index <= this.#image(id).lastIndex, `node ${id} applies ${index}, which is not on its disk`)
    const hash = entryHash(entry)
    const outcome = state === null ? null : crc32c(state.outcome, 0, state.outcome.length)
    const known = this.#applied.get(index)
    if (known === undefined) {
      this.#applied.set(index, { hash, outcome, stateHash: state?.hash ?? null })
      return
    }
    check(known.hash === hash, `node ${id} applies another entry at ${index}`)
    if (state === null || known.outcome === null) return
    check(known.outcome === outcome, `entry ${index} has another outcome on node ${id}`)
    check(known.stateHash === state.hash, `the state after ${index} is another one on node ${id}`)
  }

  /** Nothing leaves that the disk does not stand behind. */
  checkSent(message: Message): void {
    if (message.type === 'ForwardRequests' || message.type === 'ForwardReplies') return
    if (message.type === 'StateHashes') return
    const image = this.#image(message.from)
    const { currentTerm, votedFor } = image.hardState
    const isPreVote =
      message.type === 'RequestVote' || message.type === 'RequestVoteReply' ? message.isPreVote : false
    if (isPreVote) return
    check(
      currentTerm >= message.term,
      `${message.type} of term ${message.term} leaves with ${currentTerm} on disk`,
    )
    if (message.type === 'AppendEntries') {
      check(
        message.leaderDurable <= image.lastIndex,
        `a leader says that ${message.leaderDurable} is on its disk, which ends at ${image.lastIndex}`,
      )
    }
    if (message.term === currentTerm) {
      if (message.type === 'RequestVote') check(votedFor === message.from, 'a vote for itself is not on disk')
      if (message.type === 'RequestVoteReply' && message.voteGranted) {
        check(votedFor === message.to, `a vote for ${message.to} is not on disk, but ${votedFor}`)
      }
      if (message.type === 'AppendEntriesReply' && message.success) {
        check(
          message.matchIndex <= image.lastIndex,
          `${message.matchIndex} is acknowledged with ${image.lastIndex} on disk`,
        )
        this.#checkVerified(message, image)
      }
    }
  }

  /** What is acknowledged is what the leader has, and not an entry of somebody else's. */
  #checkVerified({ term, matchIndex, from }: AppendEntriesReply, image: DurableImage): void {
    if (this.#leader?.currentTerm !== term || this.#leader.role !== 'leader') return
    const [ours, theirs] = [image.termAt(matchIndex), termAt(this.#leader.log, matchIndex)]
    const isSame = ours === theirs || ours === null || theirs === null
    check(
      isSame,
      `node ${from} acknowledges ${matchIndex} of term ${ours}, and the leader has term ${theirs}`,
    )
  }
}

interface KnownEntry {
  readonly entry: Entry
  readonly hash: number
  readonly previousTerm: Term | null
}

/** Every queue of the core has its maximum. */
function checkBounds({ progress, limits, pendingReads, earlyReads }: Raft): void {
  for (const [id, { inflight }] of progress) {
    check(inflight.length <= limits.inflightMessagesMax, `${inflight.length} messages are in flight to ${id}`)
  }
  const reads = pendingReads.length + earlyReads.length
  check(reads <= limits.pendingReadsMax, `${reads} reads are pending`)
}

function entryHash({ index, term, time, type, payload }: Entry): number {
  const head = Buffer.from(`${index} ${term} ${time} ${type}`)
  return crc32c(payload, 0, payload.length, crc32c(head, 0, head.length))
}

/** Not the product's own: a mistake there must not excuse itself. */
function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

function voterIdsOf({ members }: Membership): NodeId[] {
  return members.filter(({ voter }) => voter).map(({ id }) => id)
}

function symmetricDifference(one: readonly NodeId[], other: readonly NodeId[]): NodeId[] {
  return [...one.filter((id) => !other.includes(id)), ...other.filter((id) => !one.includes(id))]
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`)
}
