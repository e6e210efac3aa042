/** Members, transfers and drains of a cluster of one: the service of the other tests answers as a Raft node does. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { openRealService } from '../real-service.ts'
import { type ApiResponse, OneNodeService, serveApi } from './fixture.ts'

type Request = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<ApiResponse>

async function serveOneNode({ isClusterMode }: { isClusterMode: boolean }): Promise<Request> {
  const service = await OneNodeService.open()
  service.isClusterMode = isClusterMode
  const { request, close } = await serveApi(service, { wallTime: Date.now, close: () => service.close() })
  onTestFinished(close)
  return request
}

async function serveRaftNode({ isClusterMode }: { isClusterMode: boolean }): Promise<Request> {
  const { service, close: closeService } = await openRealService({ isClusterMode })
  const { request, close } = await serveApi(service, { wallTime: Date.now, close: closeService })
  onTestFinished(close)
  return request
}

const NODE_4 = { node_id: 4, addr: '127.0.0.1:5004' }

/** The status, and of a refusal why. */
async function outcome(answer: Promise<ApiResponse>): Promise<[number, string | null]> {
  const { status, body } = await answer
  if (status !== 204) expect(body.applied).toBe('no')
  return [status, body?.reason ?? null]
}

describe.each([
  { name: 'a Raft node', serve: serveRaftNode },
  { name: 'the service of the other tests', serve: serveOneNode },
])('$name', ({ serve }) => {
  test('adds and removes a learner, whose id never returns', async () => {
    const request = await serve({ isClusterMode: true })

    expect(await outcome(request('POST', '/cluster/nodes', NODE_4))).toEqual([204, null])
    const elsewhere = { ...NODE_4, addr: '127.0.0.1:5005' }
    expect(await outcome(request('POST', '/cluster/nodes', elsewhere))).toEqual([409, 'node_exists'])
    expect(await outcome(request('DELETE', '/cluster/nodes/4'))).toEqual([204, null])
    expect(await outcome(request('DELETE', '/cluster/nodes/5'))).toEqual([404, 'node_not_found'])
    expect(await outcome(request('POST', '/cluster/nodes', NODE_4))).toEqual([409, 'node_removed'])
  })

  test('answers a repeated change as the first one, and makes it once', async () => {
    const request = await serve({ isClusterMode: true })
    const twice = async (method: string, path: string, body?: object) => {
      const answers = [await request(method, path, body), await request(method, path, body)]
      return answers.map(({ status, headers }) => [status, headers.get('x-raft-index')])
    }

    const added = await twice('POST', '/cluster/nodes', NODE_4)
    const removed = await twice('DELETE', '/cluster/nodes/4')
    const transferred = await twice('POST', '/cluster/transfer-leader', { node_id: 1 })

    expect([added, removed, transferred].flat().map(([status]) => status)).toEqual(Array(6).fill(204))
    expect(new Set(added.map(([, index]) => index)).size).toBe(1)
    const { body } = await request('GET', '/audit')
    const member = { node_id: 4, addr: NODE_4.addr, voter: false, rolled_back: false }
    expect(body).toMatchObject([
      { action: 'node_added', before: null, after: member },
      { action: 'node_removed', before: member, after: null },
    ])
  })

  test.each([
    { why: 'adding a member', method: 'POST', path: '/cluster/nodes', body: NODE_4 },
    { why: 'removing one', method: 'DELETE', path: '/cluster/nodes/4', body: undefined },
    { why: 'a transfer', method: 'POST', path: '/cluster/transfer-leader', body: { node_id: 1 } },
    { why: 'a drain', method: 'POST', path: '/cluster/drain', body: { drain: false } },
    {
      why: 'the first admin',
      method: 'POST',
      path: '/auth/init',
      body: { name: 'root', password: 'correct horse battery' },
    },
  ])('refuses an idempotency key where no answer is kept: for $why', async ({ method, path, body }) => {
    const request = await serve({ isClusterMode: true })

    const refused = await request(method, path, body, { 'Idempotency-Key': 'once' })

    expect([refused.status, refused.body.details]).toMatchObject([400, [{ field: 'Idempotency-Key' }]])
    expect((await request('GET', '/audit')).body).toEqual([])
  })

  test('says at which index members were changed, and whoever reads from there sees it', async () => {
    const request = await serve({ isClusterMode: true })

    const added = await request('POST', '/cluster/nodes', NODE_4)
    const removed = await request('DELETE', '/cluster/nodes/4')

    for (const [answer, action] of [
      [added, 'node_added'],
      [removed, 'node_removed'],
    ] as const) {
      const index = Number(answer.headers.get('x-raft-index'))
      const { body } = await request('GET', `/audit?action=${action}&min_index=${index}`)
      expect(body).toMatchObject([{ resource: 'node-4', index }])
    }
  })

  test('a drain that changes nothing is answered with the index of what is there', async () => {
    const request = await serve({ isClusterMode: true })
    await request('POST', '/cluster/nodes', NODE_4)

    const { headers } = await request('POST', '/cluster/drain', { drain: false })

    const status = await request('GET', '/cluster/status')
    expect(headers.get('x-raft-index')).toBe(status.headers.get('x-raft-index'))
  })

  test('does not remove the last voter, and is not forced to', async () => {
    const request = await serve({ isClusterMode: true })

    expect(await outcome(request('DELETE', '/cluster/nodes/1'))).toEqual([409, 'last_voter'])
    expect(await outcome(request('DELETE', '/cluster/nodes/1?force=true'))).toEqual([409, 'last_voter'])
  })

  test.each([
    { why: 'there is nobody to choose', body: undefined, reason: 'no_target' },
    { why: 'nobody to choose, asked in words', body: { node_id: null }, reason: 'no_target' },
    { why: 'that is no voter', body: { node_id: 2 }, reason: 'not_voter' },
  ])('does not hand over: $why', async ({ body, reason }) => {
    const request = await serve({ isClusterMode: true })

    expect(await outcome(request('POST', '/cluster/transfer-leader', body))).toEqual([409, reason])
  })

  test('is not drained while it leads and nobody can take over', async () => {
    const request = await serve({ isClusterMode: true })

    expect(await outcome(request('POST', '/cluster/drain', { drain: true }))).toEqual([409, 'no_target'])
    expect((await request('GET', '/health/ready')).status).toBe(200)
    expect(await outcome(request('POST', '/cluster/drain', { drain: false }))).toEqual([204, null])
  })

  test('takes no members when it is standalone', async () => {
    const request = await serve({ isClusterMode: false })

    expect(await outcome(request('POST', '/cluster/nodes', NODE_4))).toEqual([409, 'standalone'])
  })
})

