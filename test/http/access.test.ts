/** Who may call what: every route against every role, and what happens at the door. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword } from '../../src/auth/password.ts'
import { hashToken } from '../../src/auth/token.ts'
import { ROLES, type Role } from '../../src/ipam/access.ts'
import { type Api, type ApiResponse, CHEAP, openApi } from './fixture.ts'

const HOUR_MS = 3_600_000
const SYSTEM = { user: 'system', requestId: null }
const NOBODY = null

type Login = Readonly<Record<string, string>> | null

function bearer(token: string): Login {
  return { Authorization: `Bearer ${token}` }
}

function basic(name: string, password: string): Login {
  return { Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` }
}

/** An API where one has to log in, with a user and a key of each role. */
class Guarded {
  readonly api: Api
  readonly tokens = new Map<Role, string>()

  constructor(api: Api) {
    this.api = api
  }

  static async open(): Promise<Guarded> {
    const guarded = new Guarded(await openApi({ mode: 'required' }))
    for (const role of ROLES) {
      const passwordHash = await hashPassword(passwordOf(role), CHEAP)
      const name = `${role}-user`
      await guarded.api.service.execute(
        { type: 'createUser', name, role, passwordHash, isFirst: false },
        SYSTEM,
      )
    }
    for (const role of ROLES) guarded.tokens.set(role, (await guarded.createKey({ role })).token)
    return guarded
  }

  async createKey(body: object): Promise<{ id: string; token: string }> {
    const answer = await this.send('POST', '/auth/keys', { login: ADMIN_USER, body })
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
    return answer.body
  }

  tokenOf(role: Role): string {
    return this.tokens.get(role) ?? ''
  }

  keyOf(role: Role): Login {
    return bearer(this.tokenOf(role))
  }

  /** @param path Below `/api/v1`, or `/metrics`. */
  async send(
    method: string,
    path: string,
    { login, body, headers }: { login: Login; body?: unknown; headers?: Record<string, string> },
  ): Promise<ApiResponse> {
    return this.api.request(method, path, body, { ...login, ...headers })
  }
}

function passwordOf(role: Role): string {
  return `pässword of ${role}: x`
}

const ADMIN_USER = basic('admin-user', passwordOf('admin'))
const VIEWER_USER = basic('viewer-user', passwordOf('viewer'))

/** What the routes are for, by another way than how they say it; null: anybody. */
function roleNeeded(method: string, path: string): Role | null {
  if (path.startsWith('/api/v1/health') || path === '/api/v1/auth/init') return null
  if (path === '/openapi.json' || path === '/docs') return null
  if (path === '/api/v1/auth/whoami') return 'viewer'
  if (path.startsWith('/api/v1/auth/') || path === '/api/v1/cluster/snapshot') return 'admin'
  if (method === 'GET') return 'viewer'
  return path.startsWith('/api/v1/cluster/') ? 'admin' : 'operator'
}

let guarded: Guarded

beforeAll(async () => {
  guarded = await Guarded.open()
})

afterAll(() => guarded.api.close())

