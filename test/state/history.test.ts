/** What has been: who had an address, and who changed what (promise 6). */
import { describe, expect, test } from 'vitest'
import { createRequestIds } from '../../src/http/request-ids.ts'
import type { AuditFilter } from '../../src/ipam/query.ts'
import type { Allocation, AuditEntry } from '../../src/ipam/records.ts'
import { accepted, allocateCommand, Harness, listAudit, nameOf, page, START } from './harness.ts'
import { keysOf } from './state-keys.ts'

const MINUTE_MS = 60_000
const BOB = { user: 'bob', requestId: 'req-2' }

async function openNetwork(): Promise<Harness> {
  const ipam = await Harness.open()
  ipam.createNetwork('net', '10.0.0.0/24')
  return ipam
}

async function addressAt(ipam: Harness, at: number | null, { ip = '10.0.0.1', namespace = 'default' } = {}) {
  return await ipam.machine.query({ type: 'address', question: { namespace, ip, at } })
}

function inWords({ action, resource }: AuditEntry): string {
  return `${action} ${nameOf({ id: resource })}`
}

async function holderAt(ipam: Harness, at: number): Promise<string | null> {
  const { allocation } = await addressAt(ipam, at)
  return allocation && nameOf(allocation)
}

describe('an address', () => {
  test('belongs to an allocation from its first millisecond up to, and not at, its last', async () => {
    const ipam = await openNetwork()
    ipam.allocate('first', 'net')
    ipam.time += 1_000
    ipam.release('first')
    ipam.allocate('second', 'net')
    ipam.time += 1_000
    ipam.release('second')

    const asked = [START - 1, START, START + 999, START + 1_000, START + 1_999, START + 2_000]
    const holders = await Promise.all(asked.map((at) => holderAt(ipam, at)))

    expect(holders).toEqual([null, 'first', 'first', 'second', 'second', null])
    const { allocation, history } = await addressAt(ipam, null)
    expect([allocation, history.map(nameOf)]).toEqual([null, ['second', 'first']])
  })

  test('has a history of a hundred, and one that is asked about is found further back', async () => {
    const ipam = await openNetwork()
    for (let i = 0; i < 250; i++) {
      ipam.allocate(`a${i}`, 'net')
      ipam.time += 1_000
      ipam.release(`a${i}`)
    }

    const { history, allocation } = await addressAt(ipam, START + 3_500)

    expect(history.map(nameOf)).toEqual(Array.from({ length: 100 }, (_, i) => `a${249 - i}`))
    expect(allocation && nameOf(allocation)).toBe('a3')
  })

  test('is another one in another namespace', async () => {
    const ipam = await openNetwork()
    ipam.createNetwork('lab', '10.0.0.0/24', { namespace: 'lab' })
    ipam.allocate('a', 'net')
    ipam.allocate('b', 'lab')

    for (const [namespace, id] of [
      ['default', 'a'],
      ['lab', 'b'],
    ] as const) {
      const { allocation, history } = await addressAt(ipam, null, { namespace })
      expect([allocation && nameOf(allocation), history.map(nameOf)]).toEqual([id, [id]])
    }
    expect(await addressAt(ipam, null, { namespace: 'none' })).toMatchObject({
      state: 'unmanaged',
      history: [],
    })
  })

  test('that is free belongs to nobody, though the one below it is taken', async () => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net', { count: 3 })

    expect((await addressAt(ipam, null, { ip: '10.0.0.3' })).allocation?.id).toBe(ipam.idOf('a'))
    expect(await addressAt(ipam, null, { ip: '10.0.0.4' })).toMatchObject({
      state: 'available',
      allocation: null,
    })
  })
})

