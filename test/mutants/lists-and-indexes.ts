import { type Mutant, testFile } from './mutant.ts'

const LISTS = testFile('test/state/lists.test.ts')
const QUERIES = testFile('test/state/queries.test.ts')
const SEARCHES = testFile('test/state/searches.test.ts')
const NAMESPACES = testFile('test/state/lists-of-a-namespace.test.ts')
const TOTALS = testFile('test/state/totals.test.ts')
const READS = testFile('test/state/reads-per-list.test.ts')
const PAGES = testFile('test/http/pages.test.ts')

const HOSTNAMES = testFile('test/state/hostname-index.test.ts')

const HOSTNAME_GRAMS = 'src/state/hostname-grams.ts'
const HOSTNAME_ROWS = 'src/state/hostname-rows.ts'
const ALLOCATION_ROWS = 'src/state/allocation-rows.ts'
const NETWORK_ROWS = 'src/state/network-rows.ts'
const MATCHES = 'src/state/query/matches.ts'
const CANDIDATES = 'src/state/query/candidates.ts'
const LIST_ALLOCATIONS = 'src/state/query/list-allocations.ts'
const BY_NETWORK = 'src/state/query/by-network.ts'
const HOLDERS = 'src/state/query/holders.ts'
const LOOKED_THROUGH = 'src/state/query/looked-through.ts'
const SEARCHED = 'src/state/query/allocation-searches.ts'
const LIST_AUDIT = 'src/state/query/list-audit.ts'
const PAGE = 'src/state/query/page.ts'

