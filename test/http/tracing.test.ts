import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createIds } from '../../src/tracing/ids.ts'
import type { FinishedSpan } from '../../src/tracing/span.ts'
import { Tracer } from '../../src/tracing/tracer.ts'
import { type Api, openApi } from './fixture.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const SAMPLED = { traceparent: `00-${TRACE}-${SPAN}-01` }
const UNSAMPLED = { traceparent: `00-${TRACE}-${SPAN}-00` }

let api: Api
let ended: FinishedSpan[]

beforeEach(async () => {
  ended = []
  let count = 0
  const tracer = new Tracer({
    sampleRatio: 1,
    random: () => 0.5,
    ids: createIds((bytes) => bytes.fill(++count)),
    clock: { now: () => 0, wallTime: () => 0 },
    keep: (span) => void ended.push(span),
  })
  api = await openApi({ tracer })
})
afterEach(() => api.close())

function lastLine() {
  return api.lines.findLast(({ message }) => message === 'request')
}

describe('the span of a request', () => {
  test('is named by its method and route, and says how it went', async () => {
    await api.request('POST', '/networks', { cidr: '10.0.0.0/24' }, { ...SAMPLED, 'User-Agent': 'a test' })

    expect(ended.at(-1)).toMatchObject({
      name: 'POST /api/v1/networks',
      kind: 'server',
      parentId: SPAN,
      error: null,
    })
    expect(ended.at(-1)?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/api/v1/networks',
      'http.response.status_code': 201,
      'url.scheme': 'http',
      'url.path': '/api/v1/networks',
      'user_agent.original': 'a test',
      'network.protocol.version': '1.1',
      'ipam.request_id': 'request-1',
    })
  })

  test.each([
    { why: 'a mistake of the client', path: '/networks/nothing', reason: 'network_not_found' },
    { why: 'a path that there is not', path: '/nothing', reason: 'route_not_found' },
  ])('has the reason, and is no error: $why', async ({ path, reason }) => {
    await api.request('GET', path, undefined, SAMPLED)

    expect(ended.at(-1)).toMatchObject({ error: null, attributes: { 'ipam.reason': reason } })
  })

  test('without a route is named by its method alone, whatever the path', async () => {
    await api.request('GET', '/nothing/1234', undefined, SAMPLED)

    expect(ended.at(-1)?.name).toBe('GET')
    expect(ended.at(-1)?.attributes).not.toHaveProperty('http.route')
  })

  test('with a method that HTTP does not define does not make a name of it', async () => {
    await api.request('PROPFIND', '/networks', undefined, SAMPLED)

    expect(ended.at(-1)).toMatchObject({
      name: 'HTTP',
      attributes: { 'http.request.method': '_OTHER', 'http.request.method_original': 'PROPFIND' },
    })
  })

  test('has neither the query nor a token that is part of the path', async () => {
    await api.request('GET', '/allocations?hostname=hidden', undefined, SAMPLED)
    await api.request('GET', '/auth/keys/ipam_0123456789_hidden', undefined, SAMPLED)

    expect(ended.filter(({ kind }) => kind === 'server')).toHaveLength(2)
    expect(JSON.stringify(ended)).not.toContain('hidden')
  })

  test.each([
    { why: 'its client wants it', path: '/health', headers: SAMPLED, count: 1 },
    { why: 'a probe begins no trace', path: '/health', headers: {}, count: 0 },
    { why: 'neither does a look at the cluster', path: '/cluster/status', headers: {}, count: 0 },
    { why: 'others do', path: '/audit', headers: {}, count: 1 },
    { why: 'its client does not want it', path: '/audit', headers: UNSAMPLED, count: 0 },
  ])('is there $count times where $why: $path', async ({ path, headers, count }) => {
    await api.request('GET', path, undefined, headers)

    expect(ended.filter(({ kind }) => kind === 'server')).toHaveLength(count)
  })
})

describe('a line of the log', () => {
  test.each([
    { why: 'it is followed', headers: SAMPLED, traceId: TRACE },
    { why: 'it is in a trace that is not kept', headers: UNSAMPLED, traceId: TRACE },
    { why: 'a trace has begun here', headers: {}, traceId: '01'.repeat(16) },
  ])('about a request has its trace, and shows at the default level: $why', async ({ headers, traceId }) => {
    await api.request('GET', '/networks', undefined, headers)

    const line = lastLine()
    expect(line?.fields).toMatchObject({ trace_id: traceId, requestId: 'request-1' })
    expect(line?.level).toBe('info')
  })

  test('has none where there is no trace', async () => {
    await api.request('GET', '/health')

    expect(lastLine()?.fields).not.toHaveProperty('trace_id')
  })

  test('has none where nothing is followed, whatever the client says', async () => {
    const plain = await openApi()
    await plain.request('GET', '/networks', undefined, SAMPLED)
    await plain.close()

    const line = plain.lines.findLast(({ message }) => message === 'request')
    expect(Object.keys(line?.fields ?? {})).toEqual(['method', 'path', 'status', 'durationMs', 'requestId'])
  })
})
