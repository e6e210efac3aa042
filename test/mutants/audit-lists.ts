/** Lists of the audit log by several filters at once. */
import { type Mutant, testFile } from './mutant.ts'

const AUDIT_LISTS = testFile('test/state/audit-lists.test.ts')
const SOURCE = 'src/state/README.md (lists)'
const LIST_AUDIT = 'src/state/query/list-audit.ts'
const PLACES = 'src/state/query/audit-places.ts'

export const AUDIT_LISTS_OF_SEVERAL: readonly Mutant[] = [
  {
    name: 'who asks for a user and an action looks into all blocks of the user',
    source: SOURCE,
    file: LIST_AUDIT,
    find: `...blocks('action', action)]`,
    replace: `...blocks('action', user === null ? action : null)]`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'who asks for an address and a resource gets the changes of all who had the address',
    source: 'docs/guide.md (the audit log)',
    file: LIST_AUDIT,
    find: `resource === null ? held : held.filter((id) => id === resource)`,
    replace: `held`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'a row is sought by bytes that only plain texts have',
    source: SOURCE,
    file: LIST_AUDIT,
    find: `Buffer.from(text))`,
    replace: `Buffer.from(text, 'latin1'))`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'who comes to a block from behind begins in its middle',
    source: SOURCE,
    file: PLACES,
    find: `positionOf(first + AUDIT_BLOCK_INDEXES - 1, SEQUENCE_MAX)`,
    replace: `positionOf(first + AUDIT_BLOCK_INDEXES / 2, SEQUENCE_MAX)`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'of several resources the one that was named first comes first',
    source: 'docs/guide.md (the audit log)',
    file: PLACES,
    find: `if (nearest === null || isBefore(place, nearest, this.#isReverse)) nearest = place`,
    replace: `nearest ??= place`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'from one block of a user the log is read up to the next',
    source: SOURCE,
    file: PLACES,
    find: `blockOf(place) !== blockOf(from) || this.#isSought`,
    replace: `this.#isSought`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'rows are read on where they are wanted further ahead',
    source: SOURCE,
    file: 'src/state/query/seekable-rows.ts',
    find: `await this.#fetch(key, isAtEnd)`,
    replace: `await this.#fetch(key, isAtEnd || this.#offset > 0)`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'a cursor of the audit log with a place that is none is our bug',
    source: 'api.md (invalid_cursor)',
    file: LIST_AUDIT,
    find: `if (after !== null && !isPosition(after))`,
    replace: `if (after !== null && after === '')`,
    caughtBy: testFile('test/state/lists.test.ts'),
  },
  {
    name: 'one request reads the audit log until it finds something',
    source: 'issue 4 (no request reads the whole store)',
    file: PLACES,
    find: `      if (this.#reading.left < 1) return next\n`,
    replace: ``,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'the audit log ends where one request has read enough',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: 'src/state/query/page.ts',
    find: `if (isEnd && stoppedAt !== null)`,
    replace: `if (isEnd && stoppedAt !== null && rows.length > 0)`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'what one request has found is the number of all audit rows, though it has stopped',
    source: 'api.md (X-Total-Count)',
    file: 'src/state/query/page.ts',
    find: `next: stoppedAt, toSkip: offset - skipped, total: null }`,
    replace: `next: stoppedAt, toSkip: offset - skipped, total: cursor === null ? rows.length : null }`,
    caughtBy: AUDIT_LISTS,
  },
  {
    name: 'the request after one that has stopped begins behind the row that was next',
    source: 'api.md (a cursor neither skips nor repeats)',
    file: PLACES,
    find: `this.#stoppedAt = positionBehind(place, { isReverse: !isReverse })`,
    replace: `this.#stoppedAt = positionBehind(place, { isReverse })`,
    caughtBy: AUDIT_LISTS,
  },
]
