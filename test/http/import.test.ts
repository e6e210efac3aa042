import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, type ApiResponse, openApi } from './fixture.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
  await api.request('POST', '/networks', { cidr: '10.0.0.0/16' })
})

afterEach(() => api.close())

function importText(text: string, query = ''): Promise<ApiResponse> {
  return api.request('POST', `/import${query}`, text, { 'Content-Type': 'text/csv' })
}

async function allocated(): Promise<string[]> {
  const { body } = await api.request('GET', '/allocations?limit=10000')
  return body.map(({ ip, end_ip: endIp }: Record<string, string>) => (endIp ? `${ip}-${endIp}` : ip))
}

/** Row 3 cannot be read, row 5 is empty, row 6 is in no network, and row 8 has been taken by row 2. */
const MIXED = [
  'ip,hostname,mac',
  '10.0.0.1,a,',
  '10.0.0.300,b,nonsense',
  '10.0.0.2,c,',
  '',
  '172.16.0.1,d,',
  '10.0.0.3,e,',
  '10.0.0.1,f,',
  '10.0.0.4,g,',
].join('\n')

describe('POST /import', () => {
  test('makes every row that can be made, and names the others as the file counts them', async () => {
    const { status, body } = await importText(MIXED)

    expect(status).toBe(200)
    expect(body).toMatchObject({
      format: 'ipam-allocations-csv',
      dry_run: false,
      created: 4,
      skipped: 0,
      failed: 3,
    })
    expect(body.errors).toMatchObject([
      { row: 3, line: 3, field: 'ip', message: expect.stringMatching(/^row 3: ip: .*300 is above 255/) },
      { row: 3, line: 3, field: 'mac' },
      { row: 6, line: 6, field: null, message: expect.stringMatching(/^row 6: .*172\.16\.0\.1/) },
      { row: 8, line: 8, field: null, message: expect.stringMatching(/^row 8: .*10\.0\.0\.1 is already/) },
    ])
    expect(await allocated()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'])
  })

  test.each([
    { why: 'a row cannot be read', text: 'ip\n10.0.0.1\n10.0.0\n', field: 'row 3', status: 400 },
    { why: 'the state refuses a row', text: 'ip\n\n10.0.0.1\n172.16.0.1\n', field: 'row 4', status: 409 },
  ])('makes nothing with atomic=true where $why', async ({ text, field, status }) => {
    const answer = await importText(text, '?atomic=true')

    expect(answer.status).toBe(status)
    expect(answer.body.details).toMatchObject([{ field }])
    expect(answer.body.error).toContain(`${field}: `)
    expect(await allocated()).toEqual([])
  })

  test('says with dry_run=true what it would do, and does nothing', async () => {
    const before = api.service.appliedIndex

    const tried = await importText(MIXED, '?dry_run=true')
    const index = api.service.appliedIndex
    const none = await allocated()
    const done = await importText(MIXED)

    expect([index, none]).toEqual([before, []])
    expect(tried.body).toEqual({ ...done.body, dry_run: true })
  })

  test('names the rows that keep atomic=true from making any, also as a dry run and when it is sent again', async () => {
    const text = 'ip\n10.0.0.1\n172.16.0.1\n172.16.0.2\n'
    const send = (query: string) =>
      api.request('POST', `/import?atomic=true${query}`, text, { 'Idempotency-Key': 'once' })

    for (const answer of [await send('&dry_run=true'), await send(''), await send('')]) {
      expect([answer.status, answer.body.reason]).toEqual([409, 'batch_refused'])
      expect(answer.body.error).toMatch(/^2 rows cannot be imported, so nothing was: row 3: /)
      expect(answer.body.details).toMatchObject([{ field: 'row 3' }, { field: 'row 4' }])
    }
  })

  test('says as of which index it is also where no row was to be made', async () => {
    const { headers, body } = await importText('ip\nnonsense\n')

    expect(body).toMatchObject({ created: 0, failed: 1 })
    expect(headers.get('x-raft-index')).toBe('1')
  })

  test.each([
    { why: 'as many as can be counted', end: '2001:db8::1f:ffff:ffff:ffff', failed: 0 },
    { why: 'one more', end: '2001:db8::20:0:0:0', failed: 1 },
    { why: 'a whole /64', end: '2001:db8::ffff:ffff:ffff:fffe', failed: 1 },
  ])('makes a range of no more addresses than a number holds: $why', async ({ end, failed }) => {
    await api.request('POST', '/networks', { cidr: '2001:db8::/48' })
    const text = `ip,end_ip\n2001:db8::1,${end}\n10.0.0.9,\n`

    const tried = await importText(text, '?dry_run=true')
    const { status, body } = await importText(text)

    expect([status, body.created, body.failed]).toEqual([200, 2 - failed, failed])
    expect(tried.body).toEqual({ ...body, dry_run: true })
    if (failed > 0) expect(body.errors).toMatchObject([{ row: 2, field: 'end_ip' }])
  })

  test('does not take what is compressed for what it is not', async () => {
    const { status, body } = await api.request('POST', '/import?format=hosts', '\x1f\x8b', {
      'Content-Encoding': 'gzip',
    })

    expect([status, body.reason]).toEqual([415, 'unsupported_media_type'])
  })

  test('makes a range from its first address to its last', async () => {
    const { body } = await importText('ip,end_ip\n10.0.0.10,10.0.0.19\n10.0.0.20,10.0.0.20\n')

    expect(body.created).toBe(2)
    expect(await allocated()).toEqual(['10.0.0.10-10.0.0.19', '10.0.0.20'])
  })

  test.each([
    { why: 'the same address and host', row: '10.0.0.1,,web', skipped: 1 },
    { why: 'the same range', row: '10.0.0.8,10.0.0.9,db', skipped: 1 },
    { why: 'another host', row: '10.0.0.1,,other', skipped: 0 },
    { why: 'no host, where one is', row: '10.0.0.1,,', skipped: 0 },
    { why: 'a longer range', row: '10.0.0.8,10.0.0.11,db', skipped: 0 },
    { why: 'a part of the range', row: '10.0.0.8,,db', skipped: 0 },
    { why: 'the end of the range', row: '10.0.0.9,,db', skipped: 0 },
  ])(
    'with on_conflict=skip, what is there counts as done only if it is as asked: $why',
    async ({ row, skipped }) => {
      await importText('ip,end_ip,hostname\n10.0.0.1,,web\n10.0.0.8,10.0.0.9,db\n')

      const { body } = await importText(`ip,end_ip,hostname\n${row}\n`, '?on_conflict=skip')

      expect(body).toMatchObject({ created: 0, skipped, failed: 1 - skipped })
    },
  )

  test('with on_conflict=skip, a network that is there counts as done', async () => {
    const { body } = await importText('cidr\n10.0.0.0/16\n10.1.0.0/16\n', '?on_conflict=skip')

    expect(body).toMatchObject({ format: 'ipam-networks-csv', created: 1, skipped: 1, failed: 0 })
  })
})

describe('exports', () => {
  async function exported(path: string): Promise<string> {
    const response = await fetch(`http://${api.host}:${api.port}/api/v1${path}`)
    expect(response.status).toBe(200)
    return await response.text()
  }

  test('have every row, however many pages that takes, and none from before the first page', async () => {
    const items = Array.from({ length: 1_000 }, () => ({ network_id: 'net-1' }))
    for (let batch = 0; batch < 2; batch++) await api.request('POST', '/allocations/batch', { items })
    await api.request('POST', '/allocations', { network_id: 'net-1', hostname: 'last' })
    api.service.consistencies.length = 0

    const lines = (await exported('/allocations/export?format=jsonl')).trim().split('\n')

    const rows = lines.map((line) => JSON.parse(line))
    expect(new Set(rows.map(({ ip }) => ip)).size).toBe(2_001)
    expect(rows.at(-1)).toMatchObject({ hostname: 'last', cidr: '10.0.0.0/16', namespace: 'default' })
    const { appliedIndex: index } = api.service
    const [first, ...later] = api.service.consistencies
    expect(first).toEqual({ type: 'linearizable' })
    expect(later.length).toBeGreaterThan(2)
    for (const consistency of later) expect(consistency).toEqual({ type: 'minIndex', index })
  })

  test('have the filters of the list', async () => {
    await api.request('POST', '/networks', { cidr: '10.0.0.0/24', namespace: 'lab' })
    await api.request('POST', '/networks', { cidr: '10.0.7.0/24' })

    const lines = (await exported('/networks/export?within=10.0.0.0/17&namespace=default'))
      .trim()
      .split('\r\n')

    expect(lines.map((line) => line.split(',').slice(1, 4).join(','))).toEqual([
      'cidr,namespace,parent_id',
      '10.0.7.0/24,default,net-1',
    ])
  })
})