describe('every route', () => {
  async function ask(
    method: string,
    path: string,
    login: Login,
  ): Promise<{ status: number; reason: unknown }> {
    const { host, port } = guarded.api
    const url = `http://${host}:${port}${path.replaceAll(/:[a-z]+/g, 'some')}`
    // Nothing that any route takes: where it is let in, it does no harm.
    const body = method === 'GET' ? null : '{"no such field": 1}'
    const headers = { 'Content-Type': 'application/json', ...login }
    const response = await fetch(url, { method, headers, body })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, reason: isJson ? JSON.parse(text).reason : null }
  }

  test('is let in by its role and those above it alone, by keys and by passwords', async () => {
    const surprises: string[] = []
    for (const { method, path } of guarded.api.routes) {
      const needed = roleNeeded(method, path)
      const callers: { who: string; role: Role | null; login: Login }[] = [
        { who: 'nobody', role: null, login: NOBODY },
        { who: 'a stranger', role: null, login: bearer(`ipam_aaaaaaaaaaaaaaaa_${'s'.repeat(43)}`) },
        ...ROLES.map((role) => ({ who: `a ${role} key`, role, login: guarded.keyOf(role) })),
        ...ROLES.map((role) => ({
          who: `a ${role} user`,
          role,
          login: basic(`${role}-user`, passwordOf(role)),
        })),
      ]
      for (const { who, role, login } of callers) {
        guarded.api.clock.ms += HOUR_MS
        const isEnough = needed === null || (role !== null && ROLES.indexOf(role) >= ROLES.indexOf(needed))
        const { status, reason } = await ask(method, path, login)
        const came = status === 401 ? '401' : reason === 'role_required' ? '403' : 'in'
        const expected = isEnough ? 'in' : role === null ? '401' : '403'
        if (came !== expected)
          surprises.push(`${method} ${path}, ${who}: ${came} (${status} ${reason}), not ${expected}`)
      }
    }

    expect(surprises).toEqual([])
    expect(guarded.api.routes.length).toBeGreaterThan(35)
  })

  test('says the same of who may call it', () => {
    const declared = guarded.api.routes.map(({ method, path, access }) => [method, path, access.role])
    const needed = guarded.api.routes.map(({ method, path }) => {
      const isPassword = path === '/api/v1/auth/users/:name/password'
      return [method, path, isPassword ? 'viewer' : roleNeeded(method, path)]
    })

    expect(declared).toEqual(needed)
  })

  test.each([
    { method: 'GET', path: '/nothing', status: 404 },
    { method: 'PUT', path: '/networks', status: 405 },
    { method: 'OPTIONS', path: '/networks', status: 204 },
  ])(
    'what there is no route for is told to who is known: $method $path',
    async ({ method, path, status }) => {
      expect((await guarded.send(method, path, { login: NOBODY })).status).toBe(401)
      expect((await guarded.send(method, path, { login: guarded.keyOf('viewer') })).status).toBe(status)
    },
  )
})

describe("a viewer's token", () => {
  const writes: { method: string; path: string; body?: object | string }[] = [
    { method: 'POST', path: '/networks', body: { cidr: '10.9.0.0/24' } },
    { method: 'PATCH', path: '/networks/net-1', body: { description: 'mine' } },
    { method: 'DELETE', path: '/networks/net-1' },
    { method: 'POST', path: '/networks/net-1/subnets', body: { prefix_length: 28 } },
    { method: 'POST', path: '/allocations', body: { network_id: 'net-1' } },
    { method: 'POST', path: '/allocations/batch', body: { items: [{ network_id: 'net-1' }] } },
    { method: 'PATCH', path: '/allocations/alloc-1', body: { hostname: 'mine' } },
    { method: 'POST', path: '/allocations/alloc-1/renew', body: { ttl_hours: 1 } },
    { method: 'POST', path: '/allocations/alloc-1/release', body: {} },
    { method: 'POST', path: '/import?format=ipam-networks-jsonl', body: '{"cidr":"10.9.0.0/24"}' },
    { method: 'POST', path: '/cluster/nodes', body: { node_id: 4, addr: 'a:1' } },
    { method: 'DELETE', path: '/cluster/nodes/1?force=true' },
    { method: 'POST', path: '/cluster/transfer-leader', body: {} },
    { method: 'POST', path: '/cluster/drain', body: { drain: true } },
    { method: 'POST', path: '/auth/users', body: { name: 'x', role: 'admin', password: 'long enough' } },
    { method: 'PATCH', path: '/auth/users/admin-user', body: { role: 'viewer' } },
    { method: 'POST', path: '/auth/users/admin-user/password', body: { password: 'long enough' } },
    { method: 'DELETE', path: '/auth/users/operator-user' },
    { method: 'POST', path: '/auth/keys', body: { role: 'admin' } },
    { method: 'DELETE', path: '/auth/keys/aaaaaaaaaaaaaaaa' },
  ]

  test('has no write forgotten in the table below', () => {
    const listed = writes.map(({ method, path }) => `${method} ${pattern(path)}`)
    const all = guarded.api.routes.filter(
      ({ method, path }) => method !== 'GET' && path !== '/api/v1/auth/init',
    )

    expect(listed.toSorted()).toEqual(all.map(({ method, path }) => `${method} ${path}`).toSorted())
  })

  function pattern(path: string): string {
    const generic = path
      .replace(/\?.*/, '')
      .replace(/(net-1|alloc-1|\/aaaaaaaaaaaaaaaa|nodes\/1)/, (id) =>
        id.includes('/') ? `${id.replace(/[^/]*$/, '')}:id` : ':id',
      )
      .replace(/(admin|operator)-user/, ':name')
    return `/api/v1${generic}`
  }

  test.each(writes)('changes nothing: $method $path', async ({ method, path, body }) => {
    const index = guarded.api.service.appliedIndex

    const answer = await guarded.send(method, path, { login: guarded.keyOf('viewer'), body })

    expect(answer).toMatchObject({ status: 403, body: { reason: 'role_required', applied: 'no' } })
    expect(answer.body.error).toMatch(/^this needs the role (operator|admin)\b/)
    expect(guarded.api.service.appliedIndex).toBe(index)
    expect(guarded.api.service.ready.ready).toBe(true)
  })
})

