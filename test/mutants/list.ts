import { CLIENTS } from './clients.ts'
import { ELECTIONS } from './elections.ts'
import { GATEWAY_SESSIONS } from './gateway-sessions.ts'
import { LOG_REPLICATION } from './log-replication.ts'
import { LOG_STORAGE } from './log-storage.ts'
import { MEMBERSHIP_CHANGES } from './membership-changes.ts'
import type { Mutant } from './mutant.ts'
import { READS_AND_TRANSFER } from './reads-and-transfer.ts'
import { SNAPSHOTS } from './snapshots.ts'
import { STATE_MACHINE } from './state-machine.ts'

export const MUTANTS: readonly Mutant[] = [
  ...ELECTIONS,
  ...LOG_REPLICATION,
  ...MEMBERSHIP_CHANGES,
  ...READS_AND_TRANSFER,
  ...SNAPSHOTS,
  ...LOG_STORAGE,
  ...CLIENTS,
  ...GATEWAY_SESSIONS,
  ...STATE_MACHINE,
]
