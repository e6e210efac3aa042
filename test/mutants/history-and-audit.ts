import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const APPLY = testFile('test/ipam/apply.test.ts')
const VECTORS = testFile('test/state/vectors.test.ts')
const HISTORY = testFile('test/state/history.test.ts')
const RETENTION = testFile('test/audit-retention.test.ts')

const ADDRESS = 'src/state/query/address.ts'
const LIST_AUDIT = 'src/state/query/list-audit.ts'
const AUDIT_ROWS = 'src/state/audit-rows.ts'

/** What has been: promise 6. */
export const HISTORY_AND_AUDIT: readonly Mutant[] = [
  {
    name: 'the history of an address begins with the oldest',
    source: 'api.md (history)',
    file: ADDRESS,
    find: `{ name: 'history', after: null, isReverse: true }`,
    replace: `{ name: 'history', after: null, isReverse: false }`,
    caughtBy: HISTORY,
  },
  {
    name: 'whoever had an address has it at any later time',
    source: 'api.md (at)',
    file: ADDRESS,
    find: `allocatedAt <= at && (releasedAt === null || at < releasedAt)`,
    replace: `allocatedAt <= at`,
    caughtBy: HISTORY,
  },
  {
    name: 'nobody has an address at the moment in which it is given',
    source: 'api.md (at)',
    file: ADDRESS,
    find: `return allocatedAt <= at &&`,
    replace: `return allocatedAt < at &&`,
    caughtBy: HISTORY,
  },
  {
    name: 'at the moment of its release an address belongs to who had it',
    source: 'api.md (at)',
    file: ADDRESS,
    find: `|| at < releasedAt)`,
    replace: `|| at <= releasedAt)`,
    caughtBy: HISTORY,
  },
  {
    name: 'nobody had an address before the last hundred who had it',
    source: 'api.md (at)',
    file: ADDRESS,
    find: `if (chunk.length < ADDRESS_HISTORY_MAX || (isFull && isAnswered)) break`,
    replace: `if (chunk.length <= ADDRESS_HISTORY_MAX || (isFull && isAnswered)) break`,
    caughtBy: HISTORY,
  },
  {
    name: 'the history of an address is that of all namespaces',
    source: 'api.md (a namespace is its own address space)',
    file: 'src/state/key-space.ts',
    find: `return \`h\${namespace} \${family}`,
    replace: `return \`h\${namespace.slice(0, 0)} \${family}`,
    caughtBy: HISTORY,
  },
  {
    name: 'a free address is somebody’s if the one below it is',
    source: 'promise 5',
    file: 'src/state/query/holders.ts',
    find: `const one = { first: address.value, last: address.value }`,
    replace: `const one = { first: address.value - 1n, last: address.value }`,
    caughtBy: HISTORY,
  },
  {
    name: 'a change of a network is on record without what it was',
    source: 'promise 6; issue 4 (before, after)',
    file: 'src/ipam/apply-network.ts',
    find: `    before,
    after,
  })
  return accept(placed(store, after, network.prefix))`,
    replace: `    before: after,
    after,
  })
  return accept(placed(store, after, network.prefix))`,
    caughtBy: HISTORY,
  },
  {
    name: 'a renewal leaves no audit row',
    source: 'promise 6',
    file: 'src/ipam/apply-allocation.ts',
    find: `  store.appendAudit({
    timestamp: at.time,
    action: 'ip_renewed',`,
    replace: `  const noRow = (_: object): void => {}
  noRow({
    timestamp: at.time,
    action: 'ip_renewed',`,
    caughtBy: HISTORY,
  },
  {
    name: 'the rows of one entry are one row',
    source: 'promise 6; issue 4 (events ordered by log index)',
    file: AUDIT_ROWS,
    find: `    this.#count += 1
`,
    replace: ``,
    caughtBy: HISTORY,
  },
  {
    name: 'audit rows come newest first',
    source: 'ipam-rest-api.md (audit: ascending time)',
    file: LIST_AUDIT,
    find: `rows: taken.rows.toReversed() }`,
    replace: `rows: taken.rows }`,
    caughtBy: APPLY,
  },
  {
    name: 'the audit rows of a user are those of all who wrote about then',
    source: 'api.md (audit: user)',
    file: LIST_AUDIT,
    find: `  if (filter.user !== null && user !== filter.user) return false
`,
    replace: ``,
    caughtBy: HISTORY,
  },
  {
    name: 'the audit rows of an action and a resource are those of the resource',
    source: 'api.md (audit: action)',
    file: LIST_AUDIT,
    find: `  if (filter.action !== null && action !== filter.action) return false
`,
    replace: ``,
    caughtBy: HISTORY,
  },
  {
    name: 'the audit rows since a time are those after it',
    source: 'api.md (audit: since)',
    file: LIST_AUDIT,
    find: `timestamp < time
    if`,
    replace: `timestamp <= time
    if`,
    caughtBy: HISTORY,
  },
  {
    name: 'the audit rows after an index begin with those of the index',
    source: 'issue 4 (events for a later stream)',
    file: LIST_AUDIT,
    find: `afterIndex === null ? 0 : afterIndex + 1`,
    replace: `afterIndex === null ? 0 : afterIndex`,
    caughtBy: HISTORY,
  },
  {
    name: 'who follows the audit log gets the newest rows first',
    source: 'docs/guide.md (the audit log)',
    file: LIST_AUDIT,
    find: `return afterIndex === null
}`,
    replace: `return afterIndex === afterIndex
}`,
    caughtBy: HISTORY,
  },
  {
    name: 'the audit rows of an address are those of its last holder',
    source: 'api.md (audit: ip)',
    file: LIST_AUDIT,
    find: `const HOLDERS_MAX = 100`,
    replace: `const HOLDERS_MAX = 1`,
    caughtBy: HISTORY,
  },
  {
    name: 'rows are forgotten that are just not old enough',
    source: 'issue 4 (audit_retention)',
    file: AUDIT_ROWS,
    find: `decodeAudit(position, row).timestamp < time`,
    replace: `decodeAudit(position, row).timestamp <= time`,
    caughtBy: HISTORY,
  },
  {
    name: 'a row that is forgotten stays in the index of its resource',
    source: 'src/state/README.md (indexes)',
    file: AUDIT_ROWS,
    find: `      if (action !== ALLOCATION) this.#rows.put(auditResourceKey(resource, position), null)
`,
    replace: ``,
    caughtBy: HISTORY,
  },
  {
    name: 'a row that is forgotten stays in the index of its request',
    source: 'src/state/README.md (indexes)',
    file: AUDIT_ROWS,
    find: `      else if (requestId !== null) this.#rows.put(auditRequestKey(requestId, position), null)
`,
    replace: ``,
    caughtBy: HISTORY,
  },
  {
    name: 'forgotten rows stay in the index of the requests that are ours',
    source: 'src/state/README.md (indexes)',
    file: AUDIT_ROWS,
    find: `      if (group !== null) values.add(auditBlockKey('requests', group, index))
      else if`,
    replace: `      if`,
    caughtBy: HISTORY,
  },
  {
    name: 'ids that are ours are grouped by twos',
    source: 'src/state/README.md (request ids in blocks)',
    file: 'src/ipam/request-groups.ts',
    find: `Number.parseInt(count, 36) / GROUP_SIZE`,
    replace: `Number.parseInt(count, 36) / 2`,
    caughtBy: HISTORY,
  },
  {
    name: 'with the first rows of a block all others are lost to whoever looks for a user',
    source: 'src/state/README.md (indexes)',
    file: AUDIT_ROWS,
    find: `if ((index + 1) % AUDIT_BLOCK_INDEXES === 0) this.#endBlock(values)`,
    replace: `this.#endBlock(values)`,
    caughtBy: HISTORY,
  },
  {
    name: 'what has been forgotten is still in the index of its user',
    source: 'src/state/README.md (memory grows with what there is)',
    file: AUDIT_ROWS,
    find: `    for (const key of keys) this.#rows.put(key, null)
    keys.clear()`,
    replace: `    keys.clear()`,
    caughtBy: HISTORY,
  },
  {
    name: 'each step of forgetting begins at the start of the log',
    source: 'issue 4 (audit_retention)',
    file: AUDIT_ROWS,
    find: `    if (index > floor.index) this.#rows.put(AUDIT_FLOOR_KEY, encodeAuditFloor({ index, values: [...values] }))
`,
    replace: ``,
    caughtBy: VECTORS,
  },
  {
    name: 'all audit rows of before now are forgotten',
    source: 'issue 4 (audit_retention)',
    file: 'src/audit-retention.ts',
    find: `const before = this.#clock.wallTime() - this.#keptMs`,
    replace: `const before = this.#clock.wallTime()`,
    caughtBy: RETENTION,
  },
  {
    name: 'the audit log forgets one step, and never more',
    source: 'issue 4 (audit_retention)',
    file: 'src/audit-retention.ts',
    find: `      isDone = value.isDone
`,
    replace: `      isDone = value.pruned >= 0
`,
    caughtBy: RETENTION,
  },
  {
    name: 'an address rests until the end of its first rest',
    source: 'api.md (addresses)',
    file: ADDRESS,
    find: `newest ??= chunk[0]?.position ?? null`,
    replace: `newest ??= chunk.at(-1)?.position ?? null`,
    caughtBy: HISTORY,
  },
  {
    name: 'what an outer network reserves is reserved in its children',
    source: 'api.md (addresses)',
    file: ADDRESS,
    find: `const [network, record] = [chain.at(-1), networks.at(-1)]`,
    replace: `const [network, record] = [chain[0], networks[0]]`,
    caughtBy: HISTORY,
  },
  {
    name: 'a gateway inside a reserved range is one of the range',
    source: 'api.md (addresses)',
    file: 'src/ipam/reserved.ts',
    find: `if (gateway !== null && hasIt(gateway)) return 'gateway'`,
    replace: `if (gateway !== null && hasIt(gateway) && !reserved.some(hasIt)) return 'gateway'`,
    caughtBy: HISTORY,
  },
  {
    name: 'the audit row of a member has what it became as what it was',
    source: 'docs/guide.md (audit)',
    file: 'src/ipam/apply-membership.ts',
    find: `({ before: recordOf(before.get(id)), after`,
    replace: `({ before: recordOf(after.get(id) ?? before.get(id)), after`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the audit row of a removed member does not say what it was',
    source: 'docs/guide.md (audit)',
    file: 'src/ipam/apply-membership.ts',
    find: `({ before: recordOf(before.get(id)), after`,
    replace: `({ before: after.has(id) ? recordOf(before.get(id)) : null, after`,
    caughtBy: testFile('test/ipam/apply-membership.test.ts'),
  },
]
