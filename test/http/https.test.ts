import { createServer, request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import { Hono } from 'hono'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { TlsCredentials } from '../../raft/index.ts'
import { hashPassword } from '../../src/auth/password.ts'
import { clientCertificateName } from '../../src/http/client-certificate.ts'
import { type HttpsCredentials, type Listener, listen } from '../../src/http/listen.ts'
import { Authority } from '../certificates.ts'
import { type Api, CHEAP, createMemoryLogger, openApi } from './fixture.ts'

const servers = new Authority('servers')
const clients = new Authority('clients')
const listeners: Listener[] = []

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})

afterAll(() => {
  servers.close()
  clients.close()
})

/** Answers who the client is by its certificate. */
async function start({ ca = '', ...own }: Partial<HttpsCredentials> = {}): Promise<Listener> {
  const app = new Hono<{ Bindings: { incoming: Parameters<typeof clientCertificateName>[0] } }>()
  app.get('/', (c) => c.json({ name: clientCertificateName(c.env.incoming) }))
  const tls = { ...servers.issue({ uses: ['serverAuth'] }), ...own, ca }
  const plain = app as unknown as Hono
  const listener = await listen(plain, { host: '127.0.0.1', port: 0, logger: createMemoryLogger(), tls })
  listeners.push(listener)
  return listener
}

interface Asking {
  readonly path?: string
  readonly headers?: Record<string, string>
}

