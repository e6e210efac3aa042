/** What holds in every scenario whatever it is about: checked after every step and at every send. */
import { assert } from '../../../raft/assert.ts'
import type { Effects } from '../../../raft/core/effects.ts'
import { checkState } from '../../../raft/core/invariants.ts'
import type { Raft } from '../../../raft/core/state.ts'
import type { Entry, LogIndex, NodeId, RaftMessage, Term } from '../../../raft/types.ts'
import type { ScenarioDisk } from './disk.ts'

export class Safety {
  readonly #leaderOfTerm = new Map<Term, NodeId>()
  readonly #applied = new Map<LogIndex, Entry>()

  /** Election Safety and State Machine Safety (Figure 3.2), and what is true of one node alone. */
  checkStep(raft: Raft, effects: Effects): void {
    checkState(raft)
    if (raft.role === 'leader') {
      const leader = this.#leaderOfTerm.get(raft.currentTerm) ?? raft.id
      assert(leader === raft.id, `term ${raft.currentTerm} has two leaders: ${leader} and ${raft.id}`)
      this.#leaderOfTerm.set(raft.currentTerm, leader)
    }
    for (const entry of effects.committed) {
      const agreed = this.#applied.get(entry.index) ?? entry
      const isSame = agreed.term === entry.term && Buffer.compare(agreed.payload, entry.payload) === 0
      assert(isSame, `node ${raft.id} applies ${entry.index}:${entry.term}, another ${agreed.term}`)
      this.#applied.set(entry.index, agreed)
    }
  }

  /** A node says nothing that a crash right after it would make a lie. */
  checkSend(message: RaftMessage, disk: ScenarioDisk): void {
    const { currentTerm, votedFor } = disk.hardState
    // The term of a pre-vote is one that nobody has yet.
    const isPreVote = 'isPreVote' in message && message.isPreVote
    const what = `${message.type} of node ${message.from}`
    assert(isPreVote || message.term <= currentTerm, `${what}: term ${message.term} is not on its disk`)
    if (message.type === 'RequestVoteReply' && message.voteGranted && !isPreVote) {
      const isKept = currentTerm > message.term || votedFor === message.to
      assert(isKept, `${what}: the vote in term ${message.term} is not on its disk`)
    }
    if (message.type === 'AppendEntriesReply' && message.success) {
      assert(message.matchIndex <= disk.lastIndex, `${what}: ${message.matchIndex} is not on its disk`)
    }
  }
}
