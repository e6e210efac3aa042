/** The composition root: the only place that constructs what touches disk, network, clock and chance. */
import { customAlphabet, nanoid } from 'nanoid'
import { lockDirectory, type RaftNode, systemClock } from '../raft/index.ts'
import { AuditRetention } from './audit-retention.ts'
import { readVersion } from './cli/package.ts'
import type { Config } from './config.ts'
import { makeDirectories } from './data-directory.ts'
import { Expiry } from './expiry.ts'
import type { Listener } from './http/listen.ts'
import { TOKEN_ALPHABET, TOKEN_CHARS } from './ipam/allocation-id.ts'
import { createLogger, type Logger } from './logger.ts'
import { EventLoopDelay } from './metrics/event-loop-delay.ts'
import { Exposition } from './metrics/exposition.ts'
import { sourcesOf } from './metrics/sources.ts'
import { ReplicatedIpamService } from './replicated-service.ts'
import { createAccessControl, createFirstAdmin } from './server-access.ts'
import { startApi } from './server-api.ts'
import { createWatch, loadAllCertificates } from './server-certificates.ts'
import { type StartedNode, startNode } from './server-node.ts'
import { SnapshotStreams } from './snapshot-streams.ts'
import type { Tracing } from './tracing/tracing.ts'

/** Clients behind load balancers that pass TCP on hear only from an answer that they should look elsewhere. */
const CLOSE_IDLE_MS_MAX = 500

export interface Server {
  /** Where the API is, without a path. */
  readonly url: string
  /** Looks for new certificates now. */
  reload(): void
  /**
   * Hands leadership over, serves on for as long as load balancers need to notice, answers what is under way, and stops.
   * Resolves when everything is on disk.
   */
  close(): Promise<void>
}

/** What closes the parts that are open, in the order in which they were opened. */
type Closers = (() => Promise<void>)[]

/** Goes on beside requests. */
interface Background {
  start(): void
  stop(): void
}

/**
 * @throws when a port is taken, the directory cannot be used, or what lies in it is damaged. Nothing is left open then: once that is
 *   mended, it may be called again.
 */
export async function startServer(config: Config): Promise<Server> {
  const logger = createLogger({ level: config.logLevel })
  const closers: Closers = []
  try {
    return await openServer(config, { logger, closers })
  } catch (error) {
    for (const close of closers.toReversed()) {
      await close().catch((cause: unknown) => logger.warn({ err: cause }, 'left open after a failed start'))
    }
    throw error
  }
}

async function openServer(
  config: Config,
  { logger, closers }: { logger: Logger; closers: Closers },
): Promise<Server> {
  const certificates = loadAllCertificates(config)
  await makeDirectories(config.dataDir)
  closers.push(await lockDirectory(config.dataDir))
  const startedAt = systemClock.wallTime()
  const version = readVersion()
  const tracing = await startTracing(config, { version, logger })
  // After the node: its last spans are those of its end.
  if (tracing !== null) closers.push(() => tracing.close())
  const started = await startNode(config, {
    random: Math.random,
    logger,
    onFatal,
    closers,
    raftCertificates: certificates.raft?.current ?? null,
    followPeer: tracing?.followPeer ?? null,
  })
  const service = createService(config, started, { version, logger })
  const access = createAccessControl(config, { service, logger })
  const exposition = new Exposition()
  const api = await startApi(config, {
    service,
    access,
    certificates: certificates.http?.current ?? null,
    exposition,
    tracer: tracing?.tracer ?? null,
    version,
    logger,
  })
  const { listener } = api
  const { node, transport } = started
  const watch = createWatch(certificates, { transport, listener, logger })
  const eventLoop = new EventLoopDelay(systemClock)
  const { expiry, writers } = createWriters(config, started, { service, logger })
  const own = { config, version, startedAt, clock: systemClock }
  const parts = { service, access, expiry, eventLoop, certificates: watch, tracing }
  for (const source of sourcesOf({ ...own, ...started, ...api, ...parts })) exposition.add(source)
  for (const background of [eventLoop, watch, ...writers]) background.start()
  const watchers = [watch, access, eventLoop]
  return {
    url: urlOf(config, listener),
    reload: () => watch.reload(),
    async close() {
      await shutDown(config, { service, node, listener, writers, watchers, logger })
      for (const close of closers.toReversed()) await close()
    },
  }
}