describe('an address that is not handed out', () => {
  test('says until when it rests, which is after who had it last, whatever the network says by now', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/28', { cooldownMs: MINUTE_MS })
    ipam.allocate('first', 'net', { count: 3 })
    ipam.release('first')
    ipam.time += MINUTE_MS
    ipam.allocate('second', 'net', { count: 2 })
    ipam.release('second')
    const changes = { cooldownMs: 10 * MINUTE_MS }
    accepted(ipam.apply({ type: 'updateNetwork', id: 'net', changes, ifChangedIndex: null }))

    const resting = await Promise.all(
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((ip) => addressAt(ipam, null, { ip })),
    )
    ipam.time += MINUTE_MS
    accepted(ipam.apply({ type: 'expireAllocations', limit: 10 }))

    expect(resting.map(({ state, coolingUntil }) => [state, coolingUntil])).toEqual([
      ['cooling', START + 2 * MINUTE_MS],
      ['cooling', START + 2 * MINUTE_MS],
      ['available', null],
    ])
    expect(await addressAt(ipam, null)).toMatchObject({ state: 'available', coolingUntil: null })
  })

  test.each([
    { why: 'the gateway, also inside a range', ip: '10.0.0.1', state: 'reserved', by: 'gateway' },
    { why: 'one of a range', ip: '10.0.0.9', state: 'reserved', by: '10.0.0.1-10.0.0.9' },
    { why: 'beside the range', ip: '10.0.0.10', state: 'available', by: null },
    { why: 'one of a prefix', ip: '10.0.0.79', state: 'reserved', by: '10.0.0.64/28' },
    { why: 'had before it was reserved', ip: '10.0.0.20', state: 'allocated', by: '10.0.0.20' },
    { why: 'no host', ip: '10.0.0.255', state: 'not_usable', by: '10.0.0.255' },
    { why: 'of a child that reserves nothing', ip: '10.0.0.100', state: 'available', by: null },
    { why: 'in no network', ip: '10.0.1.1', state: 'unmanaged', by: null },
  ])('says what reserves it: $why', async ({ ip, state, by }) => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net', { ip: '10.0.0.20' })
    ipam.createNetwork('child', '10.0.0.96/28')
    const reserved = ['10.0.0.1-10.0.0.9', '10.0.0.20', '10.0.0.64/28', '10.0.0.100', '10.0.0.255']
    const changes = { gateway: '10.0.0.1', reserved }
    accepted(ipam.apply({ type: 'updateNetwork', id: 'net', changes, ifChangedIndex: null }))

    expect(await addressAt(ipam, null, { ip })).toMatchObject({ state, reservedBy: by, coolingUntil: null })
  })
})

