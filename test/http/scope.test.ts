/** Keys for a part of the networks: they see and change that part, and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Api, type ApiResponse, openApi } from './fixture.ts'

let api: Api
let login: Record<string, string>
/** By what they are for. */
const ids = new Map<string, string>()

function ask(method: string, path: string, body?: unknown): Promise<ApiResponse> {
  return api.request(method, path, body, login)
}

function idOf(name: string): string {
  return ids.get(name) ?? ''
}

async function create(name: string, path: string, body: object): Promise<void> {
  const answer = await api.request('POST', path, body)
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  ids.set(name, answer.body.id)
}

/** 10.0.0.0/16 is around all; the key is for 10.0.1.0/24, which it is given by id, and for what has the tag lab. */
beforeAll(async () => {
  api = await openApi()
  await create('around', '/networks', { cidr: '10.0.0.0/16' })
  await create('own', '/networks', { cidr: '10.0.1.0/24' })
  await create('inside', '/networks', { cidr: '10.0.1.64/26' })
  await create('tagged', '/networks', { cidr: '10.0.2.0/24', tags: ['lab'] })
  await create('other', '/networks', { cidr: '10.0.3.0/24', tags: ['office'] })
  for (const name of ['own', 'inside', 'tagged', 'other', 'around']) {
    await create(`host in ${name}`, '/allocations', { network_id: idOf(name), hostname: `host-${name}` })
  }
  const scope = { networks: [idOf('own')], tags: ['lab'] }
  const key = await api.request('POST', '/auth/keys', { role: 'operator', scope })
  login = { Authorization: `Bearer ${key.body.token}` }
})

afterAll(() => api.close())

