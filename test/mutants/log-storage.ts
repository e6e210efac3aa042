import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const LOG_CRASH = testFile('test/raft/storage/log-crash.test.ts')
const LOG_DAMAGE = testFile('test/raft/storage/log-damage.test.ts')
const RECOVERY_FAULTS = testFile('test/raft/storage/recovery-faults.test.ts')

/** The log on disk: what a crash cuts, and what damage must not. */
export const LOG_STORAGE: readonly Mutant[] = [
  {
    name: 'a batch is not synced',
    source: 'rule 1; bug 36, Jepsen NATS 2.12.1',
    file: 'raft/storage/segmented-log.ts',
    find: `    this.#remember(segment, content, entryOffsets, offset)
    await segment.file.sync()`,
    replace: `    this.#remember(segment, content, entryOffsets, offset)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a sync that failed is tried again',
    source: 'rule 9 (fsyncgate)',
    file: 'raft/storage/segmented-log.ts',
    find: `    this.#remember(segment, content, entryOffsets, offset)
    await segment.file.sync()`,
    replace: `    this.#remember(segment, content, entryOffsets, offset)
    await segment.file.sync().catch(() => segment.file.sync())`,
    caughtBy: LOG_CRASH,
  },
  {
    name: 'the log goes on after a write that failed',
    source: 'rule 9',
    file: 'raft/storage/segmented-log.ts',
    find: `      throw this.#fail(error)`,
    replace: `      throw error`,
    caughtBy: LOG_CRASH,
  },
  {
    name: 'the name of a new segment is not on disk when the segment is used',
    source: 'WAL; bug 38',
    file: 'raft/storage/segmented-log.ts',
    find: `    await this.#disk.syncDirectory(this.#directory)
    return segment`,
    replace: `    return segment`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'segments are removed before the base that makes them unnecessary is on disk',
    source: 'rule 10; bug 24',
    file: 'raft/storage/segmented-log.ts',
    find: `      await this.#commit({ base: { type: 'base', meta: encodeMeta(base) }, hardState: null, entries: [] })
      await this.#removeObsolete()`,
    replace: `      await this.#removeObsolete()
      await this.#commit({ base: { type: 'base', meta: encodeMeta(base) }, hardState: null, entries: [] })`,
    caughtBy: LOG_CRASH,
  },
  {
    name: 'checksums are not looked at',
    source: 'WAL; bug 37, etcd#6378',
    file: 'raft/storage/record.ts',
    find: `return crc32c(source, offset, end - CRC_BYTES, seed) === source.readUInt32LE(end - CRC_BYTES) ? end : -1`,
    replace: `return end`,
    caughtBy: LOG_DAMAGE,
  },
  {
    name: 'a torn batch is accepted as far as it goes',
    source: 'WAL; bug 37',
    file: 'raft/storage/batch.ts',
    find: `    if (next === -1) return null
`,
    replace: `    if (next === -1) return crc
`,
    caughtBy: LOG_CRASH,
  },
  {
    name: 'damage to what was durable is cut off like a torn tail',
    source: 'WAL ("the worst bug this project could have"); bug 36',
    file: 'raft/storage/tail.ts',
    find: `  if (reason !== null) throw damage(path, offset, reason)
`,
    replace: ``,
    caughtBy: LOG_DAMAGE,
  },
  {
    name: 'what is left of a torn batch stays behind the end of the log',
    source: 'WAL; bug 37',
    file: 'raft/storage/recovery.ts',
    find: `    file.write(position, Buffer.alloc(file.sizeBytes() - position))
`,
    replace: ``,
    caughtBy: LOG_CRASH,
  },
  {
    name: 'a restart trusts the page cache for zeros',
    source: 'rule 9 (fsyncgate)',
    file: 'raft/storage/recovery.ts',
    find: `  for (const { segment } of segments.filter(({ segment }) => segment.number >= first)) {
    const { file, position } = segment
    file.write(position, Buffer.alloc(file.sizeBytes() - position))`,
    replace: `  for (const { segment, tornEnd } of segments.filter(({ segment }) => segment.number >= first)) {
    const { file, position } = segment
    file.write(position, Buffer.alloc(tornEnd - position))`,
    caughtBy: RECOVERY_FAULTS,
  },
  {
    name: 'a restart trusts the page cache for the zeros of the spare',
    source: 'rule 9 (fsyncgate)',
    file: 'raft/storage/recovery.ts',
    find: `    file.write(position, Buffer.alloc(file.sizeBytes() - position))`,
    replace: `    if (segment === lastBatch?.segment) file.write(position, Buffer.alloc(file.sizeBytes() - position))`,
    caughtBy: RECOVERY_FAULTS,
  },
  {
    name: 'a restart trusts the page cache for the last batch',
    source: 'rule 9 (fsyncgate)',
    file: 'raft/storage/recovery.ts',
    find: `    if (segment === lastBatch?.segment) file.write(lastBatch.offset, lastBatch.bytes)
`,
    replace: ``,
    caughtBy: LOG_CRASH,
  },
  {
    name: 'a batch need not follow on the one before',
    source: 'WAL (chained checksums); bug 38',
    file: 'raft/storage/log-scan.ts',
    find: `const crc = follows ? checkBatch(source, offset, header) : null`,
    replace: `const crc = follows || expected !== null ? checkBatch(source, offset, header) : null`,
    caughtBy: LOG_DAMAGE,
  },
  {
    name: 'a command that holds the bytes of a batch is taken for one',
    source: 'WAL; bug 37',
    file: 'raft/storage/batch.ts',
    find: `return offset === 0 ? 0 : segmentSalt`,
    replace: `return offset === 0 ? segmentSalt - segmentSalt : 0`,
    caughtBy: LOG_DAMAGE,
  },
  {
    name: 'a missing segment goes unnoticed',
    source: 'WAL; invariant 29',
    file: 'raft/storage/log-scan.ts',
    find: `if (!isNew && !isComplete) this.damage`,
    replace: `if (!isNew && segments.length === 0) this.damage`,
    caughtBy: LOG_DAMAGE,
  },
  {
    name: 'an entry that is read back is not checked',
    source: 'invariant 30',
    file: 'raft/storage/segment.ts',
    find: `if (checkRecord(source, at, source.length, source.readUInt32LE(at - CRC_BYTES)) === -1) {`,
    replace: `if (recordEnd(source, at) > source.length) {`,
    caughtBy: LOG_DAMAGE,
  },
  {
    name: 'a read mixes entries from before and after they were replaced',
    source: 'rule 5; bug 29',
    file: 'raft/storage/segmented-log.ts',
    find: `      if (this.#removals !== removals) return entries
`,
    replace: ``,
    caughtBy: testFile('test/raft/storage/contract.test.ts'),
  },
]
