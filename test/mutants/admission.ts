import { type Mutant, testFile } from './mutant.ts'

const WITNESS = testFile('test/raft/witness.test.ts')
const ADMISSION = testFile('test/raft/core/admission.test.ts')

/** Which data directory and which program a node may take part with: section 4 (versions). */
export const ADMISSION_OF_NODES: readonly Mutant[] = [
  {
    name: 'a node must come back with what it acknowledged and no majority had',
    source: '§3.5 (another leader may have replaced it)',
    file: 'raft/witness.ts',
    find: `Math.max(known.index, Math.min(matchIndex, commitIndex))`,
    replace: `Math.max(known.index, matchIndex)`,
    caughtBy: WITNESS,
  },
  {
    name: 'a node must come back with a term that it granted a pre-vote for',
    source: '§9.6 (nobody has that term yet)',
    file: 'raft/witness.ts',
    find: `return !message.isPreVote || !message.voteGranted`,
    replace: `return true`,
    caughtBy: WITNESS,
  },
  {
    name: 'a late hello of an earlier process is taken for an old image of the disk',
    source: 'raft/README.md (the hello of a process that has ended)',
    file: 'raft/witness.ts',
    find: `known.boots.push(boot.id)`,
    replace: `known.boots.splice(0, known.boots.length, boot.id)`,
    caughtBy: WITNESS,
  },
  {
    name: 'a copy of a disk condemns the node that runs on the disk itself',
    source: 'raft/README.md (a finding is confirmed if nothing better is heard)',
    file: 'raft/witness.ts',
    find: `    known.suspect = null
`,
    replace: ``,
    caughtBy: WITNESS,
  },
  {
    name: 'a leader does not record that a member has gone back in time',
    source: 'faults (VM rollback to an older image must be refused)',
    file: 'raft/core/admission.ts',
    find: `const isRolledBack = member.isRolledBack || isFound`,
    replace: `const isRolledBack = member.isRolledBack`,
    caughtBy: ADMISSION,
  },
  {
    name: 'a snapshot forgets that a member has gone back in time',
    source: 'bug 17 and invariant 28',
    file: 'raft/storage/snapshot-meta.ts',
    find: `incarnation, schemas: range, isRolledBack }`,
    replace: `incarnation, schemas: range, isRolledBack: false }`,
    caughtBy: testFile('test/raft/storage/contract.test.ts'),
  },
  {
    name: 'a member that was never seen reads any schema version',
    source: 'README.md §4 (versions); faults (schema gate flip)',
    file: 'raft/core/admission.ts',
    find: `schemas?.max ?? 0)`,
    replace: `schemas?.max ?? Number.MAX_SAFE_INTEGER)`,
    caughtBy: ADMISSION,
  },
  {
    name: 'commands are written in the newest version that any member reads',
    source: 'README.md §4 (versions); docs/operate.md, upgrade',
    file: 'raft/core/admission.ts',
    find: `const schemaVersion = Math.min(`,
    replace: `const schemaVersion = Math.max(`,
    caughtBy: ADMISSION,
  },
  {
    name: 'a learner is not asked which schema version it reads',
    source: 'README.md §4 (only when every member supports it)',
    file: 'raft/core/admission.ts',
    find: `...membership.members.map(({ schemas })`,
    replace: `...membership.members.filter(({ voter }) => voter).map(({ schemas })`,
    caughtBy: ADMISSION,
  },
  {
    name: 'the schema version is lowered for a member with older software',
    source: 'README.md §4 (versions); faults (downgrade refusal)',
    file: 'raft/core/admission.ts',
    find: `return schemaVersion > membership.schemaVersion ?`,
    replace: `return schemaVersion !== membership.schemaVersion ?`,
    caughtBy: ADMISSION,
  },
  {
    name: 'a follower that lags refuses the newer software that could bring it up to date',
    source: 'README.md §4 (versions); faults (mixed versions)',
    file: 'raft/peers.ts',
    find: `const isTooNew = newestSchema !== null && min > newestSchema`,
    replace: `const isTooNew = min > (newestSchema ?? schemaVersion)`,
    caughtBy: testFile('test/raft/peers.test.ts'),
  },
  {
    name: 'a program looks only at the schema version that its log begins with',
    source: 'bug 12 (an entry that is not committed may come into force)',
    file: 'raft/recovery.ts',
    find: `checkSchemasAtStart(newestMembership(recovered) ?? options`,
    replace: `checkSchemasAtStart(recovered.base?.membership ?? options`,
    caughtBy: testFile('test/raft/recovery.test.ts'),
  },
]
