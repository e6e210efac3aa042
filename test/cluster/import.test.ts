/** A large import into a cluster that fails in the middle of it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import type { Program } from './program.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'

const ROWS = 20_000
/** Of each request. */
const CHUNK_ROWS = 500
/** When something goes wrong: well after the beginning, well before the end. */
const ROWS_BEFORE = 5_000
/** Of each request with its attempts: long for a chunk, short for a test that waits until the client gives up. */
const TIMEOUT = '8s'
const LEFT_OFF =
  /; ([0-9]+) of 20000 rows are done, up to row ([0-9]+): to go on, run the same command again, which does nothing twice$/
const WENT_ON =
  /^ipam: ([0-9]+) rows had been imported by an earlier run, so it went on after them; to send them again: --again$/
const CREATED = `${ROWS} created, 0 skipped, 0 failed (ipam-allocations-csv)`

const rows = Array.from({ length: ROWS }, (_, i) => ({
  ip: `10.0.${(i + 1) >> 8}.${(i + 1) & 255}`,
  hostname: `host-${i + 1}`,
}))

async function writeRows(directory: string): Promise<string> {
  const path = join(directory, 'rows.csv')
  await writeFile(
    path,
    ['ip,hostname', ...rows.map(({ ip, hostname }) => `${ip},${hostname}`), ''].join('\n'),
  )
  return path
}

/** Who asks the first of them asks the others when it is gone. */
function serversOf(nodes: readonly Node[]): string[] {
  return ['--server', nodes.map(({ client }) => client.url).join()]
}

async function untilMidway(program: Program, { client }: Node): Promise<void> {
  await until('a part is imported', async () => {
    const { headers } = await client.send('GET', '/allocations?limit=1&consistency=stale')
    return Number(headers['x-total-count']) >= ROWS_BEFORE
  })
  expect(program.exit).toBeNull()
}

/** What it says beside its progress, which is told every ten seconds. */
function complaints({ stderr }: Program): string[] {
  return stderr.filter((line) => !/^ipam: [0-9]+ of 20000 rows \([0-9]+ %\), [0-9]+ rows\/s$/.test(line))
}

async function expectAllOnce(cluster: Cluster): Promise<void> {
  const { allocations, audit } = await expectSameState(cluster)
  const found = new Map(allocations.map(({ ip, hostname }) => [ip, hostname]))
  expect(allocations).toHaveLength(ROWS)
  expect(rows.filter(({ ip, hostname }) => found.get(ip) !== hostname)).toEqual([])
  expect(audit.filter(({ action }) => action === 'ip_allocated')).toHaveLength(ROWS)
}

test('an import of 20,000 rows goes on by itself when the leader is killed, and each row is there once', async ({
  startCluster,
  startProgram,
  directory,
}) => {
  const cluster = await startCluster()
  const leader = await cluster.leader()
  const others = cluster.others(leader)
  await leader.client.post('/networks', { cidr: '10.0.0.0/16' })
  const file = await writeRows(directory)

  const program = startProgram(['import', file, ...serversOf([leader, ...others])], { cwd: directory })
  await untilMidway(program, leader)
  await leader.kill()
  const exit = await program.exited
  await cluster.restart(leader)

  expect({ ...exit, stdout: program.stdout }).toEqual({ code: 0, signal: null, stdout: [CREATED] })
  expect(complaints(program)).toEqual([])
  await expectAllOnce(cluster)
})

test('an import that was cut off by the loss of a majority says how far it is, and the same command goes on there', async ({
  startCluster,
  startProgram,
  directory,
}) => {
  const cluster = await startCluster()
  const leader = await cluster.leader()
  const [lost, kept] = cluster.others(leader) as [Node, Node]
  await leader.client.post('/networks', { cidr: '10.0.0.0/16' })
  const words = [
    'import',
    await writeRows(directory),
    ...serversOf([leader, lost, kept]),
    '--timeout',
    TIMEOUT,
  ]

  const first = startProgram(words, { cwd: directory })
  await untilMidway(first, kept)
  await Promise.all([leader.kill(), lost.kill()])
  const { code } = await first.exited
  await cluster.startAll()
  const second = startProgram(words, { cwd: directory })
  const exit = await second.exited

  const [, doneRows, lastRow] = LEFT_OFF.exec(first.stderr.at(-1) ?? '') ?? []
  const [, repeatedRows] = WENT_ON.exec(complaints(second).join('\n')) ?? []
  // 5 if a node took the last request: it may have been carried out.
  expect([1, 5]).toContain(code)
  expect(first.stdout).toEqual([])
  expect(Number(doneRows)).toBeGreaterThanOrEqual(ROWS_BEFORE - CHUNK_ROWS)
  expect(Number(lastRow)).toBe(Number(doneRows) + 1)
  expect([0, CHUNK_ROWS]).toContain(Number(repeatedRows) - Number(doneRows))
  expect({ ...exit, stdout: second.stdout }).toEqual({ code: 0, signal: null, stdout: [CREATED] })
  await expectAllOnce(cluster)
})
