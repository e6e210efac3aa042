import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NotLeaderError, ProposalUncertainError } from '../../raft/errors.ts'
import { type Api, allocationIdAt, openApi, START } from './fixture.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
})

afterEach(() => api.close())

async function createNetwork(cidr = '192.168.1.0/24'): Promise<string> {
  return (await api.request('POST', '/networks', { cidr })).body.id
}

async function allocate(fields: object = {}): Promise<{ id: string; ip: string }> {
  const body = { network_id: await createNetwork(), ...fields }
  return (await api.request('POST', '/allocations', body)).body
}

describe('networks (ipam-rest-api.md, Network Management)', () => {
  test('a created network is answered with 201, its place, and the index of its creation', async () => {
    const request = { cidr: '10.0.0.0/16', description: 'Production network', tags: ['prod', 'web'] }

    const { status, headers, body } = await api.request('POST', '/networks', request)

    expect(status).toBe(201)
    expect(body).toEqual({
      id: 'net-1',
      ...request,
      created_at: '2024-01-15T10:30:00Z',
      namespace: 'default',
      parent_id: null,
      gateway: null,
      reserved: [],
      cooldown_seconds: 0,
      strategy: 'lowest',
      updated_at: '2024-01-15T10:30:00Z',
      metadata: {},
    })
    const documented = ['id', 'cidr', 'description', 'tags', 'created_at']
    expect(Object.keys(body).slice(0, documented.length)).toEqual(documented)
    expect(headers.get('location')).toBe('/api/v1/networks/net-1')
    expect(headers.get('etag')).toBe('"1"')
    expect(headers.get('x-raft-index')).toBe('1')
  })

  test('a network can be read back, alone and in the list', async () => {
    const created = await api.request('POST', '/networks', { cidr: '10.0.0.0/16' })

    const one = await api.request('GET', '/networks/net-1')
    const all = await api.request('GET', '/networks')

    expect(one.body).toEqual(created.body)
    expect(one.headers.get('etag')).toBe('"1"')
    expect(all.body).toEqual([created.body])
    expect(all.headers.get('link')).toBeNull()
  })

  test('an IPv6 prefix is kept in its canonical form', async () => {
    const { body } = await api.request('POST', '/networks', { cidr: '2001:DB8:0:0::/64' })

    expect(body.cidr).toBe('2001:db8::/64')
  })

  test('null and nothing mean the same in optional fields', async () => {
    const request = { cidr: '10.0.0.0/16', description: null, tags: null }

    expect((await api.request('POST', '/networks', request)).body).toMatchObject({
      description: '',
      tags: [],
    })
  })

  test('a network is deleted with 204, but not while it has allocations', async () => {
    const { id } = await allocate()

    expect(await api.request('DELETE', '/networks/net-1')).toMatchObject({
      status: 409,
      body: { reason: 'network_has_allocations', code: 409, applied: 'no' },
    })
    await api.request('POST', `/allocations/${id}/release`)
    expect(await api.request('DELETE', '/networks/net-1')).toMatchObject({ status: 204, body: null })
    expect((await api.request('GET', '/networks')).body).toEqual([])
  })

  test('the same prefix again is 409, with the id of the network that has it', async () => {
    await createNetwork('10.0.0.0/16')

    const same = await api.request('POST', '/networks', { cidr: '10.0.0.0/16' })

    expect(same).toMatchObject({ status: 409, body: { reason: 'network_exists', applied: 'no' } })
    expect(same.body.error).toContain('net-1')
  })

  test('a network inside another is its child, but not over addresses that the parent has allocated', async () => {
    await createNetwork('10.0.0.0/16')
    const inside = await api.request('POST', '/networks', { cidr: '10.0.1.0/24' })
    await api.request('POST', '/allocations', { network_id: 'net-1' })

    const occupied = await api.request('POST', '/networks', { cidr: '10.0.0.0/24' })

    expect(inside).toMatchObject({ status: 201, body: { parent_id: 'net-1' } })
    expect(occupied).toMatchObject({ status: 409, body: { reason: 'addresses_in_use', applied: 'no' } })
    expect(occupied.body.error).toContain('10.0.0.1')
  })

  test.each(['GET', 'DELETE'])('%s of an unknown network is 404', async (method) => {
    const { status, body } = await api.request(method, '/networks/net-9')

    expect(status).toBe(404)
    expect(body).toEqual({
      error: 'Network not found: no network has the id net-9',
      code: 404,
      reason: 'network_not_found',
      request_id: 'request-1',
      applied: 'no',
    })
  })

  test('statistics count usable addresses, with one decimal', async () => {
    await allocate({ count: 45 })

    expect((await api.request('GET', '/networks/net-1/stats')).body).toEqual({
      network_id: 'net-1',
      total_ips: 254,
      allocated_ips: 45,
      available_ips: 209,
      utilization_percent: 17.7,
      first_available: '192.168.1.46',
      last_allocated: '192.168.1.45',
      reserved_ips: 0,
      cooling_ips: 0,
      delegated_ips: 0,
      largest_free_block: '192.168.1.128/25',
      size: 256,
    })
    expect((await api.request('GET', '/networks/net-9/stats')).status).toBe(404)
  })

  test('counts that a number cannot hold are decimal text', async () => {
    await createNetwork('2001:db8::/64')

    const { body } = await api.request('GET', '/networks/net-1/stats')

    expect(body.total_ips).toBe(String(2n ** 64n - 1n))
    expect(body).toMatchObject({ allocated_ips: 0, utilization_percent: 0, last_allocated: null })
  })

  test('a list goes on where its Link points, until there is none', async () => {
    for (let i = 0; i < 5; i++) await createNetwork(`10.${i}.0.0/16`)
    const seen: string[] = []
    let path: string | null = '/networks?limit=2&consistency=stale'
    while (path !== null) {
      const page = await api.request('GET', path)
      seen.push(...page.body.map((network: { cidr: string }) => network.cidr))
      const [, next = null] = /^<\/api\/v1([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '') ?? []
      path = next
    }

    expect(seen).toEqual(['10.0.0.0/16', '10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16'])
    expect(new Set(api.service.consistencies.map(({ type }) => type))).toEqual(new Set(['stale']))
  })
})

describe('allocations (ipam-rest-api.md, IP Allocation Management)', () => {
  test('the lowest free address is allocated and answered in full', async () => {
    await createNetwork()
    const request = {
      network_id: 'net-1',
      count: 1,
      hostname: 'web-server-02',
      description: 'New web server',
      ttl_hours: 24,
    }

    const { status, headers, body } = await api.request('POST', '/allocations', request)

    expect(status).toBe(201)
    expect(body).toEqual({
      id: allocationIdAt(2),
      network_id: 'net-1',
      ip: '192.168.1.1',
      end_ip: null,
      hostname: 'web-server-02',
      description: 'New web server',
      status: 'allocated',
      allocated_at: '2024-01-15T10:30:00Z',
      expires_at: '2024-01-16T10:30:00Z',
      released_at: null,
      tags: [],
      mac: null,
      metadata: {},
    })
    expect(headers.get('location')).toBe(`/api/v1/allocations/${allocationIdAt(2)}`)
    expect((await api.request('GET', `/allocations/${allocationIdAt(2)}`)).body).toEqual(body)
  })

  test('a count gives one contiguous range', async () => {
    expect(await allocate({ count: 10 })).toMatchObject({ ip: '192.168.1.1', end_ip: '192.168.1.10' })
  })

  test.each([
    { fields: { ttl_hours: 0.5 }, expiresAt: '2024-01-15T11:00:00Z' },
    { fields: { ttl_seconds: 90 }, expiresAt: '2024-01-15T10:31:30Z' },
    { fields: { ttl_seconds: 0.25 }, expiresAt: '2024-01-15T10:30:00.250Z' },
    { fields: { ttl_hours: null, ttl_seconds: 1 }, expiresAt: '2024-01-15T10:30:01Z' },
    { fields: {}, expiresAt: null },
  ])('$fields expires at $expiresAt', async ({ fields, expiresAt }) => {
    expect(await allocate(fields)).toMatchObject({ expires_at: expiresAt })
  })

  test('a full network is 409, never a success with nothing in it', async () => {
    const { status, body } = await (async () => {
      const network_id = await createNetwork('10.0.0.0/30')
      return api.request('POST', '/allocations', { network_id, count: 3 })
    })()

    expect(status).toBe(409)
    expect(body).toMatchObject({ reason: 'network_exhausted', applied: 'no' })
  })

  test('an allocation that names no network is 400, and says how to name one', async () => {
    const { status, body } = await api.request('POST', '/allocations', { count: 1 })

    expect([status, body.details]).toEqual([
      400,
      [
        {
          field: 'network_id',
          message: 'is required: the id of a network; or its cidr, or an ip inside it',
        },
      ],
    ])
  })

  test('an allocation in an unknown network is 404', async () => {
    const answer = await api.request('POST', '/allocations', { network_id: 'net-9' })

    expect(answer).toMatchObject({ status: 404, body: { reason: 'network_not_found' } })
  })

  test('a release is 204, also the second time, with no body or an empty object', async () => {
    const { id } = await allocate()

    expect((await api.request('POST', `/allocations/${id}/release`)).status).toBe(204)
    expect((await api.request('POST', `/allocations/${id}/release`, {})).status).toBe(204)
    expect((await api.request('POST', `/allocations/${allocationIdAt(9)}/release`)).status).toBe(404)
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    expect((await api.request('POST', `/allocations/${id}/release`, '', form)).status).toBe(204)
  })

  test('released ones are in the list only with all=true', async () => {
    const { id } = await allocate()
    await api.request('POST', '/allocations', { network_id: 'net-1' })
    api.service.time = START + 60_500
    await api.request('POST', `/allocations/${id}/release`)

    const active = await api.request('GET', '/allocations')
    const all = await api.request('GET', '/allocations?network_id=net-1&all=true')
    const none = await api.request('GET', '/allocations?network_id=net-9')

    expect(active.body).toMatchObject([{ ip: '192.168.1.2', status: 'allocated' }])
    expect(all.body).toMatchObject([
      { ip: '192.168.1.1', status: 'released', released_at: '2024-01-15T10:31:00.500Z' },
      { ip: '192.168.1.2', status: 'allocated', released_at: null },
    ])
    expect(none.body).toEqual([])
  })
})

describe('cluster (ipam-rest-api.md, Cluster Management)', () => {
  test('the status has the documented fields, and more', async () => {
    await createNetwork()

    const { status, headers, body } = await api.request('GET', '/cluster/status')

    expect(status).toBe(200)
    expect(headers.get('x-raft-index')).toBe('1')
    expect(body).toEqual({
      node_id: 1,
      cluster_id: 100,
      role: 'leader',
      raft_state: 'StateLeader',
      members: [
        {
          node_id: 1,
          addr: '127.0.0.1:5001',
          role: 'leader',
          voter: true,
          schemas: { min: 1, max: 1 },
          healthy: true,
          match_index: 1,
          last_contact_ms: 0,
          reasons: [],
        },
      ],
      leader_id: 1,
      leader_addr: '127.0.0.1:5001',
      term: 1,
      commit_index: 1,
      applied_index: 1,
      schema_version: 1,
      version: '1.0.0',
    })
  })
})

describe('draining', () => {
  test('makes a node not ready until it is undone, while it goes on serving', async () => {
    api.service.role = 'follower'
    expect((await api.request('POST', '/cluster/drain', { drain: true })).status).toBe(204)
    expect(await api.request('GET', '/health/ready')).toMatchObject({
      status: 503,
      body: { reasons: ['draining'] },
    })
    expect((await api.request('GET', '/networks')).status).toBe(200)

    expect((await api.request('POST', '/cluster/drain', { drain: false })).status).toBe(204)
    expect((await api.request('GET', '/health/ready')).status).toBe(200)
  })

  test('is on record as often as it changes something, with who asked by which request', async () => {
    api.service.role = 'follower'
    for (const [requestId, drain] of Object.entries({ one: true, two: true, three: false, four: false })) {
      await api.request('POST', '/cluster/drain', { drain }, { 'X-Request-Id': requestId })
    }

    const { body } = await api.request('GET', '/audit?resource=node-1')

    expect(body).toMatchObject([
      { action: 'node_drained', user: 'system', request_id: 'one', details: 'Drained node 1' },
      { action: 'node_undrained', user: 'system', request_id: 'three', details: 'Undid the drain of node 1' },
    ])
  })

  test.each([
    { why: 'nothing', body: {}, message: 'drain: is required: true or false' },
    { why: 'something else', body: { drain: 'yes' }, message: 'drain: must be true or false, not "yes"' },
  ])('does not guess what $why means', async ({ body, message }) => {
    expect(await api.request('POST', '/cluster/drain', body)).toMatchObject({
      status: 400,
      body: { reason: 'invalid_request', error: message },
    })
  })
})

describe('health and audit (ipam-rest-api.md, System Endpoints)', () => {
  test('health has the documented fields', async () => {
    api.clock.ms += 2 * 3_600_000 + 30 * 60_000 + 15_999

    expect(await api.request('GET', '/health')).toMatchObject({
      status: 200,
      body: { status: 'healthy', service: 'ipam', cluster_mode: true, version: '1.0.0', uptime: '2h30m15s' },
    })
  })

  test('a node that is not ready says why, and when to ask again', async () => {
    expect(await api.request('GET', '/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ready' },
    })
    api.service.ready = { ready: false, reasons: ['no_leader', 'catching_up'] }

    const { status, headers, body } = await api.request('GET', '/health/ready')

    expect(status).toBe(503)
    expect(headers.get('retry-after')).toBe('1')
    expect(body).toMatchObject({ reason: 'not_ready', reasons: ['no_leader', 'catching_up'] })
  })

  test('a node whose state is wrong is not healthy, though it may just not be ready for any other reason', async () => {
    api.service.ready = { ready: false, reasons: ['no_leader'] }
    expect(await api.request('GET', '/health')).toMatchObject({ status: 200 })
    api.service.ready = { ready: false, reasons: ['state_diverged'] }

    const { status, headers, body } = await api.request('GET', '/health')

    expect([status, headers.get('retry-after')]).toEqual([503, null])
    expect(body).toMatchObject({ reason: 'state_diverged' })
  })

  test('only the leader says that it leads', async () => {
    expect((await api.request('GET', '/health/leader')).status).toBe(200)
    api.service.role = 'follower'
    expect(await api.request('GET', '/health/leader')).toMatchObject({
      status: 503,
      body: { reason: 'not_leader' },
    })
  })

  test('the audit log has the newest entries in ascending time', async () => {
    await allocate({ hostname: 'web-server-01' })

    const { body } = await api.request('GET', '/audit')
    const network = (await api.request('GET', '/networks/net-1')).body
    const allocation = (await api.request('GET', `/allocations/${allocationIdAt(2)}`)).body
    const newest = await api.request('GET', '/audit?limit=1')
    // Where a network lay among the others is not on record.
    const { parent_id: _, ...recorded } = network

    expect(body).toEqual([
      {
        timestamp: '2024-01-15T10:30:00Z',
        action: 'network_created',
        resource: 'net-1',
        details: 'Created network 192.168.1.0/24',
        user: 'system',
        index: 1,
        request_id: 'request-1',
        before: null,
        after: recorded,
      },
      {
        timestamp: '2024-01-15T10:30:00Z',
        action: 'ip_allocated',
        resource: allocationIdAt(2),
        details: 'Allocated 192.168.1.1 to web-server-01',
        user: 'system',
        index: 2,
        request_id: 'request-2',
        before: null,
        after: allocation,
      },
    ])
    expect(newest.body).toEqual([body[1]])
  })
})

