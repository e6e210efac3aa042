import { type Mutant, testFile } from './mutant.ts'

const PER_ADDRESS = testFile('test/ipam/steps-per-address.test.ts')
const PER_ENTRY = testFile('test/state/steps-per-entry.test.ts')
const START = testFile('test/state/cost-of-a-start.test.ts')
const EXPIRY = testFile('test/sim/expiry.test.ts')

const BRANCH = 'src/ipam/free-space/run-branch.ts'
const LEASES = 'src/expiry.ts'

/** What is right and grows with what there is, or takes what others need. */
export const GROWTH: readonly Mutant[] = [
  {
    name: 'a search for addresses asks the nodes without room, too',
    source: 'issue 4 (next free)',
    file: BRANCH,
    find: `const start = child.longest >= count ? child.lowestFit(count, from) : null`,
    replace: `const start = child.lowestFit(count, from)`,
    caughtBy: PER_ADDRESS,
  },
  {
    name: 'strategy lowest goes through the free runs',
    source: 'issue 4 (contiguous 256 in a fragmented /12)',
    file: 'src/ipam/choose-addresses.ts',
    find: `if (strategy === 'lowest') return space.lowestRun(size, { alignment })`,
    replace: `for (const run of strategy === 'lowest' && alignment === 1n ? space.freeRuns() : []) {
    if (rangeSize(run) >= size) return run.first
  }
  if (strategy === 'lowest') return space.lowestRun(size, { alignment })`,
    caughtBy: PER_ADDRESS,
  },
  {
    name: 'a search with an alignment looks at all that was edited',
    source: 'src/ipam/README.md (free space)',
    file: BRANCH,
    find: `const hasRoom = child.longest >= fit.count && child.longestAligned`,
    replace: `const hasRoom = child.longestAligned`,
    caughtBy: PER_ADDRESS,
  },
  {
    name: 'statistics look for the largest block at all that was edited',
    source: 'issue 4 (stats, never by enumeration)',
    file: BRANCH,
    find: `      if (largest !== null && child.longest >> BigInt(largest.bits + 1) === 0n) continue
`,
    replace: '',
    caughtBy: PER_ADDRESS,
  },
  {
    name: 'the largest free block is the highest of equals',
    source: 'api.md (largest_free_block)',
    file: BRANCH,
    find: `      if (largest !== null && child.longest >> BigInt(largest.bits + 1) === 0n) continue
      const block = child.largestBlock
      if (block !== null && (largest === null || block.bits > largest.bits)) largest = block`,
    replace: `      if (largest !== null && child.longest >> BigInt(largest.bits) === 0n) continue
      const block = child.largestBlock
      if (block !== null && (largest === null || block.bits >= largest.bits)) largest = block`,
    caughtBy: testFile('test/ipam/free-space/many-blocks.test.ts'),
  },
  {
    name: 'statistics count the free addresses one run after the other',
    source: 'issue 4 (stats, never by enumeration)',
    file: 'src/state/query/stats.ts',
    find: `available: space.availableCount,`,
    replace: `available: [...space.freeRuns()].reduce((sum, { first, last }) => sum + last - first + 1n, 0n),`,
    caughtBy: PER_ENTRY,
  },
  {
    name: 'whoever ends leases looks at all that are due',
    source: 'issue 4 (TTLs that expire in the same minute)',
    file: 'src/state/state-machine.ts',
    find: `const count = expiries.countDue(time, limit)`,
    replace: `const count = Math.min(limit, expiries.due({ time, limit: Number.MAX_SAFE_INTEGER }).length)`,
    caughtBy: PER_ENTRY,
  },
  {
    name: 'a node that starts reads a row for each allocation, whatever its checkpoint has',
    source: 'issue 4 (ready within 5 s); src/state/README.md (checkpoints)',
    file: 'src/state/load-checkpoint.ts',
    find: `if (row === undefined) return null`,
    replace: `if (row?.length !== 0) return null`,
    caughtBy: START,
  },
  {
    name: 'all leases that are due end in one entry',
    source: 'issue 4 (TTLs that expire in the same minute)',
    file: LEASES,
    find: `const command = { type: 'expireAllocations', limit: EXPIRED_PER_ENTRY_MAX } as const`,
    replace: `const command = { type: 'expireAllocations', limit: 10_000 } as const`,
    caughtBy: EXPIRY,
  },
  {
    name: 'entries of expiries fill the log while a round of it takes long',
    source: 'issue 4 (TTLs that expire in the same minute)',
    file: LEASES,
    find: `if (entries > 0 && this.#inFlight < ENTRIES_IN_FLIGHT_MAX) void`,
    replace: `if (entries > 0) void`,
    caughtBy: EXPIRY,
  },
  {
    name: 'what comes due one by one is ended in bursts',
    source: 'issue 4 (TTLs that expire in the same minute)',
    file: LEASES,
    find: `else this.#checkAfter(this.#inFlight > 0 ? PACE_MS : CHECK_MS)`,
    replace: `else this.#checkAfter(entries > 1 ? BACKLOG_PACE_MS : CHECK_MS)`,
    caughtBy: EXPIRY,
  },
  {
    name: 'many leases that are due end no quicker than a few',
    source: 'issue 4 (TTLs that expire in the same minute)',
    file: LEASES,
    find: `if (entries > BACKLOG_ENTRIES) this.#checkAfter(BACKLOG_PACE_MS)`,
    replace: `if (entries > BACKLOG_ENTRIES) this.#checkAfter(PACE_MS)`,
    caughtBy: EXPIRY,
  },
]
