/** `ipam log verify`: whether everything that a node wrote reads back, and what it says. */
import { basename } from 'node:path'
import { CorruptLogError, LogFormatError } from '../../raft/errors.ts'
import type { Disk, RecoveredLog } from '../../raft/ports.ts'
import { REMEDY } from '../../raft/storage/damage.ts'
import { LogScan, type SegmentScan } from '../../raft/storage/log-scan.ts'
import { segmentPath } from '../../raft/storage/segment.ts'
import { type SnapshotScan, scanSnapshots } from '../../raft/storage/snapshot-scan.ts'
import type { Membership } from '../../raft/types.ts'
import { DataDirectoryError, IDENTITY_FILE, readDataDirectory } from '../data-directory.ts'
import type { LogDirectory } from './log-directory.ts'
import { membershipOf, timeText } from './log-entry.ts'

/** As `--json` prints it. */
export interface Report {
  readonly directory: string
  /** From `node.json`; null for a log folder alone. */
  readonly node: {
    readonly cluster_id: number
    readonly node_id: number
    readonly incarnation: string
  } | null
  readonly segments: readonly SegmentReport[]
  readonly hard_state: { readonly term: number; readonly vote: number | null }
  /** What the log starts after; null in a new directory. */
  readonly base: { readonly index: number; readonly term: number; readonly time: string } | null
  readonly last_index: number
  /** The newest in the log, committed or not. */
  readonly membership: Membership | null
  readonly snapshots: readonly SnapshotReport[]
  readonly torn_bytes: number
  readonly damage: readonly DamageReport[]
  /** `other_format`: of software that is newer or older; nothing is wrong with it. */
  readonly verdict: 'intact' | 'torn' | 'damaged' | 'other_format'
  readonly message: string
}

interface DamageReport {
  readonly file: string
  readonly offset: number
  readonly reason: string
  readonly verdict: 'damaged' | 'other_format'
}

interface SegmentReport {
  readonly name: string
  readonly bytes: number
  readonly batches: number
  /** Of the entries that are still part of the log; null if there are none. */
  readonly first_index: number | null
  readonly last_index: number | null
  readonly terms: readonly number[]
  /** `spare`: made ahead, nothing is in it. `obsolete`: left by a crash, removed at the next start. `unread`: after the damage. */
  readonly verdict: 'intact' | 'torn' | 'damaged' | 'other_format' | 'spare' | 'obsolete' | 'unread'
}

interface SnapshotReport {
  readonly name: string
  readonly bytes: number
  readonly last_index: number | null
  readonly last_term: number | null
  /** `partial`: on its way in, `intact_bytes` of it are kept for a resume. `unfinished`: removed at the next start. */
  readonly verdict: 'intact' | 'damaged' | 'other_format' | 'partial' | 'unfinished'
  readonly intact_bytes: number
}

/** Reads everything. @throws what the file system throws; damage is part of the report. */
export async function verifyDirectory(
  directory: LogDirectory,
  disk: Pick<Disk, 'list' | 'open'>,
): Promise<Report> {
  const { node, damage: identityDamage } = await readNode(directory)
  const scan = await LogScan.read(disk, directory.log)
  try {
    const snapshots: SnapshotScan[] = []
    if (directory.isWholeNode) {
      for await (const snapshot of scanSnapshots(disk, 'snapshots')) snapshots.push(snapshot)
    }
    const found = [identityDamage, scan.damage, ...snapshots.map(({ damage }) => damage)]
    return reportOf(directory, { node, scan, snapshots, damages: found.filter((damage) => damage !== null) })
  } finally {
    await scan.close()
  }
}

