/** What must be true of a cluster after every single event; see raft/core/invariants.ts for what is true of one node. */
import { checkState } from '../../raft/core/invariants.ts'
import { membershipAt, termAt } from '../../raft/core/log.ts'
import { quorumSize } from '../../raft/core/quorum.ts'
import type { Effects, Raft } from '../../raft/core/state.ts'
import type { AppendEntriesReply, Entry, LogIndex, Message, NodeId, Term } from '../../raft/types.ts'
import type { DurableImage } from './durable-log.ts'
import { chainHash } from './log-machine.ts'

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
  /** By index and term: the entry's own hash, and the term of the entry before it. */
  readonly #entries = new Map<string, { readonly hash: number; readonly previousTerm: Term | null }>()
  /** Terms of the one history of committed entries that all nodes agree on; its first entry has index 1. */
  readonly #committed: Term[] = []
  /** In which term each of them was committed: leaders of later terms have it, one of an earlier term need not. */
  readonly #committedIn: Term[] = []
  /** By index: over all that was applied up to there. */
  readonly #appliedHashes = new Map<LogIndex, number>()
  readonly #seen = new WeakMap<Raft, Seen>()
  /** The last one to lead. */
  #leader: Raft | null = null

  constructor(imageOf: (id: NodeId) => DurableImage) {
    this.#image = imageOf
  }

  get committedIndex(): LogIndex {
    return this.#committed.length
  }

  /** After every step of every node. */
  checkStep(raft: Raft, effects: Effects): void {
    checkState(raft)
    const seen = this.#seen.get(raft) ?? { term: 0, commitIndex: 0, releasedIndex: 0, role: 'follower' }
    this.#checkMonotonic(raft, seen)
    this.#checkLogMatching(raft, effects)
    if (raft.role === 'leader') {
      if (seen.role !== 'leader' || seen.term !== raft.currentTerm) this.#checkElected(raft)
      this.#checkLeader(raft, effects)
      this.#leader = raft
    }
    this.#checkCommitted(raft, seen.commitIndex)
    this.#seen.set(raft, {
      term: raft.currentTerm,
      commitIndex: raft.commitIndex,
      releasedIndex: raft.releasedIndex,
      role: raft.role,
    })
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
      const hash = chainHash(0, entry)
      const previousTerm = termAt(raft.log, entry.index - 1)
      const known = this.#entries.get(key)
      if (known === undefined) this.#entries.set(key, { hash, previousTerm })
      else {
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

  /** Election Safety and Leader Completeness (Figure 3.2). */
  #checkElected(raft: Raft): void {
    const leader = this.#leaderOfTerm.get(raft.currentTerm) ?? raft.id
    check(leader === raft.id, `nodes ${leader} and ${raft.id} both lead term ${raft.currentTerm}`)
    this.#leaderOfTerm.set(raft.currentTerm, raft.id)
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

  #checkCommitted(raft: Raft, from: LogIndex): void {
    const { log } = raft
    const first = Math.max(from, log.base.lastIndex - 1, 0) + 1
    for (let index = first; index <= raft.commitIndex; index++) {
      const term = termAt(log, index)
      if (index > this.#committed.length) this.#commit(raft, index, term)
      else {
        const known = this.#committed[index - 1]
        check(known === term, `entry ${index} is committed with terms ${known} and, on ${raft.id}, ${term}`)
      }
    }
  }

  /** The first node to commit `index`. */
  #commit(raft: Raft, index: LogIndex, term: Term | null): void {
    check(raft.role === 'leader', `follower ${raft.id} is the first to commit ${index}`)
    check(index === this.#committed.length + 1, `the commit of ${index} leaves a gap`)
    const newest = termAt(raft.log, raft.commitIndex)
    check(
      newest === raft.currentTerm,
      `a leader commits ${index} up to one of term ${newest} by counting (§3.6.2)`,
    )
    const voters = membershipAt(raft.log, raft.log.lastIndex).membership.members.filter(({ voter }) => voter)
    const durable = voters.filter(({ id }) => this.#image(id).has(index, term ?? 0)).length
    check(
      durable >= quorumSize(voters.length),
      `${index} is committed and durable on ${durable} of ${voters.length} voters`,
    )
    this.#committed.push(term ?? 0)
    this.#committedIn.push(raft.currentTerm)
  }

  /** State Machine Safety (Figure 3.2): over contents, not only terms. */
  checkApplied(id: NodeId, { index }: Entry, hash: number): void {
    const known = this.#appliedHashes.get(index) ?? hash
    check(known === hash, `node ${id} has another state at ${index}`)
    check(index <= this.#committed.length, `node ${id} applies ${index}, which is not committed`)
    check(index <= this.#image(id).lastIndex, `node ${id} applies ${index}, which is not on its disk`)
    this.#appliedHashes.set(index, hash)
  }

  /** Nothing leaves that the disk does not stand behind. */
  checkSent(message: Message): void {
    if (message.type === 'ForwardRequests' || message.type === 'ForwardReplies') return
    const image = this.#image(message.from)
    const { currentTerm, votedFor } = image.hardState
    const isPreVote =
      message.type === 'RequestVote' || message.type === 'RequestVoteReply' ? message.isPreVote : false
    if (isPreVote) return
    check(
      currentTerm >= message.term,
      `${message.type} of term ${message.term} leaves with ${currentTerm} on disk`,
    )
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

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`)
}
