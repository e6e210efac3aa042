/** Changes of what is there, and changes that depend on what somebody has seen (api.md, concurrency). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, allocationIdAt, openApi } from './fixture.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  await api.request('POST', '/networks', { cidr: '10.0.0.0/24', gateway: '10.0.0.1', tags: ['core'] })
  await api.request('POST', '/allocations', {
    network_id: 'net-1',
    hostname: 'web',
    description: 'front',
    tags: ['prod'],
    mac: '00-00-5E-00-53-01',
    metadata: { rack: '7', owner: 'ada' },
    ttl_hours: 1,
  })
})

afterEach(() => api.close())

const NETWORK = '/networks/net-1'
const ALLOCATION = `/allocations/${allocationIdAt(2)}`

async function etagOf(path: string): Promise<string> {
  return (await api.request('GET', path)).headers.get('etag') ?? ''
}

describe('a change', () => {
  test.each([
    { path: ALLOCATION, change: { hostname: 'db' } },
    { path: ALLOCATION, change: { hostname: null } },
    { path: ALLOCATION, change: { description: 'back' } },
    { path: ALLOCATION, change: { tags: [] } },
    { path: ALLOCATION, change: { mac: null } },
    { path: NETWORK, change: { description: 'office' } },
    { path: NETWORK, change: { gateway: null } },
    { path: NETWORK, change: { reserved: ['10.0.0.2'] } },
    { path: NETWORK, change: { cooldown_seconds: 60 } },
    { path: NETWORK, change: { strategy: 'next' } },
  ])('of $path to $change leaves all else as it was', async ({ path, change }) => {
    const before = await api.request('GET', path)

    const changed = await api.request('PATCH', path, change)

    expect(changed.status).toBe(200)
    expect(changed.body).toEqual({ ...before.body, ...change })
    expect((await api.request('GET', path)).body).toEqual(changed.body)
  })

  test('of metadata sets some keys, removes those that are null, and keeps the others (RFC 7396)', async () => {
    const { body } = await api.request('PATCH', ALLOCATION, { metadata: { owner: null, zone: 'b' } })

    expect(body.metadata).toEqual({ rack: '7', zone: 'b' })
  })

  test.each([
    { why: 'a change of a network', method: 'PATCH', path: NETWORK, of: NETWORK },
    { why: 'a change of an allocation', method: 'PATCH', path: ALLOCATION, of: ALLOCATION },
    { why: 'a renewal', method: 'POST', path: `${ALLOCATION}/renew`, of: ALLOCATION },
  ])('gives a new ETag, which is that of the resource: $why', async ({ method, path, of }) => {
    const before = await etagOf(of)

    const body = method === 'POST' ? { ttl_seconds: 9 } : { description: 'another' }
    const { headers } = await api.request(method, path, body)

    expect(headers.get('etag')).toBe(`"${api.service.appliedIndex}"`)
    expect(await etagOf(of)).toBe(headers.get('etag'))
    expect(before).not.toBe(headers.get('etag'))
  })
})

describe('a change to what there is', () => {
  const same: { readonly path: string; readonly change: object }[] = [
    { path: NETWORK, change: {} },
    { path: NETWORK, change: { tags: ['core'], gateway: '10.0.0.1', strategy: 'lowest', reserved: [] } },
    { path: NETWORK, change: { metadata: {} } },
    { path: NETWORK, change: { metadata: { rack: null } } },
    { path: ALLOCATION, change: {} },
    { path: ALLOCATION, change: { hostname: 'web', mac: '00-00-5e-00-53-01', description: 'front' } },
    { path: ALLOCATION, change: { metadata: { owner: 'ada' }, tags: ['prod'] } },
    { path: '/auth/users/ada', change: {} },
    { path: '/auth/users/ada', change: { role: 'viewer' } },
  ]

  test.each(same)('leaves $path with its ETag, and no trace: $change', async ({ path, change }) => {
    await api.request('POST', '/auth/users', { name: 'ada', role: 'viewer', password: 'a long password' })
    const before = await api.request('GET', path)
    const { appliedIndex } = api.service

    const changed = await api.request('PATCH', path, change)
    const stale = await api.request('PATCH', path, change, { 'If-Match': '"999"' })
    const fresh = await api.request('PATCH', path, change, { 'If-Match': before.headers.get('etag') ?? '' })

    expect([changed.status, stale.status, fresh.status]).toEqual([200, 412, 200])
    expect(changed.body).toEqual(before.body)
    expect(changed.headers.get('etag')).toBe(before.headers.get('etag'))
    expect((await api.request('GET', path)).body).toEqual(before.body)
    expect((await api.request('GET', `/audit?after_index=${appliedIndex}`)).body).toEqual([])
  })

  test.each([
    { path: NETWORK, change: { tags: ['core', 'x'], gateway: '10.0.0.1' }, field: 'tags' },
    { path: NETWORK, change: { metadata: { rack: '8' }, description: '' }, field: 'metadata' },
    { path: ALLOCATION, change: { metadata: { owner: null }, hostname: 'web' }, field: 'metadata' },
  ])('is on record with the fields that it changes alone: $change', async ({ path, change, field }) => {
    const { appliedIndex } = api.service
    await api.request('PATCH', path, change)
    const { body } = await api.request('GET', `/audit?after_index=${appliedIndex}`)

    expect(body.map(({ details }: { details: string }) => details)).toEqual([
      expect.stringMatching(new RegExp(`: ${field}$`)),
    ])
  })
})

describe('If-Match', () => {
  test.each([
    { why: 'a change of a network', method: 'PATCH', path: NETWORK, of: NETWORK, body: { description: 'x' } },
    {
      why: 'a change of an allocation',
      method: 'PATCH',
      path: ALLOCATION,
      of: ALLOCATION,
      body: { hostname: 'x' },
    },
    {
      why: 'a renewal',
      method: 'POST',
      path: `${ALLOCATION}/renew`,
      of: ALLOCATION,
      body: { ttl_hours: null },
    },
    {
      why: 'a release',
      method: 'POST',
      path: `${ALLOCATION}/release`,
      of: ALLOCATION,
      body: {},
    },
  ])(
    'lets happen what was decided on what there is, and nothing else: $why',
    async ({ method, path, of, body }) => {
      const seen = await etagOf(of)
      // Somebody else comes first.
      await api.request('PATCH', of, { description: 'of somebody else' })
      const before = await api.request('GET', of)

      const stale = await api.request(method, path, body, { 'If-Match': seen })
      const untouched = await api.request('GET', of)
      const fresh = await api.request(method, path, body, { 'If-Match': await etagOf(of) })

      expect([stale.status, stale.body.reason, stale.body.applied]).toEqual([
        412,
        'precondition_failed',
        'no',
      ])
      expect(stale.body.error).toContain(`its ETag is ${before.headers.get('etag')}, not ${seen}`)
      expect(untouched.body).toEqual(before.body)
      expect(fresh.status).toBeLessThan(300)
      expect((await api.request('GET', of)).body).not.toEqual(before.body)
    },
  )

  test('of a network that has changed keeps it from being deleted', async () => {
    await api.request('POST', `${ALLOCATION}/release`)
    const seen = await etagOf(NETWORK)
    await api.request('PATCH', NETWORK, { description: 'of somebody else' })

    const stale = await api.request('DELETE', NETWORK, undefined, { 'If-Match': seen })
    const fresh = await api.request('DELETE', NETWORK, undefined, { 'If-Match': await etagOf(NETWORK) })

    expect([stale.status, fresh.status]).toEqual([412, 204])
  })

  test.each([
    { why: 'the first', list: (etag: string) => `${etag}, "998"`, status: 200 },
    { why: 'the last', list: (etag: string) => `"998","999" ,\t${etag}`, status: 200 },
    { why: 'twice', list: (etag: string) => `${etag}, ${etag}`, status: 200 },
    { why: 'beside a weak one', list: (etag: string) => `W/"998", ${etag}`, status: 200 },
    {
      why: 'beside one with a comma that is not ours',
      list: (etag: string) => `"a,b", ${etag}`,
      status: 200,
    },
    { why: 'beside nothing', list: (etag: string) => `, ,${etag},`, status: 200 },
    { why: 'none', list: () => '"998", "999"', status: 412 },
    { why: 'only as a weak one', list: (etag: string) => `"998", W/${etag}`, status: 412 },
    { why: 'only inside of another one', list: (etag: string) => `"998", "9${etag.slice(1)}`, status: 412 },
  ])('of several holds if one does (RFC 9110 §13.1.1): $why', async ({ list, status }) => {
    await api.request('POST', '/auth/users', { name: 'ada', role: 'viewer', password: 'a long password' })
    for (const path of [NETWORK, ALLOCATION, '/auth/users/ada']) {
      const headers = { 'If-Match': list(await etagOf(path)) }
      const change = path.includes('users') ? { role: 'operator' } : { description: 'of several' }

      expect([path, (await api.request('PATCH', path, change, headers)).status]).toEqual([path, status])
    }
  })

  test('of several that do not hold is answered with some of them', async () => {
    const list = Array.from({ length: 9 }, (_, i) => `"${990 + i}"`).join(', ')
    const { status, body } = await api.request('PATCH', NETWORK, { description: 'x' }, { 'If-Match': list })

    expect(status).toBe(412)
    expect(body.error).toContain(
      'its ETag is "1", not "990" or "991" or "992" or "993", nor any of 5 others;',
    )
  })

  test('of thousands is read in no time, also where they end in what is none', async () => {
    const list = `${'"7",'.repeat(1_500)}${' '.repeat(6_000)}x`

    expect((await api.request('PATCH', NETWORK, {}, { 'If-Match': list })).status).toBe(412)
  })

  test('of * is for whatever there is', async () => {
    expect((await api.request('PATCH', NETWORK, {}, { 'If-Match': '*' })).status).toBe(200)
  })
})

describe('a renewal', () => {
  test('counts from now, takes the end away with null, and comes too late once it is over', async () => {
    api.service.time += 1_800_000
    const renewed = await api.request('POST', `${ALLOCATION}/renew`, { ttl_hours: 1 })
    const endless = await api.request('POST', `${ALLOCATION}/renew`, { ttl_hours: null })
    await api.request('POST', `${ALLOCATION}/renew`, { ttl_seconds: 60 })
    api.service.time += 60_000
    const late = await api.request('POST', `${ALLOCATION}/renew`, { ttl_hours: 1 })

    expect(renewed.body.expires_at).toBe('2024-01-15T12:00:00Z')
    expect(endless.body.expires_at).toBeNull()
    expect([late.status, late.body.reason]).toEqual([409, 'allocation_ended'])
  })
})

describe('a batch', () => {
  test('allocates all items, or none, and says which could not be', async () => {
    const items = [{ network_id: 'net-1' }, { ip: '10.0.0.9' }, { cidr: '10.0.0.0/24', count: 2 }]

    const good = await api.request('POST', '/allocations/batch', { items })
    const bad = await api.request('POST', '/allocations/batch', { items })

    expect(good.status).toBe(201)
    expect(good.body.map(({ ip }: { ip: string }) => ip)).toEqual(['10.0.0.3', '10.0.0.9', '10.0.0.4'])
    expect(bad.status).toBe(409)
    expect(bad.body).toMatchObject({
      reason: 'batch_refused',
      applied: 'no',
      details: [{ field: 'items[1]', message: expect.stringContaining('10.0.0.9 is already allocated') }],
    })
    expect((await api.request('GET', '/allocations')).body).toHaveLength(4)
  })
})
