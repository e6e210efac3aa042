/** What each command does. Deterministic: the same command on the same state at the same log position gives the same. */
import { unreachable } from '../../raft/assert.ts'
import { applyAccess } from './apply-access.ts'
import {
  allocateAddresses,
  allocateBatch,
  expireAllocations,
  releaseAllocation,
  renewAllocation,
  updateAllocation,
} from './apply-allocation.ts'
import { applyCluster } from './apply-cluster.ts'
import { importItems } from './apply-import.ts'
import { carveNetworks, createNetwork, deleteNetwork, updateNetwork } from './apply-network.ts'
import { SYSTEM_USER } from './audit.ts'
import type { Command, CommandContext, PruneAudit } from './command.ts'
import type { CommandEnvelope } from './command-codec.ts'
import { applyOncePerKey } from './idempotency.ts'
import type { Outcome } from './outcome.ts'
import { accept } from './refuse.ts'
import { applyWithinScope } from './scope.ts'
import { applyOnce, openSession } from './session.ts'
import type { Store } from './store.ts'

/** Where the command stands in the log; `time` is ms since 1970, never less than that of an earlier entry. */
export interface LogPosition {
  readonly index: number
  readonly time: number
}

/** What one command has to work with. */
export interface Applying {
  readonly store: Store
  readonly context: CommandContext
  readonly at: LogPosition
}

/** Log indexes that one entry looks at: each is a look into the database or two. */
const PRUNED_INDEXES_PER_ENTRY_MAX = 2_000

/** What an entry of the log does: the command, unless an earlier entry was a copy of it, or its key was used before. */
export function applyEnvelope(
  store: Store,
  { command, context, session, idempotency }: CommandEnvelope,
  at: LogPosition,
): Outcome {
  const { time } = at
  const change = (): Outcome => store.attempt(() => apply(command, { store, context, at }))
  const once =
    idempotency === null
      ? change
      : (): Outcome => applyOncePerKey(store.idempotency, idempotency, { time, apply: change })
  return session === null ? once() : applyOnce(store.sessions, session, { time, apply: once })
}

/** What it would do. Changes nothing. */
export function tryCommand(command: Command, applying: Applying): Outcome {
  let tried: Outcome | null = null
  applying.store.attempt(() => {
    tried = applying.store.attempt(() => apply(command, applying))
    // Refused only to be undone.
    return { ok: false, refusal: { reason: 'batch_refused', message: '', details: [] }, isReplay: false }
  })
  return tried as unknown as Outcome
}

function apply(command: Command, applying: Applying): Outcome {
  switch (command.type) {
    case 'createNetwork':
      return createNetwork(command, applying)
    case 'updateNetwork':
      return updateNetwork(command, applying)
    case 'deleteNetwork':
      return deleteNetwork(command, applying)
    case 'carveNetworks':
      return carveNetworks(command, applying)
    case 'allocateAddresses':
      return allocateAddresses(command, applying)
    case 'allocateBatch':
      return allocateBatch(command, applying)
    case 'updateAllocation':
      return updateAllocation(command, applying)
    case 'renewAllocation':
      return renewAllocation(command, applying)
    case 'releaseAllocation':
      return releaseAllocation(command, applying)
    case 'expireAllocations':
      return expireAllocations(command, applying)
    case 'pruneAudit':
      return pruneAudit(command, applying)
    case 'importItems':
      return importItems(command, applying)
    case 'openSession':
      return openSession(applying.store.sessions, applying.at)
    case 'withinScope':
      return applyWithinScope(command, applying, apply)
    case 'createUser':
    case 'updateUser':
    case 'deleteUser':
    case 'createKey':
    case 'revokeKey':
    case 'noteLoginFailures':
    case 'noteSnapshot':
      return applyAccess(command, applying)
    case 'noteTransfer':
    case 'noteDrain':
      return applyCluster(command, applying)
    default:
      return unreachable(command)
  }
}

function pruneAudit({ before, limit }: PruneAudit, { store, at }: Applying): Outcome {
  const bounded = Math.min(limit, PRUNED_INDEXES_PER_ENTRY_MAX)
  const { pruned, isDone } = store.pruneAudit({ before: Math.min(before, at.time), limit: bounded })
  if (isDone && pruned > 0) {
    const until = new Date(before).toISOString()
    store.appendAudit({
      timestamp: at.time,
      action: 'audit_pruned',
      resource: 'audit',
      details: `Forgot the audit rows of before ${until}`,
      user: SYSTEM_USER,
      requestId: null,
      before: null,
      after: null,
    })
  }
  return accept({ pruned, isDone })
}
