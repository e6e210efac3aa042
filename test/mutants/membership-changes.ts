import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const MEMBERSHIP = testFile('test/raft/core/membership.test.ts')

/** Who counts: chapter 4. */
export const MEMBERSHIP_CHANGES: readonly Mutant[] = [
  {
    name: 'a configuration is in force only once it is committed',
    source: 'rule 8; bug 12, etcd#11284',
    file: 'raft/core/membership.ts',
    find: `return membershipAt(raft.log, raft.log.lastIndex).membership`,
    replace: `return membershipAt(raft.log, raft.commitIndex).membership`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a leader changes the membership before its no-op is committed',
    source: 'membership; bug 1 (the bug of 2015)',
    file: 'raft/core/membership.ts',
    find: `  if (raft.commitIndex < raft.termStartIndex) {`,
    replace: `  if (raft.log.lastIndex < raft.termStartIndex) {`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a leader promotes a learner before its no-op is committed',
    source: 'membership; bug 1 (the bug of 2015)',
    file: 'raft/core/membership.ts',
    find: `    raft.commitIndex >= raft.termStartIndex &&
    !isChangePending(raft) &&`,
    replace: `    !isChangePending(raft) &&`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'two configurations may be uncommitted',
    source: 'membership; §4.1',
    file: 'raft/core/membership.ts',
    find: `  if (isChangePending(raft)) {`,
    replace: `  if (isChangePending(raft) && raft.commitIndex < raft.termStartIndex) {`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a removed voter counts until its removal is committed',
    source: '§4.1; bug 16',
    file: 'raft/core/membership.ts',
    find: `  return currentMembership(raft)
    .members.filter((member) => member.voter)`,
    replace: `  return committedMembership(raft)
    .members.filter((member) => member.voter)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a leader goes on replicating to a removed node, and listens to it',
    source: 'bug 15, etcd#11038',
    file: 'raft/core/membership.ts',
    find: `if (!ids.has(id)) raft.progress.delete(id)`,
    replace: `if (!ids.has(id) && id === raft.id) raft.progress.delete(id)`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a learner counts in majorities',
    source: '§4.2.1; bug 16',
    file: 'raft/core/membership.ts',
    find: `    .members.filter((member) => member.voter)
    .map(`,
    replace: `    .members.map(`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a learner counts in commitment',
    source: '§4.2.1; bug 16',
    file: 'raft/core/replicate.ts',
    find: `const matches = voterIds(raft).map((id) => {`,
    replace: `const matches = [raft.id, ...raft.progress.keys()].map((id) => {`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a learner becomes a voter before it has caught up',
    source: '§4.2.1; bug 16',
    file: 'raft/core/membership.ts',
    find: `    progress.matchIndex >= progress.roundTarget &&
    raft.now`,
    replace: `    raft.now`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a configuration stays in force when its entry is cut from the log',
    source: 'rule 8; bug 17, openraft#1808',
    file: 'raft/core/log.ts',
    find: `  log.memberships = log.memberships.filter((at) => at.index < index)
`,
    replace: ``,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'the configuration from before a snapshot stays in force after it',
    source: 'rule 8; bug 17, scylladb#9551',
    file: 'raft/core/log.ts',
    find: `  log.memberships = []
`,
    replace: ``,
    caughtBy: testFile('test/raft/core/snapshot.test.ts'),
  },
  {
    name: 'what the log starts after forgets the configurations since',
    source: 'rule 8; bug 18, canonical/raft#250',
    file: 'raft/core/log.ts',
    find: `const { index: membershipIndex, membership } = membershipAt(log, index)`,
    replace: `const { membershipIndex, membership } = index > 0 ? log.base : { membershipIndex: 0, ...log.base }`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a snapshot holds the newest configuration, committed or not',
    source: 'rule 8; bug 18, canonical/raft#250',
    file: 'raft/core/log.ts',
    find: `const { index: membershipIndex, membership } = membershipAt(log, index)`,
    replace: `const { index: membershipIndex, membership } = membershipAt(log, log.lastIndex)`,
    caughtBy: testFile('test/raft/core/memory.test.ts'),
  },
  {
    name: 'a restart knows only configurations that were applied',
    source: 'rule 8; bug 18, camunda#57390',
    file: 'raft/recovery.ts',
    find: `membershipEntries: recovered.membershipEntries,`,
    replace: `membershipEntries: recovered.membershipEntries.filter(({ index }) => index <= appliedIndex),`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a removed id may come back',
    source: 'membership; bug 20, Jepsen RethinkDB 2.2.3',
    file: 'raft/core/membership.ts',
    find: `removed: [...removed, change.id].toSorted((a, b) => a - b),`,
    replace: `removed,`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a node with another data directory is taken for the one that was known',
    source: 'membership; bug 20, Jepsen RethinkDB 2.2.3',
    file: 'raft/peers.ts',
    find: `if (member !== undefined && member.incarnation !== null && member.incarnation !== incarnation) {`,
    replace: `if (member !== undefined && member.incarnation !== null && incarnation === '') {`,
    caughtBy: testFile('test/raft/peers.test.ts'),
  },
  {
    name: 'a leader hands over to be removed, whoever is left',
    source: 'membership; bug 16',
    file: 'raft/core/membership.ts',
    find: `  // Before leadership is handed over: with a removal that cannot be carried out it would be for nothing.
`,
    replace: `  if (member.id === raft.id) return { refusal: 'is_leader', message: '' }
`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a removal may leave no healthy majority',
    source: 'membership; bug 16',
    file: 'raft/core/membership.ts',
    find: `  if (healthy >= needed) return null
`,
    replace: `  if (healthy >= 1) return null
`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a new leader takes whom it has not heard for healthy',
    source: 'membership; bug 16',
    file: 'raft/core/membership.ts',
    find: `  if (healthy >= needed) return null
`,
    replace: `  if (inContact.length >= needed) return null
`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a peer has answered a leader as soon as it is one',
    source: 'membership; bug 16',
    file: 'raft/core/progress.ts',
    find: `    hasAnswered: false,
`,
    replace: `    hasAnswered: true,
`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'a removal right after an election is refused for good, though all are well',
    source: 'docs/operate.md, remove',
    file: 'raft/core/membership.ts',
    find: `  if (inContact.length >= needed) {
`,
    replace: `  if (inContact.length > remaining.length) {
`,
    caughtBy: MEMBERSHIP,
  },
  {
    name: 'the id that is proposed for a new node was removed once',
    source: 'membership (ids never return); docs/troubleshooting.md',
    file: 'raft/core/membership.ts',
    find: `Math.max(...members.map(({ id }) => id), ...removed) + 1`,
    replace: `Math.max(...members.map(({ id }) => id)) + 1`,
    caughtBy: MEMBERSHIP,
  },
]
