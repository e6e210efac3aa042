/** Writes that are repeated with their `Idempotency-Key` (api.md, retry). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, type ApiResponse, allocationIdAt, openApi } from './fixture.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  await api.request('POST', '/networks', { cidr: '10.0.0.0/24' })
  await api.request('POST', '/allocations', { network_id: 'net-1' })
  await api.request('POST', '/allocations', { network_id: 'net-1' })
})

afterEach(() => api.close())

const KEY = { 'Idempotency-Key': 'job-1' }

interface Sent {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

function send({ method, path, body, headers = {} }: Sent): Promise<ApiResponse> {
  return api.request(method, path, body, { ...KEY, ...headers })
}

const CSV = { 'Content-Type': 'text/csv' }

describe('a write that is repeated', () => {
  test.each<Sent & { why: string }>([
    { why: 'a network', method: 'POST', path: '/networks', body: { cidr: '10.1.0.0/24' } },
    { why: 'a change', method: 'PATCH', path: '/networks/net-1', body: { description: 'x' } },
    { why: 'a carving', method: 'POST', path: '/networks/net-1/subnets', body: { prefix_length: 28 } },
    { why: 'an allocation', method: 'POST', path: '/allocations', body: { network_id: 'net-1' } },
    {
      why: 'a batch',
      method: 'POST',
      path: '/allocations/batch',
      body: { items: [{ network_id: 'net-1' }, { network_id: 'net-1' }] },
    },
    {
      why: 'a renewal',
      method: 'POST',
      path: `/allocations/${allocationIdAt(2)}/renew`,
      body: { ttl_hours: 1 },
    },
    { why: 'a release', method: 'POST', path: `/allocations/${allocationIdAt(2)}/release` },
    { why: 'an import', method: 'POST', path: '/import', body: 'ip\n10.0.0.9\n', headers: CSV },
    { why: 'a refusal', method: 'POST', path: '/allocations', body: { network_id: 'net-99' } },
  ])('is carried out once, and the answer is the same, and marked: $why', async ({ why: _, ...sent }) => {
    const first = await send(sent)
    api.service.time += 3_600_000
    const before = await api.request('GET', '/audit')
    const second = await send(sent)

    expect([second.status, withoutRequestId(second)]).toEqual([first.status, withoutRequestId(first)])
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect((await api.request('GET', '/audit')).body).toEqual(before.body)
  })

  const release: Sent = { method: 'POST', path: `/allocations/${allocationIdAt(2)}/release` }
  const change: Sent = { method: 'PATCH', path: '/networks/net-1', body: { description: 'x' } }
  const file: Sent = { method: 'POST', path: '/import', body: 'ip\n10.0.0.9\n', headers: CSV }

  test.each<{ why: string; first: Sent; second: Sent }>([
    { why: 'another body', first: change, second: { ...change, body: { description: 'y' } } },
    {
      why: 'another thing',
      first: release,
      second: { ...release, path: `/allocations/${allocationIdAt(3)}/release` },
    },
    {
      why: 'another method',
      first: { method: 'DELETE', path: '/networks/net-1' },
      second: { method: 'PATCH', path: '/networks/net-1', body: {} },
    },
    { why: 'another If-Match', first: change, second: { ...change, headers: { 'If-Match': '"1"' } } },
    { why: 'other options', first: file, second: { ...file, path: '/import?atomic=true' } },
    { why: 'another file', first: file, second: { ...file, body: 'ip\n10.0.0.8\n' } },
  ])('with $why is 422, and not carried out', async ({ first, second }) => {
    await send(first)
    const before = await api.request('GET', '/audit')

    const answer = await send(second)

    expect([answer.status, answer.body.reason]).toEqual([422, 'idempotency_key_reused'])
    expect((await api.request('GET', '/audit')).body).toEqual(before.body)
  })
})

/** Each request has an id of its own, also one that is answered from memory. */
function withoutRequestId({ body }: ApiResponse): unknown {
  if (body === null || typeof body !== 'object') return body
  const { request_id: _, ...rest } = body
  return rest
}
