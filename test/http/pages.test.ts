/** Lists in pages (api.md, paging): `Link`, `X-Total-Count`, `limit`, `offset`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Api, openApi } from './fixture.ts'

let api: Api

beforeAll(async () => {
  api = await openApi()
  await api.request('POST', '/networks', { cidr: '10.0.0.0/16', tags: ['core'] })
  for (let i = 0; i < 6; i++) {
    await api.request('POST', '/networks', { cidr: `10.0.${i}.0/24`, tags: ['leaf'] })
  }
  const items = Array.from({ length: 12 }, (_, i) => ({
    network_id: i % 2 === 0 ? 'net-1' : 'net-2',
    hostname: `host-${i}`,
    tags: i % 3 === 0 ? ['web'] : [],
  }))
  const { body } = await api.request('POST', '/allocations/batch', { items })
  for (const { id } of body.slice(0, 4)) await api.request('POST', `/allocations/${id}/release`)
})

afterAll(() => api.close())

/** Goes where each `Link` points. */
async function pagesFrom(path: string): Promise<{ ids: string[]; totals: (string | null)[] }> {
  const ids: string[] = []
  const totals: (string | null)[] = []
  let next: string | undefined = path
  for (let pages = 0; next !== undefined; pages++) {
    expect(pages).toBeLessThan(50)
    const { status, headers, body } = await api.request('GET', next)
    expect(status).toBe(200)
    ids.push(...body.map(({ id, index }: { id?: string; index?: number }) => id ?? String(index)))
    totals.push(headers.get('x-total-count'))
    next = /<\/api\/v1([^>]*)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
  }
  return { ids, totals }
}

describe('the pages of a list', () => {
  test.each([
    { path: '/networks', count: 7 },
    { path: '/networks?within=10.0.0.0/17', count: 6 },
    { path: '/networks?parent_id=net-1', count: 6 },
    { path: '/networks?tag=leaf', count: 6 },
    { path: '/networks?q=10.0', count: 7 },
    { path: '/allocations', count: 8 },
    { path: '/allocations?all=true', count: 12 },
    { path: '/allocations?status=released', count: 4 },
    { path: '/allocations?network_id=net-2&all=true', count: 6 },
    { path: '/allocations?tag=web&all=true', count: 4 },
    { path: '/allocations?hostname=host-1&all=true', count: 3 },
    { path: '/audit?limit=100', count: 23, isCountOfRows: true },
  ])('$path are $count rows, each once, with the filters of the first page', async ({ path, count }) => {
    const joint = path.includes('?') ? '&' : '?'
    const [base] = path.split('limit=')
    const whole = await pagesFrom(path.includes('limit=') ? path : `${path}${joint}limit=1000`)

    const small = await pagesFrom(path.includes('limit=') ? `${base}limit=5` : `${path}${joint}limit=2`)

    expect(whole.ids).toHaveLength(count)
    expect(small.ids.toSorted()).toEqual(whole.ids.toSorted())
    expect(whole.totals).toEqual([String(count)])
    for (const total of small.totals) if (total !== null) expect(total).toBe(String(count))
  })

  test.each([
    '/networks',
    '/networks?tag=leaf',
    '/networks?q=10.0',
    '/allocations',
    '/allocations?all=true',
    '/allocations?network_id=net-1',
    '/allocations?hostname=host-1',
    '/allocations?q=host',
    '/allocations?tag=web&all=true',
    '/allocations?status=released',
  ])('of %s say how many rows there are in all', async (path) => {
    const [total] = (await pagesFrom(path)).totals
    const { headers } = await api.request('GET', `${path}${path.includes('?') ? '&' : '?'}limit=1`)

    expect(total).toMatch(/^[0-9]+$/)
    expect(headers.get('x-total-count')).toBe(total)
  })

  test('go on behind an offset', async () => {
    const all = await pagesFrom('/networks')

    const later = await pagesFrom('/networks?limit=2&offset=3')

    expect(later.ids).toEqual(all.ids.slice(3))
  })
})
