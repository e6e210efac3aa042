/** What `make package` makes: installed with npm into an empty directory it runs, and it is the same each time. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, readdir, readFile, symlink, utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect } from 'vitest'
import { test } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { Program } from './program.ts'
import { until } from './until.ts'

const run = promisify(execFile)

const PACKED = ['deploy', 'docs', 'raft', 'src']
const FILES = [
  ...['package.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.client.json'],
  ...['README.md', 'CHANGELOG.md', 'cluster.example.yaml'],
]

/** A copy of the sources, built there and packed. @returns the path of the archive. */
async function pack(directory: string): Promise<string> {
  await mkdir(directory)
  for (const name of [...PACKED, ...FILES]) await cp(name, join(directory, name), { recursive: true })
  await symlink(resolve('node_modules'), join(directory, 'node_modules'))
  // Neither when a file was written nor who may read it is in the archive.
  await utimes(join(directory, 'README.md'), 1, 1)
  await chmod(join(directory, 'CHANGELOG.md'), 0o600)
  await run('npm', ['run', '--silent', 'build'], { cwd: directory })
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--loglevel=error'], { cwd: directory })
  return join(directory, stdout.trim())
}

async function digest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

describe('the package', () => {
  test('runs from an empty directory, and packed in another one it has the same bytes', async ({
    directory,
  }) => {
    const first = await pack(join(directory, 'one'))
    const second = await pack(join(directory, 'two'))
    const home = join(directory, 'home')
    await mkdir(home)
    const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', first]
    await run('npm', install, { cwd: home })

    expect(await digest(second)).toBe(await digest(first))
    const { stdout: version } = await run('npx', ['--no-install', 'ipam', '--version'], { cwd: home })
    expect(version.trim()).toBe(JSON.parse(await readFile('package.json', 'utf8')).version)
    const [port = 0] = await reservePorts(1)
    const installed = join(home, 'node_modules/ipam')
    const node = new Program(['server', '--listen', `127.0.0.1:${port}`], {
      cwd: home,
      main: join(installed, 'dist/src/main.js'),
    })
    try {
      await until('the node leads', async () => {
        return (await fetch(`http://127.0.0.1:${port}/api/v1/health/leader`)).ok
      })
      const server = ['--server', `http://127.0.0.1:${port}`]
      await run('npx', ['--no-install', 'ipam', 'network', 'add', '10.0.0.0/24', ...server], { cwd: home })
      const { stdout } = await run('npx', ['--no-install', 'ipam', 'allocate', '10.0.0.0/24', ...server], {
        cwd: home,
      })
      expect(stdout).toContain('10.0.0.1')
    } finally {
      await node.kill()
    }
    const names = await readdir(installed)
    expect(names.toSorted()).toEqual(
      [
        'CHANGELOG.md',
        'README.md',
        'cluster.example.yaml',
        'deploy',
        'dist',
        'docs',
        'package.json',
      ].toSorted(),
    )
  })

  test('has a bill of materials: each dependency, and nothing that only builds or tests', async () => {
    const { stdout } = await run('scripts/sbom', [], { maxBuffer: 16 << 20 })
    const { dependencies, devDependencies } = JSON.parse(await readFile('package.json', 'utf8'))

    const { bomFormat, components } = JSON.parse(stdout)

    const names = components.map(({ name }: { name: string }) => name)
    expect(bomFormat).toBe('CycloneDX')
    expect(names).toEqual(expect.arrayContaining(Object.keys(dependencies)))
    for (const name of Object.keys(devDependencies)) {
      // A part of level, too.
      if (name !== 'abstract-level') expect(names).not.toContain(name)
    }
    for (const { name, hashes, licenses } of components) {
      expect(hashes?.length, name).toBeGreaterThan(0)
      expect(licenses?.length, name).toBeGreaterThan(0)
    }
    expect((await run('scripts/sbom', [], { maxBuffer: 16 << 20 })).stdout).toBe(stdout)
  })
})
