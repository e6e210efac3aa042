/** Log-ins of a server, of what its configuration says. */
import { type RaftNode, systemClock } from '../raft/index.ts'
import { AccessControl } from './auth/access-control.ts'
import { FirstAdminMaker } from './auth/first-admin.ts'
import type { Config } from './config.ts'
import { SYSTEM_USER } from './ipam/audit.ts'
import type { Logger } from './logger.ts'
import type { ReplicatedIpamService } from './replicated-service.ts'

export function createAccessControl(
  { auth }: Config,
  { service, logger }: { service: ReplicatedIpamService; logger: Logger },
): AccessControl {
  return new AccessControl({
    mode: auth.mode ?? 'open',
    source: service,
    clock: systemClock,
    staleMsMax: auth.staleMsMax,
    bucketLimits: auth.failures,
    checkerLimits: auth.checks,
    report: async (command) => {
      try {
        await service.execute(command, { user: SYSTEM_USER, requestId: null })
      } catch (error) {
        // Without a leader the audit log stands still, for this as for everything.
        logger.warn({ failures: command.failures, err: error }, 'failed log-ins could not be audited')
      }
    },
  })
}

export function createFirstAdmin(
  { auth }: Config,
  { node, service, logger }: { node: RaftNode; service: ReplicatedIpamService; logger: Logger },
): FirstAdminMaker | null {
  if (auth.firstAdmin === null) return null
  return new FirstAdminMaker({
    admin: auth.firstAdmin,
    source: service,
    isLeader: () => node.isLeader,
    execute: (command, context) => service.execute(command, context),
    clock: systemClock,
    logger,
  })
}