async function readNode({
  root,
  isWholeNode,
}: LogDirectory): Promise<{ node: Report['node']; damage: CorruptLogError | null }> {
  if (!isWholeNode) return { node: null, damage: null }
  try {
    const identity = await readDataDirectory(root)
    if (identity === null) return { node: null, damage: identityDamage('the file is missing') }
    const { cluster_id, node_id, incarnation } = identity
    return { node: { cluster_id, node_id, incarnation }, damage: null }
  } catch (error) {
    if (!(error instanceof DataDirectoryError)) throw error
    if (error.cause instanceof LogFormatError) return { node: null, damage: error.cause }
    return { node: null, damage: identityDamage('it is not what a node has written') }
  }
}

function identityDamage(message: string): CorruptLogError {
  return new CorruptLogError({ file: IDENTITY_FILE, offset: 0, message, remedy: REMEDY })
}

function reportOf(
  { root, log: logName }: LogDirectory,
  {
    node,
    scan,
    snapshots,
    damages,
  }: {
    node: Report['node']
    scan: LogScan
    snapshots: readonly SnapshotScan[]
    damages: readonly CorruptLogError[]
  },
): Report {
  const { log, tornBytes } = scan
  const torn = scan.segments.find(({ segment, tornEnd }) => tornEnd > segment.position)?.segment
  const { base, hardState } = log
  const damage = damages.map((found): DamageReport => {
    return { file: found.file, offset: found.offset, reason: found.reason, verdict: verdictOf(found) }
  })
  const worst = damage.find(({ verdict }) => verdict === 'damaged') ?? damage[0]
  return {
    directory: root,
    node,
    segments: [
      ...scan.obsolete.map((number) => unreadSegment(logName, number, 'obsolete')),
      ...scan.segments.map((segment) => segmentReport(scan, segment)),
      ...scan.unread.map((number) => unreadSegment(logName, number, 'unread')),
    ],
    hard_state: { term: hardState.currentTerm, vote: hardState.votedFor },
    base: base && { index: base.lastIndex, term: base.lastTerm, time: timeText(base.lastTime) },
    last_index: log.lastIndex,
    membership: newestMembership(log),
    snapshots: snapshots.map(snapshotReport),
    torn_bytes: tornBytes,
    damage,
    verdict: worst?.verdict ?? (tornBytes > 0 ? 'torn' : 'intact'),
    message: verdictMessage(damages, {
      isNew: base === null,
      torn: torn === undefined ? null : `${tornBytes} bytes at ${torn.path}:${torn.position}`,
    }),
  }
}

function segmentReport(scan: LogScan, { segment, batchCount, tornEnd }: SegmentScan): SegmentReport {
  const { entries, path, file, position } = segment
  const isEmpty = entries.count === 0
  const damage = scan.damage?.file === path ? scan.damage : null
  const read = tornEnd > position ? 'torn' : batchCount === 0 ? 'spare' : 'intact'
  return {
    name: basename(path),
    bytes: file.sizeBytes(),
    batches: batchCount,
    first_index: isEmpty ? null : entries.first,
    last_index: isEmpty ? null : entries.last,
    terms: scan.termsIn(segment),
    verdict: damage === null ? read : verdictOf(damage),
  }
}

function unreadSegment(directory: string, number: number, verdict: 'obsolete' | 'unread'): SegmentReport {
  const name = basename(segmentPath(directory, number))
  return { name, bytes: 0, batches: 0, first_index: null, last_index: null, terms: [], verdict }
}

function snapshotReport({ name, kind, sizeBytes, meta, intactBytes, damage }: SnapshotScan): SnapshotReport {
  const verdict = damage === null ? 'intact' : verdictOf(damage)
  return {
    name,
    bytes: sizeBytes,
    last_index: meta?.lastIndex ?? null,
    last_term: meta?.lastTerm ?? null,
    verdict: kind === 'complete' ? verdict : kind,
    intact_bytes: intactBytes,
  }
}

function newestMembership({ base, membershipEntries }: RecoveredLog): Membership | null {
  const newest = membershipEntries.at(-1)
  if (newest === undefined) return base?.membership ?? null
  return membershipOf(newest.payload)?.membership ?? null
}

