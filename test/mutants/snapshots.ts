import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const SNAPSHOT = testFile('test/raft/core/snapshot.test.ts')
const SNAPSHOT_TRANSFER = testFile('test/raft/snapshot-transfer.test.ts')
const SNAPSHOT_CRASH = testFile('test/raft/storage/snapshot-crash.test.ts')
const LEFT_OVER = testFile('test/raft/left-over-snapshot.test.ts')

/** Snapshots and compaction: chapter 5. */
export const SNAPSHOTS: readonly Mutant[] = [
  {
    name: 'the state machine is restored before the log is reset',
    source: 'snapshots (one commit point); bug 24, etcd#10219',
    file: 'raft/snapshots.ts',
    find: `    await ports.log.reset(meta)
    await ports.stateMachine.restore(meta, file.chunks())`,
    replace: `    await ports.stateMachine.restore(meta, file.chunks())
    await ports.log.reset(meta)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a snapshot is installed without resetting the log',
    source: 'snapshots (one commit point); bug 24, etcd#10219',
    file: 'raft/snapshots.ts',
    find: `    await ports.log.reset(meta)
`,
    replace: ``,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the log is compacted below what the state machine has applied, durable or not',
    source: 'rule 10; bug 23, etcd#13766',
    file: 'raft/lanes.ts',
    find: `const { durableIndex } = ports.stateMachine`,
    replace: `const { appliedIndex: durableIndex } = ports.stateMachine`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the log is compacted past a snapshot that is on its way',
    source: 'bug 32, ClickHouse/NuRaft PR 118',
    file: 'raft/snapshot-transfer.ts',
    find: `return Math.min(Number.MAX_SAFE_INTEGER, ...this.#sending.values())`,
    replace: `return Math.max(Number.MAX_SAFE_INTEGER, ...this.#sending.values())`,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'a snapshot is installed that is older than what is committed here',
    source: 'bug 25, etcd#18055',
    file: 'raft/core/install-snapshot.ts',
    find: `raft.installing !== null || meta.lastIndex <= raft.commitIndex) return`,
    replace: `raft.installing !== null) return`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a follower says that a snapshot is installed which is not on its disk',
    source: 'rule 1; bug 24',
    file: 'raft/core/install-snapshot.ts',
    find: `const isHere = Math.min(raft.commitIndex, raft.log.durableIndex) >= request.lastIndex`,
    replace: `const isHere = raft.commitIndex >= request.lastIndex`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a follower takes entries while a snapshot replaces its log',
    source: 'snapshots; bug 24',
    file: 'raft/core/append-entries.ts',
    find: `  if (raft.installing !== null) {`,
    replace: `  if (raft.installing !== null && entries.length === 0) {`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a write from before a snapshot counts after it',
    source: 'rule 5; bug 24',
    file: 'raft/core/install-snapshot.ts',
    find: `  raft.unpersisted = raft.unpersisted.map(({ number }) => ({ number, lastIndex: meta.lastIndex }))
`,
    replace: ``,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'a received snapshot is not checked against its digest',
    source: 'snapshots; invariant 30',
    file: 'raft/storage/snapshot-receiver.ts',
    find: `      await this.#verify()
`,
    replace: ``,
    caughtBy: testFile('test/raft/storage/contract.test.ts'),
  },
  {
    name: 'a snapshot gets its name before it is on disk',
    source: 'snapshots; bug 24',
    file: 'raft/storage/snapshot-files.ts',
    find: `  write(encoder.trailer())
  await file.sync()`,
    replace: `  write(encoder.trailer())`,
    caughtBy: SNAPSHOT_CRASH,
  },
  {
    name: 'older snapshots go before the name of the new one is on disk',
    source: 'snapshots; bug 24 and 31',
    file: 'raft/storage/snapshot-files.ts',
    find: `    await this.#disk.rename(path, this.#path(name))
    await this.#disk.syncDirectory(this.#directory)`,
    replace: `    await this.#disk.rename(path, this.#path(name))`,
    caughtBy: SNAPSHOT_CRASH,
  },
  {
    name: 'a second snapshot becomes the one to restart from while the first is installed',
    source: 'bug 25, etcd#20133',
    file: 'raft/snapshot-transfer.ts',
    find: `if (this.#received !== null || this.#host.isInstalling()) {`,
    replace: `if (this.#received !== null) {`,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'a snapshot that arrives damaged is sent again from the same file',
    source: 'bug 32 and invariant 35',
    file: 'raft/snapshot-transfer.ts',
    find: `reading?.hasFailed === true || (isCorrupt && this.#sending.size === 1)`,
    replace: `reading?.hasFailed === true`,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'a snapshot file that cannot be read stays for the next try',
    source: 'bug 32 and invariant 35',
    file: 'raft/snapshot-transfer.ts',
    find: `      if (reading !== null && isBad) await this.#discard(reading.file)
`,
    replace: ``,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'the log is compacted past a snapshot that a peer puts in place',
    source: 'bug 32, camunda#46345 (never catches up)',
    file: 'raft/core/install-snapshot.ts',
    find: `if (state === 'snapshot' && isHeld`,
    replace: `if (state === 'snapshot' && !raft.progress.get(id)?.isSnapshotSent && isHeld`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'what a peer said before it had all of a snapshot counts for what it does with it',
    source: 'bug 32, camunda#46345 (never catches up)',
    file: 'raft/core/install-snapshot.ts',
    find: `progress.isSnapshotSent && reply.readRound >= progress.snapshotRound`,
    replace: `progress.isSnapshotSent`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'an attempt that fails lets go of the log that another one needs',
    source: 'bug 32, ClickHouse/NuRaft PR 118',
    file: 'raft/snapshot-transfer.ts',
    find: `      this.#sending.delete(attempt)
`,
    replace: `      this.#sending.clear()
`,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'a peer that takes a snapshot without end fills the disk of its leader',
    source: 'invariant 36; bug 33, openraft#1829',
    file: 'raft/lanes.ts',
    find: `raft.disk.isLow ? Number.POSITIVE_INFINITY : this.snapshots.lowestSending`,
    replace: `this.snapshots.lowestSending`,
    caughtBy: testFile('test/raft/lanes.test.ts'),
  },
  {
    name: 'a received snapshot leaves a newer one that was not wanted',
    source: 'bug 31, rqlite/rqlite#2747 (the wrong snapshot at a restart)',
    file: 'raft/storage/snapshot-files.ts',
    find: `(_, kept) => this.#removeOthers(kept)`,
    replace: `(meta, kept) => this.#removeOlder(meta.lastIndex, kept)`,
    caughtBy: LEFT_OVER,
  },
  {
    name: 'a node does not start for damage to a snapshot that it does not need',
    source: 'invariant 30; bug 31',
    file: 'raft/recovery.ts',
    find: `    if (!(error instanceof CorruptLogError)) throw error
    logger.warn`,
    replace: `    if (error !== null) throw error
    logger.warn`,
    caughtBy: LEFT_OVER,
  },
  {
    name: 'damage to the snapshot that a start needs is passed over',
    source: 'invariant 30; bug 31',
    file: 'raft/recovery.ts',
    find: `stateMachine.durableIndex >= base.lastIndex`,
    replace: `stateMachine.durableIndex <= base.lastIndex`,
    caughtBy: LEFT_OVER,
  },
  {
    name: 'whether a snapshot can be read is found out when the log is gone',
    source: 'snapshots; promise 2',
    file: 'raft/snapshot-transfer.ts',
    find: `        await this.#checkReadable(file)
`,
    replace: ``,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'a snapshot that cannot be read here is sent again and again',
    source: 'snapshots; bug 32',
    file: 'raft/snapshot-transfer.ts',
    find: `      this.#unreadable = file.identity
`,
    replace: ``,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'a snapshot that could not be made keeps the log from being compacted for good',
    source: 'bug 33, openraft#1829',
    file: 'raft/snapshot-transfer.ts',
    find: `    } finally {
      this.#sending.delete(attempt)`,
    replace: `    } finally {
      if (reading !== null) this.#sending.delete(attempt)`,
    caughtBy: SNAPSHOT_TRANSFER,
  },
  {
    name: 'two receivers that are asked for at once write into one file',
    source: 'snapshots; bug 25, etcd#20133',
    file: 'raft/storage/snapshot-files.ts',
    find: `this.#opening.then(() => this.#receive(offer))`,
    replace: `this.#receive(offer)`,
    caughtBy: SNAPSHOT_CRASH,
  },
  {
    name: 'a snapshot goes on after bytes whose sync has failed',
    source: 'rule 9; fsyncgate',
    file: 'raft/storage/snapshot-receiver.ts',
    find: `      await writeAgain(file, offset)
`,
    replace: ``,
    caughtBy: SNAPSHOT_CRASH,
  },
  {
    name: 'the log is kept for as long as a peer that is silent does not install',
    source: 'invariants 35 and 36',
    file: 'raft/core/install-snapshot.ts',
    find: `isHeld && isInContact(raft, id)) lowest`,
    replace: `isHeld) lowest`,
    caughtBy: SNAPSHOT,
  },
]
