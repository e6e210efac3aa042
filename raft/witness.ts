/**
 * What this node saw its peers hold on disk, in memory only: a data directory that comes back with less is an old
 * image of itself, whose node has forgotten votes it gave and entries that were committed because it had them.
 */
import type { Raft } from './core/state.ts'
import type { PeerIdentity } from './ports.ts'
import type { LogIndex, NodeId, RaftMessage, Term } from './types.ts'

/** Far above any cluster: those that came last are remembered. */
const PEERS_MAX = 256
/** Of one peer. The hello of a process that has ended may be read after that of the next one. */
const BOOTS_MAX = 16

interface Witnessed {
  readonly incarnation: string
  /** Starts of its process that were found good, oldest first. */
  readonly boots: number[]
  /** The highest in which it spoke with its disk behind it. */
  term: Term
  /** The highest that is committed and that its disk was known to hold. */
  index: LogIndex
  /** A start that was found bad, and since when nothing was heard of a good one. */
  suspect: { readonly boot: number; readonly since: number } | null
}

export interface RolledBack {
  readonly reason: 'rolled_back'
  readonly message: string
  /** It came again, and of a better directory nothing was heard meanwhile: this is no copy beside the living node. */
  readonly isConfirmed: boolean
}

export class Witness {
  readonly #confirmMs: number
  readonly #peers = new Map<NodeId, Witnessed>()
  /** In which this node led when it last led. */
  #leadingTerm: Term | null = null

  /** @param confirmMs For how long a node must be known with nothing but a bad data directory; above a few heartbeats. */
  constructor({ confirmMs }: { confirmMs: number }) {
    this.#confirmMs = confirmMs
  }

  /** Both sides have accepted each other: from now on what it says counts for its data directory. */
  notePeer({ nodeId, incarnation, boot }: PeerIdentity): void {
    const known = this.#peers.get(nodeId)
    if (known?.incarnation !== incarnation) {
      this.#peers.delete(nodeId)
      this.#peers.set(nodeId, { incarnation, boots: [boot.id], term: 0, index: 0, suspect: null })
      this.#makeRoom()
    } else if (!known.boots.includes(boot.id)) {
      known.boots.push(boot.id)
      if (known.boots.length > BOOTS_MAX) known.boots.shift()
    }
  }

  /** Late messages of an earlier start raise what is witnessed as well: they were just as durable. */
  noteMessage(message: RaftMessage): void {
    const known = this.#peers.get(message.from)
    if (known === undefined) return
    known.suspect = null
    if (isDurableTerm(message)) known.term = Math.max(known.term, message.term)
    if (message.type === 'AppendEntries') {
      known.index = Math.max(known.index, Math.min(message.leaderDurable, message.leaderCommit))
    }
  }

  /** An acknowledged entry above the commit index may be replaced by another leader's, one up to it never. */
  noteProgress({ progress, commitIndex, currentTerm }: Raft): void {
    if (currentTerm !== this.#leadingTerm) this.#forgetSuspects()
    this.#leadingTerm = currentTerm
    for (const [id, { matchIndex }] of progress) {
      const known = this.#peers.get(id)
      if (known !== undefined) known.index = Math.max(known.index, Math.min(matchIndex, commitIndex))
    }
  }

  /** Whether a peer comes with less than it had; null if not, or if nobody here could tell. */
  judge({ nodeId, incarnation, boot }: PeerIdentity, now: number): RolledBack | null {
    const known = this.#peers.get(nodeId)
    if (known?.incarnation !== incarnation || known.boots.includes(boot.id)) return null
    if (boot.term >= known.term && boot.lastIndex >= known.index) return null
    if (known.suspect?.boot !== boot.id) known.suspect = { boot: boot.id, since: now }
    const message = `node ${nodeId} has gone back in time: its data directory ends at entry ${boot.lastIndex} in term ${boot.term}, and it had acknowledged entry ${known.index} and spoken in term ${known.term}; remove node ${nodeId} and join the machine under a new id with an empty data directory`
    return { reason: 'rolled_back', message, isConfirmed: now - known.suspect.since >= this.#confirmMs }
  }

  /** Silence counts from the election on: a follower does not hear its peers, however alive they are. */
  #forgetSuspects(): void {
    for (const known of this.#peers.values()) known.suspect = null
  }

  #makeRoom(): void {
    const [oldest] = this.#peers.keys()
    if (oldest !== undefined && this.#peers.size > PEERS_MAX) this.#peers.delete(oldest)
  }
}

/** Everything leaves after the term it speaks in is on disk, but for what speaks of one that nobody has yet (§9.6). */
function isDurableTerm(message: RaftMessage): boolean {
  switch (message.type) {
    case 'RequestVote':
      return !message.isPreVote
    case 'RequestVoteReply':
      return !message.isPreVote || !message.voteGranted
    case 'ReadIndexRequest':
      // Nothing depends on the term of who merely asks, so nothing need hold it back.
      return false
    default:
      return true
  }
}
