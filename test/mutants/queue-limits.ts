import { type Mutant, testFile } from './mutant.ts'

const QUEUES = testFile('test/queue-limits.test.ts')
const CONFIG = testFile('test/config-limits.test.ts')
const PROPOSALS = testFile('test/raft/proposals.test.ts')

/** How much may wait in one node, and that the cluster file says it. */
export const LIMITS_OF_QUEUES: readonly Mutant[] = [
  {
    name: 'as many writes may wait as in the defaults, whatever the cluster file says',
    source: 'issue 6 (bounded queues, each a setting)',
    file: 'src/server-node.ts',
    find: `proposalLimits: queues.proposals`,
    replace: `proposalLimits: { ...queues.proposals, waitingRequestsMax: 10_000 }`,
    caughtBy: QUEUES,
  },
  {
    name: 'as many reads may wait as in the defaults, whatever the cluster file says',
    source: 'issue 6 (bounded queues, each a setting)',
    file: 'src/server-node.ts',
    find: `readLimits: queues.reads`,
    replace: `readLimits: { ...queues.reads, waitingReadsMax: 20_000 }`,
    caughtBy: QUEUES,
  },
  {
    name: 'the transport has the limits of the defaults',
    source: 'issue 6 (bounded queues, each a setting)',
    file: 'src/server-node.ts',
    find: `    limits: queues.transport,
`,
    replace: '',
    caughtBy: QUEUES,
  },
  {
    name: 'as many backups may be read as in the defaults, whatever the cluster file says',
    source: 'issue 6 (bounded queues, each a setting)',
    file: 'src/server.ts',
    find: `      limits: queues.backups,
`,
    replace: '',
    caughtBy: QUEUES,
  },
  {
    name: 'the bytes of a queue are those of the queue beside it',
    source: 'docs/configure.md (limits)',
    file: 'src/config-limits.ts',
    find: `unappliedBytesMax: limits.unapplied_entries_mib_max * MIB`,
    replace: `unappliedBytesMax: limits.uncommitted_entries_mib_max * MIB`,
    caughtBy: CONFIG,
  },
  {
    name: 'a send buffer may be too small for what is under way',
    source: 'docs/configure.md (limits)',
    file: 'src/config-consistency.ts',
    find: `send_buffer_mib_max >= inflight_appends_mib_max * 2`,
    replace: `send_buffer_mib_max >= inflight_appends_mib_max`,
    caughtBy: CONFIG,
  },
  {
    name: 'a leader may be told to take more than one batch of its log can hold',
    source: 'raft/storage/batch.ts (BATCH_BYTES_MAX)',
    file: 'src/config-limits.ts',
    find: `const UNCOMMITTED_MIB_MAX = 128`,
    replace: `const UNCOMMITTED_MIB_MAX = 512`,
    caughtBy: CONFIG,
  },
  {
    name: 'what peers forward is counted in requests alone, however large they are',
    source: 'every queue has a maximum',
    file: 'raft/open-requests.ts',
    find: ` || this.#bytes >= waitingBytesMax * PEERS_SHARE`,
    replace: '',
    caughtBy: PROPOSALS,
  },
  {
    name: 'a request that just has room is refused',
    source: 'raft/proposal-limits.ts',
    file: 'raft/open-requests.ts',
    find: `this.#bytes + bytes > waitingBytesMax`,
    replace: `this.#bytes + bytes >= waitingBytesMax`,
    caughtBy: PROPOSALS,
  },
]