describe('the audit log', () => {
  test('has what a change made of what', async () => {
    const ipam = await openNetwork()
    const before = await ipam.machine.query({ type: 'network', id: 'net' })
    const changes = { description: 'Office' }
    accepted(ipam.apply({ type: 'updateNetwork', id: 'net', changes, ifChangedIndex: null }, BOB))
    const allocated = ipam.allocate('a', 'net', { ttlMs: MINUTE_MS })
    const renewed = accepted<Allocation>(
      ipam.apply({ type: 'renewAllocation', id: 'a', ttlMs: null, ifChangedIndex: null }, BOB),
    )
    const updated = accepted<Allocation>(
      ipam.apply(
        { type: 'updateAllocation', id: 'a', changes: { hostname: 'x' }, ifChangedIndex: null },
        BOB,
      ),
    )

    const rows = await ipam.audit()

    const { parentId: _, ...network } = before ?? { parentId: null }
    expect(rows.filter(({ user }) => user === 'bob')).toMatchObject([
      {
        action: 'network_updated',
        requestId: 'req-2',
        before: network,
        after: { ...network, ...changes, changedIndex: 2 },
      },
      { action: 'ip_renewed', requestId: 'req-2', before: allocated, after: renewed },
      { action: 'ip_updated', requestId: 'req-2', before: renewed, after: updated },
    ])
  })

  test('has a row for each item of a batch and each carved network, in their order', async () => {
    const ipam = await openNetwork()
    const carve = {
      type: 'carveNetworks',
      parentId: 'net',
      prefixLength: 28,
      tags: [],
      metadata: {},
    } as const
    accepted(ipam.apply({ ...carve, ids: ['x', 'y', 'z'], description: '' }))

    const rows = await ipam.audit(3)

    expect(rows.map(({ index, sequence, resource }) => [index, sequence, nameOf({ id: resource })])).toEqual([
      [2, 0, 'x'],
      [2, 1, 'y'],
      [2, 2, 'z'],
    ])
  })

  const filters: { why: string; filter: Partial<AuditFilter>; found: string[] }[] = [
    { why: 'a user', filter: { user: 'bob' }, found: ['ip_released a', 'ip_allocated b'] },
    { why: 'an action', filter: { action: 'ip_released' }, found: ['ip_released a', 'ip_released b'] },
    {
      why: 'an action of a user',
      filter: { action: 'ip_released', user: 'alice' },
      found: ['ip_released b'],
    },
    {
      why: 'an action of a resource',
      filter: { action: 'ip_released', resource: 'a' },
      found: ['ip_released a'],
    },
    { why: 'a request', filter: { requestId: 'req-2' }, found: ['ip_released a', 'ip_allocated b'] },
    {
      why: 'a request and a user who did not send it',
      filter: { requestId: 'req-2', user: 'alice' },
      found: [],
    },
    {
      why: 'an address, whoever had it',
      filter: { ip: '10.0.0.1' },
      found: ['ip_allocated a', 'ip_released a', 'ip_allocated b', 'ip_released b'],
    },
    { why: 'an address of another namespace', filter: { ip: '10.0.0.1', namespace: 'lab' }, found: [] },
    {
      why: 'since a time, itself included',
      filter: { since: START + 2_000 },
      found: ['ip_allocated b', 'ip_released b'],
    },
    {
      why: 'until a time, itself not included',
      filter: { until: START + 1_000 },
      found: ['network_created net', 'ip_allocated a'],
    },
    {
      why: 'after an index, itself not included',
      filter: { afterIndex: 3 },
      found: ['ip_allocated b', 'ip_released b'],
    },
    { why: 'a user within a time', filter: { user: 'bob', until: START + 2_000 }, found: ['ip_released a'] },
  ]

  test.each(filters)('is asked for $why', async ({ filter, found }) => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net')
    ipam.time += 1_000
    ipam.apply({ type: 'releaseAllocation', id: 'a', ifChangedIndex: null }, BOB)
    ipam.time += 1_000
    ipam.apply(allocateCommand('b', 'net'), BOB)
    ipam.time += 1_000
    ipam.release('b')

    const resource = filter.resource == null ? null : ipam.idOf(filter.resource)
    const { rows } = await listAudit(ipam.machine, { ...filter, resource })
    const events: AuditEntry[] = []
    // As somebody who follows: a page at a time by the cursor, from where the filter begins.
    for (let cursor: string | null = null, isOver = false; !isOver; isOver = cursor === null) {
      const followed = { ...filter, resource, afterIndex: filter.afterIndex ?? 0 }
      const next = await listAudit(ipam.machine, followed, page(1, cursor))
      events.push(...next.rows)
      cursor = next.nextCursor
    }

    expect(rows.map(inWords)).toEqual(found)
    expect(events.map(inWords)).toEqual(found)
  })

  test('comes as events after an index: the oldest first, however many there are', async () => {
    const ipam = await openNetwork()
    for (let i = 0; i < 5; i++) ipam.allocate(`a${i}`, 'net')
    const followed: string[] = []

    for (let afterIndex = 1; afterIndex < 6; ) {
      const { rows } = await listAudit(ipam.machine, { afterIndex }, page(2))
      followed.push(...rows.map(inWords))
      afterIndex = rows.at(-1)?.index ?? Number.POSITIVE_INFINITY
    }

    expect(followed).toEqual(Array.from({ length: 5 }, (_, i) => `ip_allocated a${i}`))
  })
})

