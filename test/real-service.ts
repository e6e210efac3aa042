/** The service as a node has it, on a cluster of one: the real Raft, log and state, on a disk in memory. */
import { DEFAULT_APPLY_LIMITS } from '../raft/apply-lane.ts'
import { DEFAULT_LIMITS } from '../raft/core/state.ts'
import { noPeers, RaftNode, SegmentedLog, SnapshotFiles, systemClock } from '../raft/index.ts'
import { DEFAULT_PROPOSAL_LIMITS } from '../raft/proposal-limits.ts'
import { DEFAULT_READ_LIMITS } from '../raft/reads.ts'
import type { Entry, SchemaRange } from '../raft/types.ts'
import { ReplicatedIpamService } from '../src/replicated-service.ts'
import { SnapshotStreams } from '../src/snapshot-streams.ts'
import { IpamStateMachine } from '../src/state/state-machine.ts'
import { MemoryDisk } from './sim/memory-disk.ts'
import { MemoryStorage } from './state/memory-storage.ts'

const QUIET = { info: () => {}, warn: () => {}, error: () => {} }
const TIMING = { heartbeatMs: 10, electionMinMs: 50, electionMaxMs: 100 }

export interface RealService {
  readonly service: ReplicatedIpamService
  /** What is in the log below it. */
  readonly entries: () => Promise<readonly Entry[]>
  readonly close: () => Promise<void>
}

/** @param schemas That its program is said to read. */
export async function openRealService({
  schemas = { min: 1, max: 1 },
  isClusterMode = true,
}: {
  schemas?: SchemaRange
  isClusterMode?: boolean
} = {}): Promise<RealService> {
  const disk = new MemoryDisk({ random: () => 0 }).mount()
  const stateMachine = await IpamStateMachine.open({
    storage: new MemoryStorage(),
    clock: systemClock,
    logger: QUIET,
  })
  const log = new SegmentedLog({ disk, directory: 'log', segmentBytes: 8192 })
  const identity = { clusterId: 1, nodeId: 1, incarnation: 'disk-1', addr: 'node-1:1', schemas }
  const member = {
    id: 1,
    addr: 'node-1:1',
    voter: true,
    incarnation: null,
    schemas: null,
    isRolledBack: false,
  }
  const node = await RaftNode.open(
    {
      identity,
      initialMembership: { members: [member], removed: [], schemaVersion: 1 },
      addresses: [],
      timing: TIMING,
      tickMs: 5,
      limits: DEFAULT_LIMITS,
      proposalLimits: DEFAULT_PROPOSAL_LIMITS,
      readLimits: DEFAULT_READ_LIMITS,
      applyLimits: DEFAULT_APPLY_LIMITS,
      retainedEntriesMin: 1_000,
      retainedBytesMax: 1024 * 1024,
      checkpointInterval: 1_024,
      diskLowBytes: 0,
    },
    {
      clock: systemClock,
      random: Math.random,
      log,
      snapshots: new SnapshotFiles({ disk, directory: 'snapshots' }),
      disk,
      transport: noPeers(),
      stateMachine,
      logger: QUIET,
      onFatal: (error) => {
        throw error
      },
    },
  )
  const service = new ReplicatedIpamService({
    node,
    stateMachine,
    clusterId: 1,
    isClusterMode,
    electionMinMs: TIMING.electionMinMs,
    newId: () => 'x',
    newToken: () => '0123456789ab',
    clock: systemClock,
    logger: QUIET,
    snapshots: new SnapshotStreams({
      node,
      clock: systemClock,
      origin: { clusterId: 1, nodeId: 1, program: '1.0.0' },
    }),
  })
  const entries = (): Promise<readonly Entry[]> => {
    return log.read({ first: 1, last: node.status().lastIndex, bytesMax: 1 << 20 })
  }
  return { service, entries, close: () => node.close() }
}
