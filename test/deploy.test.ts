/** What runs nodes as services agrees with the program: its flags, variables, ports, files and times. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { configWarnings, loadConfig } from '../src/config.ts'
import { HTTP_LIMITS } from '../src/http/limits.ts'
import { readInstructions } from './dockerfile.ts'

const SECRET = 'a'.repeat(64)

interface ComposeService {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly stop_grace_period?: string
  readonly networks: { readonly cluster: { readonly ipv4_address?: string } }
}

function read(path: string): string {
  return readFileSync(path, 'utf8')
}

describe('deploy/compose.yaml', () => {
  const compose: Record<'services', Record<string, ComposeService>> = parse(read('deploy/compose.yaml'), {
    merge: true,
  })
  const nodes = Object.entries(compose.services).filter(([name]) => name.startsWith('node'))
  const configs = nodes.map(([, { command = [], environment }]) => {
    const env = { ...environment, IPAM_CLUSTER_SECRET: SECRET }
    const [word, ...argv] = command
    expect(word).toBe('server')
    return loadConfig(argv, env, (path) => {
      expect(path).toBe('/etc/ipam/cluster.yaml')
      return read('deploy/compose.cluster.yaml')
    })
  })

  test('has a service for each node of its cluster file, called as the file says', () => {
    expect(configs.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3])
    expect(nodes.map(([name]) => name)).toEqual(configs.map(({ raft }) => raft?.host))
    expect(configs[0]?.nodes).toHaveLength(3)
  })

  test('starts no node without secret and log-in, and warns of nothing but that it does not encrypt', () => {
    for (const config of configs) {
      expect(config.auth.mode).toBe('required')
      expect(config.clusterSecrets).toHaveLength(1)
      expect(configWarnings(config)).toEqual([expect.stringContaining('in clear')])
    }
  })

  test('keeps what a node writes, and mounts only files that are there', () => {
    for (const [i, [name, { volumes }]] of nodes.entries()) {
      expect(volumes).toEqual(['./compose.cluster.yaml:/etc/ipam/cluster.yaml:ro', `${name}:/var/lib/ipam`])
      expect(configs[i]?.dataDir).toMatch(/^\/var\/lib\/ipam\//)
    }
    expect(existsSync('deploy/compose.cluster.yaml') && existsSync('deploy/haproxy.cfg')).toBe(true)
  })

  test('gives a node the time that its end may take', () => {
    for (const [i, [, { stop_grace_period }]] of nodes.entries()) {
      const grantedMs = Number.parseInt(stop_grace_period ?? '10', 10) * 1_000
      const neededMs = (configs[i]?.shutdownDelayMs ?? 0) + HTTP_LIMITS.closeTimeoutMs
      expect(grantedMs).toBeGreaterThan(2 * neededMs)
    }
  })

  test('tells HAProxy where the nodes are, by variables that its file has', () => {
    const { environment = {} } = compose.services['haproxy'] ?? {}
    const file = read('deploy/haproxy.cfg')

    for (const name of Object.keys(environment)) expect(file).toContain(`\${${name}-127.0.0.1:`)
    const addresses = nodes.map(([, { networks }]) => `${networks.cluster.ipv4_address}:8080`)
    expect([1, 2, 3].map((id) => environment[`IPAM_NODE${id}`])).toEqual(addresses)
    expect(configs.map(({ api }) => api)).toEqual(addresses.map(() => ({ host: '0.0.0.0', port: 8080 })))
  })
})

describe('deploy/Dockerfile', () => {
  const instructions = readInstructions(read('deploy/Dockerfile'))
  const restsOf = (word: string): string[] =>
    instructions.filter((each) => each.word === word).map(({ rest }) => rest)

  test('copies only files that are there, and that the ignore file lets through', () => {
    const sources = restsOf('COPY')
      .filter((rest) => !rest.startsWith('--from'))
      .flatMap((rest) => rest.split(' ').slice(0, -1))
    const admitted = read('deploy/Dockerfile.dockerignore').split('\n')

    expect(sources.length).toBeGreaterThan(5)
    for (const source of sources) {
      expect(existsSync(source), source).toBe(true)
      expect(admitted).toContain(`!${source}`)
    }
  })

  test('builds in one stage, and takes into the last one only what runs', () => {
    const first = instructions.findIndex(({ word }) => word === 'FROM')
    const last = instructions.findLastIndex(({ word }) => word === 'FROM')
    const [build, final] = [instructions.slice(first, last), instructions.slice(last)]
    const restsIn = (stage: typeof final, word: string) =>
      stage.filter((each) => each.word === word).map(({ rest }) => rest)

    expect(restsOf('FROM')).toHaveLength(2)
    expect(restsIn(build, 'RUN').join('\n')).toMatch(/npm run build && npm prune --omit=dev/)
    expect(restsIn(final, 'FROM')).toEqual([expect.not.stringContaining(' AS ')])
    expect(restsIn(final, 'FROM')[0]).toMatch(/-slim$/)
    expect(restsIn(final, 'ENV')).toContain('NODE_ENV=production')
    expect(restsIn(final, 'RUN').join('\n')).not.toMatch(/\b(npm|npx|yarn|apt|apt-get|tsc|make|curl)\b/)
    expect(restsIn(final, 'COPY')).toEqual([
      '--from=build /src/node_modules node_modules',
      '--from=build /src/dist dist',
      'package.json cluster.example.yaml ./',
    ])
    expect(restsIn(final, 'USER')).toEqual(['10001:10001'])
  })

  test('runs as a user that is not root, on a directory of its own, with a Node.js that the program takes', () => {
    const { engines } = JSON.parse(read('package.json'))

    expect(restsOf('USER')).toEqual(['10001:10001'])
    expect(instructions.findLastIndex(({ word }) => word === 'RUN')).toBeLessThan(
      instructions.findIndex(({ word }) => word === 'USER'),
    )
    for (const from of restsOf('FROM')) expect(from).toMatch(/^node:24-/)
    expect(engines.node).toContain('>=24')
    expect(restsOf('VOLUME')).toEqual(['/var/lib/ipam'])
  })

  test('asks whether the node is alive where it listens, and starts it with flags that it has', () => {
    const [check = ''] = restsOf('HEALTHCHECK')
    const [command = '[]'] = restsOf('CMD')
    const [word, ...argv] = JSON.parse(command)

    expect(check).toContain('http://127.0.0.1:8080/api/v1/health')
    expect(JSON.parse(check.slice(check.indexOf('['))).slice(0, 2)).toEqual(['node', '-e'])
    expect(word).toBe('server')
    expect(loadConfig(argv, {}, read)).toMatchObject({ dataDir: '/var/lib/ipam/node-1', api: { port: 8080 } })
  })
})

describe('deploy/ipam.service', () => {
  const unit = read('deploy/ipam.service')
  const settingOf = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
  const hasSystemd = existsSync('/usr/bin/systemd-analyze')

  test('sets variables that the program reads, and gives it the time that its end may take', () => {
    const env = Object.fromEntries(
      settingOf('Environment')
        .split(' ')
        .map((pair) => pair.split('=', 2)),
    )
    const config = loadConfig([], { ...env, IPAM_NODE_ID: '2' }, () => read('cluster.example.yaml'))

    expect(config).toMatchObject({
      mode: 'cluster',
      dataDir: `/var/lib/${settingOf('StateDirectory')}/node-2`,
    })
    const neededMs = config.shutdownDelayMs + HTTP_LIMITS.closeTimeoutMs
    expect(Number(settingOf('TimeoutStopSec')) * 1_000).toBeGreaterThan(2 * neededMs)
    expect(settingOf('ExecStart')).toMatch(/ipam\/dist\/src\/main\.js server$/)
  })

  test.skipIf(!hasSystemd)('is a unit that systemd finds nothing wrong with, and well shut in', () => {
    const directory = mkdtempSync(join(tmpdir(), 'ipam-unit-'))
    const path = join(directory, 'ipam.service')
    writeFileSync(path, unit.replaceAll('/usr/bin/node', process.execPath))

    const run = (...args: string[]): string => {
      return execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    }
    const complaints = run('verify', path)
    const exposure = /exposure level for ipam\.service: ([\d.]+)/.exec(
      run('security', '--offline=true', path),
    )
    rmSync(directory, { recursive: true })

    expect(complaints).toBe('')
    // Of 10; a service without any of this has 9.6.
    expect(Number(exposure?.[1])).toBeLessThan(2)
  })
})
