/**
 * Claims: one node with 1,000,000 active allocations in 1,000 networks takes less than 512 MiB, at most 400 bytes an allocation
 * more than an empty one, and is ready within 5 s of its start, also after kill -9; a list of 1,000 of them by hostname, tag, network
 * or namespace, or of those at one address, takes as long as one of 10,000 (within twice), and the one that has some host name is found within four times as long.
 *
 * npx tsx bench/scale.ts [allocations]     after `make build`; some minutes
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { reservePorts } from '../test/cluster/ports.ts'
import { median } from './report/ratio.ts'

const LARGE = Number(process.argv[2] ?? 1_000_000)
const SMALL = 10_000
const NETWORKS_PER = 1_000
const BATCH = 1_000
const MIB_MAX = 512
const BYTES_EACH_MAX = 400
const READY_MS_MAX = 5_000
const RATIO_MAX = 2
/** Of a search for one host name: it looks at a row for each 4,096 allocations there have ever been. */
const SEARCH_RATIO_MAX = 4
const SEARCH = 'one by hostname'
const STARTS = 3
const WARM_UP = 5
const ROUNDS = 25
/** Until a node that has just started has nothing left to do. */
const SETTLE_MS = 3_000

interface Figures {
  readonly fillPerSecond: number
  readonly rssMib: number
  /** Of several starts, the median. */
  readonly readyMs: number
  /** Processor time until then. */
  readonly readyCpuMs: number
  readonly readyAfterKillMs: number
}

const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-'))
const ports = await reservePorts(3)
try {
  const [empty, small, large] = [await figures(0, 0), await figures(1, SMALL), await figures(2, LARGE)]
  const lists = await compareLists()
  report({ empty, small, large, lists })
} finally {
  await rm(directory, { recursive: true, force: true })
}

interface Lists {
  /** Milliseconds by what is asked for: the medians of the small and the large node. */
  readonly name: string
  readonly ratioMax: number
  readonly small: number
  readonly large: number
}

function report({
  empty,
  small,
  large,
  lists,
}: {
  empty: Figures
  small: Figures
  large: Figures
  lists: readonly Lists[]
}): void {
  const bytesEach = Math.round(((large.rssMib - empty.rssMib) * 2 ** 20) / LARGE)
  const conditions = `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node.js ${process.versions.node}, standalone node`
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
  process.stdout.write(
    [
      `| memory of a node with ${LARGE} allocations, after a restart | ${large.rssMib} MiB | at most ${MIB_MAX} | ${conditions} |`,
      `| … for each allocation, beyond an empty node | ${bytesEach} B | at most ${BYTES_EACH_MAX} | empty: ${empty.rssMib} MiB |`,
      `| ready after a start | ${seconds(large.readyMs)} (${seconds(large.readyCpuMs)} of processor time) | at most ${seconds(READY_MS_MAX)} | empty: ${seconds(empty.readyMs)} (${seconds(empty.readyCpuMs)}) |`,
      `| ready after kill -9 | ${seconds(large.readyAfterKillMs)} | at most ${seconds(READY_MS_MAX)} | empty: ${seconds(empty.readyAfterKillMs)} |`,
      `| filled by batches of ${BATCH} | ${large.fillPerSecond} allocations/s | | with ${SMALL}: ${small.fillPerSecond} |`,
      ...lists.map(({ name, ratioMax, small, large }) => {
        return `| ${name} | ${large.toFixed(1)} ms, ${(large / small).toFixed(2)} times | at most ${ratioMax} times | of ${SMALL}: ${small.toFixed(1)} ms |`
      }),
      '',
    ].join('\n'),
  )
  const isKept =
    large.rssMib <= MIB_MAX &&
    bytesEach <= BYTES_EACH_MAX &&
    Math.max(large.readyMs, large.readyAfterKillMs) <= READY_MS_MAX &&
    lists.every(({ ratioMax, small, large }) => large <= ratioMax * small)
  if (!isKept) process.exitCode = 1
}

