/** What lies in a snapshot directory: read and judged, nothing is changed. */
import { CorruptLogError } from '../errors.ts'
import type { Disk, DiskFile } from '../ports.ts'
import type { SnapshotMeta } from '../types.ts'
import { damage } from './damage.ts'
import { readIdentity, SnapshotReader } from './snapshot-format.ts'
import { completeName, isPartial, lastIndexOf, NEW_NAME } from './snapshot-names.ts'

export interface SnapshotScan {
  readonly name: string
  /** `complete`: as a restart may need it. `partial`: on its way in. `unfinished`: a crash left it, `open` removes it. */
  readonly kind: 'complete' | 'partial' | 'unfinished'
  readonly sizeBytes: number
  /** Null if it does not read. */
  readonly meta: SnapshotMeta | null
  /** What the checksums cover, from the beginning: all of a complete one. */
  readonly intactBytes: number
  /** Of a complete one; the others are allowed to end anywhere. */
  readonly damage: CorruptLogError | null
}

/** Reads every byte of every snapshot, ascending by name. */
export async function* scanSnapshots(
  disk: Pick<Disk, 'list' | 'open'>,
  directory: string,
): AsyncGenerator<SnapshotScan> {
  for (const name of (await disk.list(directory)).toSorted()) {
    const kind = kindOf(name)
    if (kind === null) continue
    const path = `${directory}/${name}`
    const file = await disk.open(path, { create: false })
    // Removed since it was listed.
    if (file === null) continue
    try {
      yield await scanFile(file, { path, name, kind })
    } finally {
      await file.close()
    }
  }
}

function kindOf(name: string): SnapshotScan['kind'] | null {
  if (lastIndexOf(name) !== null) return 'complete'
  if (isPartial(name)) return 'partial'
  return name === NEW_NAME ? 'unfinished' : null
}

async function scanFile(
  file: DiskFile,
  { path, name, kind }: { path: string; name: string; kind: SnapshotScan['kind'] },
): Promise<SnapshotScan> {
  const reader = new SnapshotReader(file, path)
  let meta: SnapshotMeta | null = null
  let found: CorruptLogError | null = null
  try {
    meta = await reader.readHeader()
    while ((await reader.readChunk()) !== null);
    const named = completeName(meta.lastIndex, await readIdentity(file, path))
    if (kind === 'complete' && named !== name)
      throw damage(path, 0, 'this is another snapshot than its name says')
  } catch (error) {
    if (!(error instanceof CorruptLogError)) throw error
    found = error
  }
  const sizeBytes = file.sizeBytes()
  return {
    name,
    kind,
    sizeBytes,
    meta,
    intactBytes: reader.position,
    damage: kind === 'complete' ? found : null,
  }
}
