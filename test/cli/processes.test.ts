/** The `ipam` command as a process: what it prints, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileDisk } from '../../raft/storage/file-disk.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'

/** The build under test. */
const MAIN = resolve(process.env['IPAM_TEST_DIST'] ?? 'dist', 'src/main.js')

/** The machine may be busy with other tests. */
const TIMEOUT_MS = 90_000

interface Running {
  readonly child: ChildProcess
  /** Resolves once `text` is on one of the outputs. Rejects if the process ends first. */
  printed(text: string): Promise<void>
  readonly ended: Promise<{
    code: number | null
    signal: NodeJS.Signals | null
    stdout: string
    stderr: string
  }>
}

let directory: string
const running: ChildProcess[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ipam-cli-'))
})

afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

function ipam(...argv: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...argv])
  running.push(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      child.emit('printed')
    })
  }
  const ended: Running['ended'] = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...output }))
  })
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (output.stdout.includes(text) || output.stderr.includes(text)) resolve()
      }
      child.on('printed', check)
      check()
      ended.then((end) => reject(new Error(`ended without "${text}": ${JSON.stringify(end)}`))).catch(reject)
    })
  return { child, printed, ended }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (typeof address === 'object' && address !== null) ports.push(address.port)
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return ports
}

async function writeClusterFile(): Promise<{ path: string; apis: string[] }> {
  const ports = await freePorts(6)
  const apis = ports.slice(3).map((port) => `127.0.0.1:${port}`)
  const nodes = apis.map(
    (api, i) => `  - { node_id: ${i + 1}, addr: "127.0.0.1:${ports[i]}", api: "${api}" }`,
  )
  const path = join(directory, 'cluster.yaml')
  await writeFile(path, `cluster_id: 7\ndata_dir: ./data\nnodes:\n${nodes.join('\n')}\n`)
  return { path, apis }
}

async function isServed(api: string): Promise<boolean> {
  try {
    return (await fetch(`http://${api}/api/v1/health`)).ok
  } catch {
    return false
  }
}

describe('ipam', { timeout: TIMEOUT_MS }, () => {
  test('prints its version', async () => {
    expect(await ipam('--version').ended).toMatchObject({ code: 0, stdout: '1.0.0\n', stderr: '' })
  })

  test('an unknown command is a line on standard error and exit code 2', async () => {
    expect(await ipam('serve').ended).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'ipam: unknown command "serve"; did you mean ipam server?\n',
    })
  })

  test('a flag before the command is told to come behind it', async () => {
    expect(await ipam('--server', 'node1:8080', 'list').ended).toMatchObject({
      code: 2,
      stderr: 'ipam: the command comes first, then its flags: ipam COMMAND --server (see ipam --help)\n',
    })
  })

  test('wrong flags are a line on standard error and exit code 2', async () => {
    expect(await ipam('server', '--confg', 'x').ended).toMatchObject({
      code: 2,
      stderr: 'ipam: unknown flag --confg; did you mean --config? (see ipam server --help)\n',
    })
  })
})

describe('ipam server', { timeout: TIMEOUT_MS }, () => {
  test('serves until SIGTERM; a second one on its directory or its port says so', async () => {
    const [port, otherPort] = await freePorts(2)
    const server = ipam('server', '--data-dir', directory, '--listen', `127.0.0.1:${port}`)
    await server.printed(`ipam 1.0.0: node 1 serves http://127.0.0.1:${port}/api/v1\n`)
    expect(await isServed(`127.0.0.1:${port}`)).toBe(true)

    const sameDirectory = ipam('server', '--data-dir', directory, '--listen', `127.0.0.1:${otherPort}`)
    const samePort = ipam('server', '--data-dir', join(directory, 'b'), '--listen', `127.0.0.1:${port}`)
    expect(await sameDirectory.ended).toMatchObject({ code: 1, stdout: '' })
    expect((await sameDirectory.ended).stderr).toContain(`ipam: data directory ${directory}/node-1 is in use`)
    expect(await samePort.ended).toMatchObject({ code: 1, stdout: '' })
    expect((await samePort.ended).stderr).toContain(`ipam: 127.0.0.1:${port} (the API) is in use`)

    server.child.kill('SIGTERM')
    const { code, stderr } = await server.ended
    expect(code).toBe(0)
    const levels = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).level)
    expect(new Set(levels)).toEqual(new Set(['info']))
  })
})

