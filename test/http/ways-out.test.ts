/** What people send by mistake who come from other systems: each is refused, changes nothing, and is told what to send. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, allocationIdAt, openApi } from './fixture.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  await api.request('POST', '/networks', { cidr: '255.255.255.0/24', metadata: { site: 'berlin' } })
  await api.request('POST', '/networks', { cidr: '2001:db8::/64' })
  await api.request('POST', '/networks', { cidr: '192.0.2.1/32' })
})

afterEach(() => api.close())

const TIME = '2026-01-31T12:00:00+01:00'

describe('a mistake is told the way out', () => {
  test.each([
    {
      why: 'NetBox wants the slash',
      path: '/networks/',
      status: 404,
      error: 'which has it without the slash: /api/v1/networks',
    },
    {
      why: 'a slash behind an id',
      path: '/networks/net-1/',
      status: 404,
      error: 'which has it without the slash: /api/v1/networks/net-1',
    },
    {
      why: 'a slash behind nothing known',
      path: '/network/',
      status: 404,
      error: 'whose paths start with /api/v1/',
    },
    {
      why: 'a CIDR for an id',
      path: '/networks/10.0.0.0%2F24',
      status: 404,
      error: 'GET /api/v1/networks?cidr=',
    },
    {
      why: 'an address for an id',
      path: '/allocations/10.0.0.5',
      status: 404,
      error: 'GET /api/v1/addresses/',
    },
    {
      why: 'where an address lies, and no address',
      path: '/audit?namespace=lab',
      status: 400,
      error: 'goes with ip alone: name the address',
    },
    { why: 'a bare + in a query', path: `/audit?since=${TIME}`, status: 400, error: 'so write %2B' },
  ])('$path: $why', async ({ path, status, error }) => {
    const answer = await api.request('GET', path)

    expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(error)])
  })

  test('an offset whose + is written as %2B is a time', async () => {
    expect((await api.request('GET', `/audit?since=${encodeURIComponent(TIME)}`)).status).toBe(200)
  })

  test.each([
    { why: 'compressed by a proxy, an ETag is weak', etag: 'W/"1"' },
    { why: 'several, each of them weak', etag: 'W/"1", W/"2"' },
    { why: 'several, and * with them', etag: '"1", *' },
    { why: 'without quotes', etag: '1' },
  ])('If-Match takes ETags as they were given: $why', async ({ etag }) => {
    const { status, body } = await api.request(
      'PATCH',
      '/networks/net-1',
      { tags: ['x'] },
      { 'If-Match': etag },
    )

    expect([status, body.reason]).toEqual([412, 'precondition_failed'])
    expect(body.error).toContain('no ETag of this API, which are numbers in quotes such as "17", without W/')
  })

  test.each([
    { why: 'as a whole', metadata: 'null', field: 'metadata', message: 'null for keys that go' },
    {
      why: 'a key that maps cannot hold',
      metadata: '{"__proto__": "x"}',
      field: 'metadata',
      message: 'must not have the key __proto__',
    },
    {
      why: 'that key, written with an escape',
      metadata: '{"\\u005f_proto__": "x"}',
      field: 'metadata',
      message: 'must not have the key __proto__',
    },
  ])('metadata is not changed by what would be lost: $why', async ({ metadata, field, message }) => {
    const { status, body } = await api.request('PATCH', '/networks/net-1', `{"metadata": ${metadata}}`)

    expect(status).toBe(400)
    expect(body.details).toEqual([{ field, message: expect.stringContaining(message) }])
    expect((await api.request('GET', '/networks/net-1')).body.metadata).toEqual({ site: 'berlin' })
  })

  test('a key that maps cannot hold is refused in each item of a batch, and as a word in a text it is none', async () => {
    const batch =
      '{"items": [{"network_id": "net-1"}, {"network_id": "net-1", "metadata": {"__proto__": "x"}}]}'

    expect((await api.request('POST', '/allocations/batch', batch)).body.details).toMatchObject([
      { field: 'items[1].metadata' },
    ])
    const text = await api.request('POST', '/allocations', { network_id: 'net-1', description: '__proto__' })
    expect([text.status, text.body.id]).toEqual([201, allocationIdAt(4)])
  })

  test('JSON of any depth is no bug of ours', async () => {
    const deep = `{"__proto__": 1, "cidr": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`

    expect((await api.request('POST', '/networks', deep)).status).toBe(400)
  })
})

describe('an address that cannot be had is named as it is', () => {
  test.each([
    {
      why: 'a range beyond the last address there is',
      body: { network_id: 'net-1', ip: '255.255.255.250', count: 10 },
      error: 'at least one of the 10 addresses from 255.255.255.250 is not inside 255.255.255.0/24',
    },
    {
      why: 'the network address',
      body: { network_id: 'net-1', ip: '255.255.255.0' },
      error: '255.255.255.0 is the network or broadcast address of 255.255.255.0/24',
    },
    {
      why: 'IPv6 has neither',
      body: { network_id: 'net-2', ip: '2001:db8::' },
      error: '2001:db8:: is the subnet-router anycast address of 2001:db8::/64',
    },
  ])('$why', async ({ body, error }) => {
    expect((await api.request('POST', '/allocations', body)).body.error).toContain(error)
  })

  test('a single address has no room for a child', async () => {
    const { status, body } = await api.request('POST', '/networks/net-3/subnets', { prefix_length: 32 })

    expect([status, body.details[0].field]).toEqual([400, 'prefix_length'])
    expect(body.error).toContain('is a single address, and has no room for a child')
  })
})
