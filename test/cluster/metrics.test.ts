import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect } from 'vitest'
import { parse } from 'yaml'
import type { NetworkBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { blocksOf } from './page.ts'
import { startPrometheus, startPrometheusIn } from './prometheus.ts'
import { until } from './until.ts'

const run = promisify(execFile)

async function scrape({ client }: Node): Promise<string> {
  return (await fetch(`http://127.0.0.1:${client.port}/metrics`)).text()
}

async function leaderAndFollower(cluster: Cluster): Promise<{ leader: Node; follower: Node; third: Node }> {
  const leader = await cluster.leader()
  const [follower, third] = cluster.others(leader)
  if (follower === undefined || third === undefined) throw new Error('there are no followers')
  return { leader, follower, third }
}

describe('metrics', () => {
  test('a real Prometheus sees the writes, the roles, the lag, and the node that is gone', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const { leader, follower, third } = await leaderAndFollower(cluster)
    await using prometheus = await startPrometheus(
      cluster.directory,
      cluster.nodes.map(({ client }) => `127.0.0.1:${client.port}`),
    )
    const network = await follower.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/28' })
    for (let i = 0; i < 7; i++) await follower.client.post('/allocations', { network_id: network.id })
    const applied = await cluster.waitUntilLevel()
    const at = ({ client }: Node): string => `instance="127.0.0.1:${client.port}"`

    await prometheus.untilValue(`min(ipam_raft_applied_index)`, applied)
    await prometheus.untilValue('sum(up{job="ipam"})', 3)
    await prometheus.untilValue('sum(ipam_server_is_leader)', 1)
    await prometheus.untilValue(`ipam_server_is_leader{${at(leader)}}`, 1)
    await prometheus.untilValue('count(count by (ipam_raft_term) (ipam_raft_term))', 1)
    await prometheus.untilValue('min(ipam_server_is_ready)', 1)
    // Only the leader knows how far the others are.
    await prometheus.untilValue(`count(ipam_peer_lag_entries{${at(leader)}})`, 2)
    await prometheus.untilValue('max(ipam_peer_lag_entries)', 0)
    await prometheus.untilValue(`count(ipam_peer_lag_entries{${at(follower)}}) or vector(0)`, 0)
    await prometheus.untilValue('sum(ipam_peer_connected)', 6)
    // Each node of its own copy, and each request where it came in.
    await prometheus.untilValue(`count(ipam_network_allocations{network="${network.id}"} == 7)`, 3)
    await prometheus.untilValue('max(ipam_network_utilization_ratio)', 0.5)
    const allocations = 'ipam_http_requests_total{method="POST",route="/api/v1/allocations",status="201"}'
    await prometheus.untilValue(`sum(${allocations})`, 7)
    const proposals = (origin: string) => `ipam_server_proposals_total{origin="${origin}",outcome="applied"}`
    // A session, the network, and the allocations.
    await prometheus.untilValue(`sum(${proposals('local').replace('}', `,${at(follower)}}`)})`, 9)
    await prometheus.untilValue(`sum(${proposals('peer').replace('}', `,${at(leader)}}`)})`, 9)
    await prometheus.untilValue('count(ipam_disk_wal_fsync_duration_seconds_count > 0)', 3)

    await third.kill()

    await prometheus.untilValue(`up{${at(third)}}`, 0)
    await prometheus.untilValue('count(up{job="ipam"} == 1)', 2)
  })

  test('a node without a leader answers, and says that it has none', async ({ startCluster }) => {
    const cluster = await startCluster()
    const { leader, follower, third } = await leaderAndFollower(cluster)
    await Promise.all([leader.kill(), third.kill()])

    const alone = await until('the node has noticed', async () => {
      const text = await scrape(follower)
      return /^ipam_server_has_leader 0$/m.test(text) && text
    })

    expect(alone).toMatch(/^ipam_server_is_ready 0$/m)
    expect(alone).toMatch(/^ipam_raft_pre_votes_total [1-9]/m)
    expect(alone).not.toMatch(/^ipam_peer_lag_entries\{/m)
  })

  test('promtool has nothing to say about any node', async ({ startCluster }) => {
    const cluster = await startCluster()
    await cluster.nodes[0]?.client.post('/networks', { cidr: '10.0.0.0/28' })

    for (const node of cluster.nodes) {
      const path = join(cluster.directory, `metrics-${node.id}.txt`)
      await writeFile(path, await scrape(node))
      const { stdout, stderr } = await run('sh', ['-c', 'promtool check metrics < "$0"', path])
      expect(stdout + stderr).toBe('')
    }
  })
})

