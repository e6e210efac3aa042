/** `ipam/client` against the API on real sockets, and through a proxy that fails on purpose. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiError, type ClientOptions, IpamClient, UnavailableError } from '../../src/client/index.ts'
import { deadServer, type Fate, NO_LEADER, openRelay, type Relay } from '../cli/client-fixture.ts'
import { type Api, openApi } from '../http/fixture.ts'

let api: Api
let client: IpamClient
let url: string
const relays: Relay[] = []

beforeEach(async () => {
  api = await openApi()
  url = `http://${api.host}:${api.port}`
  client = new IpamClient({ servers: url })
})

afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.close()
  await api.close()
})

/** @param fateOf The nth request, from 1. */
async function through(
  fateOf: (count: number) => Fate,
  options: Partial<ClientOptions> = {},
): Promise<{ client: IpamClient; relay: Relay }> {
  const relay = await openRelay(url, (_, count) => fateOf(count))
  relays.push(relay)
  return { client: new IpamClient({ servers: relay.url, timeoutMs: 5_000, ...options }), relay }
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => null,
    (error: unknown) => error,
  )
}

describe('a call', () => {
  test('answers with the value, its ETag and its index', async () => {
    const { value, status, etag, index, isReplay, requestId } = await client.createNetwork(
      { cidr: '10.0.0.0/24', tags: ['prod'] },
      { requestId: 'deploy-1' },
    )

    expect(value).toMatchObject({ cidr: '10.0.0.0/24', tags: ['prod'], parent_id: null })
    expect({ status, etag, index, isReplay, requestId }).toEqual({
      status: 201,
      etag: '"1"',
      index: 1,
      isReplay: false,
      requestId: 'deploy-1',
    })
  })

  test('takes an ETag, and tells what was refused in words for programs', async () => {
    const { value: network, etag } = await client.createNetwork({ cidr: '10.0.0.0/24' })
    await client.updateNetwork(network.id, { description: 'mine' }, { ifMatch: etag ?? '' })

    const error = await failure(client.updateNetwork(network.id, { tags: [] }, { ifMatch: etag ?? '' }))

    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ status: 412, reason: 'precondition_failed', applied: 'no', field: null })
  })

  test('names the field that is wrong', async () => {
    const error = await failure(client.createNetwork({ cidr: '10.0.0.5/24' }))

    expect(error).toMatchObject({
      status: 400,
      reason: 'invalid_request',
      field: 'cidr',
      message: 'cidr: 10.0.0.5/24 has host bits set; did you mean 10.0.0.0/24?',
      requestId: 'request-1',
    })
  })

  test('has nothing to say of what is done', async () => {
    const { value: network } = await client.createNetwork({ cidr: '10.0.0.0/24' })
    const { value: allocation } = await client.allocate({ network_id: network.id })

    expect((await client.releaseAllocation(allocation.id)).value).toBeUndefined()
    expect((await client.deleteNetwork(network.id)).status).toBe(204)
  })

  test('reads a file as a stream, and sends one', async () => {
    await client.importFile('{"cidr":"10.0.0.0/24"}\n', { format: 'ipam-networks-jsonl', atomic: true })

    const { value: file } = await client.exportNetworks({ format: 'csv' })

    let text = ''
    for await (const chunk of file) text += new TextDecoder().decode(chunk)
    expect(text.split('\n')[1]).toContain('10.0.0.0/24')
  })

  test('puts whatever it is given into the path as one part of it', async () => {
    expect(await failure(client.getNetwork('../health'))).toMatchObject({
      status: 404,
      reason: 'network_not_found',
    })
  })
})

