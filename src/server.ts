/** The composition root: the only place that constructs what touches disk, network, clock and chance. */
import { join } from 'node:path'
import { customAlphabet, nanoid } from 'nanoid'
import {
  CHECKPOINT_INTERVAL,
  DEFAULT_APPLY_LIMITS,
  DEFAULT_LIMITS,
  DEFAULT_PROPOSAL_LIMITS,
  DEFAULT_READ_LIMITS,
  FileDisk,
  type FollowPeerRequest,
  type Identity,
  lockDirectory,
  type Membership,
  noPeers,
  type Ports,
  RaftNode,
  SegmentedLog,
  SnapshotFiles,
  systemClock,
  TcpTransport,
} from '../raft/index.ts'
import { AuditRetention } from './audit-retention.ts'
import type { Certificates } from './certificates.ts'
import { readVersion } from './cli/package.ts'
import type { Config } from './config.ts'
import { claimDataDirectory, makeDirectories } from './data-directory.ts'
import { Expiry } from './expiry.ts'
import { createApp } from './http/app.ts'
import { ClientAddresses } from './http/client-address.ts'
import { listen } from './http/listen.ts'
import { createRateLimiter } from './http/rate-limiter.ts'
import { RefusalCounts } from './http/refusal-counts.ts'
import { RequestCounts } from './http/request-counts.ts'
import { TOKEN_ALPHABET, TOKEN_CHARS } from './ipam/allocation-id.ts'
import { COMMAND_SCHEMAS } from './ipam/command-codec.ts'
import { createLogger, type Logger } from './logger.ts'
import { EventLoopDelay } from './metrics/event-loop-delay.ts'
import { Exposition } from './metrics/exposition.ts'
import { sourcesOf } from './metrics/sources.ts'
import { TimedDisk } from './metrics/timed-disk.ts'
import { ReplicatedIpamService } from './replicated-service.ts'
import { createAccessControl, createFirstAdmin } from './server-access.ts'
import { createWatch, loadAllCertificates } from './server-certificates.ts'
import { SnapshotStreams } from './snapshot-streams.ts'
import { levelStorage, writeBufferBytesOf } from './state/level-storage.ts'
import { IpamStateMachine } from './state/state-machine.ts'
import type { Tracing } from './tracing/tracing.ts'

/** A snapshot may go below "low": it is how a new node, and so more room, comes in. */
const SNAPSHOT_RESERVE_DIVISOR = 4
/** Of log for nodes that lag: a start reads all of it, in half a second. Entries of batches and imports are up to 1 MiB. */
const RETAINED_BYTES_MAX = 64 * 1024 * 1024

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

/**
 * @throws when a port is taken, the directory cannot be used, or what lies in it is damaged. Nothing is left open then: once that is
 *   mended, it may be called again.
 */