describe('at the door', () => {
  test('401 says how to log in, and 403 which role it takes', async () => {
    const without = await guarded.send('GET', '/networks', { login: NOBODY })
    const viewer = await guarded.send('POST', '/networks', { login: VIEWER_USER, body: {} })

    expect(without.status).toBe(401)
    expect(without.headers.get('www-authenticate')).toBe(
      'Bearer realm="ipam", Basic realm="ipam", charset="UTF-8"',
    )
    expect(viewer.status).toBe(403)
    expect(viewer.body.error).toBe('this needs the role operator, and viewer-user has the role viewer')
  })

  test('a key goes in two headers, and the audit row names it', async () => {
    const { id, token } = await guarded.createKey({ role: 'operator', description: 'robot' })

    await guarded.send('POST', '/networks', { login: { 'X-API-Key': token }, body: { cidr: '10.1.0.0/24' } })
    await guarded.send('POST', '/networks', { login: bearer(token), body: { cidr: '10.2.0.0/24' } })

    const { body } = await guarded.send('GET', `/audit?user=key-${id}`, { login: VIEWER_USER })
    expect(body.map(({ details }: { details: string }) => details)).toEqual([
      'Created network 10.1.0.0/24',
      'Created network 10.2.0.0/24',
    ])
  })

  test('a key ends when it expires, by the clock of the cluster or of this node', async () => {
    const { id, token } = await guarded.createKey({ role: 'viewer', ttl_hours: 1 })
    expect((await guarded.send('GET', '/networks', { login: bearer(token) })).status).toBe(200)

    guarded.api.service.time += HOUR_MS
    const answer = await guarded.send('GET', '/networks', { login: bearer(token) })

    expect(answer).toMatchObject({
      status: 401,
      body: { error: `the API key ${id} has expired: have an admin create another one` },
    })
  })

  test('a key ends when it is revoked', async () => {
    const { id, token } = await guarded.createKey({ role: 'viewer' })
    expect((await guarded.send('GET', '/auth/whoami', { login: bearer(token) })).body).toMatchObject({
      user: `key-${id}`,
      role: 'viewer',
      key: { id },
    })

    const answer = await guarded.send('DELETE', `/auth/keys/${id}`, { login: ADMIN_USER })

    expect(answer.status).toBe(204)
    expect((await guarded.send('GET', '/networks', { login: bearer(token) })).status).toBe(401)
    expect((await guarded.send('GET', `/auth/keys/${id}`, { login: ADMIN_USER })).status).toBe(404)
  })

  test('the right id with another secret is no key', async () => {
    const { id } = await guarded.createKey({ role: 'admin' })
    const login = bearer(`ipam_${id}_${'s'.repeat(43)}`)

    expect((await guarded.send('GET', '/networks', { login })).status).toBe(401)
  })

  test('a key with a scope does not get where no scope is kept', async () => {
    const scope = { tags: ['lab'] }
    const { id, token } = await guarded.createKey({ role: 'operator', scope })

    const answer = await guarded.send('GET', '/cluster/status', { login: bearer(token) })

    expect(answer).toMatchObject({ status: 403, body: { reason: 'out_of_scope' } })
    expect((await guarded.send('GET', '/auth/whoami', { login: bearer(token) })).body).toMatchObject({
      user: `key-${id}`,
      scope: { networks: [], tags: ['lab'] },
    })
  })

  test('a password ends when it is changed, by its user or an admin, and at once', async () => {
    const body = { name: 'carla', role: 'viewer', password: 'first password' }
    await guarded.send('POST', '/auth/users', { login: ADMIN_USER, body })
    const first = basic('carla', 'first password')
    expect((await guarded.send('GET', '/networks', { login: first })).status).toBe(200)

    const path = '/auth/users/carla/password'
    const change = { password: 'second password' }
    expect((await guarded.send('POST', path, { login: VIEWER_USER, body: change })).status).toBe(403)
    expect((await guarded.send('POST', path, { login: first, body: change })).status).toBe(204)

    expect((await guarded.send('GET', '/networks', { login: first })).status).toBe(401)
    const second = basic('carla', 'second password')
    expect((await guarded.send('GET', '/networks', { login: second })).status).toBe(200)
    const role = { role: 'operator' }
    expect(
      (await guarded.send('PATCH', '/auth/users/carla', { login: ADMIN_USER, body: role })).body,
    ).toMatchObject({
      name: 'carla',
      role: 'operator',
    })
    await guarded.send('DELETE', '/auth/users/carla', { login: ADMIN_USER })
    expect((await guarded.send('GET', '/networks', { login: second })).status).toBe(401)
  })

  test('what is not known here is looked for where the cluster knows it', async () => {
    const { service } = guarded.api
    const id = 'newkeynewkeynewk'
    const token = `ipam_${id}_${'n'.repeat(43)}`
    const settings = { description: '', role: 'viewer', scope: null, ttlMs: null } as const
    service.onCatchUp = () => {
      service.onCatchUp = () => {}
      void service.execute({ type: 'createKey', id, secretHash: hashToken(token), ...settings }, SYSTEM)
    }

    expect((await guarded.send('GET', '/networks', { login: bearer(token) })).status).toBe(200)
  })

  test('to shut out who may be known elsewhere takes a leader', async () => {
    const { service } = guarded.api
    const { token } = await guarded.createKey({ role: 'viewer' })
    const stranger = bearer(`ipam_bbbbbbbbbbbbbbbb_${'s'.repeat(43)}`)
    const { NotLeaderError } = await import('../../raft/errors.ts')
    service.failure = new NotLeaderError(null)

    const [unknown, known] = [
      await guarded.send('GET', '/networks', { login: stranger }),
      await guarded.send('GET', '/auth/whoami', { login: bearer(token) }),
    ]

    service.failure = null
    expect(unknown.status).toBe(503)
    expect(known.status).toBe(200)
  })

  test('a node that has not heard from the leader for long lets nobody in, but shows how it is', async () => {
    const { service, clock } = guarded.api
    const login = guarded.keyOf('admin')
    expect((await guarded.send('GET', '/networks', { login })).status).toBe(200)
    service.leaderContactMs = null
    clock.ms += 9_999
    expect((await guarded.send('GET', '/networks', { login })).status).toBe(200)

    clock.ms += 2
    const answers = await Promise.all(
      ['/networks?consistency=stale', '/cluster/status', '/health'].map((path) =>
        guarded.send('GET', path, { login }),
      ),
    )

    service.leaderContactMs = 0
    expect(answers.map(({ status }) => status)).toEqual([503, 200, 200])
    expect(answers[0]?.body).toMatchObject({ reason: 'auth_stale', applied: 'no' })
    expect((await guarded.send('GET', '/networks', { login })).status).toBe(200)
  })

  test('a node that is being given the state knows nobody, and says so', async () => {
    const { service } = guarded.api
    service.isRestoring = true
    const answer = await guarded.send('GET', '/networks', { login: ADMIN_USER })
    service.isRestoring = false

    expect(answer).toMatchObject({ status: 503, body: { reason: 'restoring' } })
  })
})