describe('a key for a part of the networks', () => {
  test('lists that part alone, and says how much it is', async () => {
    const networks = await ask('GET', '/networks')
    const allocations = await ask('GET', '/allocations')

    expect(networks.body.map(({ cidr }: { cidr: string }) => cidr)).toEqual([
      '10.0.1.0/24',
      '10.0.1.64/26',
      '10.0.2.0/24',
    ])
    expect([networks, allocations].map(({ headers }) => headers.get('x-total-count'))).toEqual(['3', '3'])
    expect(allocations.body.map(({ hostname }: { hostname: string }) => hostname).toSorted()).toEqual([
      'host-inside',
      'host-own',
      'host-tagged',
    ])
  })

  test.each([
    ['/networks', 3],
    ['/networks?q=10.0', 3],
    ['/allocations', 3],
    ['/allocations?hostname=host', 3],
    ['/allocations?all=true', 3],
  ])('has pages of %s that are full, and %i of which the last ends', async (path, count) => {
    const seen: number[] = []
    const sign = path.includes('?') ? '&' : '?'
    for (let next: string | null = `${path}${sign}limit=1`; next !== null; ) {
      const answer: ApiResponse = await ask('GET', next)
      seen.push(answer.body.length)
      const link = /<\/api\/v1([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '')
      next = link?.[1] ?? null
    }

    expect(seen).toEqual(Array.from({ length: count }, () => 1))
  })

  test.each(['networks', 'allocations'])('exports that part alone: %s', async (what) => {
    const response = await fetch(`http://${api.host}:${api.port}/api/v1/${what}/export`, { headers: login })
    const text = await response.text()

    expect(response.status).toBe(200)
    expect(text).toContain('10.0.1.')
    expect(text).not.toMatch(/10\.0\.3\.|10\.0\.0\.|office|host-other|host-around/)
  })

  test.each(['own', 'inside', 'tagged'])('reads and changes %s', async (name) => {
    const path = `/networks/${idOf(name)}`
    for (const read of ['', '/stats', '/available', '/available-subnets']) {
      expect((await ask('GET', `${path}${read}`)).status, read).toBe(200)
    }
    const allocated = await ask('POST', '/allocations', { network_id: idOf(name) })
    const allocation = `/allocations/${allocated.body.id}`

    expect((await ask('PATCH', path, { description: name })).status).toBe(200)
    expect(allocated.status).toBe(201)
    expect((await ask('PATCH', allocation, { hostname: 'mine' })).status).toBe(200)
    expect((await ask('POST', `${allocation}/renew`, { ttl_hours: 1 })).status).toBe(200)
    expect((await ask('POST', `${allocation}/release`)).status).toBe(204)
    expect((await ask('GET', allocation)).body.status).toBe('released')
  })

  test('makes and deletes networks inside of it', async () => {
    const made = await ask('POST', '/networks', { cidr: '10.0.2.128/25' })
    const carved = await ask('POST', `/networks/${idOf('own')}/subnets`, { prefix_length: 28 })

    expect([made.status, carved.status]).toEqual([201, 201])
    expect((await ask('DELETE', `/networks/${made.body.id}`)).status).toBe(204)
    expect((await ask('DELETE', `/networks/${carved.body[0].id}`)).status).toBe(204)
  })

  const outside: {
    why: string
    method: string
    path: () => string
    body?: () => object | string
    status: number
  }[] = [
    ...['', '/stats', '/available', '/available-subnets'].map((read) => ({
      why: `read ${read}`,
      method: 'GET',
      path: () => `/networks/${idOf('other')}${read}`,
      status: 404,
    })),
    {
      why: 'read an allocation',
      method: 'GET',
      path: () => `/allocations/${idOf('host in other')}`,
      status: 404,
    },
    {
      why: 'change a network',
      method: 'PATCH',
      path: () => `/networks/${idOf('other')}`,
      body: () => ({ tags: ['lab'] }),
      status: 404,
    },
    { why: 'delete a network', method: 'DELETE', path: () => `/networks/${idOf('other')}`, status: 404 },
    {
      why: 'carve',
      method: 'POST',
      path: () => `/networks/${idOf('other')}/subnets`,
      body: () => ({ prefix_length: 28 }),
      status: 404,
    },
    {
      why: 'allocate by id',
      method: 'POST',
      path: () => '/allocations',
      body: () => ({ network_id: idOf('other') }),
      status: 404,
    },
    {
      why: 'allocate by CIDR',
      method: 'POST',
      path: () => '/allocations',
      body: () => ({ cidr: '10.0.3.0/24' }),
      status: 403,
    },
    {
      why: 'allocate by address',
      method: 'POST',
      path: () => '/allocations',
      body: () => ({ ip: '10.0.3.9' }),
      status: 403,
    },
    {
      why: 'learn that an address is taken',
      method: 'POST',
      path: () => '/allocations',
      body: () => ({ ip: '10.0.3.1' }),
      status: 403,
    },
    {
      why: 'allocate around it',
      method: 'POST',
      path: () => '/allocations',
      body: () => ({ cidr: '10.0.0.0/16' }),
      status: 403,
    },
    {
      why: 'allocate in a batch with what is inside',
      method: 'POST',
      path: () => '/allocations/batch',
      body: () => ({ items: [{ network_id: idOf('own') }, { cidr: '10.0.3.0/24' }] }),
      status: 403,
    },
    {
      why: 'change an allocation',
      method: 'PATCH',
      path: () => `/allocations/${idOf('host in other')}`,
      body: () => ({ hostname: 'x' }),
      status: 404,
    },
    {
      why: 'renew one',
      method: 'POST',
      path: () => `/allocations/${idOf('host in other')}/renew`,
      body: () => ({ ttl_hours: 1 }),
      status: 404,
    },
    {
      why: 'release one',
      method: 'POST',
      path: () => `/allocations/${idOf('host in other')}/release`,
      body: () => ({}),
      status: 404,
    },
    {
      why: 'make a network elsewhere',
      method: 'POST',
      path: () => '/networks',
      body: () => ({ cidr: '192.0.2.0/24' }),
      status: 403,
    },
    {
      why: 'claim a part of another one by a tag',
      method: 'POST',
      path: () => '/networks',
      body: () => ({ cidr: '10.0.3.128/25', tags: ['lab'] }),
      status: 403,
    },
    {
      why: 'find out which networks there are',
      method: 'POST',
      path: () => '/networks',
      body: () => ({ cidr: '10.0.3.0/24' }),
      status: 403,
    },
    {
      why: 'import elsewhere',
      method: 'POST',
      path: () => '/import?format=ipam-networks-jsonl',
      body: () => '{"cidr":"10.0.1.8/29"}\n{"cidr":"192.0.2.0/24"}\n',
      status: 403,
    },
    {
      why: 'try to',
      method: 'POST',
      path: () => '/import?format=ipam-networks-jsonl&dry_run=true',
      body: () => '{"cidr":"192.0.2.0/24"}\n',
      status: 403,
    },
    { why: 'read who did what', method: 'GET', path: () => '/audit', status: 403 },
    { why: 'see the members', method: 'GET', path: () => '/cluster/status', status: 403 },
  ]

  test.each(outside)('does not $why outside of it: $status', async ({ method, path, body, status }) => {
    const index = api.service.appliedIndex
    const before = (await api.request('GET', '/networks')).body

    const answer = await ask(method, path(), body?.())

    expect(answer.status).toBe(status)
    if (status === 403) expect(answer.body.reason).toBe('out_of_scope')
    expect((await api.request('GET', '/networks')).body).toEqual(before)
    expect((await api.request('GET', `/audit?after_index=${index}`)).body).toEqual([])
  })

  test('sees of an address what is inside', async () => {
    const [own, other] = [await ask('GET', '/addresses/10.0.1.1'), await ask('GET', '/addresses/10.0.3.1')]

    expect(own.body).toMatchObject({ state: 'allocated', allocation: { hostname: 'host-own' } })
    expect(own.body.networks.map(({ cidr }: { cidr: string }) => cidr)).toEqual(['10.0.1.0/24'])
    expect(other.body).toEqual({
      ip: '10.0.3.1',
      namespace: 'default',
      state: 'unmanaged',
      cooling_until: null,
      reserved_by: null,
      networks: [],
      allocation: null,
      history: [],
    })
  })

  test('sees neither what reserves an address outside, nor until when it rests', async () => {
    const network = { cidr: '10.0.4.0/29', gateway: '10.0.4.1', cooldown_seconds: 60 }
    await api.request('POST', '/networks', network)
    const { body } = await api.request('POST', '/allocations', { ip: '10.0.4.2' })
    await api.request('POST', `/allocations/${body.id}/release`)

    const asked = ['/addresses/10.0.4.1', '/addresses/10.0.4.2']
    const hidden = await Promise.all(asked.map((path) => ask('GET', path)))
    const shown = await Promise.all(asked.map((path) => api.request('GET', path)))

    for (const { body } of hidden) {
      expect(body).toMatchObject({ state: 'unmanaged', cooling_until: null, reserved_by: null })
    }
    expect(shown.map(({ body }) => [body.state, body.cooling_until, body.reserved_by])).toEqual([
      ['reserved', null, 'gateway'],
      ['cooling', expect.stringMatching(/Z$/), null],
    ])
  })

  test('goes by what the networks are at the moment', async () => {
    await api.request('PATCH', `/networks/${idOf('tagged')}`, { tags: [] })
    const without = await ask('GET', `/networks/${idOf('tagged')}`)
    await api.request('PATCH', `/networks/${idOf('tagged')}`, { tags: ['lab'] })

    expect(without.status).toBe(404)
    expect((await ask('GET', `/networks/${idOf('tagged')}`)).status).toBe(200)
  })

  test('every route that lets it in is one of these, or says nothing of networks', () => {
    const open = api.routes
      .filter(({ access }) => access.keepsScope)
      .map(({ method, path }) => `${method} ${path}`)

    expect(
      open.filter((route) => !/ \/api\/v1\/(health|networks|allocations|addresses|import)\b/.test(route)),
    ).toEqual([
      'POST /api/v1/auth/init',
      'POST /api/v1/auth/users/:name/password',
      'GET /api/v1/auth/whoami',
      'GET /openapi.json',
      'GET /docs',
    ])
  })
})
