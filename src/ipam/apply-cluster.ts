/** Notes of what was done to the cluster: each leaves its audit row, and nothing else. */
import { unreachable } from '../../raft/assert.ts'
import type { Applying } from './apply.ts'
import type { ClusterCommand } from './cluster-command.ts'
import type { Outcome } from './outcome.ts'
import type { AuditEntry } from './records.ts'
import { accept } from './refuse.ts'

export function applyCluster(command: ClusterCommand, { store, context, at }: Applying): Outcome {
  const { user, requestId } = context
  store.appendAudit({ timestamp: at.time, ...rowOf(command), user, requestId, before: null, after: null })
  return accept(null)
}

function rowOf(command: ClusterCommand): Pick<AuditEntry, 'action' | 'resource' | 'details'> {
  switch (command.type) {
    case 'noteTransfer': {
      const { from, to } = command
      const details = `Transferred leadership from node ${from} to node ${to}`
      return { action: 'leader_transferred', resource: `node-${to}`, details }
    }
    case 'noteDrain': {
      const { nodeId, isDrained } = command
      const resource = `node-${nodeId}`
      return isDrained
        ? { action: 'node_drained', resource, details: `Drained node ${nodeId}` }
        : { action: 'node_undrained', resource, details: `Undid the drain of node ${nodeId}` }
    }
    default:
      return unreachable(command)
  }
}
