/** What a disk in trouble means: who may campaign, and when a leader takes nothing new. */
import type { DiskHealth } from '../types.ts'
import { membershipAt } from './log.ts'
import type { Raft, Timing } from './state.ts'

/** The oldest batch has waited for the disk for longer than half an election timeout. */
export function isStall({ stallMs }: DiskHealth, { electionMinMs }: Timing): boolean {
  return stallMs > electionMinMs / 2
}

export function isDiskStalled({ disk, timing }: Raft): boolean {
  return isStall(disk, timing)
}

/**
 * The disk of a peer can take over from ours, which is stalled. Where all disks are as slow as each other, nobody is
 * better off with another leader, and leadership stays where it is.
 */
export function isMuchFaster({ disk, timing }: Raft, peer: DiskHealth): boolean {
  return !isStall(peer, timing) && peer.stallMs * 2 <= disk.stallMs
}

/** A leader whose disk is stalled: what it does not take now, the next leader can. Without others there is none. */
export function isHoldingBack(raft: Raft): boolean {
  return raft.role === 'leader' && isDiskStalled(raft) && hasOtherVoters(raft)
}

/** Neither proposals nor changes are taken: another node leads soon, or may. */
export function isHandingOver(raft: Raft): boolean {
  return raft.transfer !== null || isHoldingBack(raft)
}

function hasOtherVoters({ id, log }: Raft): boolean {
  return membershipAt(log, log.lastIndex).membership.members.some((member) => {
    return member.voter && member.id !== id
  })
}
