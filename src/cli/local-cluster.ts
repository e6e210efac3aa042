/** `ipam local-cluster`: all nodes of a cluster file as processes of this machine, until a signal. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { formatAddr, parseAddr } from '../../raft/transport/addr.ts'
import { ConfigError, loadClusterFile, type NodeConfig } from '../config.ts'
import { isWildcard } from '../config-addr.ts'
import type { ClusterFile } from '../config-file.ts'
import { makeDirectories } from '../data-directory.ts'
import { findPackage } from './package.ts'
import type { ExitCode, Shell } from './shell.ts'

const READY_TIMEOUT_MS = 60_000
const READY_POLL_MS = 100

/** What can be said in one line: no need for a stack trace. */
class LocalClusterError extends Error {
  override readonly name = 'LocalClusterError'
}

interface LocalNode {
  readonly id: number
  readonly url: string
  readonly child: ChildProcess
  /** Why it ended, in words. */
  readonly ended: Promise<string>
  /** What a node says when it and its peers go away is no news. */
  isMuted: boolean
}

export async function runLocalCluster(argv: readonly string[], shell: Shell): Promise<ExitCode> {
  const nodes: LocalNode[] = []
  try {
    const path = configPath(argv)
    const file = loadClusterFile(path, (name) => readFileSync(name, 'utf8'))
    await checkMachine(file)
    for (const node of file.nodes)
      nodes.push(startNode(node, { path, isHttps: file.httpTls !== null, shell }))
    await untilStopped(nodes, { file, path, shell })
    return 0
  } catch (error) {
    if (!(error instanceof LocalClusterError) && !(error instanceof ConfigError)) throw error
    shell.complain(error.message)
    return error instanceof ConfigError ? 2 : 1
  } finally {
    for (const node of nodes) {
      node.isMuted = true
      node.child.kill('SIGTERM')
    }
    await Promise.all(nodes.map((node) => node.ended))
  }
}

function configPath(argv: readonly string[]): string {
  try {
    const { values } = parseArgs({ args: [...argv], options: { config: { type: 'string' } } })
    return values.config ?? relative('.', join(findPackage().directory, 'cluster.example.yaml'))
  } catch (cause) {
    throw new ConfigError(`${(cause as Error).message} (see ipam local-cluster --help)`, { cause })
  }
}

/** What would make a node fail, before any is started. */
async function checkMachine({ nodes, dataDir }: ClusterFile): Promise<void> {
  try {
    await makeDirectories(dataDir)
    await access(dataDir, constants.W_OK)
  } catch (cause) {
    throw new LocalClusterError(`directory ${dataDir} cannot be written: ${(cause as Error).message}`, {
      cause,
    })
  }
  for (const node of nodes) {
    await checkPort(node.api, `the API of node ${node.id}`)
    await checkPort(node.addr, `the Raft listener of node ${node.id}`)
  }
}

async function checkPort(addr: string, what: string): Promise<void> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(parseAddr(addr), resolve)
    })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE' ? 'is in use: stop what listens there' : `cannot be listened on (${code})`
    throw new LocalClusterError(`${addr}, ${what}, ${why}, or change it in the cluster file`, { cause })
  }
  await new Promise((resolve) => server.close(resolve))
}

