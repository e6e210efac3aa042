/**
 * Claims: one node with 1,000,000 active allocations in 1,000 networks takes less than 512 MiB and is ready within 5 s of its
 * start; a list of 1,000 of them by hostname, tag, address or network takes as long as one of 10,000 (within twice), and
 * statistics of any network less than 1 ms of the state machine.
 *
 * npx tsx bench/scale.ts [allocations]     after `make build`; some minutes
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { reservePorts } from '../test/cluster/ports.ts'

const LARGE = Number(process.argv[2] ?? 1_000_000)
const SMALL = 10_000
const NETWORKS_PER = 1_000
const BATCH = 1_000
const MIB_MAX = 512
const READY_MS_MAX = 5_000
const RATIO_MAX = 2
const ROUNDS = 9

interface Measured {
  readonly fillPerSecond: number
  readonly rssMib: number
  readonly readyMs: number
  /** Milliseconds of each list, the median. */
  readonly lists: ReadonlyMap<string, number>
}

const small = await measure(SMALL)
const large = await measure(LARGE)
const conditions = `${cpus().length} cores, Node.js ${process.versions.node}, standalone node`
const rows = [...large.lists].map(([name, ms]) => {
  const before = small.lists.get(name) ?? Number.NaN
  return { name, ms, before, ratio: ms / before }
})
process.stdout.write(
  [
    `| memory of a node with ${LARGE} allocations, after a restart | ${large.rssMib} MiB | at most ${MIB_MAX} | ${conditions} |`,
    `| ready after a start | ${(large.readyMs / 1_000).toFixed(2)} s | at most ${READY_MS_MAX / 1_000} s | |`,
    `| filled by batches of ${BATCH} | ${large.fillPerSecond} allocations/s | | with ${SMALL}: ${small.fillPerSecond} |`,
    ...rows.map(({ name, ms, before, ratio }) => {
      return `| 1,000 rows by ${name} | ${ms.toFixed(1)} ms, ${ratio.toFixed(2)} times | at most ${RATIO_MAX} times | of ${SMALL}: ${before.toFixed(1)} ms |`
    }),
    '',
  ].join('\n'),
)
const isKept =
  large.rssMib <= MIB_MAX && large.readyMs <= READY_MS_MAX && rows.every(({ ratio }) => ratio <= RATIO_MAX)
if (!isKept) process.exitCode = 1

async function measure(allocations: number): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-'))
  const [port = 0] = await reservePorts(1)
  const api = `http://127.0.0.1:${port}/api/v1`
  try {
    const first = await start({ directory, port, api })
    const fillPerSecond = await fill(api, allocations)
    await first.stop()
    const second = await start({ directory, port, api })
    const rssMib = await second.rssMib()
    const lists = await measureLists(api, allocations)
    await second.stop()
    return { fillPerSecond, rssMib, readyMs: second.readyMs, lists }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function start({ directory, port, api }: { directory: string; port: number; api: string }) {
  const startedAt = performance.now()
  const args = ['dist/src/main.js', 'server', '--data-dir', directory, '--listen', `127.0.0.1:${port}`]
  const child = spawn(process.execPath, [...args, '--log-level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  while (!(await isReady(api))) await new Promise((resolve) => setTimeout(resolve, 20))
  const readyMs = performance.now() - startedAt
  return {
    readyMs,
    async rssMib(): Promise<number> {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
    },
    async stop(): Promise<void> {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function isReady(api: string): Promise<boolean> {
  return fetch(`${api}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** Every allocation has a host name of its own, and one in ten a tag. */
async function fill(api: string, allocations: number): Promise<number> {
  const networkCount = Math.max(1, allocations / NETWORKS_PER)
  const startedAt = performance.now()
  for (let n = 0; n < networkCount; n++) {
    const cidr = `10.${n >> 6}.${(n & 63) << 2}.0/22`
    const network = (await post(`${api}/networks`, { cidr })) as { id: string }
    for (let done = 0; done < NETWORKS_PER; done += BATCH) {
      const items = Array.from({ length: BATCH }, (_, i) => {
        const number = n * NETWORKS_PER + done + i
        const tags = number % 10 === 0 ? ['tenth'] : []
        return { network_id: network.id, hostname: `host-${number}`, tags }
      })
      await post(`${api}/allocations/batch`, { items })
    }
  }
  return Math.round(allocations / ((performance.now() - startedAt) / 1_000))
}

async function post(url: string, body: unknown): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (response.status !== 201) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}

async function measureLists(api: string, allocations: number): Promise<Map<string, number>> {
  const [network] = (await (await fetch(`${api}/networks?limit=1`)).json()) as { id: string; cidr: string }[]
  const questions = new Map([
    ['hostname', `/allocations?limit=1000&hostname=ost-1`],
    ['tag', `/allocations?limit=1000&tag=tenth`],
    ['network', `/allocations?limit=1000&network_id=${network?.id}`],
    ['all', `/allocations?limit=1000`],
    ['address', `/addresses/10.0.1.7`],
    ['statistics', `/networks/${network?.id}/stats`],
    ['host name, one', `/allocations?hostname=ost-${allocations - 1}`],
  ])
  const lists = new Map<string, number>()
  for (const [name, path] of questions) {
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const startedAt = performance.now()
      const response = await fetch(`${api}${path}`)
      await response.arrayBuffer()
      if (!response.ok) throw new Error(`${path} answered ${response.status}`)
      times.push(performance.now() - startedAt)
    }
    lists.set(name, times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN)
  }
  return lists
}