function get(
  { port }: { readonly port: number },
  { ca = servers.certificate, path = '/', headers = {}, ...own }: Partial<TlsCredentials> & Asking = {},
): Promise<{
  status: number
  body: { name?: string | null; reason?: string; error?: string; user?: string }
}> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, ca, path, headers, ...own, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('HTTPS', () => {
  test('is answered, and nobody is asked for a certificate', async () => {
    const listener = await start()

    expect(await get(listener)).toEqual({ status: 200, body: { name: null } })
    const { key, cert } = clients.issue({ commonName: 'alice' })
    expect(await get(listener, { key, cert })).toEqual({ status: 200, body: { name: null } })
  })

  test.each([
    {
      why: 'it is of the authority of clients',
      made: () => clients.issue({ commonName: 'alice' }),
      name: 'alice',
    },
    { why: 'none is shown', made: () => ({}), name: null },
  ])('names the client where $why', async ({ made, name }) => {
    const listener = await start({ ca: clients.certificate })
    const { ca: _, ...own } = made() as Partial<TlsCredentials>

    expect(await get(listener, own)).toEqual({ status: 200, body: { name } })
  })

  test.each([
    {
      why: 'of the authority of servers',
      made: () => servers.issue({ commonName: 'alice' }),
      code: '[A-Z_]+',
    },
    {
      why: 'that has expired',
      made: () => clients.issue({ commonName: 'alice', days: -1 }),
      code: 'CERT_HAS_EXPIRED',
    },
    {
      why: 'for servers only',
      made: () => clients.issue({ commonName: 'alice', uses: ['serverAuth'] }),
      code: 'INVALID_PURPOSE',
    },
  ])('refuses a client certificate $why, and says so', async ({ made, code }) => {
    const listener = await start({ ca: clients.certificate })
    const { key, cert } = made()

    const { status, body } = await get(listener, { key, cert })

    expect([status, body.reason]).toEqual([401, 'client_certificate'])
    expect(body.error).toMatch(
      new RegExp(
        `^the client certificate is not accepted \\(${code}\\): show one of the authority in http.tls.client_ca, or none$`,
      ),
    )
  })

  test('never names a client whose certificate was not verified, also where it is asked before anybody has refused it', async () => {
    const { cert, key } = servers.issue()
    const options = { cert, key, ca: clients.certificate, requestCert: true, rejectUnauthorized: false }
    const names: unknown[] = []
    const server = createServer(options, (request, response) => {
      names.push(clientCertificateName(request))
      response.end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const port = Number((server.address() as { port: number }).port)

    for (const authority of [servers, clients]) {
      const { cert, key } = authority.issue({ commonName: 'alice' })
      await get({ port } as Listener, { cert, key })
    }

    expect(names).toEqual([null, 'alice'])
    await new Promise((resolve) => server.close(resolve))
  })

  test('shows a new certificate to new connections, and ends no old one', async () => {
    const listener = await start()
    const old = connect({ host: '127.0.0.1', port: listener.port, ca: servers.certificate })
    await new Promise((resolve) => old.once('secureConnect', resolve))
    const next = new Authority('next')

    listener.setCertificates({ ...next.issue({ uses: ['serverAuth'] }), ca: '' })
    expect(() => listener.setCertificates({ ...next.issue(), key: servers.issue().key, ca: '' })).toThrow()

    expect((await get(listener, { ca: next.certificate })).status).toBe(200)
    await expect(get(listener)).rejects.toThrow(/certificate/)
    const answered = new Promise<string>((resolve) => old.once('data', (chunk) => resolve(String(chunk))))
    old.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await answered).toMatch(/^HTTP\/1\.1 200 /)
    old.destroy()
    next.close()
  })

  test.each([
    { why: 'GET', init: {} },
    { why: 'POST', init: { method: 'POST', body: '{}' } },
  ])('says so to who speaks HTTP in clear ($why), and goes on', async ({ init }) => {
    const listener = await start()

    const answer = await fetch(`http://127.0.0.1:${listener.port}/`, init)

    expect(answer.status).toBe(400)
    expect(answer.headers.get('connection')).toBe('close')
    expect(await answer.json()).toEqual({
      error: 'this port speaks HTTPS: use https:// instead of http://',
      code: 400,
      reason: 'https_required',
      request_id: expect.any(String),
    })
    expect(listener.figures().malformedCount).toBe(1)
    expect((await get(listener)).status).toBe(200)
  })

  test('closes who speaks something else, and goes on', async () => {
    const listener = await start()
    const plain = connectPlain({ host: '127.0.0.1', port: listener.port })
    plain.write('SSH-2.0-OpenSSH_9.2\r\n')
    plain.resume()
    await new Promise((resolve) => plain.once('close', resolve))

    expect(listener.figures().malformedCount).toBe(1)
    expect((await get(listener)).status).toBe(200)
  })

  test('ends at once when nobody has asked anything', async () => {
    const listener = await start()
    const silent = connect({ host: '127.0.0.1', port: listener.port, ca: servers.certificate })
    silent.on('error', () => {})
    await new Promise((resolve) => silent.once('secureConnect', resolve))

    await Promise.all([listener.close(), new Promise((resolve) => silent.once('close', resolve))])
    listeners.splice(0)
  })
})

describe('a client certificate that is verified', () => {
  async function openGuarded(): Promise<Api> {
    const tls = { ...servers.issue({ uses: ['serverAuth'] }), ca: clients.certificate }
    const api = await openApi({ mode: 'required', tls })
    const system = { user: 'system', requestId: null }
    for (const name of ['alice', 'bob']) {
      const passwordHash = await hashPassword(`of ${name}`, CHEAP)
      const command = { type: 'createUser', name, role: 'viewer', passwordHash, isFirst: false } as const
      await api.service.execute(command, system)
    }
    return api
  }

  const bob = { Authorization: `Basic ${Buffer.from('bob:of bob').toString('base64')}` }

  test.each([
    { why: 'of a user', commonName: 'alice', headers: {}, status: 200, user: 'alice' },
    {
      why: 'beside a password, which comes first',
      commonName: 'alice',
      headers: bob,
      status: 200,
      user: 'bob',
    },
    { why: 'of nobody', commonName: 'mallory', headers: {}, status: 401, user: undefined },
    { why: 'which is none', commonName: null, headers: {}, status: 401, user: undefined },
  ])('logs in $why: $status', async ({ commonName, headers, status, user }) => {
    const api = await openGuarded()
    const { key, cert } = commonName === null ? {} : clients.issue({ commonName })
    const own = key === undefined || cert === undefined ? {} : { key, cert }
    const answer = await get(api, { ...own, path: '/api/v1/auth/whoami', headers })
    await api.close()

    expect([answer.status, answer.body.user]).toEqual([status, user])
  })

  test('gives its user no more than the role has', async () => {
    const api = await openGuarded()
    const { key, cert } = clients.issue({ commonName: 'alice' })
    const answer = await get(api, { key, cert, path: '/api/v1/auth/users' })
    await api.close()

    expect([answer.status, answer.body.reason]).toEqual([403, 'role_required'])
  })
})