function startNode(
  node: NodeConfig,
  { path, isHttps, shell }: { path: string; isHttps: boolean; shell: Shell },
): LocalNode {
  const [executable, ...first] = shell.self
  const { IPAM_LISTEN: _listen, IPAM_JOIN: _join, ...env } = shell.env
  const child = spawn(executable, [...first, 'server', '--config', path, '--node-id', String(node.id)], {
    // The channel tells the node when we are gone, even if we were killed.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // In a process group of its own, or Ctrl-C would reach it from the terminal and from us: twice is "at once".
    detached: true,
    env,
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
  const local: LocalNode = { id: node.id, url: urlOf(node.api, isHttps), child, ended, isMuted: false }
  if (child.stderr !== null) {
    createInterface(child.stderr).on('line', (line) => {
      const told = local.isMuted ? null : tell(line)
      if (told !== null) shell.complain(`node ${node.id}: ${told}`)
    })
  }
  return local
}

function urlOf(api: string, isHttps: boolean): string {
  const { host, port } = parseAddr(api)
  return `${isHttps ? 'https' : 'http'}://${formatAddr({ host: isWildcard(host) ? '127.0.0.1' : host, port })}/api/v1`
}

/** Warnings and errors of a node's log, shortened; whatever is no log line, as it is. Null for the rest. */
function tell(line: string): string | null {
  if (!line.startsWith('{')) return line.replace(/^ipam: /, '')
  try {
    const { level, time: _time, msg, ...fields } = JSON.parse(line)
    return level === 'warn' || level === 'error' ? `${level}: ${msg} ${JSON.stringify(fields)}` : null
  } catch {
    return line
  }
}

async function untilStopped(
  nodes: readonly LocalNode[],
  { file, path, shell }: { file: ClusterFile; path: string; shell: Shell },
): Promise<void> {
  const stopped = shell.stopped.then(() => 'stopped' as const)
  const started = await Promise.race([stopped, anyEnded(nodes), waitUntilReady(nodes)])
  if (started === 'stopped') return shell.print('Stopping.')
  shell.print(await describe(nodes, file))
  await Promise.race([stopped, allEnded(nodes, { path, shell })])
  shell.print('Stopping.')
}

/** A cluster that does not come up is not left half up. */
async function anyEnded(nodes: readonly LocalNode[]): Promise<never> {
  return Promise.race(
    nodes.map(async ({ id, ended }) => {
      throw new LocalClusterError(`node ${id} ended (${await ended}): stopping the others`)
    }),
  )
}

/** Later the others go on, as on machines of their own: killing one is what people try first. */
async function allEnded(
  nodes: readonly LocalNode[],
  { path, shell }: { path: string; shell: Shell },
): Promise<never> {
  const program = relative('.', shell.self.at(-1) ?? 'ipam')
  await Promise.all(
    nodes.map(async (node) => {
      const why = await node.ended
      // We are stopping it ourselves.
      if (node.isMuted) return
      const again = `node ${program} server --config ${path} --node-id ${node.id}`
      shell.complain(`node ${node.id} ended (${why}), the others go on; to start it again: ${again}`)
    }),
  )
  throw new LocalClusterError('all nodes have ended')
}

async function waitUntilReady(nodes: readonly LocalNode[]): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  let waiting = [...nodes]
  for (;;) {
    const isReady = await Promise.all(waiting.map((node) => answersOk(`${node.url}/health/ready`)))
    waiting = waiting.filter((_, i) => !isReady[i])
    if (waiting.length === 0) return
    if (performance.now() > deadline) {
      const names = waiting.map((node) => `node ${node.id}`).join(', ')
      throw new LocalClusterError(`not ready after ${READY_TIMEOUT_MS / 1_000} s: ${names}`)
    }
    await sleep(READY_POLL_MS)
  }
}

async function answersOk(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (response: IncomingMessage): void => {
      response.resume()
      resolve(response.statusCode === 200)
    }
    // Our own child on our own machine: whose certificate it shows is not the question, and nothing is told to it.
    const asked = url.startsWith('https:')
      ? requestTls(url, { rejectUnauthorized: false, agent: false }, answer)
      : request(url, { agent: false }, answer)
    asked.on('error', () => resolve(false))
    asked.end()
  })
}

async function describe(nodes: readonly LocalNode[], file: ClusterFile): Promise<string> {
  const lines: string[] = []
  for (const { id, url, child } of nodes) {
    const isLeader = await answersOk(`${url}/health/leader`)
    lines.push(`  node ${id}  ${url}  pid ${child.pid}${isLeader ? '  leader' : ''}`)
  }
  const url = nodes[0]?.url
  return `The cluster is ready, with its data in ${file.dataDir}/. Any node answers any request:

${lines.join('\n')}

Create a network:

  curl -X POST ${url}/networks -H 'Content-Type: application/json' -d '{"cidr": "10.0.0.0/24"}'

Ctrl-C stops all nodes.`
}