describe('a list', () => {
  beforeEach(async () => {
    for (let i = 0; i < 5; i++) await client.createNetwork({ cidr: `10.${i}.0.0/16`, tags: ['many'] })
  })

  test('is gone through row by row, and read page by page', async () => {
    const rows: string[] = []
    for await (const { cidr } of client.listNetworks({ limit: 2, tag: 'many' })) rows.push(cidr)

    expect(rows).toEqual(['10.0.0.0/16', '10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '10.4.0.0/16'])
  })

  test('is not read further than it is needed', async () => {
    const { client: counted, relay } = await through(() => 'pass')

    expect(await counted.listNetworks({ limit: 2 }).toArray(2)).toHaveLength(2)
    expect((await counted.listNetworks({ limit: 2 }).firstPage()).totalCount).toBe(5)
    expect(relay.seen.length).toBeLessThanOrEqual(3)
  })
})

describe('a write', () => {
  test('whose answer is lost is sent again with its key, and carried out once', async () => {
    const { client: unlucky, relay } = await through((count) => (count === 1 ? 'cutAfter' : 'pass'))

    const { value, isReplay } = await unlucky.createNetwork({ cidr: '10.0.0.0/24' })

    expect([value.cidr, isReplay]).toEqual(['10.0.0.0/24', true])
    expect(new Set(relay.seen.map(({ key }) => key)).size).toBe(1)
    expect(relay.seen[0]?.key).toMatch(/^[0-9a-f]{32}$/)
    expect(await client.listNetworks().toArray()).toHaveLength(1)
  })

  test('goes to the next server where nobody listens', async () => {
    const dead = await deadServer()
    const both = new IpamClient({ servers: [dead, url] })

    expect((await both.createNetwork({ cidr: '10.0.0.0/24' })).status).toBe(201)
  })

  test('waits as long as it is told to', async () => {
    const { client: patient } = await through((count) => (count === 1 ? NO_LEADER : 'pass'))
    const startedAt = performance.now()

    await patient.createNetwork({ cidr: '10.0.0.0/24' })

    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990)
  })

  test('of which nobody knows says so, with the key that will tell', async () => {
    const { client: unlucky } = await through(() => 'cutAfter', { timeoutMs: 300 })

    const error = await failure(unlucky.createNetwork({ cidr: '10.0.0.0/24' }, { idempotencyKey: 'job-1' }))
    const { isReplay } = await client.createNetwork({ cidr: '10.0.0.0/24' }, { idempotencyKey: 'job-1' })

    expect(error).toBeInstanceOf(UnavailableError)
    expect(error).toMatchObject({ applied: 'unknown', idempotencyKey: 'job-1' })
    expect(isReplay).toBe(true)
  })

  test('without a key is not sent twice', async () => {
    const { client: unlucky, relay } = await through((count) => (count === 1 ? 'cutAfter' : 'pass'))

    const error = await failure(unlucky.addNode({ node_id: 4, addr: 'node4:5004' }))

    expect(error).toMatchObject({ applied: 'unknown', idempotencyKey: null })
    expect(relay.seen.map(({ key }) => key)).toEqual([null])
  })

  test('that reached nobody is known not to have been made', async () => {
    const error = await failure(
      new IpamClient({ servers: await deadServer() }).createNetwork({ cidr: '10.0.0.0/24' }),
    )

    expect(error).toMatchObject({ name: 'UnavailableError', applied: 'no' })
  })
})

describe('a signal', () => {
  test('stops a call that hangs', async () => {
    const { client: stuck, relay } = await through(() => 'hang')
    const controller = new AbortController()
    const call = failure(stuck.getHealth({ signal: controller.signal }))
    await expect.poll(() => relay.seen.length).toBe(1)

    controller.abort(new Error('enough'))

    expect(await call).toEqual(new Error('enough'))
  })

  test('stops a call that waits for its next attempt', async () => {
    const long = { ...NO_LEADER, headers: { ...NO_LEADER.headers, 'Retry-After': '4' } }
    const { client: waiting, relay } = await through(() => long)
    const controller = new AbortController()
    const startedAt = performance.now()
    const call = failure(waiting.listUsers({}, { signal: controller.signal }))
    await expect.poll(() => relay.seen.length).toBe(1)

    controller.abort(new Error('enough'))

    expect(await call).toEqual(new Error('enough'))
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(relay.seen.length).toBe(1)
  })

  test('stops a stream that is being read', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv' }).write('cidr,')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const stuck = new IpamClient({ servers: `http://127.0.0.1:${port}` })
    const controller = new AbortController()
    const { value: file } = await stuck.exportNetworks({ format: 'csv' }, { signal: controller.signal })
    const reading = failure(
      (async () => {
        for await (const _ of file);
      })(),
    )

    controller.abort()

    expect(await reading).toMatchObject({ name: 'AbortError' })
    server.closeAllConnections()
    server.close()
  })

  test('that is aborted already sends nothing', async () => {
    const { client: idle, relay } = await through(() => 'pass')

    expect(await failure(idle.getHealth({ signal: AbortSignal.abort(new Error('no')) }))).toEqual(
      new Error('no'),
    )
    expect(relay.seen).toEqual([])
  })
})

describe('who asks', () => {
  test('is a key, or a user whose password has any characters', async () => {
    await client.createUser({ name: 'alice', role: 'viewer', password: 'pässword: x' })
    const { value: key } = await client.createApiKey({ role: 'operator' })

    const robot = new IpamClient({ servers: url, token: key.token ?? '' })
    const alice = new IpamClient({ servers: url, user: { name: 'alice', password: 'pässword: x' } })

    expect((await robot.whoAmI()).value).toMatchObject({ user: `key-${key.id}`, role: 'operator' })
    expect((await alice.whoAmI()).value).toMatchObject({ user: 'alice', role: 'viewer' })
    expect(await failure(alice.createNetwork({ cidr: '10.0.0.0/24' }))).toMatchObject({
      reason: 'role_required',
    })
  })

  test.each([
    { options: { servers: [] }, message: 'servers is empty: name at least one' },
    {
      options: { servers: 'node1:8080' },
      message: 'a server is a URL such as http://127.0.0.1:8080, not "node1:8080"',
    },
    {
      options: { servers: 'http://node1:8080', token: 'a', user: { name: 'b', password: 'c' } },
      message: 'token and user: one of them is enough',
    },
  ])('$message', ({ options, message }) => {
    expect(() => new IpamClient(options)).toThrow(new TypeError(message))
  })
})
