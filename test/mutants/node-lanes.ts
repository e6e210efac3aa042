import { type Mutant, testFile } from './mutant.ts'

const APPLY = testFile('test/raft/apply-lane.test.ts')
const LANES = testFile('test/raft/lanes.test.ts')
const REPLICATION = testFile('test/raft/core/replication.test.ts')
const DISK = testFile('test/raft/disk-lane.test.ts')
const INBOX = testFile('test/raft/inbox.test.ts')
const TICKS = testFile('test/raft/ticks.test.ts')
const KEEPER = testFile('test/raft/log-keeper.test.ts')
const HAND_OVER = testFile('test/raft/hand-over.test.ts')
const GATE = testFile('test/raft/gate.test.ts')
const COUNTS = testFile('test/raft/step-counts.test.ts')

/** What drives a node: its turns, its two lanes, its timers (raft/README.md, "How it is built"). */
export const NODE_LANES: readonly Mutant[] = [
  {
    name: 'a leader that cannot flush its state leads on, and answers nobody',
    source: 'bug 7, hashicorp/raft#503',
    file: 'raft/lanes.ts',
    find: `Math.max(disk.stallMs, apply.stallMs)`,
    replace: `disk.stallMs`,
    caughtBy: LANES,
  },
  {
    name: 'a state machine that had no room once is stalled for good',
    source: 'bug 7, hashicorp/raft#503',
    file: 'raft/apply-lane.ts',
    find: `    this.#waitedMs = null
    if`,
    replace: `    if`,
    caughtBy: APPLY,
  },
  {
    name: 'what others have on disk takes no room in the memory of a leader that has it not',
    source: 'every queue has a maximum',
    file: 'raft/core/step.ts',
    find: `    for (const entry of raft.out.committed) raft.uncommittedBytes -= encodedEntryBytes(entry)
    raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes)
    raft.releasedIndex = end
  }`,
    replace: `    raft.releasedIndex = end
  }
  if (raft.commitIndex === log.lastIndex) raft.uncommittedBytes = 0`,
    caughtBy: REPLICATION,
  },
  {
    name: 'an entry that was applied still takes room among what waits',
    source: 'every queue has a maximum',
    file: 'raft/apply-lane.ts',
    find: `        this.#queuedBytes -= entry.payload.length
`,
    replace: '',
    caughtBy: APPLY,
  },
  {
    name: 'a state machine that has no room is given the next entries all the same',
    source: 'limits (unflushed rows)',
    file: 'raft/apply-lane.ts',
    find: `if (capacity !== null) {
        this.#waitedMs = 0
        capacity.then(() => this.#slice(), this.#onFatal)
      } else if`,
    replace: `if`,
    caughtBy: APPLY,
  },
  {
    name: 'the apply lane is idle while the state machine makes room',
    source: 'limits (unflushed rows)',
    file: 'raft/apply-lane.ts',
    find: `if (capacity !== null) {`,
    replace: `if (capacity !== null && this.#queue.length > 0) {`,
    caughtBy: APPLY,
  },
  {
    name: 'a snapshot is put in place before all that was pushed is applied',
    source: 'snapshots (one commit point)',
    file: 'raft/apply-lane.ts',
    find: `      if (slice.length > 0) this.#onSlice()
`,
    replace: `      if (slice.length > 0) this.#onSlice()
      for (const resolve of this.#idleWaiters.splice(0)) resolve()
`,
    caughtBy: APPLY,
  },
  {
    name: 'an entry that cannot be applied leaves the disk lane waiting for room',
    source: 'an error ends the process, and does not hang it',
    file: 'raft/apply-lane.ts',
    find: `      this.#isStopped = true
      this.#tellRoom()
`,
    replace: `      this.#isStopped = true
`,
    caughtBy: APPLY,
  },
  {
    name: 'a batch overtakes what was to be done before it',
    source: 'rule 5; snapshots (one commit point)',
    file: 'raft/disk-lane.ts',
    find: `    const jobs = this.#jobs.splice(0, end === -1 ? this.#jobs.length : end)
`,
    replace: `    const jobs = this.#jobs.filter((job) => job.type === 'batch')
    this.#jobs = end === -1 ? [] : this.#jobs.filter((job) => job.type === 'task')
`,
    caughtBy: DISK,
  },
  {
    name: 'of two votes that are written at once the first one is kept',
    source: 'rule 1 and 5; bug 4',
    file: 'raft/disk-lane.ts',
    find: `hardState = batch.hardState ?? hardState`,
    replace: `hardState ??= batch.hardState`,
    caughtBy: DISK,
  },
  {
    name: 'a batch without term and vote forgets those of the batch before',
    source: 'rule 1 and 5; bug 4',
    file: 'raft/disk-lane.ts',
    find: `hardState = batch.hardState ?? hardState`,
    replace: `hardState = batch.hardState`,
    caughtBy: DISK,
  },
  {
    name: 'entries that are replaced before they were written are written behind those that replace them',
    source: '§3.5; rule 5',
    file: 'raft/disk-lane.ts',
    find: `?? 0) >= first)`,
    replace: `?? 0) > first)`,
    caughtBy: DISK,
  },
  {
    name: 'a node that stops lets go of its log while it is being written',
    source: 'rule 9 (a write after that is an error)',
    file: 'raft/disk-lane.ts',
    find: `    while (this.#isBusy) await this.#idle
`,
    replace: '',
    caughtBy: DISK,
  },
  {
    name: 'what arrives during a turn waits until something else does',
    source: 'raft/README.md (how it is built)',
    file: 'raft/inbox.ts',
    find: `      this.#isTurnQueued = false
      if (!this.#isClosed) this.#onTurn()
`,
    replace: `      if (!this.#isClosed) this.#onTurn()
      this.#isTurnQueued = false
`,
    caughtBy: INBOX,
  },
  {
    name: 'a node that has closed takes one more turn',
    source: 'raft/inbox.ts',
    file: 'raft/inbox.ts',
    find: `if (!this.#isClosed) this.#onTurn()`,
    replace: `this.#onTurn()`,
    caughtBy: INBOX,
  },
  {
    name: 'after a pause the clock goes first, and the heartbeats that have waited come too late',
    source: 'elections (drain received messages before ticks)',
    file: 'raft/ticks.ts',
    find: `this.#clock.setSoon(() => this.#clock.setSoon(() => this.#tick()))`,
    replace: `this.#clock.setSoon(() => this.#tick())`,
    caughtBy: TICKS,
  },
  {
    name: 'what a process has slept through counts as the disk’s',
    source: 'raft/README.md (a stall is measured in ticks)',
    file: 'raft/ticks.ts',
    find: `Math.min(now - this.#tickedAt, 2 * this.#tickMs)`,
    replace: `now - this.#tickedAt`,
    caughtBy: TICKS,
  },
  {
    name: 'a tick that was due when a node closed comes after that, and so do all later ones',
    source: 'raft/ticks.ts',
    file: 'raft/ticks.ts',
    find: `    if (this.#isStopped) return
`,
    replace: '',
    caughtBy: TICKS,
  },
  {
    name: 'entries are let go of while they are read for a peer',
    source: 'rule 10; bug 32',
    file: 'raft/log-keeper.ts',
    find: `      ...this.#beforeFetches(),
`,
    replace: '',
    caughtBy: KEEPER,
  },
  {
    name: 'the entry that a peer wants first is let go of',
    source: 'rule 10; bug 32',
    file: 'raft/log-keeper.ts',
    find: `map((first) => first - 1)`,
    replace: `map((first) => first)`,
    caughtBy: KEEPER,
  },
  {
    name: 'a read for a peer that has ended keeps the log for ever',
    source: 'bug 32 and invariant 36',
    file: 'raft/log-keeper.ts',
    find: `    void fetching.then(() => this.#fetching.delete(fetching))
`,
    replace: '',
    caughtBy: KEEPER,
  },
  {
    name: 'so many entries are kept, however large they are',
    source: 'docs/configure.md (a start reads all that is kept)',
    file: 'raft/log-keeper.ts',
    find: `Math.max(reachable - this.#retainedEntriesMin, beyondBytes)`,
    replace: `reachable - this.#retainedEntriesMin`,
    caughtBy: KEEPER,
  },
  {
    name: 'entries are read while they are being removed',
    source: 'bug 32',
    file: 'raft/log-keeper.ts',
    find: `Math.max(this.#log.base.lastIndex, this.#compactedTo)`,
    replace: `this.#log.base.lastIndex`,
    caughtBy: KEEPER,
  },
  {
    name: 'a compaction is the last one',
    source: 'bug 32 and invariant 36',
    file: 'raft/log-keeper.ts',
    find: `      this.#isCompacting = false
`,
    replace: '',
    caughtBy: KEEPER,
  },
  {
    name: 'a drain that nobody took leadership from leaves the node drained',
    source: 'docs/operate.md (nothing has changed then)',
    file: 'raft/hand-over.ts',
    find: `    this.#emit({ type: 'drain', isDrained: false, transferId: 0 })
    throw`,
    replace: `    throw`,
    caughtBy: HAND_OVER,
  },
  {
    name: 'a drain fails because a transfer is under way',
    source: 'transfer',
    file: 'raft/hand-over.ts',
    find: `while (fate.refusal === 'transfer_in_flight' && this.#clock.now() < deadline) {`,
    replace: `while (fate.refusal === 'none' && this.#clock.now() < deadline) {`,
    caughtBy: HAND_OVER,
  },
  {
    name: 'a drain waits for a transfer that never ends',
    source: 'transfer; bug 21',
    file: 'raft/hand-over.ts',
    find: `fate.refusal === 'transfer_in_flight' && this.#clock.now() < deadline`,
    replace: `fate.refusal === 'transfer_in_flight'`,
    caughtBy: HAND_OVER,
  },
  {
    name: 'who asks a closed node to drain is never answered',
    source: 'every request is answered',
    file: 'raft/hand-over.ts',
    find: `    if (this.#isClosed) return Promise.resolve(closed(id))
`,
    replace: '',
    caughtBy: HAND_OVER,
  },
  {
    name: 'a node settles down although somebody still waits for it',
    source: 'raft/node.ts (settleDown)',
    file: 'raft/hand-over.ts',
    find: `      if (!this.#isQuiet()) quietSince = this.#clock.now()
`,
    replace: '',
    caughtBy: HAND_OVER,
  },
  {
    name: 'a node does not settle down while somebody waits, however long',
    source: 'stopping is bounded in time',
    file: 'raft/hand-over.ts',
    find: `while (this.#clock.now() < deadline && this`,
    replace: `while (this`,
    caughtBy: HAND_OVER,
  },
  {
    name: 'a removed node is cut off before it can hear that it was removed',
    source: 'raft/gate.ts; bug 15',
    file: 'raft/gate.ts',
    find: `return { ...known, removed: this.#settled.removed }`,
    replace: `return known`,
    caughtBy: GATE,
  },
  {
    name: 'a removed node is never cut off',
    source: 'membership; bug 15',
    file: 'raft/gate.ts',
    find: `    else if (now - this.#unsettled.since >= this.#settleMs) this.#settled = membership
`,
    replace: '',
    caughtBy: GATE,
  },
  {
    name: 'a data directory that is named in an entry which is not committed is not known',
    source: 'raft/README.md (a data directory is known from the entry that names it)',
    file: 'raft/gate.ts',
    find: `member.incarnation ?? members.get(member.id)?.incarnation ?? null`,
    replace: `member.incarnation`,
    caughtBy: GATE,
  },
  {
    name: 'a leader that was deposed times what it has appended until it leads again',
    source: 'docs/metrics.md (ipam_raft_commit_duration_seconds)',
    file: 'raft/step-counts.ts',
    find: `      this.#uncommitted.length = 0
`,
    replace: '',
    caughtBy: COUNTS,
  },
  {
    name: 'a leader that nobody answers remembers each batch to time it',
    source: 'every queue has a maximum',
    file: 'raft/step-counts.ts',
    find: `if (lastIndex !== undefined && this.#uncommitted.length < TIMED_BATCHES_MAX) {`,
    replace: `if (lastIndex !== undefined) {`,
    caughtBy: COUNTS,
  },
]
