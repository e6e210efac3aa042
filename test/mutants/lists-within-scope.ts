/** Lists for keys that are for a part of the networks. */
import { type Mutant, testFile } from './mutant.ts'

const WITHIN_SCOPE = testFile('test/state/lists-within-scope.test.ts')
const SOURCE = 'docs/security.md, scopes'
const LIST_ALLOCATIONS = 'src/state/query/list-allocations.ts'
const NETWORK_TABLE = 'src/state/network-table.ts'

export const LISTS_WITHIN_SCOPE: readonly Mutant[] = [
  {
    name: 'a network inside of another one of the part is counted twice',
    source: SOURCE,
    file: 'src/state/query/part.ts',
    find: `      if (last !== undefined && contains(last, prefix)) continue\n`,
    replace: '',
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'a key for a part finds what others have by an index that both are in',
    source: SOURCE,
    file: LIST_ALLOCATIONS,
    find: `const isInside = part === null || part.has(allocation.networkId)`,
    replace: `const isInside = part === null || allocation.networkId !== ''`,
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'a key for a part asks a network outside by its id',
    source: SOURCE,
    file: LIST_ALLOCATIONS,
    find: `  if (network !== null && part?.has(network.id) === false) return Promise.resolve(NOTHING)\n`,
    replace: '',
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'a page is short where an index names many of others',
    source: SOURCE,
    file: LIST_ALLOCATIONS,
    find: `if (rows > LOOKED_THROUGH_LATE_MAX) return`,
    replace: `if (rows > LOOKED_THROUGH_MAX) return`,
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'behind what an index has named as many records are looked at as one request may',
    source: 'issue 4 (no request reads the whole store)',
    file: 'src/state/query/looked-through.ts',
    find: `LOOKED_THROUGH_LATE_MAX = EXAMINED_MAX / 2`,
    replace: `LOOKED_THROUGH_LATE_MAX = EXAMINED_MAX`,
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'what an index has named is named again by looking through',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: 'src/state/query/looked-through.ts',
    find: `    if (last !== undefined) this.#through.skipTo(last.place)\n`,
    replace: '',
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'a network keeps for keys the tag that it has lost',
    source: SOURCE,
    file: NETWORK_TABLE,
    find: `    this.#dropTags(network)\n    network.tags = tags`,
    replace: `    network.tags = tags`,
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'a network that was deleted is there for keys that had its tag',
    source: SOURCE,
    file: NETWORK_TABLE,
    find: `    this.#inOrder.splice(this.rankOf(position), 1)\n    this.#dropTags(network)\n`,
    replace: `    this.#inOrder.splice(this.rankOf(position), 1)\n`,
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'what others had of an address takes the places of the history inside',
    source: SOURCE,
    file: 'src/state/query/address.ts',
    find: `(isFull && isAnswered)`,
    replace: `isAnswered`,
    caughtBy: WITHIN_SCOPE,
  },
  {
    name: 'behind a short page what is left of an offset is forgotten',
    source: 'api.md (a page and its offset)',
    file: 'src/state/query/page.ts',
    find: `  return { rows, next: last, toSkip: offset - skipped, total: null }`,
    replace: `  return { rows, next: last, toSkip: 0, total: null }`,
    caughtBy: WITHIN_SCOPE,
  },
]
