import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const READ_INDEX = testFile('test/raft/core/read-index.test.ts')
const READS = testFile('test/raft/reads.test.ts')
const TRANSFER = testFile('test/raft/core/transfer.test.ts')

/** Reads without the log (§6.4), and leadership transfer (§3.10), which gates them. */
export const READS_AND_TRANSFER: readonly Mutant[] = [
  {
    name: 'all reads of a term share one round',
    source: 'reads; bug 9, etcd#20418',
    file: 'raft/core/read-index.ts',
    find: `    raft.leaderRound += 1
`,
    replace: `    raft.leaderRound ||= 1
`,
    caughtBy: READ_INDEX,
  },
  {
    name: 'any answer of a peer confirms the reads under way',
    source: 'reads; bug 9, etcd#20418',
    file: 'raft/core/handle-message.ts',
    find: `progress.ackedRound = Math.max(progress.ackedRound, message.readRound)`,
    replace: `progress.ackedRound = Math.max(message.readRound, raft.leaderRound)`,
    caughtBy: READ_INDEX,
  },
  {
    name: 'a leader confirms reads by itself',
    source: 'reads (no leases); §6.4',
    file: 'raft/core/read-index.ts',
    find: `read.round <= confirmed`,
    replace: `read.round <= Math.max(confirmed, raft.leaderRound)`,
    caughtBy: READ_INDEX,
  },
  {
    name: 'a follower echoes to a new leader the read round of the old one',
    source: 'reads ("of this term"); bug 9',
    file: 'raft/core/role.ts',
    find: `  raft.readRound = 0
`,
    replace: ``,
    caughtBy: READ_INDEX,
  },
  {
    name: 'a read is answered before the no-op of the term is committed',
    source: 'reads; bug 8, etcd#7331',
    file: 'raft/core/read-index.ts',
    find: `if (raft.earlyReads.length > 0 && raft.commitIndex >= raft.termStartIndex) {`,
    replace: `if (raft.earlyReads.length > 0) {`,
    caughtBy: READ_INDEX,
  },
  {
    name: 'a learner’s echo confirms reads',
    source: '§6.4; bug 16',
    file: 'raft/core/read-index.ts',
    find: `    voterIds(raft).map((id) =>`,
    replace: `    [raft.id, ...raft.progress.keys()].map((id) =>`,
    caughtBy: READ_INDEX,
  },
  {
    name: 'reads go on while leadership is handed over',
    source: 'transfer; bug 10, openraft#1747',
    file: 'raft/core/read-index.ts',
    find: `if (raft.transfer !== null || waiting >= raft.limits.pendingReadsMax) {`,
    replace: `if (waiting >= raft.limits.pendingReadsMax) {`,
    caughtBy: READ_INDEX,
  },
  {
    name: 'a read is served before its index is applied here',
    source: 'reads',
    file: 'raft/reads.ts',
    find: `} else if (readIndex <= appliedIndex) {`,
    replace: `} else if (readIndex > 0) {`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a read of one’s own writes is served before they are applied',
    source: 'reads (min_index)',
    file: 'raft/reads.ts',
    find: `if (appliedIndex >= index) return Promise.resolve(appliedIndex)`,
    replace: `if (appliedIndex > 0) return Promise.resolve(appliedIndex)`,
    caughtBy: READS,
  },
  {
    name: 'a read joins the question that is under way',
    source: 'reads; bug 9',
    file: 'raft/reads.ts',
    find: `return this.#admit((waiter) => this.#waiting.push(waiter))`,
    replace: `return this.#admit((waiter) => (this.#asked?.waiters ?? this.#waiting).push(waiter))`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the answer to an earlier question is taken for this one’s',
    source: 'bug 9, etcd#20418',
    file: 'raft/reads.ts',
    find: `if (this.#asked?.id !== id) return`,
    replace: `if (this.#asked === null || id === 0) return`,
    caughtBy: READS,
  },
  {
    name: 'a question whose answer was lost is never asked again',
    source: 'bug 11, tikv#20000',
    file: 'raft/reads.ts',
    find: `if (this.#asked !== null && now - this.#asked.at >= this.#limits.retryMs) {`,
    replace: `if (this.#asked !== null && now < this.#asked.at) {`,
    caughtBy: READS,
  },
  {
    name: 'a transfer has no deadline',
    source: 'transfer; bug 21, hashicorp/raft#696',
    file: 'raft/core/timeout-now.ts',
    find: `if (raft.now >= transfer.deadline || progress === undefined) {`,
    replace: `if (progress === undefined) {`,
    caughtBy: TRANSFER,
  },
  {
    name: 'a transfer outlives the term',
    source: 'transfer; bug 21',
    file: 'raft/core/role.ts',
    find: `message: '' })
    raft.transfer = null`,
    replace: `message: '' })`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the target of a transfer campaigns before it has everything',
    source: '§3.10; bug 21',
    file: 'raft/core/timeout-now.ts',
    find: `if (transfer.isTimeoutSent || progress.matchIndex < raft.log.lastIndex) return`,
    replace: `if (transfer.isTimeoutSent || progress.state === 'snapshot') return`,
    caughtBy: TRANSFER,
  },
  {
    name: 'proposals are taken while leadership is handed over',
    source: 'transfer; bug 21, hashicorp/raft#581',
    file: 'raft/core/disk-health.ts',
    find: `return raft.transfer !== null || isHoldingBack(raft)`,
    replace: `return raft.transfer?.isTimeoutSent === false || isHoldingBack(raft)`,
    caughtBy: TRANSFER,
  },
]