async function figures(node: number, allocations: number): Promise<Figures> {
  let running = await start(node)
  const fillPerSecond = await fill(running.api, allocations)
  const killed: number[] = []
  const started: { readyMs: number; cpuMs: number }[] = []
  for (let i = 0; i < STARTS; i++) {
    await running.stop('SIGKILL')
    running = await start(node)
    killed.push(running.readyMs)
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    await running.stop('SIGTERM')
    running = await start(node)
    started.push(running)
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const rssMib = await running.rssMib()
  await running.stop('SIGTERM')
  return {
    fillPerSecond,
    rssMib,
    readyMs: median(started.map(({ readyMs }) => readyMs)),
    readyCpuMs: median(started.map(({ cpuMs }) => cpuMs)),
    readyAfterKillMs: median(killed),
  }
}

async function start(node: number) {
  const port = ports[node] ?? 0
  const api = `http://127.0.0.1:${port}/api/v1`
  const startedAt = performance.now()
  const args = ['dist/src/main.js', 'server', '--data-dir', join(directory, `${node}`)]
  const child = spawn(process.execPath, [...args, '--listen', `127.0.0.1:${port}`, '--log-level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  while (!(await isReady(api))) await new Promise((resolve) => setTimeout(resolve, 20))
  const readyMs = performance.now() - startedAt
  // Ticks of 10 ms, of the process in user and kernel mode.
  const stat = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(' ')
  return {
    api,
    readyMs,
    cpuMs: 10 * (Number(stat[13]) + Number(stat[14])),
    async rssMib(): Promise<number> {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
    },
    async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
      child.kill(signal)
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

/** Every allocation has a host name of its own, and one in ten a tag; one network in ten is in a namespace apart. */
async function fill(api: string, allocations: number): Promise<number> {
  const startedAt = performance.now()
  for (let n = 0; n < allocations / NETWORKS_PER; n++) {
    const cidr = `10.${n >> 6}.${(n & 63) << 2}.0/22`
    const namespace = n % 10 === 3 ? 'tenth' : 'default'
    const network = (await post(`${api}/networks`, { cidr, namespace })) as { id: string }
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

/** Both nodes run, and are asked in turn: whatever else the machine does falls on both. */
async function compareLists(): Promise<Lists[]> {
  const nodes = [await start(1), await start(2)] as const
  const questions = await Promise.all([questionsTo(nodes[0].api, SMALL), questionsTo(nodes[1].api, LARGE)])
  const lists: Lists[] = []
  for (const [name, small] of questions[0]) {
    const urls = [small, questions[1].get(name) ?? ''] as const
    const times: [number[], number[]] = [[], []]
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      for (const i of [0, 1] as const) times[i].push(await timeOf(urls[i]))
    }
    const [a, b] = times.map((all) => median(all.slice(WARM_UP)))
    const ratioMax = name === SEARCH ? SEARCH_RATIO_MAX : RATIO_MAX
    lists.push({ name, ratioMax, small: a ?? 0, large: b ?? 0 })
  }
  for (const node of nodes) await node.stop('SIGTERM')
  return lists
}

async function questionsTo(api: string, allocations: number): Promise<Map<string, string>> {
  const [network] = (await (await fetch(`${api}/networks?limit=1`)).json()) as { id: string; cidr: string }[]
  return new Map([
    ['1,000 by hostname', `${api}/allocations?limit=1000&hostname=ost-1`],
    ['1,000 by tag', `${api}/allocations?limit=1000&tag=tenth`],
    ['1,000 by network', `${api}/allocations?limit=1000&network_id=${network?.id}`],
    ['1,000 by namespace', `${api}/allocations?limit=1000&namespace=tenth`],
    ['1,000 of all', `${api}/allocations?limit=1000`],
    ['10 of many by hostname', `${api}/allocations?limit=10&hostname=ost-99`],
    ['one by address', `${api}/allocations?ip=10.0.1.7`],
    ['all about an address', `${api}/addresses/10.0.1.7`],
    [SEARCH, `${api}/allocations?hostname=ost-${allocations - 1}`],
    ['statistics of a network', `${api}/networks/${network?.id}/stats`],
  ])
}

async function timeOf(url: string): Promise<number> {
  const startedAt = performance.now()
  const response = await fetch(url)
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return performance.now() - startedAt
}
