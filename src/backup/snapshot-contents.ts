/** What is in a snapshot file: every byte is read and verified, and rows are counted on the way. */
import { basename, dirname } from 'node:path'
import { CorruptLogError, FileDisk, LogFormatError, SnapshotArchive, systemClock } from '../../raft/index.ts'
import type { Membership } from '../../raft/types.ts'
import { CorruptStateError, StateFormatError } from '../state/errors.ts'
import { APPLIED_KEY } from '../state/key-space.ts'
import { decodeApplied } from '../state/row-codec.ts'
import { Slices } from '../state/slices.ts'
import { decodeRows } from '../state/snapshot.ts'
import { formatHash } from '../state/state-hash.ts'
import { BackupError } from './backup-error.ts'

export interface SnapshotContents {
  /** Tells the file from every other: SHA-256 of what is in it, and its size. */
  readonly identity: string
  readonly sizeBytes: number
  readonly clusterId: number
  readonly nodeId: number
  /** Ms since 1970, by the clock of the node that it was read from. */
  readonly takenAt: number
  /** Version of the program that wrote it. */
  readonly program: string
  /** Log position of the state in it. */
  readonly index: number
  readonly term: number
  /** Log time there, ms since 1970. */
  readonly time: number
  /** Equal on all nodes of the cluster at that index. */
  readonly stateHash: string
  /** Of the cluster that it comes from. */
  readonly membership: Membership
  readonly counts: SnapshotCounts
}

export interface SnapshotCounts {
  readonly networks: number
  /** Ended ones as well. */
  readonly allocations: number
  readonly activeAllocations: number
  readonly users: number
  readonly apiKeys: number
  readonly auditRows: number
  readonly idempotencyKeys: number
}

/** The beginning of the keys of what is counted. */
const PREFIXES: readonly (readonly [prefix: string, counted: keyof SnapshotCounts])[] = [
  ['n', 'networks'],
  ['a', 'allocations'],
  ['r', 'activeAllocations'],
  ['cu', 'users'],
  ['ck', 'apiKeys'],
  ['u', 'auditRows'],
  ['i', 'idempotencyKeys'],
]

/** @throws {BackupError} */
export async function openSnapshot(path: string): Promise<SnapshotArchive> {
  return await explained(path, () =>
    SnapshotArchive.open(new FileDisk(dirname(path), { isReadOnly: true }), basename(path)),
  )
}

/** @throws {BackupError} if it is cut, altered, or from a newer version. */
export async function readSnapshot(path: string): Promise<SnapshotContents> {
  const archive = await openSnapshot(path)
  try {
    return await explained(path, () => contentsOf(archive))
  } finally {
    await archive.close()
  }
}

async function contentsOf(archive: SnapshotArchive): Promise<SnapshotContents> {
  const { identity, sizeBytes, meta, origin } = archive
  const counts = new Map<string, number>()
  let applied: Uint8Array | null = null
  for await (const rows of decodeRows(archive.chunks(), new Slices(systemClock))) {
    for (const [key, value] of rows) {
      if (key === APPLIED_KEY) applied = value
      for (const [prefix, counted] of PREFIXES) {
        if (key.startsWith(prefix)) counts.set(counted, (counts.get(counted) ?? 0) + 1)
      }
    }
  }
  if (applied === null) throw new CorruptStateError('it does not say how far it goes')
  const point = decodeApplied(applied)
  if (point.index !== meta.lastIndex) {
    throw new CorruptStateError(`its rows are those of index ${point.index}, not ${meta.lastIndex}`)
  }
  return {
    identity,
    sizeBytes,
    ...origin,
    index: point.index,
    term: point.term,
    time: point.time,
    stateHash: formatHash(point.hash),
    membership: meta.membership,
    counts: countsOf(counts),
  }
}

function countsOf(counts: ReadonlyMap<string, number>): SnapshotCounts {
  return Object.fromEntries(
    PREFIXES.map(([, counted]) => [counted, counts.get(counted) ?? 0]),
  ) as unknown as SnapshotCounts
}

/** @throws {BackupError} for what is wrong with the file. */
export async function explained<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof LogFormatError || cause instanceof StateFormatError) {
      throw new BackupError(`${path} cannot be used: ${formatReason(cause)}`, { cause })
    }
    const reason = reasonOf(cause)
    if (reason === null) throw cause
    throw new BackupError(`${path} is no snapshot that can be used: ${reason}`, { cause })
  }
}

/** A backup is not put into a node that runs: no software has to be put back for it. */
function formatReason({ reason, isNewer }: LogFormatError | StateFormatError): string {
  return `${reason}; nothing is damaged: use the ${isNewer ? 'newer' : 'older'} ipam that has made it`
}

function reasonOf(error: unknown): string | null {
  if (error instanceof CorruptLogError) return `${error.reason} (at offset ${error.offset})`
  if (error instanceof CorruptStateError) return error.message
  const { code, message } = error as NodeJS.ErrnoException
  return code?.startsWith('E') && !code.startsWith('ERR_') ? message : null
}
