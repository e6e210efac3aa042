/** Notes of what was done to the cluster, and the rows that they must leave. */
import { isDeepStrictEqual } from 'node:util'
import type { ClusterCommand } from '../../src/ipam/cluster-command.ts'
import type { Command, CommandContext } from '../../src/ipam/command.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'
import type { AuditEntry } from '../../src/ipam/records.ts'
import { check } from './calls.ts'

export function isNote(command: Command): command is ClusterCommand {
  return command.type === 'noteTransfer' || command.type === 'noteDrain'
}

/** @throws if it has not left one row, of whoever asked. */
export function checkNote(
  note: ClusterCommand,
  {
    context,
    outcome,
    rows,
  }: {
    readonly context: CommandContext
    readonly outcome: Outcome
    readonly rows: readonly AuditEntry[]
  },
): void {
  check(outcome.ok && outcome.value === null, `${note.type} is answered ${JSON.stringify(outcome)}`)
  const told = rows.map(({ action, resource, user, requestId }) => ({ action, resource, user, requestId }))
  const row =
    note.type === 'noteTransfer'
      ? { action: 'leader_transferred', resource: `node-${note.to}` }
      : { action: note.isDrained ? 'node_drained' : 'node_undrained', resource: `node-${note.nodeId}` }
  check(
    isDeepStrictEqual(told, [{ ...row, ...context }]),
    `${note.type} has the audit rows ${JSON.stringify(told)}`,
  )
}
