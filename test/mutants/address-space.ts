import { type Mutant, testFile } from './mutant.ts'

const RESTARTS = testFile('test/state/restarts.test.ts')
const COOL_DOWN = testFile('test/state/cool-down.test.ts')
const VECTORS = testFile('test/state/vectors.test.ts')
const SPACE_MODEL = testFile('test/ipam/address-space.test.ts')

const SPACE = 'src/ipam/address-space.ts'
const LOAD = 'src/state/load.ts'
const APPLY_ALLOCATION = 'src/ipam/apply-allocation.ts'

/** What is never handed out, and what is not handed out for a while. */
export const ADDRESS_SPACE: readonly Mutant[] = [
  {
    name: 'the gateway is handed out',
    source: 'api.md (gateway)',
    file: 'src/ipam/reserved.ts',
    find: `const texts = gateway === null ? reserved : [...reserved, gateway]`,
    replace: `const texts = gateway === null ? reserved : [...reserved]`,
    caughtBy: VECTORS,
  },
  {
    name: 'a reserved address that somebody had is handed out after its release',
    source: 'api.md (reserved)',
    file: SPACE,
    find: `    else if (this.#isReserved(range)) this.#refresh(range)
`,
    replace: '',
    caughtBy: VECTORS,
  },
  {
    name: 'what is no longer reserved is not handed out either',
    source: 'api.md (reserved)',
    file: SPACE,
    find: `for (const range of [...before, ...ranges]) this.#refresh(range)`,
    replace: `for (const range of ranges) this.#refresh(range)`,
    caughtBy: SPACE_MODEL,
  },
  {
    name: 'after a restart reserved addresses are handed out',
    source: 'api.md (reserved)',
    file: LOAD,
    find: `      reserved: reservedRanges(prefix, network),
`,
    replace: `      reserved: [],
`,
    caughtBy: RESTARTS,
  },
  {
    name: 'a point-to-point link has no address for a host',
    source: 'RFC 3021, RFC 6164',
    file: 'src/ipam/range.ts',
    find: `if (prefix.length >= addressBits(prefix.family) - 1) return { first, last }`,
    replace: `if (prefix.length >= addressBits(prefix.family)) return { first, last }`,
    caughtBy: VECTORS,
  },
  {
    name: 'the last address of an IPv6 network is taken for a broadcast address',
    source: 'RFC 4291 §2.6.1',
    file: 'src/ipam/range.ts',
    find: `last: prefix.family === 4 ? last - 1n : last }`,
    replace: `last: last - 1n }`,
    caughtBy: VECTORS,
  },
  {
    name: 'the broadcast address is handed out when all others are taken',
    source: 'api.md (usable addresses)',
    file: SPACE,
    find: `return start === null || start + count - 1n > this.usable.last ? null : start`,
    replace: `return start`,
    caughtBy: SPACE_MODEL,
  },
  {
    name: 'network and broadcast address count as available',
    source: 'api.md (stats)',
    file: SPACE,
    find: `return this.#free.freeCount - BigInt(edges.length)`,
    replace: `return this.#free.freeCount`,
    caughtBy: VECTORS,
  },
  {
    name: 'addresses that rest count as reserved',
    source: 'api.md (stats)',
    file: SPACE,
    find: `this.totalCount - this.allocatedCount - this.coolingCount - this.delegatedCount`,
    replace: `this.totalCount - this.allocatedCount - this.delegatedCount`,
    caughtBy: SPACE_MODEL,
  },
  {
    name: 'a released address is handed out at once',
    source: 'api.md (cool-down)',
    file: APPLY_ALLOCATION,
    find: `cooldownMs === 0 ? null : at.time + cooldownMs)`,
    replace: `null)`,
    caughtBy: VECTORS,
  },
  {
    name: 'an expired address is handed out at once',
    source: 'api.md (cool-down)',
    file: APPLY_ALLOCATION,
    find: `cooldownMs === 0 ? null : at.time + cooldownMs)`,
    replace: `cooldownMs === 0 || status === 'expired' ? null : at.time + cooldownMs)`,
    caughtBy: COOL_DOWN,
  },
  {
    name: 'whoever allocates ends rests that are not over',
    source: 'api.md (cool-down)',
    file: APPLY_ALLOCATION,
    find: `store.endCoolings({ time: at.time, limit: COOLINGS_ENDED_FIRST })`,
    replace: `store.endCoolings({ time: Number.MAX_SAFE_INTEGER, limit: COOLINGS_ENDED_FIRST })`,
    caughtBy: VECTORS,
  },
  {
    name: 'a network keeps the cool-down that it was made with',
    source: 'api.md (PATCH)',
    file: 'src/state/network-rows.ts',
    find: `    network.cooldownMs = after.cooldownMs
`,
    replace: ``,
    caughtBy: COOL_DOWN,
  },
  {
    name: 'after a restart addresses that rest are handed out',
    source: 'issue 4 (cool-down across restart)',
    file: LOAD,
    find: `      cooling: (claims.cooling.get(position) ?? []).toSorted(byFirst),
`,
    replace: `      cooling: [],
`,
    caughtBy: VECTORS,
  },
  {
    name: 'after a restart addresses rest for ever',
    source: 'issue 4 (cool-down across restart)',
    file: LOAD,
    find: `      coolings.add({ expiresAt: until, position: positionIn(key) })
`,
    replace: ``,
    caughtBy: VECTORS,
  },
  {
    name: 'a state does not open whose addresses were not released in their order',
    source: 'issue 4 (cool-down across restart)',
    file: LOAD,
    find: `(claims.cooling.get(position) ?? []).toSorted(byFirst)`,
    replace: `claims.cooling.get(position) ?? []`,
    caughtBy: COOL_DOWN,
  },
  {
    name: 'nobody wakes up for the end of a rest',
    source: 'src/state/README.md (TTL)',
    file: 'src/state/state-machine.ts',
    find: `return expiry === null || cooling === null ? (expiry ?? cooling) : Math.min(expiry, cooling)`,
    replace: `return expiry === null || cooling === null ? expiry : Math.min(expiry, cooling)`,
    caughtBy: COOL_DOWN,
  },
]
