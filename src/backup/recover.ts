/** A new cluster of what one node has, when the majority of the old one is lost for good. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  CorruptLogError,
  DEFAULT_LIMITS,
  DirectoryInUseError,
  FileDisk,
  forceNewCluster,
  LogScan,
  lockDirectory,
  type Membership,
  newestMembership,
  SchemaMismatchError,
  SegmentedLog,
  SnapshotFiles,
  systemClock,
} from '../../raft/index.ts'
import type { Config } from '../config.ts'
import { readDataDirectory, writeIdentity } from '../data-directory.ts'
import { COMMAND_SCHEMAS } from '../ipam/command-codec.ts'
import { CorruptStateError } from '../state/errors.ts'
import { levelStorage } from '../state/level-storage.ts'
import { IpamStateMachine } from '../state/state-machine.ts'
import { BackupError } from './backup-error.ts'
import { QUIET } from './quiet.ts'

/** What there is, and so what becomes of it. */
export interface Survivor {
  readonly oldClusterId: number
  /** The last entry of its log, committed or not. */
  readonly lastIndex: number
  readonly term: number
  readonly membership: Membership
  /** Those who are not members any more afterwards. Ascending. */
  readonly lostIds: readonly number[]
  /** It is the only member already, of the cluster that the config names. */
  readonly isAlone: boolean
}

/** @throws {BackupError} if it cannot become the first node of the cluster in `config`. */
async function inspectSurvivor(config: Config): Promise<Survivor> {
  const { dataDir, nodeId } = config
  const identity = await readDataDirectory(dataDir)
  if (identity === null)
    throw new BackupError(`${dataDir} is no data directory of a node: name it with --config and --node-id`)
  if (identity.node_id !== nodeId) {
    throw new BackupError(`${dataDir} belongs to node ${identity.node_id}: use --node-id ${identity.node_id}`)
  }
  const { lastIndex, hardState, membership } = await readLog(dataDir)
  const oldClusterId = identity.cluster_id
  const { members, removed } = membership
  if (!members.some(({ id }) => id === nodeId)) {
    const why = removed.includes(nodeId) ? `was removed from cluster ${oldClusterId}` : 'was never a member'
    throw new BackupError(
      `node ${nodeId} ${why}, and lacks what came later: take the directory of a member, or restore a snapshot`,
    )
  }
  const lostIds = members.map(({ id }) => id).filter((id) => id !== nodeId)
  const isAlone = lostIds.length === 0 && oldClusterId === config.clusterId
  if (!isAlone && oldClusterId === config.clusterId) {
    throw new BackupError(
      `cluster_id ${oldClusterId} is still that of the old cluster, whose nodes could come back: put one into the config file that was never used`,
    )
  }
  return { oldClusterId, lastIndex, term: hardState.currentTerm, membership, lostIds, isAlone }
}

/**
 * @param isForced Else it is only looked at.
 * @throws {BackupError} with nothing changed, if the node would not start either.
 */
export async function recoverSurvivor(
  config: Config,
  { isForced }: { isForced: boolean },
): Promise<Survivor> {
  const unlock = await lock(config.dataDir)
  try {
    const survivor = await inspectSurvivor(config)
    if (isForced && !survivor.isAlone) await force(config)
    return survivor
  } finally {
    await unlock()
  }
}

async function lock(dataDir: string): Promise<() => Promise<void>> {
  if ((await readDataDirectory(dataDir)) === null) {
    throw new BackupError(`${dataDir} is no data directory of a node: name it with --config and --node-id`)
  }
  try {
    return await lockDirectory(dataDir)
  } catch (cause) {
    if (!(cause instanceof DirectoryInUseError)) throw cause
    throw new BackupError(`${cause.message}: stop that node first`, { cause })
  }
}

async function force(config: Config): Promise<void> {
  const { dataDir, clusterId, nodeId, timing } = config
  const disk = new FileDisk(dataDir)
  const log = new SegmentedLog({ disk, directory: 'log' })
  const stateMachine = await explained(dataDir, () =>
    IpamStateMachine.open({
      storage: levelStorage(join(dataDir, 'state')),
      clock: systemClock,
      logger: QUIET,
    }),
  )
  try {
    const { divergence } = stateMachine
    if (divergence !== null) {
      throw new BackupError(
        `the state in ${dataDir} was found to be wrong at index ${divergence.index}: take the directory of another member, or restore a snapshot`,
      )
    }
    const incarnation = randomBytes(16).toString('hex')
    const addr = config.nodes.find(({ id }) => id === nodeId)?.addr ?? ''
    await explained(dataDir, () =>
      forceNewCluster(
        {
          survivor: { id: nodeId, addr, incarnation },
          rename: () => writeIdentity(dataDir, { clusterId, nodeId, incarnation }),
          schemas: COMMAND_SCHEMAS,
          timing,
          limits: DEFAULT_LIMITS,
        },
        {
          log,
          snapshots: new SnapshotFiles({ disk, directory: 'snapshots' }),
          stateMachine,
          clock: systemClock,
          // For election timeouts, of which there are none.
          random: () => 0,
          logger: QUIET,
        },
      ),
    )
    await log.close()
  } finally {
    await stateMachine.close()
  }
}

async function readLog(dataDir: string) {
  const disk = new FileDisk(dataDir, { isReadOnly: true })
  const scan = await LogScan.read(disk, 'log')
  try {
    const membership = newestMembership(scan.log)
    if (scan.damage !== null || membership === null) {
      const reason = scan.damage === null ? 'its log is empty' : `${scan.damage.file}: ${scan.damage.reason}`
      throw new BackupError(
        `${dataDir} cannot be recovered from: ${reason}; take the directory of another member, or restore a snapshot`,
      )
    }
    return { ...scan.log, membership }
  } finally {
    await scan.close()
  }
}

async function explained<T>(dataDir: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (cause) {
    const isTold =
      cause instanceof CorruptLogError ||
      cause instanceof CorruptStateError ||
      cause instanceof SchemaMismatchError
    if (!isTold) throw cause
    const reason = cause instanceof CorruptLogError ? cause.reason : cause.message
    throw new BackupError(`${dataDir} cannot be recovered from: ${reason}`, { cause })
  }
}
