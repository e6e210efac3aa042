/** The real HAProxy and nginx in front of a cluster, with the files that are shipped: only ports are others. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TlsCredentials } from '../../raft/index.ts'
import { Client } from './client.ts'
import { isListening, reservePorts } from './ports.ts'
import { until } from './until.ts'

const LINES_MAX = 2_000

export const BALANCERS = ['haproxy', 'nginx'] as const
export type BalancerName = (typeof BALANCERS)[number]

/** What the files say: the nodes, the balancer, its statistics. */
const SHIPPED_PORTS = [8080, 8081, 8082, 8000, 8404]

export interface Balancer {
  readonly client: Client
  /** With one line for each request. */
  readLog(): Promise<string>
  /** What it thinks of a node: UP, DOWN and what lies between. HAProxy's alone, as is the next. */
  stateOf(nodeId: number): Promise<string>
  /** Sent to that node by now. */
  requestCountOf(nodeId: number): Promise<number>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * @param nodePorts Of the APIs of three nodes.
 * @param tls What it shows to clients, and whose certificates of nodes it believes; null: neither has TLS.
 */
export async function startBalancer(
  name: BalancerName,
  {
    directory,
    nodePorts,
    tls = null,
  }: { directory: string; nodePorts: readonly number[]; tls?: TlsCredentials | null },
): Promise<Balancer> {
  const [frontPort = 0, statisticsPort = 0] = await reservePorts(2)
  const home = join(directory, name)
  await mkdir(home)
  const path = join(home, name)
  if (tls !== null) await writeCredentials(home, tls)
  const shipped = await readFile(fileOf(name, { isTls: tls !== null }), 'utf8')
  await writeFile(path, withPorts(shipped, [...nodePorts, frontPort, statisticsPort]))
  const { file, args } = commandOf(name, { home, path })
  const program = spawn(file, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'], env: environment() })
  // With all that it had to say.
  const exited = once(program, 'close')
  const log: string[] = []
  for (const stream of [program.stdout, program.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log.push(...text.split('\n').filter((line) => line !== ''))
      if (log.length > LINES_MAX) log.splice(0, LINES_MAX / 2)
    })
  }
  const client = new Client(frontPort, tls?.ca ?? null)
  const end = async (): Promise<void> => {
    client.close()
    // Not killed: the workers of nginx would stay.
    program.kill('SIGTERM')
    await exited
  }
  try {
    await until(`${name} listens or has ended`, () => program.exitCode !== null || isListening(frontPort))
    if (program.exitCode !== null) throw new Error(`${name} ended with ${program.exitCode}`)
  } catch (error) {
    await end()
    throw new Error(log.join('\n'), { cause: error })
  }
  return {
    client,
    readLog: async () => (name === 'haproxy' ? log.join('\n') : readFile(join(home, 'access.log'), 'utf8')),
    stateOf: async (nodeId) => (await readStatistic(statisticsPort, nodeId, 'status')) ?? 'unknown',
    requestCountOf: async (nodeId) => Number(await readStatistic(statisticsPort, nodeId, 'stot')),
    [Symbol.asyncDispose]: end,
  }
}

async function readStatistic(port: number, nodeId: number, column: string): Promise<string | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${port}/;csv`)).text()
  const [head = [], ...rows] = text.split('\n').map((line) => line.split(','))
  const row = rows.find(([backend, server]) => backend === 'nodes' && server === `node${nodeId}`)
  return row?.[head.indexOf(column)]
}

/** Where the files look for them. */
async function writeCredentials(home: string, { ca, cert, key }: TlsCredentials): Promise<void> {
  await mkdir(join(home, 'tls'))
  const files = { 'ca.pem': ca, 'front.key': key, 'front.pem': cert + key }
  for (const [name, text] of Object.entries(files)) await writeFile(join(home, 'tls', name), text)
}

/** Checks a file, as it is shipped, with the program that reads it. @returns what it has to say. */
export async function checkConfig(
  name: BalancerName,
  { directory, tls = null }: { directory: string; tls?: TlsCredentials | null },
): Promise<string> {
  if (tls !== null) await writeCredentials(directory, tls)
  const path = join(directory, name)
  await copyFile(fileOf(name, { isTls: tls !== null }), path)
  const { file, args } = commandOf(name, { home: directory, path })
  const check = name === 'haproxy' ? '-c' : '-t'
  const options = { cwd: directory, env: environment() }
  const { stdout, stderr } = await promisify(execFile)(file, [check, ...args], options)
  return stdout + stderr
}

export function fileOf(name: BalancerName, { isTls = false } = {}): string {
  const tls = isTls ? '-tls' : ''
  return name === 'haproxy' ? `deploy/haproxy${tls}.cfg` : `deploy/nginx${tls}.conf`
}

/** @param ports Of three nodes, the balancer, and its statistics. */
export function withPorts(shipped: string, ports: readonly number[]): string {
  return shipped.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => {
    return String(ports[SHIPPED_PORTS.indexOf(Number(port))] ?? 'unknown')
  })
}

function commandOf(
  name: BalancerName,
  { home, path }: { home: string; path: string },
): { file: string; args: string[] } {
  if (name === 'haproxy') return { file: 'haproxy', args: ['-db', '-f', path] }
  return { file: 'nginx', args: ['-p', home, '-c', path, '-g', 'daemon off;'] }
}

/** Debian keeps both where only root looks. */
export function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
}