/** Until nothing is asked of this node any more. */
async function shutDown(
  { shutdownDelayMs }: Config,
  options: {
    readonly service: ReplicatedIpamService
    readonly node: RaftNode
    readonly listener: Listener
    readonly writers: readonly Pick<Background, 'stop'>[]
    readonly watchers: readonly Pick<Background, 'stop'>[]
    readonly logger: Logger
  },
): Promise<void> {
  const { service, node, listener, writers, watchers, logger } = options
  logger.info({ delayMs: shutdownDelayMs }, 'shutting down')
  service.drain()
  for (const writer of writers) writer.stop()
  const noticed = passes(shutdownDelayMs)
  const hasHandedOver = await node.handOver()
  await noticed
  // It may have been elected meanwhile.
  const hasHandedOverAgain = await node.handOver()
  for (const watcher of watchers) watcher.stop()
  await listener.close({ idleMs: Math.min(shutdownDelayMs, CLOSE_IDLE_MS_MAX) })
  if (hasHandedOver || hasHandedOverAgain) await node.settleDown()
}

/** A promise that the rest of the process relies on is broken: uncaught, it ends the process. */
function onFatal(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** Null where the file names no collector: then the rest of it is not even loaded. */
async function startTracing(
  { tracing, clusterId, nodeId }: Config,
  { version, logger }: { version: string; logger: Logger },
): Promise<Tracing | null> {
  if (tracing === null) return null
  const load = await import('./tracing/tracing.ts')
  const headers = Object.entries(tracing.headers).map(([name, value]) => [name, value.reveal()] as const)
  return load.startTracing({
    ...tracing,
    headers: Object.fromEntries(headers),
    node: { clusterId, nodeId },
    version,
    clock: systemClock,
    random: Math.random,
    logger,
  })
}

function createService(
  { clusterId, nodeId, mode, timing, queues }: Config,
  { node, stateMachine }: StartedNode,
  { version, logger }: { version: string; logger: Logger },
): ReplicatedIpamService {
  return new ReplicatedIpamService({
    node,
    stateMachine,
    clusterId,
    isClusterMode: mode === 'cluster',
    electionMinMs: timing.electionMinMs,
    newId: () => nanoid(),
    newToken: customAlphabet(TOKEN_ALPHABET, TOKEN_CHARS),
    clock: systemClock,
    logger,
    snapshots: new SnapshotStreams({
      node,
      clock: systemClock,
      origin: { clusterId, nodeId, program: version },
      limits: queues.backups,
    }),
  })
}

/** What writes without being asked, where this node leads. */
function createWriters(
  config: Config,
  { node, stateMachine }: StartedNode,
  { service, logger }: { service: ReplicatedIpamService; logger: Logger },
): { expiry: Expiry; writers: readonly Background[] } {
  const expiry = new Expiry({ node, stateMachine, clock: systemClock, onFatal })
  const writers: Background[] = [expiry]
  const { auditKeptMs: keptMs } = config
  if (keptMs !== null) {
    writers.push(new AuditRetention({ node, stateMachine, clock: systemClock, logger, onFatal, keptMs }))
  }
  const firstAdmin = createFirstAdmin(config, { node, service, logger })
  if (firstAdmin !== null) writers.push(firstAdmin)
  return { expiry, writers }
}

function passes(ms: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.setTimer(ms, resolve)
  })
}

function urlOf({ api: { host }, httpTls }: Config, { port }: Listener): string {
  return `${httpTls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
