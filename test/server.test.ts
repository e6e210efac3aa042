/** What a start that fails leaves behind: nothing that is in the way of the next one, in the same process. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockDirectory } from '../raft/index.ts'
import { type Config, loadConfig } from '../src/config.ts'
import { type Server, startServer } from '../src/server.ts'
import { reservePorts } from './cluster/ports.ts'

const HOST = '127.0.0.1'

let directory: string
let config: Config

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ipam-server-'))
  const [raftPort = 0, apiPort = 0] = await reservePorts(2)
  const file = {
    cluster_id: 7,
    data_dir: directory,
    nodes: [{ node_id: 1, addr: `${HOST}:${raftPort}`, api: `${HOST}:${apiPort}` }],
    http: { shutdown_delay_ms: 0 },
  }
  // JSON is YAML.
  const args = ['--config', 'cluster.yaml', '--node-id', '1', '--log-level', 'error']
  config = loadConfig(args, {}, () => JSON.stringify(file))
})

afterEach(() => rmSync(directory, { recursive: true }))

async function ready({ url }: Server): Promise<void> {
  for (;;) if ((await fetch(`${url}/api/v1/health/ready`)).ok) return
}

/** @returns What takes it away again. */
type Obstacle = (config: Config) => Promise<() => Promise<void>>

function takenPort(portOf: (config: Config) => number): Obstacle {
  return async (config) => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(portOf(config), HOST, resolve))
    return () => new Promise((resolve) => holder.close(() => resolve()))
  }
}

function otherContent(name: string, spoil: (content: Buffer) => Buffer): Obstacle {
  return async ({ dataDir }) => {
    const path = join(dataDir, name)
    const content = readFileSync(path)
    writeFileSync(path, spoil(Buffer.from(content)))
    return async () => writeFileSync(path, content)
  }
}

const otherState: Obstacle = async ({ dataDir }) => {
  const change = async (value: (old: Buffer) => Buffer): Promise<void> => {
    const level = new Level<string, Buffer>(join(dataDir, 'state'), { valueEncoding: 'buffer' })
    await level.put('!applied', value((await level.get('!applied')) ?? Buffer.alloc(0)))
    await level.close()
  }
  let applied = Buffer.alloc(0)
  await change((old) => {
    applied = Buffer.from(old)
    return Buffer.from('nonsense')
  })
  return () => change(() => applied)
}

test.each<{ why: string; obstacle: Obstacle }>([
  { why: 'the port of the API is taken', obstacle: takenPort(({ api }) => api.port) },
  { why: 'the port for its peers is taken', obstacle: takenPort(({ raft }) => raft?.port ?? 0) },
  { why: 'somebody else uses the directory', obstacle: ({ dataDir }) => lockDirectory(dataDir) },
  { why: 'the directory is of another node', obstacle: otherContent('node.json', () => Buffer.from('{}')) },
  { why: 'the state cannot be read', obstacle: otherState },
  {
    why: 'the log is damaged',
    obstacle: otherContent('log/0000000000000001.log', (log) => log.fill(1, 0, 64)),
  },
])('a server that does not start, as $why, starts once that has changed', async ({ obstacle }) => {
  const first = await startServer(config)
  await ready(first)
  await first.close()

  const remove = await obstacle(config)
  await expect(startServer(config)).rejects.toThrow()
  await remove()
  const second = await startServer(config)

  await ready(second)
  await second.close()
})

test('a server that does not start, as its directory is a file, starts once it is none', async () => {
  rmSync(config.dataDir, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  writeFileSync(config.dataDir, '')

  await expect(startServer(config)).rejects.toThrow()
  rmSync(config.dataDir)
  const second = await startServer(config)

  await ready(second)
  await second.close()
})
