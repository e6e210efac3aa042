import { cp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { until } from './until.ts'

/** Waits for a line in the log of one of the nodes. */
function logged(nodes: readonly Node[], pattern: RegExp): Promise<string> {
  return until(`a node logs ${pattern}`, () => {
    const lines = nodes.flatMap(({ program }) => program?.stderr ?? [])
    return lines.find((line) => pattern.test(line)) ?? null
  })
}

async function expectUndisturbed(cluster: Cluster, nodes: readonly Node[], term: number): Promise<void> {
  for (const { client } of nodes) {
    const network = await client.post<NetworkBody>('/networks', { cidr: '192.168.0.0/24' })
    await client.delete(`/networks/${network.id}`)
  }
  const { client } = await cluster.leader(nodes)
  expect((await client.status()).term).toBe(term)
}

/** Without the socket by which a process holds it. */
async function copyDirectory(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (path) => !path.endsWith('.sock') })
}

/** The way out: the old id goes, and the machine joins under a new one. */
async function expectReplaced(cluster: Cluster, old: Node, others: readonly Node[]): Promise<void> {
  const { client } = await cluster.leader(others)
  await client.delete(`/cluster/nodes/${old.id}`)
  await old.kill()
  const { node: joined, filePath } = await cluster.makeNode(4)
  await client.post('/cluster/nodes', { node_id: joined.id, addr: joined.addr })
  cluster.launch(joined, { args: ['--join'], filePath })
  await cluster.waitUntilReady(joined)
  await until('node 4 is a voter', async () => {
    const { members } = await client.status()
    return members.some(({ node_id, voter }) => node_id === joined.id && voter)
  })
  expect((await client.status()).members.map(({ node_id }) => node_id)).not.toContain(old.id)
}

describe('whoever does not belong to the cluster', () => {
  test('is refused with the reason, as a node of another cluster', async ({ startCluster }) => {
    const cluster = await startCluster()
    const { term } = await cluster.node(1).client.status()
    const members = [...cluster.nodes]
    const { node: stranger, filePath } = await cluster.makeNode(4)
    await cluster.writeFile(filePath, [...members, stranger], { clusterId: 7 })

    cluster.launch(stranger, { args: ['--join'], filePath })

    await logged(members, /"reason":"cluster_id".*you are in cluster 7, this node in 100/)
    await logged([stranger], /"reason":"cluster_id".*you are in cluster/)
    const reasons = await until('the stranger says why it is not ready', async () => {
      const found = await stranger.client.readiness()
      return found?.some((reason) => reason.startsWith('refused: ')) === true && found
    })
    expect(reasons.join(' ')).toContain('you are in cluster 7, this node in 100')
    await expectUndisturbed(cluster, members, term)
  })

  test('is refused with the way out, as a known node whose disk was wiped', async ({ startCluster }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()
    const [wiped, other] = cluster.others(leader)
    if (wiped === undefined || other === undefined) throw new Error('there are no followers')
    await leader.client.post('/networks', { cidr: '10.0.0.0/24' })
    const { term } = await leader.client.status()
    await wiped.terminate()
    await rm(cluster.dataDirectory(wiped), { recursive: true })

    cluster.launch(wiped)

    await logged([leader, other], /"reason":"incarnation".*is known with another data directory/)
    const reasons = await until('the wiped node says why it is not ready', async () => {
      const found = await wiped.client.readiness()
      return found?.some((reason) => reason.startsWith('refused: ')) === true && found
    })
    expect(reasons.join(' ')).toMatch(/remove node \d and join the machine under a new id/)
    await expectUndisturbed(cluster, [leader, other], term)
    expect(await wiped.client.send('GET', '/networks')).toMatchObject({ status: 503 })
  })

  test.for(['follower', 'leader'])(
    'is refused for good, with the way out, as a %s whose disk was put back to an older image',
    async (role, { startCluster }) => {
      const cluster = await startCluster()
      const leader = await cluster.leader()
      const old = role === 'leader' ? leader : (cluster.others(leader)[0] as Node)
      const others = cluster.others(old)
      await leader.client.post('/networks', { cidr: '10.0.0.0/24' })
      await cluster.waitUntilLevel()
      const image = join(cluster.directory, 'image')
      // For a moment, as the image of a virtual machine is taken: the leader stays leader.
      old.pause()
      await copyDirectory(cluster.dataDirectory(old), image)
      old.resume()
      for (const cidr of ['10.0.1.0/24', '10.0.2.0/24']) await leader.client.post('/networks', { cidr })
      await cluster.waitUntilLevel()
      await old.kill()
      await rm(cluster.dataDirectory(old), { recursive: true })
      await copyDirectory(image, cluster.dataDirectory(old))
      const { term } = await (await cluster.leader(others)).client.status()

      cluster.launch(old)

      await logged(others, /"reason":"rolled_back".*has gone back in time: its data directory ends at/)
      await logged(others, /"level":"error".*a member has lost what it had acknowledged/)
      await logged([old], /"reason":"rolled_back".*refused by peer/)
      const reasons = await until('the old node says why it is not ready', async () => {
        const found = await old.client.readiness()
        return found?.some((reason) => reason.startsWith('refused: ')) === true && found
      })
      expect(reasons).toContain('no_leader')
      expect(reasons.join(' ')).toMatch(
        /remove node \d and join the machine under a new id with an empty data/,
      )
      expect(await old.client.send('GET', '/networks')).toMatchObject({ status: 503 })
      await expectUndisturbed(cluster, others, term)
      await expectReplaced(cluster, old, others)
    },
  )

  test('is refused and logged, as a speaker of something else on the Raft port', async ({ startCluster }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()
    const { term } = await leader.client.status()
    const garbage = [
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      Buffer.alloc(4, 0xff),
      Buffer.alloc(1 << 20, 0xff),
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]),
      Buffer.from([0, 0, 0, 3, 1, 0xc1, 0xc1]),
    ]

    for (const bytes of garbage) expect(await speak(leader, bytes), 'no answer but the end').toBe('closed')

    await logged([leader], /"level":"warn".*"remote":"127\.0\.0\.1/)
    await expectUndisturbed(cluster, cluster.nodes, term)
    expect(leader.isRunning).toBe(true)
  })

  test('keeps out of a running cluster, as a second process with the id of a living node', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const { term } = await cluster.node(1).client.status()
    const members = [...cluster.nodes]
    // Node 3 once more, on other ports and with a disk of its own.
    const { node: impostor, filePath } = await cluster.makeNode(3)
    await cluster.writeFile(filePath, [...members.slice(0, 2), impostor])

    cluster.launch(impostor, { args: ['--data-dir', join(cluster.directory, 'impostor')], filePath })

    await logged(members, /"reason":"incarnation".*node 3 is known with another data directory/)
    await expectUndisturbed(cluster, members, term)
  })
})

/** Resolves when the other side ends the connection. */
function speak({ raftPort }: Node, bytes: Uint8Array): Promise<'closed'> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: raftPort }, () => socket.write(bytes))
    socket.on('data', () => {})
    socket.on('error', () => {})
    socket.on('close', () => resolve('closed'))
  })
}