describe('failed log-ins', () => {
  test('are slowed down for that address and name, whatever password comes next, and nobody else', async () => {
    const { api } = guarded
    api.clock.ms += HOUR_MS
    const guess = (i: number) =>
      guarded.send('GET', '/networks', { login: basic('operator-user', `guess ${i}`) })
    const statuses: number[] = []
    for (let i = 0; i < 12; i++) statuses.push((await guess(i)).status)

    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429])
    const right = basic('operator-user', `${passwordOf('operator')}`)
    await guarded.send('GET', '/networks', { login: guarded.keyOf('operator') })
    const throttled = await guarded.send('POST', '/auth/users/operator-user/password', {
      login: basic('operator-user', 'guess 13'),
      body: {},
    })
    expect(throttled).toMatchObject({
      status: 429,
      body: { reason: 'too_many_failed_logins', applied: 'no' },
    })
    expect(Number(throttled.headers.get('retry-after'))).toBe(6)
    expect((await guarded.send('GET', '/networks', { login: VIEWER_USER })).status).toBe(200)
    expect((await guarded.send('GET', '/networks', { login: guarded.keyOf('operator') })).status).toBe(200)

    api.clock.ms += 6_000
    expect((await guarded.send('GET', '/networks', { login: right })).status).toBe(200)
  })

  test('are in the audit log, with who is meant, and no name that nobody has', async () => {
    const fresh = await Guarded.open()
    await fresh.send('GET', '/networks', { login: basic('admin-user', 'wrong password') })
    await fresh.send('GET', '/networks', { login: basic('hunter2hunter2', 'x') })

    fresh.api.timers.runTimers()

    const { body } = await fresh.send('GET', '/audit?action=login_failed', { login: ADMIN_USER })
    const rows = body.map((row: Record<string, string>) => [row['user'], row['resource'], row['details']])
    expect(rows).toEqual([
      ['system', 'user-admin-user', '1 failed log-in as admin-user from 127.0.0.1'],
      ['system', 'auth', '1 failed log-in as somebody unknown from 127.0.0.1'],
    ])
    await fresh.api.close()
  })
})

