/** How often who may ask, over the API. */
import { afterEach, describe, expect, test } from 'vitest'
import { hashPassword } from '../../src/auth/password.ts'
import type { HttpConfig } from '../../src/config-http.ts'
import type { Rate } from '../../src/http/client-buckets.ts'
import { RATE_LIMITS } from '../../src/http/limits.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import { type Api, type ApiResponse, CHEAP, openApi } from './fixture.ts'

const SYSTEM = { user: 'system', requestId: null }
const BEHIND_PROXY: HttpConfig['trust'] = { proxies: [parsePrefix('127.0.0.0/8')], header: 'x-forwarded-for' }

const apis: Api[] = []

afterEach(async () => {
  for (const api of apis.splice(0)) await api.close()
})

async function open({
  reads = null,
  writes = null,
  mode = 'open',
  trust,
}: {
  reads?: Rate | null
  writes?: Rate | null
  mode?: 'open' | 'required'
  trust?: HttpConfig['trust']
}): Promise<Api> {
  const rates = { ...RATE_LIMITS, reads, writes }
  const api = await openApi({ mode, http: { rates, ...(trust !== undefined && { trust }) } })
  apis.push(api)
  return api
}

function headersOf({ headers }: ApiResponse): (string | null)[] {
  return ['limit', 'remaining', 'reset', 'policy'].map((name) => headers.get(`ratelimit-${name}`))
}

async function userOf(api: Api, name: string): Promise<Record<string, string>> {
  const passwordHash = await hashPassword('correct horse', CHEAP)
  const user = { name, role: 'admin', passwordHash, isFirst: false } as const
  await api.service.execute({ type: 'createUser', ...user }, SYSTEM)
  return { Authorization: `Basic ${Buffer.from(`${name}:correct horse`).toString('base64')}` }
}

async function statusesOf(count: number, ask: () => Promise<ApiResponse>): Promise<number[]> {
  const statuses: number[] = []
  for (let i = 0; i < count; i++) statuses.push((await ask()).status)
  return statuses
}

describe('a limit of reads', () => {
  test('tells with every answer how much is left, and whoever has nothing left when to come back', async () => {
    const api = await open({ reads: { perSecond: 2, burst: 3 } })
    const ask = () => api.request('GET', '/networks')

    const answers = [await ask(), await ask(), await ask(), await ask()]

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(answers.map(headersOf)).toEqual([
      ['3', '2', '1', '3;w=2'],
      ['3', '1', '1', '3;w=2'],
      ['3', '0', '2', '3;w=2'],
      ['3', '0', '2', '3;w=2'],
    ])
    expect(answers[3]?.headers.get('retry-after')).toBe('1')
    expect(answers[3]?.body).toEqual({
      error: 'too many requests of 127.0.0.1: 2 reads a second are allowed, and 3 at once; come back in 1 s',
      code: 429,
      reason: 'rate_limited',
      request_id: expect.any(String),
      applied: 'no',
    })
    expect(api.refusals.of('reads')).toBe(1)
  })

  test('lets in whoever comes back when it said so, and no earlier', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 1 } })
    const ask = () => api.request('GET', '/networks')
    await ask()
    api.clock.ms += 400
    const early = await ask()

    api.clock.ms += 599
    expect((await ask()).status).toBe(429)
    api.clock.ms += Number(early.headers.get('retry-after')) * 1_000 - 599
    expect((await ask()).status).toBe(200)
  })

  test('is none of writes', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 1 } })
    const write = (i: number) => api.request('POST', '/networks', { cidr: `10.0.${i}.0/24` })

    expect([(await write(1)).status, (await write(2)).status]).toEqual([201, 201])
    expect(headersOf(await write(3))).toEqual([null, null, null, null])
  })

  test('is none of health, metrics and the status of the cluster', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 1 } })
    await api.request('GET', '/networks')
    const paths = ['/health', '/health/ready', '/health/leader', '/cluster/status']

    for (const path of paths) {
      expect(await statusesOf(3, () => api.request('GET', path))).toEqual([200, 200, 200])
    }
    for (let i = 0; i < 3; i++) {
      expect((await fetch(`http://${api.host}:${api.port}/metrics`)).status).toBe(200)
    }
    expect((await api.request('GET', '/networks')).status).toBe(429)
  })

  test('counts what is not found or wrong as well, and shows there what is left', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 2 } })

    expect(headersOf(await api.request('GET', '/networks/net-none'))[1]).toBe('1')
    expect(headersOf(await api.request('GET', '/nothing'))[1]).toBe('0')
    expect((await api.request('GET', '/networks?limit=0')).status).toBe(429)
  })
})