/** Whoever looks for something finds all of it, each once, and nothing else. */
export const LISTS_AND_INDEXES: readonly Mutant[] = [
  {
    name: 'an ended allocation stays where the active ones are found',
    source: 'src/state/README.md (indexes)',
    file: ALLOCATION_ROWS,
    find: `      this.#rows.put(allocationTermKey(term, { isActive: wasActive, position }), null)
`,
    replace: `      if (!hasMoved) this.#rows.put(allocationTermKey(term, { isActive: wasActive, position }), null)
`,
    caughtBy: SEARCHES,
  },
  {
    name: 'a changed allocation stays in the index by what it was',
    source: 'src/state/README.md (indexes)',
    file: ALLOCATION_ROWS,
    find: `      this.#rows.put(allocationTermKey(term, { isActive: wasActive, position }), null)
`,
    replace: `      if (hasMoved) this.#rows.put(allocationTermKey(term, { isActive: wasActive, position }), null)
`,
    caughtBy: SEARCHES,
  },
  {
    name: 'a changed network is not found by what it has become',
    source: 'src/state/README.md (indexes)',
    file: NETWORK_ROWS,
    find: `    for (const term of fresh) if (!old.has(term)) this.#rows.put(networkTermKey(term, position), EMPTY_ROW)
`,
    replace: ``,
    caughtBy: SEARCHES,
  },
  {
    name: 'a changed network stays in the index by what it was, also when it is gone',
    source: 'src/state/README.md (indexes)',
    file: NETWORK_ROWS,
    find: `    for (const term of old) if (!fresh.has(term)) this.#rows.put(networkTermKey(term, position), null)
`,
    replace: ``,
    caughtBy: SEARCHES,
  },
  {
    name: 'a deleted network stays in the index',
    source: 'src/state/README.md (indexes)',
    file: NETWORK_ROWS,
    find: `    for (const term of networkTerms(record)) this.#rows.put(networkTermKey(term, position), null)
`,
    replace: ``,
    caughtBy: SEARCHES,
  },
  {
    name: 'a tag is found by its first 32 characters',
    source: 'src/state/text-index.ts (terms are cut)',
    file: MATCHES,
    find: `  if (tag !== null && !allocation.tags.includes(tag)) return false
`,
    replace: ``,
    caughtBy: SEARCHES,
  },
  {
    name: 'released and expired allocations are the same to a list',
    source: 'api.md (status)',
    file: MATCHES,
    find: `  if (!statuses.includes(allocation.status)) return false
`,
    replace: ``,
    caughtBy: SEARCHES,
  },
  {
    name: 'a list by host name does not look when they expire',
    source: 'api.md (expires_before)',
    file: MATCHES,
    find: `  if (expiresBefore !== null && (allocation`,
    replace: `  if (expiresBefore !== null && hostname === null && (allocation`,
    caughtBy: SEARCHES,
  },
  {
    name: 'allocations of all namespaces are those of the one that is asked for',
    source: 'api.md (a namespace is its own address space)',
    file: LIST_ALLOCATIONS,
    find: `const isThere = tree === null || isIn(tree, allocation)`,
    replace: `const isThere = tree === null || tree.size > 0`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'networks by tag are of any namespace',
    source: 'api.md (a namespace is its own address space)',
    file: MATCHES,
    find: `  if (namespace !== null && network.namespace !== namespace) return false
`,
    replace: ``,
    caughtBy: SEARCHES,
  },
  {
    name: 'a host name is found by trigrams, but not at its end',
    source: 'api.md (hostname: substring)',
    file: HOSTNAME_GRAMS,
    find: `  if (before !== 0) visit(trigram(before, last, END))
`,
    replace: ``,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a name that was changed in memory leaves its grams behind',
    source: 'src/state/README.md (rows depend on the log alone)',
    file: HOSTNAME_ROWS,
    find: `if (chunk !== undefined && before !== null) this.#forget`,
    replace: `if (chunk === undefined && before !== null) this.#forget`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a name that is forgotten takes the grams of its neighbours with it',
    source: 'src/state/hostname-rows.ts',
    file: HOSTNAME_ROWS,
    find: `      if (!kept.has(gram)) chunk.delete`,
    replace: `      if (!kept.has(-gram)) chunk.delete`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a new name of an old allocation reaches no row',
    source: 'api.md (PATCH)',
    file: HOSTNAME_ROWS,
    find: `      if (this.#isWritten(gram, number)) this.#addToRow(gram, { number, place: placeOf(ordinal) })
`,
    replace: ``,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a part of the rows of a chunk is never written',
    source: 'src/state/README.md (g)',
    file: HOSTNAME_ROWS,
    find: `    if (share < SHARES) this`,
    replace: `    if (share < SHARES && share % 2 === 0) this`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a new name leaves its old signature',
    source: 'src/state/README.md (l)',
    file: HOSTNAME_ROWS,
    find: `    this.#sign(ordinal, after)
`,
    replace: ``,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'the signature of a part has its end in it',
    source: 'src/state/hostname-signature.ts',
    file: 'src/state/hostname-signature.ts',
    find: `  const lower = text?.toLowerCase() ?? ''
`,
    replace: `  const lower = text === null ? '' : \`\${text.toLowerCase()}$\`
`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a refused batch uses up numbers',
    source: 'design.md (all or none)',
    file: HOSTNAME_ROWS,
    find: `      memory.count = ordinal
`,
    replace: ``,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'blocks without active allocations are looked through for them',
    source: 'src/state/README.md (m)',
    file: HOSTNAME_ROWS,
    find: ` < BLOCK_ALLOCATIONS
}`,
    replace: ` <= BLOCK_ALLOCATIONS
}`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a node that starts knows one chunk too little',
    source: 'src/state/hostname-rows.ts (firstChunkInMemory)',
    file: HOSTNAME_ROWS,
    find: `< SHARES ? Math.max(0, newest - 1) : newest`,
    replace: `< 1 ? Math.max(0, newest - 1) : newest`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'a node that starts forgets the block that is not full',
    source: 'src/state/load-hostnames.ts',
    file: 'src/state/load-hostnames.ts',
    find: `      if (blockOf(ordinal) === blockOf(count)) {
`,
    replace: `      if (blockOf(ordinal) > blockOf(count)) {
`,
    caughtBy: HOSTNAMES,
  },
  {
    name: 'an allocation with the wanted part in several words is listed at each',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: LIST_ALLOCATIONS,
    find: ` && standsFor(allocation, key, word)`,
    replace: ``,
    caughtBy: LISTS,
  },
  {
    name: 'a range is found by its first addresses only',
    source: 'api.md (ip)',
    file: ALLOCATION_ROWS,
    find: `for (const block of blocksOf(range)) {`,
    replace: `for (const block of [...blocksOf(range)].slice(0, 1)) {`,
    caughtBy: SEARCHES,
  },
  {
    name: 'the next page leaves out the row that told that there is one',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: PAGE,
    find: `return { rows, next: last, toSkip: 0, total: more`,
    replace: `return { rows, next: chunk[i]?.place ?? '', toSkip: 0, total: more`,
    caughtBy: LISTS,
  },
  {
    name: 'the next page of what goes backwards begins at the end again',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: CANDIDATES,
    find: `lt: key < range.lt ? key : range.lt }`,
    replace: `lt: range.lt }`,
    caughtBy: PAGES,
  },
  {
    name: 'the cursor of another list is taken',
    source: 'api.md (opaque cursor)',
    file: PAGE,
    find: `const isOurs = of === name && place`,
    replace: `const isOurs = of !== undefined && place`,
    caughtBy: LISTS,
  },
  {
    name: 'a search of several kinds of term ends with the first rows of each',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: CANDIDATES,
    find: `run.isLast = run.rows.length < limit`,
    replace: `run.isLast = this.#runs.length > 1 || run.rows.length < limit`,
    caughtBy: SEARCHES,
  },
  {
    name: 'a list of several namespaces ends with the first rows of each',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: CANDIDATES,
    find: `source.isLast = source.rows.length < SOURCE_ROWS`,
    replace: `source.isLast = true`,
    caughtBy: SEARCHES,
  },
  {
    name: 'one request looks at the whole store if nothing matches',
    source: 'issue 4 (no request reads the whole store)',
    file: PAGE,
    find: `for (let examined = 0; examined < EXAMINED_MAX; )`,
    replace: `for (let examined = 0; examined < Number.MAX_SAFE_INTEGER; )`,
    caughtBy: QUERIES,
  },
  {
    name: 'a list by expiry ends where one request has looked at enough',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: PAGE,
    find: `export const CANDIDATES_MAX = EXAMINED_MAX + CHUNK_MAX`,
    replace: `export const CANDIDATES_MAX = CHUNK_MAX`,
    caughtBy: QUERIES,
  },
  {
    name: 'the number of all allocations leaves out those of deleted networks',
    source: 'api.md (X-Total-Count)',
    file: NETWORK_ROWS,
    find: `encodeNumber((orphans === null ? 0 : decodeNumber(orphans)) + network.allocations)`,
    replace: `encodeNumber(orphans === null ? 0 : decodeNumber(orphans))`,
    caughtBy: SEARCHES,
  },
  {
    name: 'the rows of the last page are the number of all',
    source: 'api.md (X-Total-Count)',
    file: PAGE,
    find: `if (isEnd) return { rows, next: null, toSkip: 0, total: cursor === null ? skipped + rows.length : null }`,
    replace: `if (isEnd) return { rows, next: null, toSkip: 0, total: skipped + rows.length }`,
    caughtBy: LISTS,
  },
  {
    name: 'nobody is told how many there are',
    source: 'api.md (X-Total-Count)',
    file: 'src/http/params.ts',
    find: `total === null ? {} : { 'X-Total-Count': String(total) }`,
    replace: `{}`,
    caughtBy: PAGES,
  },
  {
    name: 'the Link of a page that left rows out is refused',
    source: 'api.md (Link)',
    file: 'src/http/params.ts',
    find: `  query.delete('offset')
`,
    replace: ``,
    caughtBy: PAGES,
  },
  {
    name: 'the Link of a page has no filters',
    source: 'api.md (Link)',
    file: 'src/http/params.ts',
    find: `const query = new URLSearchParams(new URL(c.req.url).search)`,
    replace: `const query = new URLSearchParams()`,
    caughtBy: PAGES,
  },
  {
    name: 'who asks for a tag looks through all active allocations',
    source: 'src/state/README.md (lists)',
    file: SEARCHED,
    find: `  if (tag !== null) return byTerm(asked, { term: tagTerm(tag), stored: tagTerm(tag).trimEnd() })
`,
    replace: ``,
    caughtBy: READS,
  },
  {
    name: 'who asks for the changes of a user looks through the whole audit log',
    source: 'src/state/README.md (lists)',
    file: LIST_AUDIT,
    find: `...blocks('user', user), `,
    replace: ``,
    caughtBy: READS,
  },
  {
    name: 'who asks for a namespace looks through the networks of all others',
    source: 'src/state/README.md (lists)',
    file: BY_NETWORK,
    find: `const gapMax = isActiveOnly(statuses) ? GAP_ROWS_MAX : -1`,
    replace: `const gapMax = isActiveOnly(statuses) ? Number.MAX_SAFE_INTEGER : -1`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'each network of a namespace is opened by itself',
    source: 'src/state/README.md (lists)',
    file: BY_NETWORK,
    find: `const gapMax = isActiveOnly(statuses) ? GAP_ROWS_MAX : -1`,
    replace: `const gapMax = -1`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'what ended in a deleted network is taken for that of the networks around it',
    source: 'src/state/README.md (deleted networks)',
    file: BY_NETWORK,
    find: `isActiveOnly(statuses) ? GAP_ROWS_MAX : -1`,
    replace: `GAP_ROWS_MAX`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'a namespace ends with the network of the cursor if that has many allocations',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: BY_NETWORK,
    find: `if (network.position !== from) taken += rows`,
    replace: `taken += rows`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'a network whose deletion was taken back is the newest',
    source: 'src/state/network-table.ts',
    file: 'src/state/network-table.ts',
    find: `this.#inOrder.splice(this.rankOf(position), 0, network)`,
    replace: `this.#inOrder.push(network)`,
    caughtBy: testFile('test/state/network-table.test.ts'),
  },
  {
    name: 'few allocations are listed in the order in which they were looked at',
    source: 'api.md (stable order)',
    file: LOOKED_THROUGH,
    find: `return found.sort((a, b) => (a.place < b.place ? -1 : 1))`,
    replace: `return found`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'few allocations that are looked through are listed from the first again',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: LOOKED_THROUGH,
    find: `after === null || found.place > after`,
    replace: `after === null || found.place >= after`,
    caughtBy: NAMESPACES,
  },
  {
    name: 'who searches in a namespace gets to see what others have like it',
    source: 'issue 4 (no request reads the whole store)',
    file: LIST_ALLOCATIONS,
    find: `if (rows > LOOKED_THROUGH_LATE_MAX) return`,
    replace: `if (rows >= 0) return`,
    caughtBy: READS,
  },
  {
    name: 'who asks for the holder of an address looks through all that had it',
    source: 'issue 4 (no request reads the whole store)',
    file: HOLDERS,
    find: `  if (isActiveOnly) return having
`,
    replace: ``,
    caughtBy: READS,
  },
  {
    name: 'who asks for what was released looks through everything',
    source: 'src/state/README.md (lists)',
    file: LIST_ALLOCATIONS,
    find: `if (isOfAll(owners) && isEveryStatus(statuses)) {`,
    replace: `if (isOfAll(owners) && !isActiveOnly(statuses)) {`,
    caughtBy: READS,
  },
  {
    name: 'a request without a total reads as many records as its filter finds',
    source: 'issue 4 (no request reads the whole store)',
    file: PAGE,
    find: `  if (candidates.length > left) return null
`,
    replace: ``,
    caughtBy: TOTALS,
  },
  {
    name: 'what comes behind the page is counted whether it matches or not',
    source: 'api.md (X-Total-Count)',
    file: PAGE,
    find: `  return (await recordsOf(view, listing, candidates)).filter((record) => record !== null).length
`,
    replace: `  return candidates.length
`,
    caughtBy: TOTALS,
  },
  {
    name: 'the rows that an offset leaves out are not counted',
    source: 'api.md (X-Total-Count)',
    file: PAGE,
    find: `: skipped + limit + rest + more`,
    replace: `: limit + rest + more`,
    caughtBy: TOTALS,
  },
  {
    name: 'a later page counts from where it begins',
    source: 'api.md (X-Total-Count)',
    file: PAGE,
    find: `const isCounted = cursor === null && listing.total === null`,
    replace: `const isCounted = listing.total === null`,
    caughtBy: TOTALS,
  },
  {
    name: 'a page by default is read twice',
    source: 'src/state/README.md (lists)',
    file: PAGE,
    find: `const refused = examined - skipped - rows.length`,
    replace: `const refused = examined`,
    caughtBy: TOTALS,
  },
]