export async function startServer(config: Config): Promise<Server> {
  const logger = createLogger({ level: config.logLevel })
  // A promise that the rest of the process relies on is broken: uncaught, it ends the process.
  const onFatal = (error: unknown): void => {
    queueMicrotask(() => {
      throw error
    })
  }
  const closers: (() => Promise<void>)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closers.toReversed()) await close()
  }
  try {
    const certificates = loadAllCertificates(config)
    await makeDirectories(config.dataDir)
    closers.push(await lockDirectory(config.dataDir))
    const startedAt = systemClock.wallTime()
    const version = readVersion()
    const tracing = await startTracing(config, { version, logger })
    // After the node: its last spans are those of its end.
    if (tracing !== null) closers.push(() => tracing.close())
    const { node, stateMachine, transport, logDisk } = await startNode(config, {
      logger,
      onFatal,
      closers,
      raftCertificates: certificates.raft?.current ?? null,
      followPeer: tracing?.followPeer ?? null,
    })
    const service = new ReplicatedIpamService({
      node,
      stateMachine,
      clusterId: config.clusterId,
      isClusterMode: config.mode === 'cluster',
      electionMinMs: config.timing.electionMinMs,
      newId: () => nanoid(),
      newToken: customAlphabet(TOKEN_ALPHABET, TOKEN_CHARS),
      clock: systemClock,
      logger,
      snapshots: new SnapshotStreams({
        node,
        clock: systemClock,
        origin: { clusterId: config.clusterId, nodeId: config.nodeId, program: version },
      }),
    })
    const expiry = new Expiry({ node, stateMachine, clock: systemClock, onFatal })
    const retention =
      config.auditKeptMs === null
        ? null
        : new AuditRetention({
            node,
            stateMachine,
            clock: systemClock,
            logger,
            onFatal,
            keptMs: config.auditKeptMs,
          })
    const counts = new RequestCounts()
    const refusals = new RefusalCounts()
    const addresses = new ClientAddresses(config.http.trust)
    const limiter = createRateLimiter({ limits: config.http.rates, refusals, now: systemClock.now })
    const exposition = new Exposition()
    const access = createAccessControl(config, { service, logger })
    const firstAdmin = createFirstAdmin(config, { node, service, logger })
    const app = createApp({
      service,
      authenticator: access.authenticator,
      logger,
      version,
      counts,
      refusals,
      limiter,
      addresses,
      bodyBytesMax: config.http.bodyBytesMax,
      scrape: () => exposition.scrape(),
      tracer: tracing?.tracer ?? null,
      isMetricsOpen: config.auth.isMetricsOpen,
    })
    const listener = await listen(app, {
      ...config.api,
      logger,
      tls: certificates.http?.current ?? null,
      limits: config.http.limits,
      addresses,
      refusals,
    })
    const http = { counts, refusals, limiter, listener }
    const eventLoop = new EventLoopDelay(systemClock)
    const watch = createWatch(certificates, { transport, listener, logger })
    const parts = { config, version, startedAt, clock: systemClock, node, stateMachine, transport, logDisk }
    const others = { service, expiry, eventLoop, access, certificates: watch, tracing }
    for (const source of sourcesOf({ ...parts, ...http, ...others })) {
      exposition.add(source)
    }
    eventLoop.start()
    watch.start()
    expiry.start()
    retention?.start()
    firstAdmin?.start()
    return {
      url: `${config.httpTls === null ? 'http' : 'https'}://${hostOfUrl(config.api.host)}:${listener.port}`,
      reload: () => watch.reload(),
      async close() {
        logger.info({ delayMs: config.shutdownDelayMs }, 'shutting down')
        service.drain()
        expiry.stop()
        retention?.stop()
        firstAdmin?.stop()
        const noticed = passes(config.shutdownDelayMs)
        const hasHandedOver = await node.handOver()
        await noticed
        // It may have been elected meanwhile.
        const hasHandedOverAgain = await node.handOver()
        watch.stop()
        access.stop()
        eventLoop.stop()
        await listener.close({ idleMs: Math.min(config.shutdownDelayMs, CLOSE_IDLE_MS_MAX) })
        if (hasHandedOver || hasHandedOverAgain) await node.settleDown()
        await closeAll()
      },
    }
  } catch (error) {
    for (const close of closers.toReversed()) {
      await close().catch((cause: unknown) => logger.warn({ err: cause }, 'left open after a failed start'))
    }
    throw error
  }
}