describe('a limit of writes', () => {
  test('refuses before anything is done', async () => {
    const api = await open({ writes: { perSecond: 1, burst: 2 } })
    const write = (i: number) => api.request('POST', '/networks', { cidr: `10.0.${i}.0/24` })

    const answers = [await write(1), await write(2), await write(3)]

    expect(answers.map(({ status }) => status)).toEqual([201, 201, 429])
    expect(answers[2]?.body).toMatchObject({ reason: 'rate_limited', applied: 'no' })
    expect((await api.request('GET', '/networks')).body).toHaveLength(2)
    expect(api.refusals.of('writes')).toBe(1)
  })
})

describe('a client', () => {
  test('is a user or a key, wherever the requests come from; others do not share its limit', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 2 }, mode: 'required', trust: BEHIND_PROXY })
    const [anna, bert] = [await userOf(api, 'anna'), await userOf(api, 'bert')]
    const key = (await api.request('POST', '/auth/keys', { role: 'viewer' }, anna)).body.token
    const asking = (headers: Record<string, string>) => () =>
      api.request('GET', '/networks', undefined, headers)

    expect(await statusesOf(2, asking({ ...anna, 'X-Forwarded-For': '192.0.2.1' }))).toEqual([200, 200])
    expect(await statusesOf(1, asking({ ...anna, 'X-Forwarded-For': '192.0.2.2' }))).toEqual([429])
    expect(await statusesOf(3, asking({ ...bert, 'X-Forwarded-For': '192.0.2.1' }))).toEqual([200, 200, 429])
    expect(await statusesOf(3, asking({ 'X-API-Key': key }))).toEqual([200, 200, 429])
  })

  test('is an address where nobody logs in: of a trusted proxy the one that it tells', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 1 }, trust: BEHIND_PROXY })
    const asking = (forwarded: string) => () =>
      api.request('GET', '/networks', undefined, { 'X-Forwarded-For': forwarded })

    expect(await statusesOf(2, asking('192.0.2.1'))).toEqual([200, 429])
    expect(await statusesOf(2, asking('192.0.2.2'))).toEqual([200, 429])
    // What it writes itself does not help.
    expect(await statusesOf(1, asking('203.0.113.9, 192.0.2.1'))).toEqual([429])
    // Another host of the same /64 is the same client.
    expect(await statusesOf(1, asking('2001:db8::1'))).toEqual([200])
    expect(await statusesOf(1, asking('2001:db8::ffff:2'))).toEqual([429])
    expect(await statusesOf(1, asking('2001:db8:0:1::1'))).toEqual([200])
  })

  test('is the address of the connection where no proxy is trusted, whatever the headers say', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 2 } })
    let i = 0
    const ask = () => api.request('GET', '/networks', undefined, { 'X-Forwarded-For': `192.0.2.${++i}` })

    expect(await statusesOf(3, ask)).toEqual([200, 200, 429])
  })

  test('that is turned away for what it says of itself is counted by its address', async () => {
    const api = await open({ reads: { perSecond: 1, burst: 2 }, mode: 'required' })
    const anna = await userOf(api, 'anna')

    const nobody = await statusesOf(3, () => api.request('GET', '/networks'))
    const key = await statusesOf(1, () =>
      api.request('GET', '/networks', undefined, { 'X-API-Key': 'ipam_nonsense' }),
    )

    expect([...nobody, ...key]).toEqual([401, 401, 429, 429])
    // Whoever is logged in on the same machine is not concerned.
    expect((await api.request('GET', '/networks', undefined, anna)).status).toBe(200)
  })
})

describe('failed log-ins', () => {
  test('are counted and told by the address behind a trusted proxy', async () => {
    const api = await open({ mode: 'required', trust: BEHIND_PROXY })
    await userOf(api, 'anna')
    const wrong = { Authorization: `Basic ${Buffer.from('anna:wrong horse').toString('base64')}` }
    const failing = (address: string) => () =>
      api.request('GET', '/networks', undefined, { ...wrong, 'X-Forwarded-For': address })

    const first = await statusesOf(11, failing('2001:db8::1'))
    const neighbour = await statusesOf(1, failing('2001:db8::2'))
    const other = await statusesOf(1, failing('192.0.2.1'))

    expect([first.at(-2), first.at(-1)]).toEqual([401, 429])
    expect(neighbour).toEqual([429])
    expect(other).toEqual([401])
  })
})
