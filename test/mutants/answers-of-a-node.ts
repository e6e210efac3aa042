import { type Mutant, testFile } from './mutant.ts'

const FLUSH = testFile('test/state/flush.test.ts')
const OVERLAY = testFile('test/state/overlay.test.ts')

/** From a request to its answer: the session that it is written through, the rows that it waits for, and what is said of it. */
export const ANSWERS_OF_A_NODE: readonly Mutant[] = [
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