/** What docs/metrics.md says of Prometheus: its file, and the line for a log-in. */
function documented(): { file: string; authorization: string } {
  const [file, authorization] = blocksOf('docs/metrics.md')
    .filter(({ language }) => language === 'yaml')
    .map(({ text }) => text)
  if (file === undefined || authorization === undefined)
    throw new Error('docs/metrics.md has two blocks no more')
  return { file, authorization }
}

/** As the page says, in `directory`: the file with the alert rules beside it. */
async function writeDocumented(directory: string, file: string): Promise<string> {
  const home = join(directory, 'prometheus')
  await mkdir(home)
  await writeFile(join(home, 'prometheus.yml'), file)
  await copyFile('deploy/alerts.yml', join(home, 'alerts.yml'))
  return home
}

/** Other addresses, and looks more often than once a minute, which is what Prometheus does by itself. */
function forTest(file: string, { nodes }: Cluster): string {
  const [first, second, third] = nodes.map(({ client }) => `127.0.0.1:${client.port}`)
  const ofPage = '"10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"'
  expect(file).toContain(ofPage)
  const often = 'global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }\n'
  return often + file.replace(ofPage, `"${first}", "${second}", "${third}"`)
}

describe('the configuration of Prometheus in docs/metrics.md', () => {
  test('is one, as it stands', async ({ directory }) => {
    const home = await writeDocumented(directory, documented().file)

    const { stdout } = await run('promtool', ['check', 'config', join(home, 'prometheus.yml')])

    expect(stdout).toContain('1 rule files found')
    expect(stdout).toContain('SUCCESS')
  })

  test('finds three nodes, and evaluates every rule that is shipped', async ({ startCluster, directory }) => {
    const cluster = await startCluster()
    const home = await writeDocumented(directory, forTest(documented().file, cluster))

    await using prometheus = await startPrometheusIn(home)

    await prometheus.untilValue('count(up{job="ipam"} == 1)', 3)
    const health = await prometheus.ruleHealth()
    const shipped = parse(await readFile('deploy/alerts.yml', 'utf8')).groups[0].rules
    expect(health).toEqual(new Map(shipped.map(({ alert }: { alert: string }) => [alert, 'ok'])))
    await prometheus.untilValue('count(ALERTS{alertname=~"IpamNodeDown|IpamNoLeader"}) or vector(0)', 0)
  })

  test('gets in with the token of a viewer where log-ins are required, and not without', async ({
    startCluster,
    directory,
  }) => {
    const cluster = await startCluster({ environmentOf: () => ({ IPAM_AUTH: 'required' }) })
    const token = await viewerToken(cluster)
    const { file, authorization } = documented()
    const withLogIn = file.replace('rule_files:', `${authorization}rule_files:`)
    expect(authorization).toContain('ipam_…')
    await mkdir(join(directory, 'without'))
    const without = await writeDocumented(join(directory, 'without'), forTest(file, cluster))
    const home = await writeDocumented(directory, forTest(withLogIn.replace('ipam_…', token), cluster))

    await using stranger = await startPrometheusIn(without)
    await using prometheus = await startPrometheusIn(home)

    await prometheus.untilValue('count(up{job="ipam"} == 1)', 3)
    await stranger.untilValue('count(up{job="ipam"} == 0)', 3)
  })
})

/** Of the first admin, who makes it. */
async function viewerToken({ nodes }: Cluster): Promise<string> {
  const [node] = nodes as [Node]
  const admin = { name: 'root', password: 'correct horse battery' }
  await node.client.post('/auth/init', admin)
  const response = await fetch(`${node.client.url}/auth/keys`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${btoa(`${admin.name}:${admin.password}`)}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ role: 'viewer' }),
  })
  return ((await response.json()) as { token: string }).token
}

describe('alert rules', () => {
  test('are rules, and fire when they should and not when they should not', async () => {
    await run('promtool', ['check', 'rules', 'deploy/alerts.yml'])
    await run('promtool', ['test', 'rules', 'deploy/alerts.test.yml'])
  })

  test('each is tested, and explained in docs/metrics.md', async () => {
    const rules = parse(await readFile('deploy/alerts.yml', 'utf8'))
    const tests = parse(await readFile('deploy/alerts.test.yml', 'utf8'))
    const docs = await readFile('docs/metrics.md', 'utf8')

    const names = rules.groups[0].rules.map(({ alert }: { alert: string }) => alert)

    expect(tests.tests.map(({ name }: { name: string }) => name).toSorted()).toEqual(names.toSorted())
    expect(names.filter((name: string) => !docs.includes(`| ${name} |`))).toEqual([])
  })
})
