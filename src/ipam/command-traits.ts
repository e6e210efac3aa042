/** What the log must know of a command whose bytes it does not read. */
import type { CommandTraits } from '../../raft/types.ts'
import type { Command } from './command.ts'

/** What takes room on disk for as long as nobody takes it back. The others free some, or only leave an audit row. */
const NEEDS_ROOM: Record<Exclude<Command['type'], 'withinScope'>, boolean> = {
  createNetwork: true,
  updateNetwork: false,
  deleteNetwork: false,
  carveNetworks: true,
  allocateAddresses: true,
  allocateBatch: true,
  updateAllocation: false,
  renewAllocation: false,
  releaseAllocation: false,
  expireAllocations: false,
  pruneAudit: false,
  importItems: true,
  // Without one nothing could be released either, and it is forgotten by itself.
  openSession: false,
  createUser: true,
  updateUser: false,
  deleteUser: false,
  createKey: true,
  revokeKey: false,
  // Few, whoever asks for them; and the way in must not close because somebody tries to get in.
  noteLoginFailures: false,
  // A full disk is a reason to take one.
  noteSnapshot: false,
  // Who makes room moves leaders and drains nodes for it.
  noteTransfer: false,
  noteDrain: false,
}

/** Each takes effect once in its session, or does no harm without one. */
export function traitsOf(command: Command): CommandTraits {
  if (command.type === 'withinScope') return traitsOf(command.command)
  return { isIdempotent: true, needsRoom: NEEDS_ROOM[command.type] }
}
