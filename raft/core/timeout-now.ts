/** Leadership transfer (§3.10): gate writes and reads, bring the target up to date, let it campaign at once. */
import type { NodeId } from '../types.ts'
import { isInContact, isVoter, voterIds } from './membership.ts'
import type { Raft } from './state.ts'

/** @param target Null leaves the choice to us: the healthy voter that has the most. */
export function startTransfer(raft: Raft, { id, target }: { id: number; target: NodeId | null }): void {
  const chosen = target ?? bestTarget(raft)
  const refusal = refuse(raft, chosen)
  if (refusal !== null || chosen === null) {
    raft.out.transfers.push({
      id,
      ...(refusal ?? { refusal: 'no_target', message: 'no voter could take over' }),
    })
    return
  }
  raft.transfer = { id, target: chosen, deadline: raft.now + raft.timing.electionMinMs, isTimeoutSent: false }
}

function bestTarget(raft: Raft): NodeId | null {
  const healthy = voterIds(raft).filter((id) => {
    if (id === raft.id || !isInContact(raft, id) || raft.wrongStates.includes(id)) return false
    return raft.progress.get(id)?.isDrained === false
  })
  const matchIndex = (id: NodeId): number => raft.progress.get(id)?.matchIndex ?? 0
  return healthy.toSorted((a, b) => matchIndex(b) - matchIndex(a))[0] ?? null
}

function refuse(raft: Raft, target: NodeId | null): { refusal: string; message: string } | null {
  if (raft.role !== 'leader') return { refusal: 'not_leader', message: 'this node is not the leader' }
  if (raft.transfer !== null) {
    return {
      refusal: 'transfer_in_flight',
      message: `leadership is being handed to node ${raft.transfer.target}`,
    }
  }
  if (target === null) return { refusal: 'no_target', message: 'no other voter could take over' }
  if (target === raft.id) return { refusal: 'is_leader', message: `node ${target} is the leader already` }
  if (!isVoter(raft, target)) return { refusal: 'not_voter', message: `node ${target} is not a voter` }
  if (raft.wrongStates.includes(target)) {
    return { refusal: 'state_diverged', message: `the state of node ${target} is not what the majority has` }
  }
  if (raft.progress.get(target)?.isDrained === true) {
    return { refusal: 'draining', message: `node ${target} is drained; end that first, or choose another` }
  }
  if (!isInContact(raft, target)) {
    return { refusal: 'not_healthy', message: `node ${target} has not answered for an election timeout` }
  }
  return null
}

/** Leader rule, at the end of a step. A transfer never outlives its deadline, nor (see `becomeFollower`) its term. */
export function advanceTransfer(raft: Raft): void {
  const { transfer } = raft
  if (transfer === null) return
  const progress = raft.progress.get(transfer.target)
  if (raft.now >= transfer.deadline || progress === undefined) {
    const message = `node ${transfer.target} did not take over in time`
    raft.out.transfers.push({ id: transfer.id, refusal: 'transfer_timeout', message })
    raft.transfer = null
    return
  }
  if (transfer.isTimeoutSent || progress.matchIndex < raft.log.lastIndex) return
  transfer.isTimeoutSent = true
  raft.out.messages.push({ type: 'TimeoutNow', from: raft.id, to: transfer.target, term: raft.currentTerm })
}
