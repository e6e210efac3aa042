import { Hono } from 'hono'
import type { IpamService } from '../service.ts'
import { OPEN } from './access.ts'
import { json } from './answer.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'
import { NO_PARAMS } from './params.ts'
import { ProblemError } from './problem.ts'

/** @param uptimeMs Since the process began to serve. */
export function healthRoutes(
  service: IpamService,
  { version, uptimeMs, handle }: { version: string; uptimeMs: () => number; handle: Handle },
): Hono {
  return new Hono()
    .get(
      '/health',
      handle(OPEN, (c) => {
        readQuery(c, NO_PARAMS)
        const { reasons } = service.readiness()
        if (reasons.includes('state_diverged')) throw stateDiverged()
        return json(200, {
          status: 'healthy',
          service: 'ipam',
          cluster_mode: service.isClusterMode,
          version,
          uptime: formatDuration(uptimeMs()),
        })
      }),
    )
    .get(
      '/health/ready',
      handle(OPEN, (c) => {
        readQuery(c, NO_PARAMS)
        const { ready, reasons } = service.readiness()
        if (!ready) throw notReady(reasons)
        return json(200, { status: 'ready', reasons })
      }),
    )
    .get(
      '/health/leader',
      handle(OPEN, (c) => {
        readQuery(c, NO_PARAMS)
        const { nodeId, role, leaderId, leaderAddr } = service.status()
        if (role !== 'leader') throw notLeader({ leaderId, leaderAddr })
        return json(200, { status: 'leader', node_id: nodeId })
      }),
    )
}

/** Alive, and of no use: a restart does not change it. */
function stateDiverged(): ProblemError {
  return new ProblemError({
    status: 503,
    reason: 'state_diverged',
    message:
      'the state of this node is not what the majority has; remove it from the cluster, and join under a new id with an empty data directory',
  })
}

function notReady(reasons: readonly string[]): ProblemError {
  return new ProblemError({
    status: 503,
    reason: 'not_ready',
    message: `this node is not ready: ${reasons.join(', ')}`,
    retryAfterS: 1,
    reasons,
  })
}

function notLeader({
  leaderId,
  leaderAddr,
}: {
  leaderId: number | null
  leaderAddr: string | null
}): ProblemError {
  const leader = leaderId === null ? 'no leader is known' : `the leader is node ${leaderId} (${leaderAddr})`
  return new ProblemError({
    status: 503,
    reason: 'not_leader',
    message: `this node is not the leader; ${leader}`,
    retryAfterS: 1,
  })
}

/** As Go prints it: "15s", "2m0s", "50h30m15s". */
function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours > 0) return `${hours}h${minutes % 60}m${seconds % 60}s`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}
