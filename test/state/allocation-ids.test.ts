import { describe, expect, test } from 'vitest'
import type { AllocationRequest } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { Allocation } from '../../src/ipam/records.ts'
import { accepted, Harness, imageOf, listAudit, metaAt, refusal, streamOf } from './harness.ts'

const TOKEN = 'V1StGXR8Z5jd'

function request(token: string): AllocationRequest {
  return { ...ALLOCATION_DEFAULTS, token, network: { id: 'net' } }
}

/** Allocates at index 2, and with a batch at index 3. */
async function openEstate(): Promise<{ ipam: Harness; given: Allocation[] }> {
  const ipam = await Harness.open()
  ipam.createNetwork('net', '10.0.0.0/24')
  const one = accepted<Allocation>(ipam.apply({ type: 'allocateAddresses', ...request(TOKEN) }))
  const items = [request(TOKEN), request(TOKEN)]
  const two = accepted<Allocation[]>(ipam.apply({ type: 'allocateBatch', items }))
  return { ipam, given: [one, ...two] }
}

describe('the id of an allocation', () => {
  test('is the token and the position, so that equal tokens make different ids', async () => {
    const { ipam, given } = await openEstate()

    expect(given.map(({ id }) => id)).toEqual([`alloc-${TOKEN}2`, `alloc-${TOKEN}3`, `alloc-${TOKEN}3_1`])
    for (const allocation of given) {
      expect(await ipam.machine.query({ type: 'allocation', id: allocation.id })).toEqual(allocation)
      const { rows } = await listAudit(ipam.machine, { resource: allocation.id })
      expect(rows.map(({ after }) => after)).toEqual([allocation])
    }
  })

  test.each([
    { id: 'alloc-XXXXXXXXXXXX2', why: 'another token at that position' },
    { id: `alloc-${TOKEN.toLowerCase()}2`, why: 'the token in other letters' },
    { id: `alloc-${TOKEN}1`, why: 'the position of a network' },
    { id: `alloc-${TOKEN}4`, why: 'a position that comes next' },
    { id: `alloc-${TOKEN}3_2`, why: 'a sequence number that comes next' },
    { id: `alloc-${TOKEN}02`, why: 'a leading zero' },
    { id: `alloc-${TOKEN}2_0`, why: 'a sequence number that is left out' },
    { id: `alloc-${TOKEN}3_01`, why: 'a leading zero behind _' },
    { id: `alloc-${TOKEN}2_zzzz`, why: 'a sequence number that no entry has' },
    { id: `alloc-${TOKEN}2gosa7pa2gv`, why: 'the highest index' },
    { id: `alloc-${TOKEN}zzzzzzzzzzz`, why: 'an index beyond 2^53' },
    { id: `alloc-${TOKEN}`, why: 'no position' },
    { id: 'alloc-1', why: 'no token' },
    { id: 'net', why: 'a network' },
    { id: 'x'.repeat(64), why: 'anything' },
  ])('is found in its canonical form only: nobody has $id, $why', async ({ id }) => {
    const { ipam, given } = await openEstate()

    expect(await ipam.machine.query({ type: 'allocation', id })).toBeNull()
    const release = { type: 'releaseAllocation', id, ifChangedIndex: null } as const
    const renew = { type: 'renewAllocation', id, ttlMs: 1_000, ifChangedIndex: null } as const
    const update = { type: 'updateAllocation', id, changes: { hostname: 'x' }, ifChangedIndex: null } as const
    for (const command of [release, renew, update]) {
      expect(refusal(ipam.apply(command)).reason).toBe('allocation_not_found')
    }
    const ofAllocation = (await listAudit(ipam.machine, { resource: id })).rows.filter(
      ({ action }) => action !== 'network_created',
    )
    expect(ofAllocation).toEqual([])
    for (const allocation of given) {
      expect(await ipam.machine.query({ type: 'allocation', id: allocation.id })).toEqual(allocation)
    }
  })

  test('of a future that a backup has undone releases nobody else who has its position now', async () => {
    const { ipam } = await openEstate()
    const backup = await imageOf(ipam.machine)
    const lost = ipam.allocate('lost', 'net')
    const restored = await Harness.open()
    await restored.machine.restore(metaAt(backup.appliedIndex), streamOf(backup.chunks))

    const other = restored.allocate('other', 'net')

    expect([other.changedIndex, other.ip]).toEqual([lost.changedIndex, lost.ip])
    expect(await restored.machine.query({ type: 'allocation', id: lost.id })).toBeNull()
    const release = { type: 'releaseAllocation', id: lost.id, ifChangedIndex: null } as const
    expect(refusal(restored.apply(release)).reason).toBe('allocation_not_found')
    expect(await restored.machine.query({ type: 'allocation', id: other.id })).toEqual(other)
  })
})