describe('what all requests have in common (api.md, Conventions)', () => {
  test.each([
    { query: '', consistency: { type: 'linearizable' }, lastContactMs: null },
    { query: '?consistency=linearizable', consistency: { type: 'linearizable' }, lastContactMs: null },
    { query: '?consistency=stale', consistency: { type: 'stale' }, lastContactMs: '12' },
    { query: '?min_index=7', consistency: { type: 'minIndex', index: 7 }, lastContactMs: null },
    {
      query: '?min_index=7&consistency=stale',
      consistency: { type: 'minIndex', index: 7 },
      lastContactMs: null,
    },
  ])('a read with "$query" is $consistency.type', async ({ query, consistency, lastContactMs }) => {
    const { headers } = await api.request('GET', `/networks${query}`)

    expect(api.service.consistencies).toEqual([consistency])
    expect(headers.get('x-raft-index')).toBe('0')
    expect(headers.get('x-raft-last-contact-ms')).toBe(lastContactMs)
  })

  test.each([
    { why: 'taken over', sent: 'client-42', id: 'client-42' },
    { why: 'made, if there is none', sent: null, id: 'request-1' },
    { why: 'made, if it is too long', sent: 'x'.repeat(129), id: 'request-1' },
    { why: 'made, if it is not ASCII', sent: 'caf\u00e9', id: 'request-1' },
  ])('the request id is $why', async ({ sent, id }) => {
    const headers: Record<string, string> = sent === null ? {} : { 'X-Request-Id': sent }

    const answer = await api.request('GET', '/networks/net-9', undefined, headers)

    expect(answer.headers.get('x-request-id')).toBe(id)
    expect(answer.body.request_id).toBe(id)
  })

  test('a write says whether it was applied, and when to try again', async () => {
    api.service.failure = new NotLeaderError(null)
    const refused = await api.request('POST', '/networks', { cidr: '10.0.0.0/24' })
    api.service.failure = new ProposalUncertainError('leadership was lost')
    const uncertain = await api.request('POST', '/networks', { cidr: '10.0.0.0/24' })

    expect(refused).toMatchObject({ status: 503, body: { reason: 'no_leader', applied: 'no' } })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(uncertain).toMatchObject({ status: 504, body: { reason: 'outcome_unknown', applied: 'unknown' } })
    expect(uncertain.headers.get('retry-after')).toBeNull()
  })

  test('our own bug leaves the outcome of a write unknown', async () => {
    api.service.failure = new TypeError('the secret detail')

    const { status, body } = await api.request('POST', '/networks', { cidr: '10.0.0.0/24' })

    expect({ status, applied: body.applied }).toEqual({ status: 500, applied: 'unknown' })
  })

  test('our own bug is a 500 that says nothing, and a log line that says all', async () => {
    api.service.failure = new TypeError('the secret detail')

    const { status, body } = await api.request('GET', '/networks')

    expect(status).toBe(500)
    expect(body).toMatchObject({ error: 'see the log of this node', reason: 'internal_error', applied: 'no' })
    expect(api.lines).toContainEqual({
      level: 'error',
      fields: { err: api.service.failure, requestId: body.request_id },
      message: 'bug',
    })
  })

  test.each([
    { accept: 'application/problem+json', type: 'application/problem+json' },
    { accept: 'text/html, application/problem+json;q=0.5', type: 'application/problem+json' },
    { accept: 'application/problem+json;q=0', type: 'application/json' },
    { accept: '*/*', type: 'application/json' },
  ])('an error for Accept: $accept is $type', async ({ accept, type }) => {
    const { headers } = await api.request('GET', '/networks/net-9', undefined, { Accept: accept })

    expect(headers.get('content-type')).toBe(type)
  })

  test('failures are logged at the default level; what went well, and probes, are not', async () => {
    await createNetwork()
    await api.request('GET', '/networks')
    await api.request('GET', '/networks/net-9')
    api.service.ready = { ready: false, reasons: ['no_leader'] }
    await api.request('GET', '/health/ready')
    api.service.failure = new NotLeaderError(null)
    await api.request('GET', '/networks')

    expect(api.lines.map(({ level, fields }) => `${level} ${fields['method']} ${fields['status']}`)).toEqual([
      'debug POST 201',
      'debug GET 200',
      'info GET 404',
      'debug GET 503',
      'warn GET 503',
    ])
    expect(api.lines[0]?.fields).toEqual({
      method: 'POST',
      path: '/api/v1/networks',
      status: 201,
      durationMs: 0,
      requestId: 'request-1',
    })
  })

  test.each([
    { seconds: 0.999, level: 'debug' },
    { seconds: 1, level: 'info' },
  ])('a request that took $seconds s is logged at level $level', async ({ seconds, level }) => {
    api.service.onExecute = () => {
      api.clock.ms += seconds * 1_000
    }

    await createNetwork()

    expect(api.lines).toMatchObject([{ level, fields: { durationMs: seconds * 1_000 } }])
  })

  test('HEAD answers as GET does, without a body', async () => {
    const { status, headers, body } = await api.request('HEAD', '/networks')

    expect(status).toBe(200)
    expect(body).toBeNull()
    expect(headers.get('x-raft-index')).toBe('0')
  })

  test.each([
    { path: '/networks', allow: 'GET, POST, HEAD, OPTIONS' },
    { path: '/networks/net-1', allow: 'GET, PATCH, DELETE, HEAD, OPTIONS' },
    { path: `/allocations/${allocationIdAt(1)}/release`, allow: 'POST, OPTIONS' },
    { path: '/cluster/nodes/4', allow: 'DELETE, OPTIONS' },
  ])('OPTIONS and 405 of $path name $allow', async ({ path, allow }) => {
    const options = await api.request('OPTIONS', path)
    const wrong = await api.request('PUT', path)

    expect([options.status, options.headers.get('allow')]).toEqual([204, allow])
    expect(options.headers.get('access-control-allow-origin')).toBeNull()
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, allow])
  })

  test('a body of exactly the limit is read', async () => {
    const body = `{"cidr":"10.0.0.0/24"}${' '.repeat((1 << 20) - 22)}`

    expect((await api.request('POST', '/networks', body)).status).toBe(201)
  })

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])(
    'Content-Type %s is JSON',
    async (type) => {
      const headers = { 'Content-Type': type }

      expect((await api.request('POST', '/networks', '{"cidr":"10.0.0.0/24"}', headers)).status).toBe(201)
    },
  )

  test('a key given twice counts the last time, and a prototype is not touched', async () => {
    const body = '{"cidr":"10.0.0.0/24","cidr":"10.1.0.0/24"}'

    expect((await api.request('POST', '/networks', body)).body.cidr).toBe('10.1.0.0/24')
    await api.request('POST', '/networks', '{"__proto__":{"polluted":true},"cidr":"10.0.0.0/24"}')
    expect({}).not.toHaveProperty('polluted')
  })
})