describe('audit rows of requests whose ids are ours', () => {
  /** Three nodes give ids; what they ask for is applied in nearly the order of that. */
  async function askedByThree(count: number) {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/16')
    const nodes = Array.from({ length: 3 }, () => createRequestIds())
    const ids = Array.from({ length: count }, (_, i) => (nodes[i % 3] as () => string)())
    for (let i = 0; i + 5 < count; i += 7) [ids[i], ids[i + 5]] = [ids[i + 5] as string, ids[i] as string]
    for (const [i, requestId] of ids.entries()) {
      ipam.apply(allocateCommand(`a${i}`, 'net'), { user: 'alice', requestId })
      ipam.time += 10
    }
    return { ipam, ids }
  }

  test('are found by the id, each its own and no other', async () => {
    const { ipam, ids } = await askedByThree(1_500)
    for (let i = 0; i < ids.length; i += 13) {
      const { rows } = await listAudit(ipam.machine, { requestId: ids[i] ?? '' })
      expect(rows.map(({ requestId }) => requestId)).toEqual([ids[i]])
    }
    expect((await listAudit(ipam.machine, { requestId: `${(ids[0] ?? '').slice(0, 10)}-zz` })).rows).toEqual(
      [],
    )
  })

  test('share a few keys of each block of the log', async () => {
    const { ipam } = await askedByThree(1_500)

    expect((await keysOf(ipam.machine, 'wr')).length).toBeLessThan(6 * 3 * 2 + 1)
    expect(await keysOf(ipam.machine, 'q')).toEqual(['qreq-1 000000000000010000'])
  })

  test('leave no key behind once all of their block are forgotten', async () => {
    const { ipam, ids } = await askedByThree(700)
    const before = await keysOf(ipam.machine, 'wr')
    ipam.apply({ type: 'pruneAudit', before: START + 5_200, limit: 10_000 })
    const after = await keysOf(ipam.machine, 'wr')

    expect(after).toEqual(before.filter((key) => Number.parseInt(key.slice(-14), 16) >= 2))
    expect((await listAudit(ipam.machine, { requestId: ids[600] ?? '' })).rows).toHaveLength(1)
  })
})

describe('audit rows that are old enough', () => {
  const prune = (before: number) => ({ type: 'pruneAudit', before, limit: 10_000 }) as const

  test('are those from before the time, and none of the time itself', async () => {
    const ipam = await openNetwork()
    ipam.time += MINUTE_MS
    ipam.allocate('a', 'net')

    expect(accepted(ipam.apply(prune(START)))).toEqual({ pruned: 0, isDone: true })
    expect(accepted(ipam.apply(prune(START + MINUTE_MS)))).toEqual({ pruned: 1, isDone: true })
    expect((await ipam.audit()).map(({ resource }) => nameOf({ id: resource }))).toEqual(['a', 'audit'])
  })

  test('are found by nothing any more, and the others by all that they were', async () => {
    const ipam = await openNetwork()
    ipam.time += MINUTE_MS
    ipam.allocate('a', 'net')
    ipam.apply({ type: 'releaseAllocation', id: 'a', ifChangedIndex: null }, BOB)
    accepted(ipam.apply(prune(ipam.time)))

    for (const filter of [{ user: 'alice' }, { requestId: 'req-1' }, { ip: '10.0.0.1', user: 'alice' }]) {
      const { rows } = await listAudit(ipam.machine, filter)
      expect([filter, rows.map(({ action }) => action)]).toEqual([filter, ['ip_allocated']])
    }
    expect((await listAudit(ipam.machine, { resource: 'net' })).rows).toEqual([])
  })

  test('leave nothing behind once all of their block has gone', async () => {
    const ipam = await openNetwork()
    ipam.apply({ type: 'deleteNetwork', id: 'net', ifChangedIndex: null }, BOB)
    for (let i = 0; i < 300; i++) ipam.machine.apply(ipam.append('noop', Buffer.alloc(0)))
    ipam.time += MINUTE_MS
    ipam.createNetwork('new', '10.0.0.0/24')

    const before = await keysOf(ipam.machine, 'wu')
    accepted(ipam.apply(prune(ipam.time)))
    const after = await keysOf(ipam.machine, 'wu')

    expect(before.map((key) => key.split(' ')[0])).toEqual(['wualice', 'wualice', 'wubob'])
    expect(after.map((key) => key.split(' ')[0])).toEqual(['wualice', 'wusystem'])
    expect(
      (await listAudit(ipam.machine, { user: 'alice' })).rows.map(({ resource }) => nameOf({ id: resource })),
    ).toEqual(['new'])
  })
})
