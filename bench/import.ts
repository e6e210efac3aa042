/**
 * Claims: `ipam import` brings in 100,000 rows, CSV or JSON lines, in chunks; killed in the middle, it goes on where it was when it is run
 * again, and nothing is there twice.
 *
 * npx tsx bench/import.ts [rows]     after `make build`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type NetworkBody } from '../test/cluster/client.ts'
import { reservePorts } from '../test/cluster/ports.ts'
import { until } from '../test/cluster/until.ts'

const ROWS = Number(process.argv[2] ?? 100_000)
const MAIN = 'dist/src/main.js'
const READY_MS_MAX = 60_000
const HALF_MS_MAX = 600_000

interface Report {
  readonly created: number
  readonly skipped: number
  readonly failed: number
}

const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-'))
const [port = 0] = await reservePorts(1)
const client = new Client(port)
const server = spawn(
  process.execPath,
  [
    MAIN,
    'server',
    '--data-dir',
    join(directory, 'data'),
    '--listen',
    `127.0.0.1:${port}`,
    '--log-level',
    'warn',
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
)
try {
  const isReady = async () => (await client.readiness())?.length === 0
  await until('the node is ready', isReady, { timeoutMs: READY_MS_MAX })
  const csv = await importWhole('csv')
  const jsonl = await importWhole('jsonl')
  const resumed = await importInterrupted()
  const perSecond = (ms: number): string =>
    `${(ms / 1_000).toFixed(1)} s, ${Math.round(ROWS / (ms / 1_000))} rows/s`
  const conditions = `standalone node, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node.js ${process.versions.node}`
  process.stdout.write(
    [
      `| import of ${ROWS} rows of CSV | ${perSecond(csv)} | | ${conditions} |`,
      `| import of ${ROWS} JSON lines | ${perSecond(jsonl)} | | |`,
      `| … killed after ${resumed.doneBefore} of them, and run again | ${(resumed.ms / 1_000).toFixed(1)} s for the second run | | none is missing, none twice |`,
      '',
    ].join('\n'),
  )
} finally {
  server.kill('SIGTERM')
  await once(server, 'exit')
  client.close()
  await rm(directory, { recursive: true, force: true })
}

/** Milliseconds. */
async function importWhole(notation: 'csv' | 'jsonl'): Promise<number> {
  const { path, network } = await prepare(notation, notation === 'csv' ? 10 : 11)
  const startedAt = performance.now()
  const { report } = startImport(path)
  expectSame(await report, { created: ROWS, skipped: 0, failed: 0 })
  const ms = performance.now() - startedAt
  await checkCount(network)
  return ms
}

async function importInterrupted(): Promise<{ doneBefore: number; ms: number }> {
  const { path, network } = await prepare('jsonl', 12)
  const first = startImport(path)
  await until('half of the rows are in', async () => (await allocated(network)) >= ROWS / 2, {
    timeoutMs: HALF_MS_MAX,
  })
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const doneBefore = await allocated(network)

  const startedAt = performance.now()
  const { report } = startImport(path)
  // Of a chunk that was done already the answer is repeated, so it counts as created.
  expectSame(await report, { created: ROWS, skipped: 0, failed: 0 })
  const ms = performance.now() - startedAt
  await checkCount(network)
  return { doneBefore, ms }
}

/** A network, and a file of allocations in it: each with a host name, an owner, and one in ten with a tag. */
async function prepare(notation: 'csv' | 'jsonl', octet: number): Promise<{ path: string; network: string }> {
  const { id } = await client.post<NetworkBody>('/networks', { cidr: `${octet}.0.0.0/8` })
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const number = i + 1
    const ip = `${octet}.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
    return {
      ip,
      hostname: `host-${number}`,
      tags: number % 10 === 0 ? ['tenth'] : [],
      metadata: { owner: 'net' },
    }
  })
  const lines = notation === 'csv' ? csvLines(rows) : rows.map((row) => JSON.stringify(row))
  const path = join(directory, `${octet}.${notation}`)
  await writeFile(path, `${lines.join('\n')}\n`)
  return { path, network: id }
}

function csvLines(
  rows: readonly { ip: string; hostname: string; tags: readonly string[]; metadata: object }[],
): string[] {
  const cells = rows.map(({ ip, hostname, tags, metadata }) => {
    return `${ip},${hostname},${tags.join(',')},"${JSON.stringify(metadata).replaceAll('"', '""')}"`
  })
  return ['ip,hostname,tags,metadata', ...cells]
}

function startImport(path: string) {
  const child = spawn(
    process.execPath,
    [MAIN, 'import', path, '--json', '--server', `http://127.0.0.1:${port}`],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const report = (async (): Promise<Report> => {
    let text = ''
    for await (const chunk of child.stdout) text += chunk
    const { created, skipped, failed } = JSON.parse(text) as Report
    return { created, skipped, failed }
  })()
  // Of one that is killed nobody asks.
  report.catch(() => {})
  return { child, report }
}

async function allocated(network: string): Promise<number> {
  return Number((await client.get<{ allocated_ips: number }>(`/networks/${network}/stats`)).allocated_ips)
}

async function checkCount(network: string): Promise<void> {
  const count = await allocated(network)
  if (count !== ROWS) throw new Error(`${count} of ${ROWS} rows are there`)
}

function expectSame(actual: Report, expected: Report): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`the import says ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`)
  }
}