function verdictMessage(
  damages: readonly CorruptLogError[],
  { isNew, torn }: { isNew: boolean; torn: string | null },
): string {
  const damaged = damages.filter((found) => verdictOf(found) === 'damaged')
  const unreadable = damages.filter((found) => verdictOf(found) === 'other_format')
  const found = [...findings('damaged', damaged), ...findings('not readable', unreadable)]
  if (found.length > 0) return found.join('. Also ')
  const dropped =
    torn === null
      ? ''
      : `; a write was not finished (${torn}), as after a crash: it was never acknowledged, and the node drops it when it starts`
  if (isNew) return `intact: nothing was written here yet${dropped}`
  return `intact: everything reads back as it was written${dropped}`
}

/** The first of them, and how many there are besides. */
function findings(what: string, [first, ...others]: readonly CorruptLogError[]): string[] {
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  return first === undefined ? [] : [`${what}${more}: ${damageMessage(first)}`]
}

function verdictOf(damage: CorruptLogError): 'damaged' | 'other_format' {
  return damage instanceof LogFormatError ? 'other_format' : 'damaged'
}

/** The place, what is wrong there, and the way out. */
export function damageMessage(damage: CorruptLogError): string {
  return damage instanceof LogFormatError ? damage.message : `${damage.message}. Nothing is repaired in place`
}

/** For people; the last line is the verdict. */
export function formatReport(report: Report, isInMotion: boolean): string {
  const { directory, node, hard_state, base, last_index, snapshots, message } = report
  const whose =
    node === null
      ? ''
      : `: node ${node.node_id} of cluster ${node.cluster_id}, incarnation ${node.incarnation}`
  const inMotion = isInMotion
    ? '; a node runs on these files and what was read may be in motion: stop it and verify again'
    : ''
  const start = base === null ? 'nothing' : `${base.index} (term ${base.term}, ${base.time})`
  return [
    `${directory}${whose}`,
    '',
    ...columns([
      ['segment', 'bytes', 'batches', 'entries', 'terms', 'verdict'],
      ...report.segments.map(segmentRow),
    ]),
    '',
    `term ${hard_state.term}, vote ${hard_state.vote ?? 'none'}; the log goes on after ${start} and ends at ${last_index}`,
    ...membershipLines(report.membership),
    ...(snapshots.length === 0 ? [] : ['', ...columns(snapshots.map(snapshotRow))]),
    '',
    ...(report.damage.length > 1 ? report.damage.map(damageLine) : []),
    `${message}${inMotion}`,
    '',
  ].join('\n')
}

function damageLine({ file, offset, reason, verdict }: DamageReport): string {
  return `${verdict === 'damaged' ? 'damage' : 'other format'}: ${file} at offset ${offset}: ${reason}`
}

function segmentRow({
  name,
  bytes,
  batches,
  first_index,
  last_index,
  terms,
  verdict,
}: SegmentReport): string[] {
  const entries = first_index === null ? '-' : `${first_index}..${last_index}`
  const [first, last] = [terms[0], terms.at(-1)]
  const range = first === undefined ? '-' : first === last ? `${first}` : `${first}..${last}`
  return [name, `${bytes}`, `${batches}`, entries, range, verdict]
}

function snapshotRow({
  name,
  bytes,
  last_index,
  last_term,
  verdict,
  intact_bytes,
}: SnapshotReport): string[] {
  const upTo = last_index === null ? 'unreadable' : `up to ${last_index} (term ${last_term})`
  const isPartial = verdict === 'partial' || verdict === 'unfinished'
  return [name, `${bytes} bytes`, upTo, isPartial ? `${verdict}, ${intact_bytes} bytes intact` : verdict]
}

function membershipLines(membership: Membership | null): string[] {
  if (membership === null) return []
  const { members, removed } = membership
  return [
    ...members.map(({ id, addr, voter }) => `node ${id} at ${addr}, ${voter ? 'voter' : 'learner'}`),
    ...(removed.length === 0 ? [] : [`removed: ${removed.join(', ')}`]),
  ]
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