describe('the first admin', () => {
  const ROOT = { name: 'root', password: 'a long password' }

  test('is made on the machine of a node, once', async () => {
    const api = await openApi({ mode: 'required' })
    const before = await api.request('GET', '/networks')
    const proxied = await api.request('POST', '/auth/init', ROOT, { 'X-Forwarded-For': '192.0.2.1' })

    const made = await api.request('POST', '/auth/init', ROOT)
    const again = await api.request('POST', '/auth/init', { ...ROOT, name: 'other' })

    expect(before).toMatchObject({ status: 401, body: { reason: 'auth_not_initialized' } })
    expect(proxied).toMatchObject({ status: 403, body: { reason: 'not_local' } })
    expect(made).toMatchObject({ status: 201, body: { name: 'root', role: 'admin' } })
    expect(again).toMatchObject({ status: 409, body: { reason: 'already_initialized' } })
    const headers = basic('root', ROOT.password) ?? {}
    expect((await api.request('GET', '/auth/users', undefined, headers)).body).toHaveLength(1)
    await api.close()
  })

  test.each([
    { body: { name: 'root' }, field: 'password' },
    { body: { name: 'root', password: 'short' }, field: 'password' },
    { body: { name: 'root', password: 17_171_717 }, field: 'password' },
    { body: { name: 'Root', password: 'a long password' }, field: 'name' },
  ])('a mistake in $body is named, and no password', async ({ body, field }) => {
    const api = await openApi({ mode: 'required' })

    const answer = await api.request('POST', '/auth/init', body)

    expect(answer).toMatchObject({ status: 400, body: { details: [{ field }] } })
    expect(JSON.stringify(answer.body)).not.toMatch(/short|17171717|a long password/)
    await api.close()
  })
})

describe('where nobody has to log in', () => {
  test('everybody may do everything, and who says who it is is held to it', async () => {
    const api = await openApi({ mode: 'open' })
    const body = { name: 'vera', role: 'viewer', password: 'long enough' }

    expect((await api.request('POST', '/auth/users', body)).status).toBe(201)
    const login = basic('vera', 'long enough') ?? {}
    const wrong = basic('vera', 'wrong enough') ?? {}

    expect((await api.request('GET', '/auth/whoami')).body).toMatchObject({ user: 'system', role: 'admin' })
    expect((await api.request('GET', '/auth/whoami', undefined, login)).body.user).toBe('vera')
    expect((await api.request('POST', '/networks', { cidr: '10.0.0.0/24' }, login)).status).toBe(403)
    expect((await api.request('GET', '/networks', undefined, wrong)).status).toBe(401)
    await api.close()
  })
})

