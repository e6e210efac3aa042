import { chmod, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { type AllocationBody, Client, type NetworkBody } from './client.ts'
import { Cluster } from './cluster.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { reservePorts } from './ports.ts'
import { run } from './program.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { longestGapMs, WriteLoad } from './write-load.ts'

const IN_FLIGHT = 64
/** Ample for a hand-over. */
const SHUTDOWN_DELAY_MS = 3_000
/** Far below the shortest election timeout: leadership was handed over, not lost. */
const HAND_OVER_MS_MAX = 900

describe('SIGTERM', () => {
  test('lets the leader hand over and exit with 0 while writes through the others go on', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const leader = await cluster.leader()
    const others = cluster.others(leader)
    const network = await leader.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
    const load = new WriteLoad({
      clients: others.map(({ client }) => client),
      networkId: network.id,
      workerCount: 8,
    })
    await until('writes flow', () => load.doneCount > 100)

    const signalledAt = performance.now()
    const exit = await leader.terminate()
    const { doneCount } = load
    await until('writes still flow', () => load.doneCount > doneCount + 100)
    await load.stop()

    const gapMs = longestGapMs(load.writes, { since: signalledAt })
    process.stdout.write(`write gap of a hand-over: ${Math.round(gapMs)} ms\n`)
    expect(exit).toEqual({ code: 0, signal: null })
    expect(gapMs).toBeLessThan(HAND_OVER_MS_MAX)
    expect(load.writes.filter(({ fate }) => fate !== 'done')).toEqual([])
    await cluster.restart(leader)
    const { allocations } = await expectSameState(cluster)
    expectHonest(load.writes, allocations)
  })

  test.for(['leader', 'follower'])(
    'has a %s serve on for shutdown_delay_ms, also who comes new, but not ready and not as leader',
    async (role, { startCluster }) => {
      const cluster = await startCluster({ http: { shutdown_delay_ms: SHUTDOWN_DELAY_MS } })
      const leader = await cluster.leader()
      const node = role === 'leader' ? leader : cluster.others(leader)[0]
      if (node === undefined) throw new Error('there is no follower')
      const stranger = new Client(node.client.port)

      const signalledAt = performance.now()
      const exited = node.terminate()
      await until('it is not ready', async () => (await stranger.readiness())?.join() === 'draining')
      await cluster.leader(cluster.others(node))
      const answer = await stranger.send('POST', '/networks', { cidr: '10.0.0.0/24' })
      const servedMs = performance.now() - signalledAt
      const exit = await exited
      const livedMs = performance.now() - signalledAt

      expect(servedMs).toBeLessThan(SHUTDOWN_DELAY_MS)
      // Whoever balances without asking keeps its connections, and is refused new ones in the end.
      expect(answer).toMatchObject({ status: 201, headers: { connection: 'keep-alive' } })
      expect(exit).toEqual({ code: 0, signal: null })
      expect(livedMs).toBeGreaterThanOrEqual(SHUTDOWN_DELAY_MS)
      expect((await cluster.others(node)[0]?.client.status())?.leader_id).not.toBe(node.id)
    },
  )

  test.for(['leader', 'follower'])(
    'lets a %s answer what it has received',
    async (role, { startCluster }) => {
      const cluster = await startCluster()
      const leader = await cluster.leader()
      const node = role === 'leader' ? leader : cluster.others(leader)[0]
      if (node === undefined) throw new Error('there is no follower')
      const network = await node.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/16' })

      // Open connections first; then nothing is decided until the node is told to stop.
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => node.client.get('/health')))
      const quorum = role === 'leader' ? cluster.others(leader) : [leader]
      for (const member of quorum) member.pause()
      const inFlight = Array.from({ length: IN_FLIGHT }, () =>
        node.client.begin<AllocationBody>('POST', '/allocations', { network_id: network.id }),
      )
      await Promise.all(inFlight.map(({ isSent }) => isSent))
      // It came after them and is answered: they have been read.
      await node.client.get('/health')
      const exited = node.terminate()
      for (const member of quorum) member.resume()
      const exit = await exited

      expect(exit).toEqual({ code: 0, signal: null })
      const answers = await Promise.all(inFlight.map(({ answer }) => answer))
      expect(answers.filter(({ fate }) => fate !== 'done')).toEqual([])
      await cluster.restart(node)
      const { allocations } = await expectSameState(cluster)
      expect(allocations.map(({ ip }) => ip).toSorted()).toEqual(
        answers.map(({ body }) => body.ip).toSorted(),
      )
    },
  )
})