describe('ipam log', { timeout: TIMEOUT_MS }, () => {
  test('a reader that goes away, as head does, is no error', async () => {
    const log = new SegmentedLog({ disk: new FileDisk(directory), directory: 'log' })
    await log.open()
    await log.initialize({
      ...{ lastIndex: 0, lastTerm: 0, lastTime: 0, membershipIndex: 0 },
      membership: { members: [], removed: [], schemaVersion: 1 },
    })
    const payload = Buffer.alloc(100)
    const entries = Array.from({ length: 20_000 }, (_, i) => {
      return { index: i + 1, term: 1, time: 0, type: 'command', payload } as const
    })
    await log.append({ hardState: null, entries })
    await log.close()

    for (const flags of ['', '--json', '--all']) {
      const line = `"$0" "$1" log dump "$2" ${flags} | head -n 1; echo "${'$'}{PIPESTATUS[@]}"`
      const shell = spawn('bash', ['-c', line, process.execPath, MAIN, join(directory, 'log')])
      running.push(shell)
      let output = ''
      for (const stream of [shell.stdout, shell.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text
        })
      }
      await new Promise((resolve) => shell.once('close', resolve))

      expect(output.trimEnd().split('\n')).toEqual([expect.any(String), '0 0'])
    }
  })
})

describe('ipam local-cluster', { timeout: TIMEOUT_MS }, () => {
  test('starts all nodes, says where they are, and stops them at Ctrl-C', async () => {
    const { path, apis } = await writeClusterFile()
    const cluster = ipam('local-cluster', '--config', path)
    await cluster.printed('Ctrl-C stops all nodes.')
    const created = await fetch(`http://${apis[2]}/api/v1/networks`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"cidr": "10.0.0.0/24"}',
    })
    expect(created.status).toBe(201)

    cluster.child.kill('SIGINT')

    const { code, stdout } = await cluster.ended
    expect(code).toBe(0)
    for (const api of apis) expect(stdout).toContain(`http://${api}/api/v1`)
    expect(stdout.match(/ {2}leader$/gm)).toHaveLength(1)
    expect(await Promise.all(apis.map(isServed))).toEqual([false, false, false])
  })

  test('a port in use is found before any node starts', async () => {
    const { path, apis } = await writeClusterFile()
    const [, port] = (apis[1] ?? '').split(':')
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(Number(port), '127.0.0.1', resolve))

    const { code, stdout, stderr } = await ipam('local-cluster', '--config', path).ended

    blocker.close()
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      `ipam: ${apis[1]}, the API of node 2, is in use: stop what listens there, or change it in the cluster file\n`,
    )
  })

  test('when a node ends the others go on, and it says how to start it again', async () => {
    const { path, apis } = await writeClusterFile()
    const cluster = ipam('local-cluster', '--config', path)
    await cluster.printed('Ctrl-C stops all nodes.')

    await killNode(path, 2)

    await cluster.printed(`server --config ${path} --node-id 2\n`)
    expect(await Promise.all(apis.map(isServed))).toEqual([true, false, true])
    cluster.child.kill('SIGINT')
    const { code, stderr } = await cluster.ended
    expect(code).toBe(0)
    expect(stderr).toContain(
      'ipam: node 2 ended (signal SIGKILL), the others go on; to start it again: node ',
    )
    expect(await Promise.all(apis.map(isServed))).toEqual([false, false, false])
  })

  test('when all nodes have ended, so does it, with exit code 1', async () => {
    const { path } = await writeClusterFile()
    const cluster = ipam('local-cluster', '--config', path)
    await cluster.printed('Ctrl-C stops all nodes.')

    await Promise.all([1, 2, 3].map((id) => killNode(path, id)))

    const { code, stderr } = await cluster.ended
    expect(code).toBe(1)
    expect(stderr).toContain('ipam: all nodes have ended\n')
  })

  test('when it is killed itself, its nodes stop', async () => {
    const { path, apis } = await writeClusterFile()
    const cluster = ipam('local-cluster', '--config', path)
    await cluster.printed('Ctrl-C stops all nodes.')

    cluster.child.kill('SIGKILL')

    await expect
      .poll(async () => Promise.all(apis.map(isServed)), { timeout: 20_000 })
      .toEqual([false, false, false])
  })
})

/** The node's own process id is in no answer: it is found by its arguments. */
async function killNode(clusterFile: string, id: number): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // Some end while we look.
    const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (argv.replaceAll('\0', ' ').includes(`server --config ${clusterFile} --node-id ${id}`)) {
      process.kill(Number(pid), 'SIGKILL')
    }
  }
}
