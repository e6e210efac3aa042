/** The disk under a node: how fast it is, how full, and with what. */
import type { Durations } from '../../raft/index.ts'
import type { DiskFigures } from './disk-usage.ts'
import { counter, type Family, gauge, histogram, type Source } from './family.ts'

export interface DiskSource {
  /** Of the log. */
  readonly log: { readonly syncs: Durations; readonly writtenBytes: number }
  /** Of the state's database. */
  flushes(): Durations
  usage(): Promise<DiskFigures | null>
  /** Free bytes below which the disk is low; 0: never. */
  readonly lowBytes: number
}

export function diskMetrics({ log, flushes, usage, lowBytes }: DiskSource): Source {
  return async () => [
    histogram('ipam_disk_wal_fsync_duration_seconds', 'Syncing a file of the log.', log.syncs),
    counter('ipam_disk_wal_write_bytes_total', 'Bytes written to the log.', log.writtenBytes),
    histogram(
      'ipam_disk_backend_commit_duration_seconds',
      'Writing a synced batch of rows to the database of the state.',
      flushes(),
    ),
    gauge('ipam_disk_low_bytes', 'Free space below which the disk is low; 0: never.', lowBytes),
    ...usageFamilies(await usage()),
  ]
}

/** Without samples while the disk has never answered. */
function usageFamilies(usage: DiskFigures | null): Family[] {
  const known = (value: (figures: DiskFigures) => number | null): number | null => {
    return usage === null ? null : value(usage)
  }
  return [
    gauge(
      'ipam_disk_size_bytes',
      'Of the file system with the data directory.',
      known(({ sizeBytes }) => sizeBytes),
    ),
    gauge(
      'ipam_disk_free_bytes',
      'What can still be written.',
      known(({ freeBytes }) => freeBytes),
    ),
    gauge(
      'ipam_log_segments',
      'Files of the log, with the one prepared for later.',
      known(({ segments }) => segments),
    ),
    gauge(
      'ipam_log_bytes',
      'What they take.',
      known(({ logBytes }) => logBytes),
    ),
    gauge(
      'ipam_state_bytes',
      'What the database of the state takes.',
      known(({ stateBytes }) => stateBytes),
    ),
    gauge(
      'ipam_snapshot_bytes',
      'What snapshot files take; they are made for members that lag.',
      known(({ snapshotBytes }) => snapshotBytes),
    ),
    gauge(
      'ipam_snapshot_created_timestamp_seconds',
      'When the newest complete snapshot file was made or received.',
      known(({ snapshotTime }) => (snapshotTime === null ? null : snapshotTime / 1_000)),
    ),
  ]
}