describe('repeated with the same idempotency key', () => {
  test('a key is made once, and its token is shown once', async () => {
    const headers = { 'Idempotency-Key': 'make-one' }
    const ask = () =>
      guarded.send('POST', '/auth/keys', { login: ADMIN_USER, body: { role: 'viewer' }, headers })

    const [first, second] = [await ask(), await ask()]

    expect(first.body.token).toMatch(/^ipam_/)
    expect(second).toMatchObject({ status: 201, body: { id: first.body.id, token: null } })
    expect(second.headers.get('idempotency-replayed')).toBe('true')
  })

  test('another password is another request', async () => {
    const headers = { 'Idempotency-Key': 'make-another' }
    const ask = (password: string) => {
      const body = { name: 'dora', role: 'viewer', password }
      return guarded.send('POST', '/auth/users', { login: ADMIN_USER, body, headers })
    }

    const answers = [await ask('password one'), await ask('password one'), await ask('password two')]

    expect(answers.map(({ status }) => status)).toEqual([201, 201, 422])
  })
})

test('the audit log shows users, keys and members before and after', async () => {
  const fresh = await Guarded.open()
  const eve = { name: 'eve', role: 'viewer', password: 'correct horse battery' }
  const { body: made } = await fresh.send('POST', '/auth/users', { login: ADMIN_USER, body: eve })
  const { body: changed } = await fresh.send('PATCH', '/auth/users/eve', {
    login: ADMIN_USER,
    body: { role: 'operator' },
  })
  const { token: _, ...key } = await fresh.createKey({ role: 'viewer', description: 'robot' })

  const rowsOf = async (action: string) => {
    return (await fresh.send('GET', `/audit?action=${action}`, { login: VIEWER_USER })).body.at(-1)
  }

  expect(await rowsOf('user_created')).toMatchObject({ before: null, after: made })
  expect(await rowsOf('user_updated')).toMatchObject({ before: made, after: changed })
  const { before, after } = await rowsOf('key_created')
  expect([before, after]).toEqual([null, key])
  await fresh.api.close()
})

test('no secret is in logs, answers, audit rows or the state', async () => {
  const fresh = await Guarded.open()
  const { token } = await fresh.createKey({ role: 'operator', description: 'robot' })
  const password = 'Tr0ub4dor&3 and more'
  const create = { name: 'eve', role: 'viewer', password }
  const headers = { 'Idempotency-Key': 'eve-1' }
  const eve = basic('eve', password)
  const answers = [
    await fresh.send('POST', '/auth/users', { login: ADMIN_USER, body: create, headers }),
    await fresh.send('GET', '/networks', { login: eve }),
    await fresh.send('POST', '/networks', { login: eve, body: { cidr: 'x' } }),
    await fresh.send('POST', '/networks', { login: bearer(token), body: { cidr: '10.0.0.0/24' } }),
    await fresh.send('GET', '/networks', { login: basic('eve', `${password}!`) }),
    await fresh.send('GET', '/networks', { login: bearer(`${token}x`) }),
    await fresh.send('DELETE', `/auth/keys/${token}`, { login: ADMIN_USER }),
    await fresh.send('GET', `/${token}`, { login: NOBODY }),
    await fresh.send('GET', '/auth/users', { login: ADMIN_USER }),
    await fresh.send('GET', '/auth/keys', { login: ADMIN_USER }),
    await fresh.send('GET', '/audit?limit=1000', { login: ADMIN_USER }),
  ]
  const image = await fresh.api.service.image()
  const chunks: Uint8Array[] = []
  for await (const chunk of image.chunks()) chunks.push(chunk)
  await image.release()

  const secrets = [password, token, token.slice(-43), btoa(`eve:${password}`)]
  const places = {
    logs: JSON.stringify(fresh.api.lines),
    answers: JSON.stringify(answers.map(({ status, body }) => [status, body])),
    state: Buffer.concat(chunks).toString('latin1'),
  }

  for (const [place, text] of Object.entries(places)) {
    for (const secret of secrets) expect(text.includes(secret), `${secret} in ${place}`).toBe(false)
  }
  expect(places.answers).not.toMatch(/scrypt|secret_?hash/i)
  expect(places.state).toContain('$scrypt$')
  await fresh.api.close()
})
