/** deploy/Dockerfile, built and run as far as that goes without Docker: see image.ts. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readStages } from '../dockerfile.ts'
import { test } from './cluster-test.ts'
import { buildImage, canBuildImages } from './image.ts'
import { reservePorts } from './ports.ts'
import { until } from './until.ts'

/** It installs all dependencies, from the registry that npm knows or what it has of it. */
const WITHIN_MS = 240_000
const DOCUMENTED_PORT = 8080
const FILES = { dockerfile: 'deploy/Dockerfile', ignoreFile: 'deploy/Dockerfile.dockerignore', context: '.' }

const probe = mkdtempSync(join(tmpdir(), 'ipam-image-'))
const isPossible = canBuildImages(probe)
rmSync(probe, { recursive: true })

test.skipIf(!isPossible)(
  'the image builds, step by step, and is a node that lives, serves, keeps its data and ends when it is told to',
  { timeout: WITHIN_MS },
  async ({ directory }) => {
    const image = await buildImage({ ...FILES, directory })
    const [port = 0, silentPort = 0] = await reservePorts(2)
    const env = { IPAM_LISTEN: `127.0.0.1:${port}`, IPAM_SERVER: `http://127.0.0.1:${port}` }

    await using container = image.start(env)
    await until('the container is healthy', async () => {
      if (!container.isRunning) throw new Error(container.stderr)
      await container.run(healthcheckOn(port))
      return true
    })
    await until('the node is ready', async () => (await fetch(`${env.IPAM_SERVER}/api/v1/health/ready`)).ok)
    await container.run(['ipam', 'network', 'add', '10.0.0.0/24'])
    const allocated = await container.run(['ipam', 'allocate', '10.0.0.0/24'])
    const version = await container.run(['ipam', '--version'])
    await expect(container.run(healthcheckOn(silentPort))).rejects.toMatchObject({ code: 1 })
    await expect(container.run(['touch', '/opt/ipam/x'])).rejects.toThrow('Read-only file system')
    const ids = /^Uid:\t(\d+).*\nGid:\t(\d+)/m.exec(await readFile(`/proc/${container.pid}/status`, 'utf8'))
    const exit = await container.stop()

    expect(allocated).toContain('10.0.0.1')
    expect(version.trim()).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version)
    expect(ids?.slice(1)).toEqual(['10001', '10001'])
    expect(exit).toEqual({ code: 0, signal: null })
    const data = await stat(image.pathOf('/var/lib/ipam/node-1'))
    expect([data.uid, data.gid]).toEqual([10_001, 10_001])
    // Nothing of what only builds and tests, and nothing to debug it with.
    const installed = await readdir(image.pathOf('/opt/ipam/node_modules'))
    expect(installed).toContain('level')
    expect(installed.filter((name) => ['typescript', 'vitest', 'vite', 'tsx'].includes(name))).toEqual([])
    const built = await readdir(image.pathOf('/opt/ipam/dist'), { recursive: true })
    expect(built.filter((name) => name.endsWith('.map'))).toEqual([])
    expect(existsSync(image.pathOf('/src'))).toBe(false)
  },
)

/** The command of HEALTHCHECK, as it is written but for the port. */
function healthcheckOn(port: number): string[] {
  const { healthcheck = [] } = readStages(readFileSync(FILES.dockerfile, 'utf8')).at(-1) ?? {}
  const command = healthcheck.map((word) => word.replace(`:${DOCUMENTED_PORT}/`, `:${port}/`))
  expect(command).not.toEqual(healthcheck)
  return command
}
