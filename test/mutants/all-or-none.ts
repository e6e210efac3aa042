import { type Mutant, testFile } from './mutant.ts'

const ALL_OR_NONE_TESTS = testFile('test/state/all-or-none.test.ts')
const VECTORS = testFile('test/state/vectors.test.ts')
const IMPORT = testFile('test/http/import.test.ts')

const STAGED = 'src/state/staged-rows.ts'
const ALLOCATION_ROWS = 'src/state/allocation-rows.ts'
const NETWORK_ROWS = 'src/state/network-rows.ts'
const APPLY_IMPORT = 'src/ipam/apply-import.ts'

/** Batches, carving, imports and dry runs: what is refused has not been, neither in the rows nor in memory. */
export const ALL_OR_NONE: readonly Mutant[] = [
  {
    name: 'what a batch allocated before it failed stays',
    source: 'api.md (batch: all or none)',
    file: STAGED,
    find: `if (!outcome.ok) this.#takeBack(mark)`,
    replace: `if (!outcome.ok && mark < 0) this.#takeBack(mark)`,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'what is taken back is taken back in the order in which it was done',
    source: 'api.md (batch: all or none)',
    file: STAGED,
    find: `const undo = this.#undo.pop()`,
    replace: `const [undo] = this.#undo.splice(mark, 1)`,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'a refused batch leaves its addresses taken',
    source: 'api.md (batch: all or none)',
    file: ALLOCATION_ROWS,
    find: `    this.#rows.undoLater(() => network.space.release(range, { cools: false }))
`,
    replace: ``,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'a refused batch leaves its expiries in memory',
    source: 'api.md (batch: all or none)',
    file: ALLOCATION_ROWS,
    find: `      if (after !== null) this.#expiries.delete({ expiresAt: after, position })
      if (before !== null) this.#expiries.add({ expiresAt: before, position })
`,
    replace: ``,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'a refused batch leaves its allocations counted',
    source: 'api.md (batch: all or none); promise 5',
    file: NETWORK_ROWS,
    find: `      network.allocations -= 1
      network.activeAllocations -= 1
`,
    replace: ``,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'a rest that a refused allocation has ended is over in memory, and goes on in the rows',
    source: 'api.md (batch: all or none); determinism (a restart must not matter)',
    file: ALLOCATION_ROWS,
    find: `        this.#coolings.add(cooling)
        space?.coolAgain({ first, last })
`,
    replace: ``,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'a refused batch moves the place where strategy next goes on',
    source: 'api.md (batch: all or none); determinism (a restart must not matter)',
    file: NETWORK_ROWS,
    find: `      network.nextAddress = before
    })`,
    replace: `      network.nextAddress ??= before
    })`,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'networks of a refused carve stay in memory',
    source: 'api.md (carve: all or none)',
    file: NETWORK_ROWS,
    find: `    this.#rows.undoLater(() => this.#networks.delete(state))
`,
    replace: ``,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'the parent has lost the addresses of a refused carve',
    source: 'api.md (carve: all or none)',
    file: NETWORK_ROWS,
    find: `    this.#rows.undoLater(() => parent.space.delegate(range, before))
`,
    replace: `    this.#rows.undoLater(() => before)
`,
    caughtBy: ALL_OR_NONE_TESTS,
  },
  {
    name: 'a batch names the item that failed by its number from 1',
    source: 'api.md (details name the item by its index)',
    file: 'src/ipam/apply-allocation.ts',
    find: `const field = \`items[\${place}]\``,
    replace: `const field = \`items[\${place + 1}]\``,
    caughtBy: VECTORS,
  },
  {
    name: 'an atomic import keeps the rows that are right',
    source: 'api.md (import: atomic)',
    file: APPLY_IMPORT,
    find: `if (!isAtomic || failures.length === 0) return accept`,
    replace: `if (!isAtomic || failures.length < items.length) return accept`,
    caughtBy: IMPORT,
  },
  {
    name: 'the first wrong row ends an import',
    source: 'issue 4 (errors by row)',
    file: APPLY_IMPORT,
    find: `      failures.push({ item: place, reason, message })
`,
    replace: `      failures.push({ item: place, reason, message })
      break
`,
    caughtBy: IMPORT,
  },
  {
    name: 'a dry run does what it tries',
    source: 'issue 4 (dry_run)',
    file: 'src/ipam/apply.ts',
    find: `    return { ok: false, refusal: { reason: 'batch_refused', message: '', details: [] }, isReplay: false }
`,
    replace: `    return tried as unknown as Outcome
`,
    caughtBy: IMPORT,
  },
  {
    name: 'an import that skips what is there skips an address that another host has',
    source: 'issue 4 (import)',
    file: APPLY_IMPORT,
    find: `if (holder === null || holder.ip !== ip || holder.hostname !== hostname) return false`,
    replace: `if (holder === null || holder.ip !== ip) return false`,
    caughtBy: IMPORT,
  },
  {
    name: 'an import that skips what is there skips a longer range',
    source: 'issue 4 (import)',
    file: APPLY_IMPORT,
    find: `return last - first + 1n === BigInt(count)`,
    replace: `return last >= first && count > 0`,
    caughtBy: IMPORT,
  },
]
