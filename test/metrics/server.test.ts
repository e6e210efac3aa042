/** A whole node without peers, in this process: what it tells, and what the files of `deploy/` ask for. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { type Server, startServer } from '../../src/server.ts'
import { metricNamesIn, parseExposition, type Scraped } from './parse-exposition.ts'

let directory: string
let server: Server

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ipam-metrics-'))
  const config = loadConfig(['--data-dir', directory, '--log-level', 'error'], {}, () => '')
  server = await startServer({ ...config, api: { host: '127.0.0.1', port: 0 } })
  for (;;) if ((await fetch(`${server.url}/api/v1/health/ready`)).ok) break
}, 60_000)

afterAll(async () => {
  await server.close()
  await rm(directory, { recursive: true })
}, 60_000)

/** A scrape waits for a slow disk only for so long, and the first one then knows nothing of it. */
async function scrape(): Promise<Scraped> {
  for (;;) {
    const scraped = parseExposition(await (await fetch(`${server.url}/metrics`)).text())
    if (scraped.value('ipam_log_segments') !== null) return scraped
  }
}

async function post(path: string, body: unknown): Promise<void> {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(201)
}

describe('what a node tells', () => {
  test('its role, its log and its disk, as they are', async () => {
    const { value } = await scrape()

    expect(value('ipam_server_is_leader')).toBe(1)
    expect(value('ipam_server_has_leader')).toBe(1)
    expect(value('ipam_server_is_ready')).toBe(1)
    expect(value('ipam_raft_term')).toBe(1)
    expect(value('ipam_raft_elections_won_total')).toBe(1)
    expect(value('ipam_server_leader_changes_seen_total')).toBe(1)
    expect(value('ipam_raft_applied_index')).toBeGreaterThan(0)
    expect(value('ipam_raft_members{role="voter"}')).toBe(1)
    expect(value('ipam_disk_wal_fsync_duration_seconds_count')).toBeGreaterThan(0)
    expect(value('ipam_log_segments')).toBeGreaterThan(0)
    expect(value('ipam_disk_free_bytes')).toBeGreaterThan(0)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  })

  test('writes are counted as requests, proposals, commits, applied entries, networks and allocations', async () => {
    const before = await scrape()
    await post('/networks', { cidr: '10.0.0.0/24' })
    for (let i = 0; i < 3; i++) await post('/allocations', { cidr: '10.0.0.0/24' })
    const after = await scrape()
    const grown = (name: string): number => (after.value(name) ?? 0) - (before.value(name) ?? 0)

    const allocations = 'method="POST",route="/api/v1/allocations"'
    expect(grown(`ipam_http_requests_total{${allocations},status="201"}`)).toBe(3)
    expect(grown(`ipam_http_request_duration_seconds_count{${allocations}}`)).toBe(3)
    // The first write opens the session of the node.
    expect(grown('ipam_server_proposals_total{origin="local",outcome="applied"}')).toBe(5)
    expect(grown('ipam_server_proposal_duration_seconds_count')).toBe(5)
    // The entry by which a new node makes itself known may come in between.
    expect([5, 6]).toContain(grown('ipam_raft_commit_index'))
    expect(grown('ipam_server_entries_applied_total')).toBe(grown('ipam_raft_commit_index'))
    expect(grown('ipam_raft_commit_duration_seconds_count')).toBeGreaterThanOrEqual(4)
    expect(after.value('ipam_networks')).toBe(1)
    expect(after.value('ipam_allocations')).toBe(3)
    expect(after.value('ipam_allocated_addresses{family="ipv4"}')).toBe(3)
    const ratios = after.samples.filter(({ name }) => name === 'ipam_network_utilization_ratio')
    expect(ratios.map(({ value }) => value)).toEqual([3 / 254])
  })

  test('each metric says what it is, and is named as the conventions want it', async () => {
    const { families } = await scrape()

    const offences = families.filter(({ name, type, help }) => {
      return help === '' || (type === 'counter') !== name.endsWith('_total')
    })
    expect(offences).toEqual([])
  })

  test('docs/metrics.md has every metric, and no other', async () => {
    const { families } = await scrape()
    const docs = await readFile('docs/metrics.md', 'utf8')

    const documented = [...docs.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name)
    expect(documented.toSorted()).toEqual(families.map(({ name }) => name).toSorted())
  })
})

describe('deploy/', () => {
  test.each(['deploy/grafana-dashboard.json', 'deploy/alerts.yml'])(
    '%s asks only for metrics that there are',
    async (path) => {
      const { families } = await scrape()
      const known = new Set(
        families.flatMap(({ name, type }) =>
          type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
        ),
      )
      const asked = expressionsOf(parse(await readFile(path, 'utf8')))
      expect(asked.length).toBeGreaterThan(10)

      const unknown = asked.flatMap(metricNamesIn).filter((name) => !known.has(name))

      expect(unknown).toEqual([])
    },
  )
})

/** All values of keys named `expr`. JSON is YAML. */
function expressionsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(expressionsOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' ? [String(inner)] : expressionsOf(inner),
  )
}