test.each([
  {
    why: 'a member that is none',
    method: 'DELETE',
    path: '/cluster/nodes/9',
    body: undefined,
    error: 'node 9 is not a member; the members are 1, 4',
  },
  {
    why: 'a leader that is no member',
    method: 'POST',
    path: '/cluster/transfer-leader',
    body: { node_id: 9 },
    error: 'node 9 is not a member; the members are 1, 4',
  },
  {
    why: 'a leader that is a learner',
    method: 'POST',
    path: '/cluster/transfer-leader',
    body: { node_id: 4 },
    error: 'node 4 is a learner, which votes by itself once it has caught up; the voters are 1',
  },
  {
    why: 'another address of a member',
    method: 'POST',
    path: '/cluster/nodes',
    body: { ...NODE_4, addr: '127.0.0.1:5005' },
    error:
      'node 4 is a member already, at 127.0.0.1:5004; a node that has moved takes an id that was never used, such as 5, and the old one is removed',
  },
  {
    why: 'the address of another member',
    method: 'POST',
    path: '/cluster/nodes',
    body: { ...NODE_4, node_id: 6 },
    error: '127.0.0.1:5004 is the address of node 4; choose another, or remove node 4 first',
  },
  {
    why: 'the end of the last voter',
    method: 'DELETE',
    path: '/cluster/nodes/1',
    body: undefined,
    error:
      'node 1 is the only voter, and a cluster needs one; add another node first, and wait until it votes',
  },
])('who asks for $why is told the way out', async ({ method, path, body, error }) => {
  const request = await serveRaftNode({ isClusterMode: true })
  await request('POST', '/cluster/nodes', NODE_4)

  expect((await request(method, path, body)).body.error).toBe(error)
})
