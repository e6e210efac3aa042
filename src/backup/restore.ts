/** A data directory made of a snapshot, for a node that founds a new cluster. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  beginAfter,
  FileDisk,
  lockDirectory,
  type Membership,
  SegmentedLog,
  systemClock,
  withOrigin,
} from '../../raft/index.ts'
import type { Config } from '../config.ts'
import { makeDirectories, writeIdentity } from '../data-directory.ts'
import { COMMAND_SCHEMAS } from '../ipam/command-codec.ts'
import { levelStorage } from '../state/level-storage.ts'
import { IpamStateMachine } from '../state/state-machine.ts'
import { BackupError } from './backup-error.ts'
import { QUIET } from './quiet.ts'
import { explained, openSnapshot, readSnapshot, type SnapshotContents } from './snapshot-contents.ts'

/** Hex digits: which file, and who founds the cluster with it. */
const ORIGIN_CHARS = 16

/**
 * The file is read twice, first to verify all of it. The directory is built beside its place, and gets there by one rename:
 * until then there is nothing where the node looks.
 *
 * @throws {BackupError} with nothing written, or what was written removed.
 */
export async function restoreSnapshot(path: string, config: Config): Promise<SnapshotContents> {
  const { dataDir } = config
  await checkEmpty(dataDir)
  const contents = await readSnapshot(path)
  checkCluster(contents, config)
  const unfinished = `${dataDir}.restoring`
  await makeDirectories(dirname(dataDir))
  const unlock = await lockDirectory(unfinished)
  try {
    await clear(unfinished)
    await explained(path, () => build(unfinished, { path, contents, config }))
    await moveTo(dataDir, unfinished)
    return contents
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  } finally {
    // Last: another restore would clear what is about to be put in place.
    await unlock()
  }
}

/** @throws {BackupError} */
async function checkEmpty(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new BackupError(`data directory ${dataDir} cannot be read: ${error.message}`, { cause: error })
  })
  if (names.length === 0) return
  throw new BackupError(
    `data directory ${dataDir} is not empty: a snapshot is restored into an empty one. Move it away, or choose another with --data-dir`,
  )
}

/** @throws {BackupError} */
function checkCluster({ clusterId, membership }: SnapshotContents, config: Config): void {
  const { mode, isJoining } = config
  if (isJoining) {
    throw new BackupError('a node that joins gets everything from its cluster: leave out --join to restore')
  }
  // Standalone there is one id for all, and no listener by which an old node could take part.
  if (mode === 'cluster' && config.clusterId === clusterId) {
    throw new BackupError(
      `cluster_id ${clusterId} is that of the cluster which the snapshot comes from: choose one that was never used, so that its nodes cannot take part in the new cluster`,
    )
  }
  const { schemaVersion } = membership
  if (schemaVersion > COMMAND_SCHEMAS.max) {
    throw new BackupError(
      `the snapshot is from a newer version: it has command schema ${schemaVersion}, and this one reads up to ${COMMAND_SCHEMAS.max}; install the version that took it`,
    )
  }
}

async function build(
  directory: string,
  { path, contents, config }: { path: string; contents: SnapshotContents; config: Config },
): Promise<void> {
  const { clusterId, nodeId } = config
  const membership = foundersOf(config, contents.membership.schemaVersion)
  await restoreState(join(directory, 'state'), { path, contents })
  const { index: lastIndex, term: lastTerm, time: lastTime } = contents
  const base = { lastIndex, lastTerm, lastTime, membership, membershipIndex: 0 }
  await beginAfter(new SegmentedLog({ disk: new FileDisk(directory), directory: 'log' }), base)
  const random = randomBytes(16).toString('hex')
  const incarnation = withOrigin(originOfCluster(contents, { clusterId, membership }), random)
  await writeIdentity(directory, { clusterId, nodeId, incarnation })
}

/** @throws {BackupError} if the file has changed since it was verified. */
async function restoreState(
  location: string,
  { path, contents }: { path: string; contents: SnapshotContents },
): Promise<void> {
  const archive = await openSnapshot(path)
  const state = await IpamStateMachine.open({
    storage: levelStorage(location),
    clock: systemClock,
    logger: QUIET,
  })
  try {
    await state.restore(archive.meta, archive.chunks())
    if (archive.identity === contents.identity && state.stateHash === contents.stateHash) return
    throw new BackupError(`${path} was changed while it was read: run it again`)
  } finally {
    await state.close()
    await archive.close()
  }
}

/** None are removed: ids of the old cluster are free again, for its nodes know another cluster id. */
function foundersOf({ nodes }: Config, schemaVersion: number): Membership {
  const members = nodes.map(({ id, addr }) => {
    return { id, addr, voter: true, incarnation: null, schemas: null, isRolledBack: false }
  })
  return { members: members.toSorted((a, b) => a.id - b.id), removed: [], schemaVersion }
}

/** Equal on all founders if file, cluster id and members are. */
function originOfCluster(
  { identity }: SnapshotContents,
  { clusterId, membership }: { clusterId: number; membership: Membership },
): string {
  const members = membership.members.map(({ id, addr }) => [id, addr])
  const text = JSON.stringify([identity, clusterId, members])
  return createHash('sha256').update(text).digest('hex').slice(0, ORIGIN_CHARS)
}

/** Of an attempt that was killed. */
async function clear(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== 'lock.sock') await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** @throws {BackupError} */
async function moveTo(dataDir: string, unfinished: string): Promise<void> {
  try {
    // Takes the place of an empty directory, and of no other.
    await rename(unfinished, dataDir)
    await new FileDisk(dirname(dataDir)).syncDirectory('.')
  } catch (cause) {
    const { message } = cause as Error
    throw new BackupError(
      `data directory ${dataDir} cannot be put in place: ${message}; it must not be a mount point, and nothing may use it`,
      { cause },
    )
  }
}