async function startNode(
  config: Config,
  {
    logger,
    onFatal,
    closers,
    raftCertificates,
    followPeer,
  }: {
    logger: Logger
    onFatal: (error: unknown) => void
    closers: (() => Promise<void>)[]
    raftCertificates: Certificates | null
    followPeer: FollowPeerRequest | null
  },
): Promise<{
  node: RaftNode
  stateMachine: IpamStateMachine
  transport: TcpTransport | null
  logDisk: TimedDisk
}> {
  const { clusterId, nodeId, dataDir, timing } = config
  const { incarnation } = await claimDataDirectory({ directory: dataDir, clusterId, nodeId })
  const identity: Identity = {
    clusterId,
    nodeId,
    incarnation,
    addr: ownAddr(config),
    schemas: COMMAND_SCHEMAS,
  }
  const disk = new FileDisk(dataDir)
  const logDisk = new TimedDisk(disk, () => systemClock.now())
  const transport = createTransport(config, { identity, raftCertificates, logger, onFatal })
  const stateMachine = await IpamStateMachine.open({
    storage: levelStorage(join(dataDir, 'state'), { writeBufferBytes: writeBufferBytesOf(nodeId) }),
    clock: systemClock,
    logger,
  })
  const log = new SegmentedLog({ disk: logDisk, directory: 'log' })
  let node: RaftNode | null = null
  closers.push(async () => {
    if (node !== null) return await node.close()
    // There is nobody yet who closes them.
    await transport?.close()
    await stateMachine.close()
    await log.close()
  })
  const ports: Ports = {
    clock: systemClock,
    random: Math.random,
    log,
    snapshots: new SnapshotFiles({
      disk,
      directory: 'snapshots',
      reservedBytes: config.diskLowBytes / SNAPSHOT_RESERVE_DIVISOR,
    }),
    disk,
    transport: transport ?? noPeers(),
    stateMachine,
    logger,
    onFatal,
  }
  node = await RaftNode.open(
    {
      identity,
      initialMembership: initialMembership(config),
      addresses: config.raft === null ? [] : config.nodes.map(({ id, addr }) => ({ id, addr })),
      timing,
      tickMs: timing.tickMs,
      limits: DEFAULT_LIMITS,
      proposalLimits: DEFAULT_PROPOSAL_LIMITS,
      readLimits: DEFAULT_READ_LIMITS,
      applyLimits: DEFAULT_APPLY_LIMITS,
      retainedEntriesMin: config.retainedEntriesMin,
      retainedBytesMax: RETAINED_BYTES_MAX,
      checkpointInterval: CHECKPOINT_INTERVAL,
      diskLowBytes: config.diskLowBytes,
      followPeer,
    },
    ports,
  )
  return { node, stateMachine, transport, logDisk }
}

/** Null where the file names no collector: then nothing of it is even loaded. */
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

/** Without a Raft listener it is only a name. */
function ownAddr({ raft, nodes, nodeId }: Config): string {
  return raft?.addr ?? nodes.find(({ id }) => id === nodeId)?.addr ?? '127.0.0.1:0'
}

/** The members at the first start of a cluster; a node that joins learns them from it. */
function initialMembership({ isJoining, nodes }: Config): Membership {
  // What every program of this version reads; the leader raises it once it has seen that all read more.
  const schemaVersion = COMMAND_SCHEMAS.min
  if (isJoining) return { members: [], removed: [], schemaVersion }
  const members = nodes.map(({ id, addr }) => {
    return { id, addr, voter: true, incarnation: null, schemas: null, isRolledBack: false }
  })
  return { members: members.toSorted((a, b) => a.id - b.id), removed: [], schemaVersion }
}

/** Null where there are no other nodes. */
function createTransport(
  { raft, raftTls, clusterSecrets }: Config,
  {
    identity,
    raftCertificates,
    logger,
    onFatal,
  }: {
    identity: Identity
    raftCertificates: Certificates | null
    logger: Logger
    onFatal: (error: unknown) => void
  },
): TcpTransport | null {
  if (raft === null) return null
  const listenOn = { host: raft.host, port: raft.port }
  return new TcpTransport({
    identity,
    listen: listenOn,
    secrets: clusterSecrets.map((secret) => secret.reveal()),
    tls: raftCertificates === null ? null : { ...raftCertificates, name: raftTls?.name ?? null },
    clock: systemClock,
    random: Math.random,
    logger,
    onFatal,
  })
}

function passes(ms: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.setTimer(ms, resolve)
  })
}

function hostOfUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
