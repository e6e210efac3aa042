import { type Mutant, SIMULATOR } from './mutant.ts'

/** What only shows where clients use all of the service: nested networks, batches, wishes, leases, and keys that are used again. */
export const IPAM_SIM: readonly Mutant[] = [
  {
    name: 'a refusal is not kept under its idempotency key',
    source: 'promise 4',
    file: 'src/ipam/idempotency.ts',
    find: `  store.keepAnswer({ ...stamp, outcome, time })`,
    replace: `  if (outcome.ok) store.keepAnswer({ ...stamp, outcome, time })`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a key that was used for something else gets the first answer',
    source: 'promise 4',
    file: 'src/ipam/idempotency.ts',
    find: `  if (fingerprint === stamp.fingerprint) return`,
    replace: `  if (fingerprint !== '') return`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a write that waited for a session goes without its key',
    source: 'promise 4',
    file: 'src/gateway-session.ts',
    find: `    const write = { command, context, idempotency }
`,
    replace: `    const write = { command, context, idempotency: this.#session === null ? null : idempotency }
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'keys never grow too old',
    source: 'invariant: which answers are kept is the same for all',
    file: 'src/state/idempotency-rows.ts',
    find: `if (age.time + keptMs > time && !isTooMany) return false`,
    replace: `if (age.time + keptMs > 0 && !isTooMany) return false`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the age of keys is forgotten at a restart',
    source: 'invariant: a state is what the log makes of nothing',
    file: 'src/state/load.ts',
    find: `    for (const [key, row] of rows) ages.add(parseIdempotencyAgeKey(key), decodeIdempotencyAge(row).bytes)
`,
    replace: `    if (rows.length > TRIP_ROWS) {
      for (const [key, row] of rows) ages.add(parseIdempotencyAgeKey(key), decodeIdempotencyAge(row).bytes)
    }
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an answer of before is given as a new one',
    source: 'promise 4',
    file: 'src/ipam/idempotency.ts',
    find: `return { ...outcome, isReplay: true }`,
    replace: `return { ...outcome, isReplay: false }`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a batch stops at what it cannot have, and keeps what it has',
    source: 'invariant: a batch is all or none',
    file: 'src/ipam/apply-allocation.ts',
    find: `    if (!outcome.ok) {
      const { message } = outcome.refusal`,
    replace: `    if (!outcome.ok && place > 0) return accept(allocations)
    if (!outcome.ok) {
      const { message } = outcome.refusal`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a batch that is refused leaves its addresses taken in memory',
    source: 'invariant: a batch is all or none',
    file: 'src/state/allocation-rows.ts',
    find: `    this.#rows.undoLater(() => network.space.release(range, { cools: false }))
`,
    replace: ``,
    caughtBy: SIMULATOR,
  },
  {
    name: 'what is reserved later is still handed out',
    source: 'invariant: nobody gets a reserved address',
    file: 'src/ipam/address-space.ts',
    find: `for (const range of [...before, ...ranges]) this.#refresh(range)`,
    replace: `for (const range of before) this.#refresh(range)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'what is reserved no longer is not handed out again',
    source: 'invariant: statistics are what the rows say',
    file: 'src/ipam/address-space.ts',
    find: `for (const range of [...before, ...ranges]) this.#refresh(range)`,
    replace: `for (const range of ranges) this.#refresh(range)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a network hands out what its child has',
    source: 'promise 1',
    file: 'src/state/network-rows.ts',
    find: `    this.#delegate(state, [rangeOf(prefix)])
`,
    replace: ``,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a restart knows of no children',
    source: 'promise 1',
    file: 'src/state/load.ts',
    find: `      delegated: rangesOf(prefix, prefixes.childrenOf(network.namespace, prefix)),`,
    replace: `      delegated: rangesOf(prefix, []),`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an address is handed out as soon as it is released',
    source: 'invariant: a released address rests',
    file: 'src/ipam/apply-allocation.ts',
    find: `  store.endAllocation(before, after, cooldownMs === 0 ? null : at.time + cooldownMs)`,
    replace: `  store.endAllocation(before, after, null)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'resting addresses are free once anybody asks',
    source: 'invariant: a released address rests',
    file: 'src/ipam/apply-allocation.ts',
    find: `store.endCoolings({ time: at.time, limit: COOLINGS_ENDED_FIRST })`,
    replace: `store.endCoolings({ time: Number.MAX_SAFE_INTEGER, limit: COOLINGS_ENDED_FIRST })`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'strategy next starts from the beginning each time',
    source: 'invariant: the strategy decides',
    file: 'src/ipam/apply-allocation.ts',
    find: `  if (network.strategy === 'next') store.setNextAddress(network.id, range.last + 1n)
`,
    replace: ``,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a restart forgets where strategy next goes on',
    source: 'invariant: a state is what the log makes of nothing',
    file: 'src/state/load.ts',
    find: `      Object.assign(network, decodeNetworkCounters(row))
`,
    replace: `      Object.assign(network, { ...decodeNetworkCounters(row), nextAddress: null })
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the preferred address is given only if it is the first that is free',
    source: 'invariant: a wish counts',
    file: 'src/ipam/choose-addresses.ts',
    find: `    if (network.space.isFree(preferred)) return preferred`,
    replace: `    if (network.space.lowestRun(size) === preferred.first) return preferred`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a second release is a change of its own',
    source: 'promise 6',
    file: 'src/ipam/apply-allocation.ts',
    find: `  if (before.status !== 'allocated') return accept(before)`,
    replace: `  if (before.status !== 'allocated') return accept({ ...before, changedIndex: at.index })`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the audit row of a renewal shows the new lease as the old one',
    source: 'promise 6',
    file: 'src/ipam/apply-allocation.ts',
    find: `    details: \`Renewed \${addressesOf(before)} \${until}\`,
    user: context.user,
    requestId: context.requestId,
    before,`,
    replace: `    details: \`Renewed \${addressesOf(before)} \${until}\`,
    user: context.user,
    requestId: context.requestId,
    before: after,`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'namespaces share their networks',
    source: 'invariant: a namespace is an address space of its own',
    file: 'src/state/row-store.ts',
    find: `    return this.#memory.networks.parentOf(namespace, prefix)`,
    replace: `    return this.#memory.networks.parentOf(namespace === 'red' ? 'blue' : namespace, prefix)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an allocation that is changed is not found by what it is',
    source: 'invariant: an index finds what a scan finds',
    file: 'src/state/allocation-rows.ts',
    find: `      if (!hasMoved && old.has(term)) continue`,
    replace: `      if (!hasMoved) continue`,
    caughtBy: SIMULATOR,
  },
]
