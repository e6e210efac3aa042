import { type Mutant, testFile } from './mutant.ts'

const CHOICES = testFile('test/state/choices.test.ts')
const RESTARTS = testFile('test/state/restarts.test.ts')
const VECTORS = testFile('test/state/vectors.test.ts')
const CHANGES = testFile('test/http/changes.test.ts')
const CLIENT = testFile('test/cli/client.test.ts')
const WAYS_OUT = testFile('test/http/ways-out.test.ts')

const APPLY_ALLOCATION = 'src/ipam/apply-allocation.ts'
const APPLY_NETWORK = 'src/ipam/apply-network.ts'
const ALLOCATION_ROWS = 'src/state/allocation-rows.ts'

/** Release, renewal, PATCH, and changes that depend on what somebody has seen. */
export const LIFETIMES_AND_CHANGES: readonly Mutant[] = [
  {
    name: 'a range is released up to its first address',
    source: 'issue 4 (a range released as a whole)',
    file: ALLOCATION_ROWS,
    find: `    const range = rangeOfAllocation(after)
    const cools`,
    replace: `    const { first } = rangeOfAllocation(after)
    const range = { first, last: first }
    const cools`,
    caughtBy: VECTORS,
  },
  {
    name: 'renewing counts from the end that it had',
    source: 'api.md (renew)',
    file: APPLY_ALLOCATION,
    find: `const expiresAt = ttlMs === null ? null : at.time + ttlMs`,
    replace: `const expiresAt = ttlMs === null ? null : (before.expiresAt ?? at.time) + ttlMs`,
    caughtBy: VECTORS,
  },
  {
    name: 'what is over can be renewed until somebody comes to end it',
    source: 'issue 4 (renew after expiry)',
    file: APPLY_ALLOCATION,
    find: `before.status !== 'allocated' || (before.expiresAt !== null && before.expiresAt <= at.time)`,
    replace: `before.status !== 'allocated'`,
    caughtBy: VECTORS,
  },
  {
    name: 'what has expired can be renewed, whoever has its address by now',
    source: 'promise 1; issue 4 (renew after expiry)',
    file: APPLY_ALLOCATION,
    find: `before.status !== 'allocated' || (before.expiresAt !== null && before.expiresAt <= at.time)`,
    replace: `before.status === 'released'`,
    caughtBy: VECTORS,
  },
  {
    name: 'a renewed allocation expires when it would have',
    source: 'api.md (renew)',
    file: ALLOCATION_ROWS,
    find: `    this.#setExpiry(position, expiresAt)
    this.#rows.noteChange({ network: network.position, range, isAllocated: true, position, expiresAt })
`,
    replace: `    this.#rows.noteChange({ network: network.position, range, isAllocated: true, position, expiresAt })
`,
    caughtBy: RESTARTS,
  },
  {
    name: 'after a restart a renewed allocation expires when it would have',
    source: 'api.md (renew); determinism (a restart must not matter)',
    file: ALLOCATION_ROWS,
    find: `    this.#putRange(network, range, { position, expiresAt: after.expiresAt })
`,
    replace: ``,
    caughtBy: RESTARTS,
  },
  {
    name: 'a network is changed whatever it has become since it was seen',
    source: 'api.md (If-Match)',
    file: APPLY_NETWORK,
    find: `refuseChanged(before, ifChangedIndex)`,
    replace: `refuseChanged(before, null)`,
    caughtBy: CLIENT,
  },
  {
    name: 'a network is deleted whatever it has become since it was seen',
    source: 'api.md (If-Match)',
    file: APPLY_NETWORK,
    find: `refuseChanged(record, ifChangedIndex)`,
    replace: `refuseChanged(record, null)`,
    caughtBy: CLIENT,
  },
  {
    name: 'an allocation is changed whatever it has become since it was seen',
    source: 'api.md (If-Match)',
    file: APPLY_ALLOCATION,
    find: `refuseChanged(before, ifChangedIndex)
  if (changed !== null) return changed
  const metadata`,
    replace: `refuseChanged(before, null)
  if (changed !== null) return changed
  const metadata`,
    caughtBy: CHANGES,
  },
  {
    name: 'an allocation is renewed whatever it has become since it was seen',
    source: 'api.md (If-Match)',
    file: APPLY_ALLOCATION,
    find: `refuseChanged(before, ifChangedIndex)
  if (changed !== null) return changed
  if (before.status`,
    replace: `refuseChanged(before, null)
  if (changed !== null) return changed
  if (before.status`,
    caughtBy: CHANGES,
  },
  {
    name: 'an allocation is released whatever it has become since it was seen',
    source: 'api.md (If-Match)',
    file: APPLY_ALLOCATION,
    find: `  if (before.status !== 'allocated') return accept(before)
  const changed = refuseChanged(before, ifChangedIndex)`,
    replace: `  if (before.status !== 'allocated') return accept(before)
  const changed = refuseChanged(before, null)`,
    caughtBy: CHANGES,
  },
  {
    name: 'the API does not hear the If-Match of a release',
    source: 'api.md (If-Match)',
    file: 'src/http/allocations.ts',
    find: `{ isOptional: true })
        const target = { id: allocationId(c), ifChangedIndex: ifMatch(c) }`,
    replace: `{ isOptional: true })
        const target = { id: allocationId(c), ifChangedIndex: null }`,
    caughtBy: CHANGES,
  },
  {
    name: 'of several ETags each must hold',
    source: 'RFC 9110 §13.1.1',
    file: 'src/ipam/refuse.ts',
    find: `if (seen.includes(changedIndex)) return null`,
    replace: `if (seen.every((index) => index === changedIndex)) return null`,
    caughtBy: CHANGES,
  },
  {
    name: 'a weak ETag holds',
    source: 'RFC 9110 §13.1.1',
    file: 'src/http/write.ts',
    find: `const isOurs = !isWeak && `,
    replace: `const isOurs = isWeak !== null && `,
    caughtBy: CHANGES,
  },
  {
    name: 'a change of a network to what there is is on record',
    source: 'src/http/README.md',
    file: APPLY_NETWORK,
    find: `  if (fields.length === 0) return accept(placed(store, before, network.prefix))\n`,
    replace: ``,
    caughtBy: CHANGES,
  },
  {
    name: 'a change of an allocation to what there is is on record',
    source: 'src/http/README.md',
    file: APPLY_ALLOCATION,
    find: `  if (fields.length === 0) return accept(before)\n`,
    replace: ``,
    caughtBy: CHANGES,
  },
  {
    name: 'a change of a user to the role that he has is on record',
    source: 'src/http/README.md',
    file: 'src/ipam/apply-access.ts',
    find: `  if ((role ?? before.role) === before.role && passwordHash === null) return accept(before)\n`,
    replace: ``,
    caughtBy: CHANGES,
  },
  {
    name: 'a list that begins as the one before is the same',
    source: 'src/http/README.md',
    file: 'src/ipam/differences.ts',
    find: `own.length === others.size && `,
    replace: ``,
    caughtBy: CHANGES,
  },
  {
    name: 'an If-Match that is no ETag of ours counts as none',
    source: 'RFC 9110 §13.1.1',
    file: 'src/http/write.ts',
    find: `  throw new ProblemError({ status: 412, reason: 'precondition_failed', message })
`,
    replace: `  if (message !== '') return null
  throw new ProblemError({ status: 412, reason: 'precondition_failed', message })
`,
    caughtBy: testFile('test/http/malformed.test.ts'),
  },
  {
    name: 'a change of an allocation leaves its ETag as it was',
    source: 'api.md (ETag)',
    file: APPLY_ALLOCATION,
    find: `{ ...asked, changedIndex: at.index }`,
    replace: `{ ...asked }`,
    caughtBy: CHANGES,
  },
  {
    name: 'a renewal leaves the ETag as it was',
    source: 'api.md (ETag)',
    file: APPLY_ALLOCATION,
    find: `{ ...before, expiresAt, changedIndex: at.index }`,
    replace: `{ ...before, expiresAt }`,
    caughtBy: CHANGES,
  },
  {
    name: 'a change of an allocation clears what it does not name',
    source: 'RFC 7396; api.md (PATCH)',
    file: 'src/http/allocation-body.ts',
    find: `if (named.has('tags')) changes.tags = body.tags ?? []`,
    replace: `changes.tags = body.tags ?? []`,
    caughtBy: CHANGES,
  },
  {
    name: 'a change of metadata replaces all of it',
    source: 'RFC 7396; api.md (PATCH)',
    file: 'src/ipam/metadata.ts',
    find: `const after = new Map(Object.entries(before))`,
    replace: `const after = new Map(Object.entries(before).filter(([key]) => key in changes))`,
    caughtBy: CLIENT,
  },
  {
    name: 'an allocation that names an address only may be in any namespace',
    source: 'api.md (a namespace is its own address space)',
    file: APPLY_ALLOCATION,
    find: `return 'cidr' in ref ? exact : (exact ?? store.parentOf(ref.namespace, prefix))`,
    replace: `return 'cidr' in ref ? exact : (exact ?? store.parentOf('default', prefix))`,
    caughtBy: CHOICES,
  },
  {
    name: 'a key that maps cannot hold is left out of the metadata',
    source: 'promise 5: what is answered with success is there',
    file: 'src/http/input.ts',
    find: `    if (MAY_NAME_PROTO.test(text)) refuseProto(value, [])
`,
    replace: ``,
    caughtBy: WAYS_OUT,
  },
  {
    name: 'a map that cannot hold a key is looked for at any depth',
    source: 'api.md (never a 500 for bad input)',
    file: 'src/http/input.ts',
    find: `value === null || path.length > MAP_DEPTH_MAX) return`,
    replace: `value === null) return`,
    caughtBy: WAYS_OUT,
  },
]
