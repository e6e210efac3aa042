/** The node of a server: Raft, with the log, the state machine and the connections that it stands on. */
import { join } from 'node:path'
import {
  CHECKPOINT_INTERVAL,
  FileDisk,
  type FollowPeerRequest,
  type Identity,
  type Membership,
  noPeers,
  RaftNode,
  type RaftNodeOptions,
  SegmentedLog,
  SnapshotFiles,
  systemClock,
  TcpTransport,
} from '../raft/index.ts'
import type { Certificates } from './certificates.ts'
import type { Config } from './config.ts'
import { claimDataDirectory } from './data-directory.ts'
import { COMMAND_SCHEMAS } from './ipam/command-codec.ts'
import type { Logger } from './logger.ts'
import { TimedDisk } from './metrics/timed-disk.ts'
import { levelStorage, writeBufferBytesOf } from './state/level-storage.ts'
import { IpamStateMachine } from './state/state-machine.ts'

/** A snapshot may go below "low": it is how a new node, and so more room, comes in. */
const SNAPSHOT_RESERVE_DIVISOR = 4
/** Of log for nodes that lag: a start reads all of it, in half a second. Entries of batches and imports are up to 1 MiB. */
const RETAINED_BYTES_MAX = 64 * 1024 * 1024

export interface StartedNode {
  readonly node: RaftNode
  readonly stateMachine: IpamStateMachine
  /** Null where there are no other nodes. */
  readonly transport: TcpTransport | null
  /** The log's. */
  readonly logDisk: TimedDisk
}

interface Surroundings {
  readonly random: () => number
  readonly logger: Logger
  readonly onFatal: (error: unknown) => void
  /** Null: members do not encrypt. */
  readonly raftCertificates: Certificates | null
}

/**
 * @param options.closers Gets what closes all of it, also where this rejects.
 * @param options.followPeer Null: no request of another node is followed.
 */
export async function startNode(
  config: Config,
  options: Surroundings & {
    readonly closers: (() => Promise<void>)[]
    readonly followPeer: FollowPeerRequest | null
  },
): Promise<StartedNode> {
  const { nodeId, dataDir, queues } = config
  const { random, logger, onFatal, closers, followPeer } = options
  const identity = await claimIdentity(config)
  const disk = new FileDisk(dataDir)
  const logDisk = new TimedDisk(disk, () => systemClock.now())
  const transport = createTransport(config, identity, options)
  const stateMachine = await IpamStateMachine.open({
    storage: levelStorage(join(dataDir, 'state'), { writeBufferBytes: writeBufferBytesOf(nodeId) }),
    clock: systemClock,
    logger,
    limits: queues.flush,
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
  node = await RaftNode.open(nodeOptions(config, { identity, followPeer }), {
    clock: systemClock,
    random,
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
  })
  return { node, stateMachine, transport, logDisk }
}

async function claimIdentity(config: Config): Promise<Identity> {
  const { clusterId, nodeId, dataDir } = config
  const { incarnation } = await claimDataDirectory({ directory: dataDir, clusterId, nodeId })
  return { clusterId, nodeId, incarnation, addr: ownAddr(config), schemas: COMMAND_SCHEMAS }
}

/** Without a Raft listener it is only a name. */
function ownAddr({ raft, nodes, nodeId }: Config): string {
  return raft?.addr ?? nodes.find(({ id }) => id === nodeId)?.addr ?? '127.0.0.1:0'
}

function createTransport(
  { raft, raftTls, clusterSecrets, queues }: Config,
  identity: Identity,
  { random, logger, onFatal, raftCertificates }: Surroundings,
): TcpTransport | null {
  if (raft === null) return null
  return new TcpTransport({
    identity,
    listen: { host: raft.host, port: raft.port },
    secrets: clusterSecrets.map((secret) => secret.reveal()),
    tls: raftCertificates === null ? null : { ...raftCertificates, name: raftTls?.name ?? null },
    clock: systemClock,
    random,
    logger,
    onFatal,
    limits: queues.transport,
  })
}

function nodeOptions(
  config: Config,
  { identity, followPeer }: { identity: Identity; followPeer: FollowPeerRequest | null },
): RaftNodeOptions {
  const { timing, queues } = config
  return {
    identity,
    initialMembership: initialMembership(config),
    addresses: config.raft === null ? [] : config.nodes.map(({ id, addr }) => ({ id, addr })),
    timing,
    tickMs: timing.tickMs,
    limits: queues.core,
    proposalLimits: queues.proposals,
    readLimits: queues.reads,
    applyLimits: queues.apply,
    retainedEntriesMin: config.retainedEntriesMin,
    retainedBytesMax: RETAINED_BYTES_MAX,
    checkpointInterval: CHECKPOINT_INTERVAL,
    diskLowBytes: config.diskLowBytes,
    followPeer,
  }
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
