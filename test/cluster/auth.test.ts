/** Users and keys on real processes: on every node, through the death of a leader, and when a node is cut off. */
import { expect } from 'vitest'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { run } from './program.ts'
import { until } from './until.ts'

const PASSWORD = 'correct horse battery'

interface Asked {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape.
  readonly body: any
}

async function ask(
  node: Node,
  method: string,
  path: string,
  { login, body }: { login: string | null; body?: object },
): Promise<Asked> {
  const response = await fetch(`http://127.0.0.1:${node.client.port}${path}`, {
    method,
    headers: {
      ...(login !== null && { Authorization: login }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  return { status: response.status, body: isJson ? JSON.parse(text) : text }
}

function basic(password: string): string {
  return `Basic ${Buffer.from(`root:${password}`).toString('base64')}`
}

/** By the leader's own account: the status of the cluster takes a log-in. */
async function leaderOf(cluster: Cluster, among = cluster.nodes): Promise<Node> {
  return until('a node leads', async () => {
    for (const node of among) {
      const { status } = await ask(node, 'GET', '/api/v1/health/leader', { login: null })
      if (status === 200) return node
    }
    return null
  })
}

test('a key that one node made works on all, outlives the leader, and ends everywhere; no secret is in any log', async ({
  startCluster,
}) => {
  const cluster = await startCluster({
    environmentOf: () => ({ IPAM_AUTH: 'required' }),
    keepsLogs: true,
    logLevel: 'debug',
  })
  const [first, second, third] = cluster.nodes as [Node, Node, Node]
  const admin = basic(PASSWORD)
  const init = { name: 'root', password: PASSWORD }
  expect((await ask(first, 'POST', '/api/v1/auth/init', { login: null, body: init })).status).toBe(201)
  expect((await ask(second, 'POST', '/api/v1/auth/init', { login: null, body: init })).status).toBe(409)

  const made = await ask(first, 'POST', '/api/v1/auth/keys', { login: admin, body: { role: 'operator' } })
  const { id, token } = made.body
  const key = `Bearer ${token}`
  for (const [i, node] of [third, second, first].entries()) {
    const created = await ask(node, 'POST', '/api/v1/networks', {
      login: key,
      body: { cidr: `10.${i}.0.0/24` },
    })
    expect(created.status).toBe(201)
  }

  const leader = await leaderOf(cluster)
  await leader.kill()
  const rest = cluster.others(leader)
  await leaderOf(cluster, rest)
  for (const node of rest) {
    expect((await ask(node, 'GET', '/api/v1/networks', { login: key })).body).toHaveLength(3)
    expect((await ask(node, 'GET', '/api/v1/auth/whoami', { login: admin })).body.user).toBe('root')
  }
  const [one, other] = rest as [Node, Node]
  await until('a network is created under the new leader', async () => {
    const body = { cidr: '10.9.0.0/24' }
    const { status } = await ask(one, 'POST', '/api/v1/networks', { login: key, body })
    return status === 201 || status === 409
  })

  expect((await ask(one, 'DELETE', `/api/v1/auth/keys/${id}`, { login: admin })).status).toBe(204)
  expect((await ask(one, 'GET', '/api/v1/networks', { login: key })).status).toBe(401)
  await until('the other node has applied the revocation', async () => {
    return (await ask(other, 'GET', '/api/v1/auth/whoami', { login: key })).status === 401
  })
  await cluster.restart(leader)
  await until('the node that comes back has, too', async () => {
    return (await ask(leader, 'GET', '/api/v1/auth/whoami', { login: key })).status === 401
  })

  const audit = await ask(one, 'GET', `/api/v1/audit?user=key-${id}`, { login: admin })
  expect(audit.body.map(({ action }: { action: string }) => action)).toEqual(
    Array.from({ length: 4 }, () => 'network_created'),
  )
  const metrics = await ask(one, 'GET', '/metrics', { login: admin })
  expect(metrics.status).toBe(200)
  expect((await ask(one, 'GET', '/metrics', { login: null })).status).toBe(401)
  const logs = cluster.nodes.flatMap(({ program }) => program?.stderr ?? []).join('\n')
  for (const secret of [PASSWORD, token, admin.slice('Basic '.length)]) {
    expect(logs.includes(secret)).toBe(false)
    expect(metrics.body.includes(secret)).toBe(false)
    expect(JSON.stringify(audit.body).includes(secret)).toBe(false)
  }
})

test('a node that others reach does not start until somebody has chosen who has to log in', async ({
  directory,
}) => {
  const [port = 0] = await reservePorts(1)

  const refused = await run(['server', '--listen', `0.0.0.0:${port}`], { cwd: directory })

  expect(refused.code).toBe(2)
  expect(refused.stderr).toEqual([
    expect.stringMatching(/^ipam: the API would listen on 0\.0\.0\.0:.* without authentication/),
  ])
})

test('the first admin of the config file is there as soon as there is a leader', async ({
  directory,
  startProgram,
}) => {
  const { writeFile } = await import('node:fs/promises')
  const hashed = await run(['auth', 'hash'], { cwd: directory, env: { IPAM_NEW_PASSWORD: PASSWORD } })
  const [raft = 0, api = 0] = await reservePorts(2)
  const file = {
    cluster_id: 7,
    nodes: [{ node_id: 1, addr: `127.0.0.1:${raft}`, api: `127.0.0.1:${api}` }],
    auth: { mode: 'required', first_admin: { name: 'root', password_hash: hashed.stdout[0] } },
  }
  await writeFile(`${directory}/cluster.yaml`, JSON.stringify(file))
  startProgram(['server', '--config', 'cluster.yaml', '--node-id', '1'], { cwd: directory })

  const env = { IPAM_SERVER: `http://127.0.0.1:${api}`, IPAM_USER: 'root', IPAM_PASSWORD: PASSWORD }
  const who = await until('root can log in', async () => {
    const { code, stdout } = await run(['auth', 'whoami', '--json'], { cwd: directory, env })
    return code === 0 ? stdout.join('') : null
  })

  expect(JSON.parse(who)).toMatchObject({ user: 'root', role: 'admin' })
})
