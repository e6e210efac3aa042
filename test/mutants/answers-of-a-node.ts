import { type Mutant, testFile } from './mutant.ts'

const FLUSH = testFile('test/state/flush.test.ts')
const OVERLAY = testFile('test/state/overlay.test.ts')
const HEADERS = testFile('test/http/request-headers.test.ts')
const SPARSE = testFile('test/http/sparse-object.test.ts')
const HOSTNAMES = testFile('test/state/hostname-index.test.ts')

/** From a request to its answer: the session that it is written through, the rows that it waits for, and what is said of it. */
export const ANSWERS_OF_A_NODE: readonly Mutant[] = [
  {
    name: 'of several lines of a header the last one counts',
    source: 'RFC 9110 §5.3',
    file: 'src/http/request-headers.ts',
    find: `value === null ? text`,
    replace: `value !== '' ? text`,
    caughtBy: HEADERS,
  },
  {
    name: 'a field that no request has is let in beside those that it may have',
    source: 'api.md (unknown fields)',
    file: 'src/http/sparse-object.ts',
    find: `return known === Object.keys(given).length ? data : undefined`,
    replace: `return data`,
    caughtBy: SPARSE,
  },
  {
    name: 'fields that have to agree are looked at one by one',
    source: 'src/http/sparse-object.ts',
    file: 'src/http/sparse-object.ts',
    find: `if (ofWhole.length > 0 || !(catchall instanceof z.ZodNever))`,
    replace: `if (!(catchall instanceof z.ZodNever))`,
    caughtBy: SPARSE,
  },
  {
    name: 'what a request leaves out may be changed for all that come after it',
    source: 'src/http/sparse-object.ts',
    file: 'src/http/sparse-object.ts',
    find: `Object.freeze(result.data)`,
    replace: `result.data`,
    caughtBy: SPARSE,
  },
  {
    name: 'an allocation that was taken back stays in its block of host names',
    source: 'src/state/README.md (host names)',
    file: 'src/state/hostname-rows.ts',
    find: `      tail.pop()
`,
    replace: '',
    caughtBy: HOSTNAMES,
  },
  {
    name: 'there is room for more rows as soon as any have been written',
    source: 'limits (unflushed rows)',
    file: 'src/state/flush.ts',
    find: `if (this.#capacity === null || this.#overlay.sizeBytes >= this.#limits.dirtyBytesMax) return`,
    replace: `if (this.#capacity === null) return`,
    caughtBy: FLUSH,
  },
  {
    name: 'what is applied while rows are written waits for the next entry to be written itself',
    source: 'src/state/README.md (flush)',
    file: 'src/state/flush.ts',
    find: `    if (this.#durable.index < this.#overlay.point.index) this.noticeEntry()
`,
    replace: '',
    caughtBy: FLUSH,
  },
  {
    name: 'rows of an entry that could not be applied are written',
    source: 'rule 10; src/state/README.md (flush)',
    file: 'src/state/flush.ts',
    find: `    this.#failure = { error }
    this.#isStopped = true
`,
    replace: `    this.#failure = { error }
`,
    caughtBy: FLUSH,
  },
  {
    name: 'a backlog of rows is written in one batch, however large',
    source: 'every batch has a maximum',
    file: 'src/state/overlay.ts',
    find: `      if (count > 0 && bytes > LAYER_BYTES_MAX) break
`,
    replace: '',
    caughtBy: FLUSH,
  },
  {
    name: 'where layers of rows are merged the journal loses the older changes',
    source: 'src/state/README.md (Checkpoints)',
    file: 'src/state/overlay.ts',
    find: `newer.changes.length === 0 ? older.changes : [...older.changes, ...newer.changes]`,
    replace: `newer.changes.length === 0 ? older.changes : newer.changes`,
    caughtBy: OVERLAY,
  },
]
