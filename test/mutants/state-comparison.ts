import { type Mutant, testFile } from './mutant.ts'

const STATE_HASH = testFile('test/state/state-hash.test.ts')
const ROW_WRITER = testFile('test/state/row-writer.test.ts')
const STATE_WATCH = testFile('test/raft/state-watch.test.ts')
const WRONG_STATE = testFile('test/raft/core/wrong-state.test.ts')

/** Nodes compare their states, and the one that went wrong does not lead: invariant 6. */
export const STATE_COMPARISON: readonly Mutant[] = [
  {
    name: 'the state hash leaves out what an entry deletes',
    source: 'invariants 6 and 28',
    file: 'src/state/overlay.ts',
    find: `    this.#hash.addRow(key, row)
`,
    replace: `    if (row !== null) this.#hash.addRow(key, row)
`,
    caughtBy: STATE_HASH,
  },
  {
    name: 'the state hash leaves out a row that is withdrawn before it was flushed',
    source: 'invariant 6 (the hash depends on the rhythm of flushes)',
    file: 'src/state/overlay.ts',
    find: `    this.#hash.addRow(key, null)
`,
    replace: ``,
    caughtBy: STATE_HASH,
  },
  {
    name: 'the state hash leaves out the time of an entry',
    source: 'src/state/README.md (the leader stamps time into the entry)',
    file: 'src/state/state-hash.ts',
    find: `for (const number of [index, term, time]) {`,
    replace: `for (const number of [index, term]) {`,
    caughtBy: STATE_HASH,
  },
  {
    name: 'the bytes of a record are copied from where they lay in the last slab',
    source: 'src/state/README.md (rows are the same on every node, byte for byte)',
    file: 'src/state/row-writer.ts',
    find: `if (known.slab === this.#slab) this.#slab`,
    replace: `if (known.slab !== null) this.#slab`,
    caughtBy: ROW_WRITER,
  },
  {
    name: 'the bytes of a record are copied from a row that was not ended',
    source: 'src/state/README.md (rows are the same on every node, byte for byte)',
    file: 'src/state/row-writer.ts',
    find: `    this.#known = null
`,
    replace: '',
    caughtBy: ROW_WRITER,
  },
  {
    name: 'a text of 32 to 63 characters has the head of a shorter one',
    source: 'src/state/README.md (rows are the same on every node, byte for byte)',
    file: 'src/state/row-writer.ts',
    find: `const FIXED_TEXT_CHARS_MAX = 31`,
    replace: `const FIXED_TEXT_CHARS_MAX = 63`,
    caughtBy: ROW_WRITER,
  },
  {
    name: 'a session is forgotten in the order in which its outcomes came to memory',
    source: 'determinism pitfalls (`Set` order depends on history)',
    file: 'src/state/session-rows.ts',
    find: `[...this.#existing(id).sequences].toSorted((a, b) => a - b)`,
    replace: `[...this.#existing(id).sequences]`,
    caughtBy: testFile('test/state/sessions.test.ts'),
  },
  {
    name: 'a majority of those that are heard says whose state is right',
    source: 'raft/README.md (a majority of the voters)',
    file: 'raft/state-comparison.ts',
    find: `const needed = quorumSize(voters.length)`,
    replace: `const needed = quorumSize(votes.filter((vote) => vote !== undefined).length)`,
    caughtBy: testFile('test/raft/state-comparison.test.ts'),
  },
  {
    name: 'learners have a say in whose state is right',
    source: '§4.2.1',
    file: 'raft/state-watch.ts',
    find: `this.#host.members().filter(({ voter }) => voter)`,
    replace: `this.#host.members()`,
    caughtBy: STATE_WATCH,
  },
  {
    name: 'what a node was before a snapshot is compared after it',
    source: 'bug 24; raft/README.md (a restore replaces the state)',
    file: 'raft/state-watch.ts',
    find: `    this.#comparison.forgetOwn()
`,
    replace: ``,
    caughtBy: STATE_WATCH,
  },
  {
    name: 'a node that lags accuses a peer of the state that it no longer has',
    source: 'raft/README.md (what arrives late is about an earlier state)',
    file: 'raft/state-watch.ts',
    find: `differing.filter((peer) => index > (this.#agreed.get(peer) ?? 0))`,
    replace: `differing`,
    caughtBy: STATE_WATCH,
  },
  {
    name: 'a node whose state is wrong serves again after a restart',
    source: 'bug 36, Jepsen NATS 2.12.1 (corrupt node stops)',
    file: 'raft/state-watch.ts',
    find: `    this.#host.stateMachine.markDiverged(divergence).catch((error: unknown) => this.#host.onFatal(error))
`,
    replace: ``,
    caughtBy: STATE_WATCH,
  },
  {
    name: 'a node whose state is wrong campaigns',
    source: 'bug 36, Jepsen NATS 2.12.1 (corrupt node stops)',
    file: 'raft/core/request-vote.ts',
    find: `!raft.wrongStates.includes(raft.id) && !raft.isDrained`,
    replace: `!raft.isDrained`,
    caughtBy: WRONG_STATE,
  },
  {
    name: 'a leader hands over to a node whose state is wrong',
    source: 'bug 21 and 36',
    file: 'raft/core/timeout-now.ts',
    find: `id !== self && !wrongStates.includes(id) && progress`,
    replace: `id !== self && progress`,
    caughtBy: WRONG_STATE,
  },
  {
    name: 'a learner whose state is wrong is made a voter',
    source: '§4.2.1; bug 36',
    file: 'raft/core/membership.ts',
    find: `isFit && !raft.wrongStates.includes(id) && isCaughtUp`,
    replace: `isFit && isCaughtUp`,
    caughtBy: WRONG_STATE,
  },
  {
    name: 'a leader whose state is wrong stays if nobody takes over',
    source: 'bug 36, Jepsen NATS 2.12.1 (corrupt node stops)',
    file: 'raft/core/step.ts',
    find: `  retireWrongLeader(raft)
`,
    replace: ``,
    caughtBy: WRONG_STATE,
  },
]