describe('a node that cannot start says why in one line and exits with 1', () => {
  test('when its data directory is in use', async ({ startCluster }) => {
    const cluster = await startCluster({ nodeCount: 1 })
    const [apiPort] = await reservePorts(1)
    const args = [
      'server',
      '--config',
      cluster.filePath,
      '--node-id',
      '1',
      '--listen',
      `127.0.0.1:${apiPort}`,
    ]

    const { code, stderr } = await run(args, { cwd: cluster.directory })

    expect(code).toBe(1)
    expect(stderr).toEqual([
      expect.stringMatching(/^ipam: data directory .*node-1 is in use by process \d+: stop it, or choose/),
    ])
    expect(await cluster.node(1).client.readiness()).toEqual([])
  })

  test('when a port is in use', async ({ directory, startCluster }) => {
    const cluster = await startCluster({ nodeCount: 1 })
    const { client } = cluster.node(1)
    const [port] = await reservePorts(1)

    const api = await run(['server', '--listen', `127.0.0.1:${client.port}`], { cwd: directory })
    const raft = await run(
      [
        ...['server', '--config', cluster.filePath, '--node-id', '1'],
        ...['--data-dir', directory, '--listen', `127.0.0.1:${port}`],
      ],
      { cwd: directory },
    )

    expect(api.code).toBe(1)
    expect(complaints(api)).toEqual([
      expect.stringMatching(/^ipam: 127\.0\.0\.1:\d+ \(the API\) is in use: stop what listens there/),
    ])
    expect(raft.code).toBe(1)
    expect(complaints(raft)).toEqual([
      expect.stringMatching(/^ipam: 127\.0\.0\.1:\d+ \(Raft\) is in use: stop what listens there/),
    ])
  })

  test('when its data directory is that of another node or cluster', async ({ startCluster }) => {
    const cluster = await startCluster({ nodeCount: 1 })
    const node = cluster.node(1)
    await node.terminate()
    const otherFile = join(cluster.directory, 'other-cluster.yaml')
    await cluster.writeFile(otherFile, cluster.nodes, { clusterId: 7 })

    const { code, stderr } = await run(['server', '--config', otherFile, '--node-id', '1'], {
      cwd: cluster.directory,
    })

    expect(code).toBe(1)
    expect(stderr).toEqual([
      expect.stringMatching(
        /^ipam: data directory .*node-1 belongs to node 1 of cluster 100, not to node 1 of cluster 7: choose another/,
      ),
    ])
  })

  test('when its data directory cannot be written', async ({ directory, skip }) => {
    const path = join(directory, 'file')
    await writeFile(path, '')
    const [port] = await reservePorts(1)
    const listen = ['--listen', `127.0.0.1:${port}`]

    const below = await run(['server', '--data-dir', path, ...listen], { cwd: directory })

    expect(below.code).toBe(1)
    expect(below.stderr).toEqual([
      expect.stringMatching(/^ipam: data directory .* is not a directory: choose another with --data-dir$/),
    ])
    // Nobody makes directories there, and Node's own recursive mkdir would try forever.
    const nowhere = await run(['server', '--data-dir', '/proc/ipam', ...listen], { cwd: directory })
    expect(nowhere.code).toBe(1)
    expect(nowhere.stderr).toEqual([
      expect.stringMatching(/^ipam: data directory \/proc\/ipam.* cannot be made/),
    ])
    if (process.getuid?.() === 0) skip('root may write anywhere')
    await chmod(directory, 0o500)
    const unwritable = await run(['server', ...listen], { cwd: directory })
    await chmod(directory, 0o700)
    expect(unwritable.code).toBe(1)
    expect(unwritable.stderr).toEqual([expect.stringMatching(/^ipam: data directory .* is not writable/)])
  })

  test('when flags or cluster file are wrong, with exit code 2', async ({ directory }) => {
    const wrongFlag = await run(['server', '--confg', 'x'], { cwd: directory })
    const missingFile = await run(['server', '--config', 'none.yaml', '--node-id', '1'], { cwd: directory })

    expect(wrongFlag.code).toBe(2)
    expect(wrongFlag.stderr).toEqual([
      expect.stringMatching(/^ipam: unknown flag --confg; did you mean --config\?/),
    ])
    expect(missingFile.code).toBe(2)
    expect(missingFile.stderr).toEqual(['ipam: cannot read none.yaml: there is no such file'])
  })
})

describe('ipam local-cluster', () => {
  test('says where three nodes serve, and Ctrl-C stops all of them', async ({
    startProgram,
    onTestFinished,
  }) => {
    const cluster = await Cluster.create()
    onTestFinished(() => cluster.close())

    const program = startProgram(['local-cluster', '--config', cluster.filePath], { cwd: cluster.directory })
    await until('the cluster is ready', () => program.stdout.includes('Ctrl-C stops all nodes.'))
    const leader = await cluster.leader()
    const network = await leader.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    const stdout = [...program.stdout]
    program.signal('SIGINT')
    const exit = await program.exited

    for (const { id, client } of cluster.nodes) {
      const role = id === leader.id ? '  leader' : ''
      const line = new RegExp(`^  node ${id}  ${client.url}  pid [0-9]+${role}$`)
      expect(stdout).toContainEqual(expect.stringMatching(line))
      expect(await client.readiness(), `node ${id} has stopped`).toBeNull()
    }
    expect(network.cidr).toBe('10.0.0.0/24')
    expect(program.stdout.at(-1)).toBe('Stopping.')
    expect(exit).toEqual({ code: 0, signal: null })
  })

  test('says in one line that a port is in use, before it starts anything', async ({
    startProgram,
    onTestFinished,
  }) => {
    const cluster = await Cluster.create()
    onTestFinished(() => cluster.close())
    const { client } = cluster.node(2)
    const holder = createServer()
    onTestFinished(() => void holder.close())
    await new Promise<void>((resolve) => holder.listen({ host: '127.0.0.1', port: client.port }, resolve))

    const program = startProgram(['local-cluster', '--config', cluster.filePath], { cwd: cluster.directory })

    expect(await program.exited).toEqual({ code: 1, signal: null })
    expect(program.stderr).toEqual([
      `ipam: 127.0.0.1:${client.port}, the API of node 2, is in use: stop what listens there, or change it in the cluster file`,
    ])
  })
})

/** What is for people; the rest of standard error is the log. */
function complaints({ stderr }: { stderr: readonly string[] }): string[] {
  return stderr.filter((line) => line.startsWith('ipam: '))
}
