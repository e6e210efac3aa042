/** Each answer has the headers that the description promises, and no others, whatever becomes of the request. */
import { afterEach, describe, expect, test } from 'vitest'
import * as raft from '../../raft/errors.ts'
import type { Rate } from '../../src/http/client-buckets.ts'
import { RATE_LIMITS } from '../../src/http/limits.ts'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { Described } from './described.ts'
import { type Api, type ApiResponse, allocationIdAt, openApi } from './fixture.ts'
import { replayExamples } from './replay.ts'

const MANY: Rate = { perSecond: 1_000, burst: 1_000 }

const apis: Api[] = []

afterEach(async () => {
  for (const api of apis.splice(0)) await api.close()
})

/** That limits rates: each answer to whoever is counted says so. */
async function open({ rate = MANY, mode = 'open' }: { rate?: Rate; mode?: 'open' | 'required' } = {}) {
  const api = await openApi({ mode, http: { rates: { ...RATE_LIMITS, reads: rate, writes: rate } } })
  apis.push(api)
  return api
}

interface Request {
  readonly method: string
  /** Below /api/v1. */
  readonly path: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

const send = (api: Api, { method, path, body, headers }: Request): Promise<ApiResponse> =>
  api.request(method, path, body, headers)

async function complaintsAbout(api: Api, request: Request, answer: ApiResponse): Promise<string[]> {
  const described = await Described.read(`http://${api.host}:${api.port}`)
  const place = `/api/v1${request.path.split('?')[0]}`
  // Words go before parts that may be anything.
  const [operation] = OPERATIONS.filter(({ method, path }) => {
    return method === request.method && new RegExp(`^${path.replaceAll(/:[a-z]+/g, '[^/]+')}$`).test(place)
  }).toSorted((a, b) => a.path.split(':').length - b.path.split(':').length)
  const { status, headers, body } = answer
  return described.complaints(operation?.id ?? '', { status, headers, contentType: null, body })
}

test('examples are answered with them where rates are limited, too', async () => {
  const api = await open()

  const replayed = await replayExamples(`http://${api.host}:${api.port}`, { except: ['transferLeader'] })

  expect(replayed.flatMap(({ complaints }) => complaints)).toEqual([])
})

const NETWORK = { cidr: '10.0.0.0/24' }
const KEY = { 'Idempotency-Key': 'once' }

describe('an answer has its headers', () => {
  test.each<Request & { why: string; status: number; before?: Request; has: readonly string[] }>([
    {
      why: 'to the first page of a list',
      method: 'GET',
      path: '/networks?limit=1',
      before: { method: 'POST', path: '/networks', body: { cidr: '10.1.0.0/24' } },
      status: 200,
      has: ['link', 'x-total-count', 'x-raft-index', 'ratelimit-remaining'],
    },
    {
      why: 'to a stale read',
      method: 'GET',
      path: '/networks?consistency=stale',
      status: 200,
      has: ['x-raft-last-contact-ms'],
    },
    {
      why: 'to what was created',
      method: 'POST',
      path: '/allocations',
      body: { network_id: 'net-1' },
      status: 201,
      has: ['location', 'etag', 'x-raft-index'],
    },
    {
      why: 'to a write that is repeated',
      method: 'POST',
      path: '/allocations',
      body: { network_id: 'net-1' },
      headers: KEY,
      before: { method: 'POST', path: '/allocations', body: { network_id: 'net-1' }, headers: KEY },
      status: 201,
      has: ['idempotency-replayed', 'location', 'etag'],
    },
    {
      why: 'to a refusal that is repeated',
      method: 'POST',
      path: '/networks',
      body: NETWORK,
      headers: KEY,
      before: { method: 'POST', path: '/networks', body: NETWORK, headers: KEY },
      status: 409,
      has: ['idempotency-replayed'],
    },
    {
      why: 'to a key that was used otherwise',
      method: 'POST',
      path: '/networks',
      body: { cidr: '10.9.0.0/24' },
      headers: KEY,
      before: { method: 'POST', path: '/networks', body: NETWORK, headers: KEY },
      status: 422,
      has: ['x-request-id'],
    },
    {
      why: 'where it was changed since',
      method: 'PATCH',
      path: '/networks/net-1',
      body: { description: 'x' },
      headers: { 'If-Match': '"999"' },
      status: 412,
      has: ['ratelimit-limit'],
    },
    {
      why: 'where there is none',
      method: 'GET',
      path: `/allocations/${allocationIdAt(99)}?consistency=stale`,
      status: 404,
      has: ['ratelimit-policy', 'x-raft-last-contact-ms'],
    },
    ...['/networks/none', '/networks/none/stats', '/auth/users/none'].map((path) => {
      return { why: `where there is no ${path}`, method: 'GET', path, status: 404, has: ['x-raft-index'] }
    }),
    { why: 'where it is no id', method: 'GET', path: '/auth/keys/none', status: 404, has: [] },
    {
      why: 'to what is no JSON',
      method: 'POST',
      path: '/networks',
      body: '{',
      status: 400,
      has: ['ratelimit-reset'],
    },
    {
      why: 'to a body of another kind',
      method: 'POST',
      path: '/networks',
      body: 'x',
      headers: { 'Content-Type': 'text/plain' },
      status: 415,
      has: [],
    },
  ])('$why ($status)', async ({ why: _, status, before, has, ...request }) => {
    const api = await open()
    await api.request('POST', '/networks', NETWORK)
    if (before !== undefined) await send(api, before)

    const answer = await send(api, request)

    expect(answer.status).toBe(status)
    expect(has.filter((name) => !answer.headers.has(name))).toEqual([])
    expect(await complaintsAbout(api, request, answer)).toEqual([])
  })

  test.each([
    { failure: new raft.NotLeaderError(null), status: 503, has: ['retry-after'] },
    { failure: new raft.ProposalDroppedError('dropped'), status: 503, has: ['retry-after'] },
    { failure: new raft.OverloadedError('full'), status: 429, has: ['retry-after'] },
    { failure: new raft.ProposalUncertainError('leadership was lost'), status: 504, has: [] },
    { failure: new raft.DiskLowError('the disks are low'), status: 507, has: ['retry-after'] },
    { failure: new Error('a bug'), status: 500, has: [] },
  ])('to a write that fails with $status', async ({ failure, status, has }) => {
    const api = await open()
    const request = { method: 'POST', path: '/networks', body: NETWORK, headers: KEY }

    api.service.failure = failure
    const answer = await send(api, request)
    api.service.failure = null

    expect(answer.status).toBe(status)
    expect(has.filter((name) => !answer.headers.has(name))).toEqual([])
    expect(await complaintsAbout(api, request, answer)).toEqual([])
  })

  test('to nobody in particular (401), and to who asks too often (429)', async () => {
    const api = await open({ mode: 'required', rate: { perSecond: 1, burst: 2 } })
    const request = { method: 'GET', path: '/networks' }

    const answers = [await send(api, request), await send(api, request), await send(api, request)]

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 429])
    expect(answers[0]?.headers.has('www-authenticate')).toBe(true)
    expect(answers[2]?.headers.has('retry-after')).toBe(true)
    for (const answer of answers) expect(await complaintsAbout(api, request, answer)).toEqual([])
  })
})
