import { type Mutant, testFile } from './mutant.ts'

const EXPIRIES = testFile('test/state/expiry-index.test.ts')

/** What the state keeps in typed arrays and rows at fixed places, where a slip of one shows in no type. */
export const ROWS_IN_MEMORY: readonly Mutant[] = [
  {
    name: 'what ends at this very moment is not due yet',
    source: 'docs (ttl)',
    file: 'src/state/expiry-index.ts',
    find: `if (at > time) return`,
    replace: `if (at >= time) return`,
    caughtBy: EXPIRIES,
  },
  {
    name: 'an expiry at the border of two chunks is put into the wrong one',
    source: 'everything due ends',
    file: 'src/state/expiry-index.ts',
    find: `compareAt(this.#chunks[middle] as Chunk, 0, entry) <= 0`,
    replace: `compareAt(this.#chunks[middle] as Chunk, 0, entry) < 0`,
    caughtBy: EXPIRIES,
  },
  {
    name: 'a full chunk of expiries keeps the times of those that it has handed on',
    source: 'everything due ends',
    file: 'src/state/expiry-index.ts',
    find: `expiresAt: chunk.expiresAt.splice(at),`,
    replace: `expiresAt: chunk.expiresAt.slice(at),`,
    caughtBy: EXPIRIES,
  },
  {
    name: 'more is due than was asked for',
    source: 'src/expiry.ts (entries of a bounded size)',
    file: 'src/state/expiry-index.ts',
    find: `if (count >= limit) return limit`,
    replace: `if (count > limit) return count`,
    caughtBy: EXPIRIES,
  },
  {
    name: 'what is due is counted only as far as whole chunks are',
    source: 'everything due ends',
    file: 'src/state/expiry-index.ts',
    find: `isWhole ? expiresAt.length : expiresAt.filter((at) => at <= time).length`,
    replace: `isWhole ? expiresAt.length : 0`,
    caughtBy: EXPIRIES,
  },
]
