/** All that a node tells, and where each part of it comes from. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { Clock, RaftNode, TcpTransport } from '../../raft/index.ts'
import type { AccessControl } from '../auth/access-control.ts'
import type { CertificateWatch } from '../certificate-watch.ts'
import type { Config } from '../config.ts'
import type { Expiry } from '../expiry.ts'
import type { Listener } from '../http/listen.ts'
import type { RateLimiter } from '../http/rate-limiter.ts'
import type { RefusalCounts } from '../http/refusal-counts.ts'
import type { RequestCounts } from '../http/request-counts.ts'
import type { ReplicatedIpamService } from '../replicated-service.ts'
import type { IpamStateMachine } from '../state/state-machine.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { accessMetrics } from './access-metrics.ts'
import { certificateMetrics } from './certificate-metrics.ts'
import { diskMetrics } from './disk-metrics.ts'
import { DiskUsage } from './disk-usage.ts'
import type { EventLoopDelay } from './event-loop-delay.ts'
import type { Source } from './family.ts'
import { httpMetrics } from './http-metrics.ts'
import { networkMetrics } from './network-metrics.ts'
import { peerMetrics } from './peer-metrics.ts'
import { processMetrics } from './process-metrics.ts'
import { queueMetrics } from './queue-metrics.ts'
import { serverMetrics } from './server-metrics.ts'
import type { TimedDisk } from './timed-disk.ts'
import { tracingMetrics } from './tracing-metrics.ts'

export interface Watched {
  readonly config: Pick<Config, 'clusterId' | 'nodeId' | 'dataDir' | 'diskLowBytes' | 'metricsNetworksMax'>
  readonly version: string
  /** Ms since 1970. */
  readonly startedAt: number
  readonly clock: Pick<Clock, 'wallTime'>
  readonly node: Pick<RaftNode, 'figures' | 'status'>
  readonly stateMachine: Pick<IpamStateMachine, 'figures' | 'nextExpiry'>
  /** Null where there are no other nodes. */
  readonly transport: Pick<TcpTransport, 'peers' | 'queues'> | null
  readonly logDisk: Pick<TimedDisk, 'syncs' | 'writtenBytes'>
  readonly service: Pick<ReplicatedIpamService, 'readiness' | 'writesUnderWay' | 'backups'>
  readonly expiry: Pick<Expiry, 'counts'>
  readonly counts: RequestCounts
  readonly refusals: RefusalCounts
  /** Null where nothing is limited. */
  readonly limiter: Pick<RateLimiter, 'clients'> | null
  readonly listener: Pick<Listener, 'figures'>
  readonly access: Pick<AccessControl, 'figures'>
  readonly certificates: Pick<CertificateWatch, 'inUse'>
  readonly eventLoop: Pick<EventLoopDelay, 'delays'>
  /** Null where nothing is followed. */
  readonly tracing: Pick<Tracing, 'figures'> | null
}

export function sourcesOf(watched: Watched): Source[] {
  const { config, clock, node, stateMachine, transport, service, listener } = watched
  const usage = new DiskUsage(config.dataDir)
  return [
    processMetrics({ ...config, ...watched, eventLoopDelays: watched.eventLoop.delays }),
    serverMetrics({ figures: () => node.figures(), isReady: () => service.readiness().ready }),
    peerMetrics({ status: () => node.status(), connections: () => transport?.peers() ?? [] }),
    queueMetrics({
      raft: () => node.figures().queues,
      transport: () => transport?.queues() ?? [],
      state: () => stateMachine.figures,
      sessionWrites: () => service.writesUnderWay,
      httpConnections: () => listener.figures().connections,
      passwordChecks: () => watched.access.figures.waiting,
      backups: () => service.backups,
      spans: () => watched.tracing?.figures().waiting ?? null,
    }),
    diskMetrics({
      log: watched.logDisk,
      flushes: () => stateMachine.figures.flushes,
      usage: () => usage.figures(),
      lowBytes: config.diskLowBytes,
    }),
    networkMetrics({
      state: () => stateMachine.figures,
      ended: () => watched.expiry.counts,
      nextExpiry: () => stateMachine.nextExpiry,
      wallTime: () => clock.wallTime(),
      breathe: () => breathe(),
      networksMax: config.metricsNetworksMax,
    }),
    httpMetrics({
      counts: watched.counts,
      refusals: watched.refusals,
      listener: () => listener.figures(),
      clients: () => watched.limiter?.clients ?? { size: 0, max: 0 },
    }),
    accessMetrics(() => watched.access.figures),
    tracingMetrics(() => watched.tracing?.figures() ?? null),
    certificateMetrics(() => watched.certificates.inUse),
  ]
}
