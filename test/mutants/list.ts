import { ADMISSION_OF_NODES } from './admission.ts'
import { CLIENTS } from './clients.ts'
import { DISK_TROUBLE } from './disk-trouble.ts'
import { ELECTIONS } from './elections.ts'
import { GATEWAY_SESSIONS } from './gateway-sessions.ts'
import { IPAM_SIM } from './ipam-sim.ts'
import { LOG_REPLICATION } from './log-replication.ts'
import { LOG_STORAGE } from './log-storage.ts'
import { MEMBERSHIP_CHANGES } from './membership-changes.ts'
import type { Mutant } from './mutant.ts'
import { OPERATIONS } from './operations.ts'
import { READS_AND_TRANSFER } from './reads-and-transfer.ts'
import { SNAPSHOTS } from './snapshots.ts'
import { STATE_COMPARISON } from './state-comparison.ts'
import { STATE_MACHINE } from './state-machine.ts'

export const MUTANTS: readonly Mutant[] = [
  ...ELECTIONS,
  ...LOG_REPLICATION,
  ...MEMBERSHIP_CHANGES,
  ...READS_AND_TRANSFER,
  ...SNAPSHOTS,
  ...LOG_STORAGE,
  ...DISK_TROUBLE,
  ...ADMISSION_OF_NODES,
  ...CLIENTS,
  ...GATEWAY_SESSIONS,
  ...STATE_MACHINE,
  ...STATE_COMPARISON,
  ...OPERATIONS,
  ...IPAM_SIM,
]
