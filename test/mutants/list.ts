import { WHO_MAY_DO_WHAT } from './access.ts'
import { ADDRESS_SPACE } from './address-space.ts'
import { ADMISSION_OF_NODES } from './admission.ts'
import { ALL_OR_NONE } from './all-or-none.ts'
import { ANSWERS_OF_A_NODE } from './answers-of-a-node.ts'
import { API_DESCRIPTION } from './api-description.ts'
import { AUDIT_LISTS_OF_SEVERAL } from './audit-lists.ts'
import { BACKUPS } from './backups.ts'
import { BULK_FILES } from './bulk-files.ts'
import { CHECKPOINTS } from './checkpoints.ts'
import { CHOOSING_ADDRESSES } from './choosing-addresses.ts'
import { CLIENTS } from './clients.ts'
import { COMMAND_LINE_CLIENT } from './command-line-client.ts'
import { DISK_TROUBLE } from './disk-trouble.ts'
import { ELECTIONS } from './elections.ts'
import { GATEWAY_SESSIONS } from './gateway-sessions.ts'
import { GROWTH } from './growth.ts'
import { HANDSHAKES } from './handshakes.ts'
import { HISTORY_AND_AUDIT } from './history-and-audit.ts'
import { IDEMPOTENCY_KEYS } from './idempotency-keys.ts'
import { IPAM_SIM } from './ipam-sim.ts'
import { LIFETIMES_AND_CHANGES } from './lifetimes-and-changes.ts'
import { LIMITS_OF_HTTP } from './limits.ts'
import { LISTS_AND_INDEXES } from './lists-and-indexes.ts'
import { LISTS_WITHIN_SCOPE } from './lists-within-scope.ts'
import { LOG_REPLICATION } from './log-replication.ts'
import { LOG_STORAGE } from './log-storage.ts'
import { MEMBERSHIP_CHANGES } from './membership-changes.ts'
import { METRICS } from './metrics.ts'
import type { Mutant } from './mutant.ts'
import { NESTING } from './nesting.ts'
import { NODE_LANES } from './node-lanes.ts'
import { NODE_START_AND_END } from './node-start-and-end.ts'
import { ON_THE_WIRE } from './on-the-wire.ts'
import { OPERATIONS } from './operations.ts'
import { LIMITS_OF_QUEUES } from './queue-limits.ts'
import { READS_AND_TRANSFER } from './reads-and-transfer.ts'
import { ROWS_IN_MEMORY } from './rows-in-memory.ts'
import { SNAPSHOTS } from './snapshots.ts'
import { STATE_COMPARISON } from './state-comparison.ts'
import { STATE_MACHINE } from './state-machine.ts'
import { TRACING } from './tracing.ts'
import { USERS_AND_KEYS } from './users-and-keys.ts'
import { WAITING_REQUESTS } from './waiting-requests.ts'

export const MUTANTS: readonly Mutant[] = [
  ...ELECTIONS,
  ...LOG_REPLICATION,
  ...MEMBERSHIP_CHANGES,
  ...READS_AND_TRANSFER,
  ...SNAPSHOTS,
  ...LOG_STORAGE,
  ...DISK_TROUBLE,
  ...NODE_LANES,
  ...ADMISSION_OF_NODES,
  ...HANDSHAKES,
  ...CLIENTS,
  ...WAITING_REQUESTS,
  ...GATEWAY_SESSIONS,
  ...ANSWERS_OF_A_NODE,
  ...STATE_MACHINE,
  ...ROWS_IN_MEMORY,
  ...STATE_COMPARISON,
  ...CHECKPOINTS,
  ...OPERATIONS,
  ...IPAM_SIM,
  ...NESTING,
  ...ADDRESS_SPACE,
  ...CHOOSING_ADDRESSES,
  ...ALL_OR_NONE,
  ...GROWTH,
  ...IDEMPOTENCY_KEYS,
  ...LIFETIMES_AND_CHANGES,
  ...LISTS_AND_INDEXES,
  ...LISTS_WITHIN_SCOPE,
  ...HISTORY_AND_AUDIT,
  ...AUDIT_LISTS_OF_SEVERAL,
  ...BULK_FILES,
  ...COMMAND_LINE_CLIENT,
  ...WHO_MAY_DO_WHAT,
  ...USERS_AND_KEYS,
  ...API_DESCRIPTION,
  ...ON_THE_WIRE,
  ...BACKUPS,
  ...LIMITS_OF_HTTP,
  ...LIMITS_OF_QUEUES,
  ...TRACING,
  ...METRICS,
  ...NODE_START_AND_END,
]
