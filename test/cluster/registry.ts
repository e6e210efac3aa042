/** A registry for npm, on loopback, of what the lock file has installed here for the program: so that tests install without a network, and what was tested. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { typingEnvironment } from './checkout.ts'

const run = promisify(execFile)

/** One of them brings compiled code for each platform. */
const ARCHIVE_BYTES_MAX = 64 << 20

interface Installed {
  readonly name: string
  readonly version: string
  readonly path: string
}

export interface Registry {
  /** For npm: nothing that it has fetched from elsewhere, and nothing of it outside of a directory. */
  readonly env: Readonly<Record<string, string>>
  [Symbol.asyncDispose](): Promise<void>
}

/** @param directory In which npm keeps what it fetches. */
export async function startRegistry(directory: string): Promise<Registry> {
  const installed = await readInstalled()
  const links = await mkdtemp(join(tmpdir(), 'ipam-registry-'))
  const server = createServer((request, response) => {
    answer(request, response, { installed, links }).catch((error: unknown) =>
      response.destroy(error as Error),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    env: {
      npm_config_registry: `http://127.0.0.1:${port}/`,
      npm_config_cache: join(directory, 'npm-cache'),
      npm_config_userconfig: join(directory, 'npmrc'),
      npm_config_update_notifier: 'false',
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await rm(links, { recursive: true })
    },
  }
}

/** Without what only builds or tests need, and what is for other platforms. */
async function readInstalled(): Promise<Installed[]> {
  const { packages }: { packages: Readonly<Record<string, { version: string; dev?: boolean }>> } = JSON.parse(
    await readFile('package-lock.json', 'utf8'),
  )
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(path))
    .map(([path, { version }]) => ({ path, version, name: path.replace(/^.*node_modules\//, '') }))
}

async function answer(
  { url = '/', headers }: IncomingMessage,
  response: ServerResponse,
  { installed, links }: { installed: readonly Installed[]; links: string },
): Promise<void> {
  const [name = '', archive] = decodeURIComponent(url.slice(1)).split('/-/')
  const versions = installed.filter((each) => each.name === name)
  const found = versions.find(({ version }) => archive === `${version}.tgz`)
  if (found !== undefined) response.end(await archiveOf(found, links))
  else if (archive !== undefined || versions.length === 0) response.writeHead(404).end('{}')
  else response.end(JSON.stringify(await describe(name, { versions, url: `http://${headers.host}` })))
}

async function describe(
  name: string,
  { versions, url }: { versions: readonly Installed[]; url: string },
): Promise<object> {
  const described = await Promise.all(
    versions.map(async ({ version, path }) => {
      const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8'))
      return [version, { ...manifest, dist: { tarball: `${url}/${name}/-/${version}.tgz` } }] as const
    }),
  )
  const [latest = ''] = versions.map(({ version }) => version)
  return { name, 'dist-tags': { latest }, versions: Object.fromEntries(described) }
}

async function archiveOf({ name, version, path }: Installed, links: string): Promise<Buffer> {
  // Everything in an archive is below a directory of this name.
  const parent = await mkdtemp(join(links, `${name.replaceAll('/', '+')}-${version}-`))
  await symlink(resolve(path), join(parent, 'package'))
  const args = ['-c', '-z', '-h', '-f', '-', '-C', parent, '--exclude=package/node_modules', 'package']
  return (await run('tar', args, { encoding: 'buffer', maxBuffer: ARCHIVE_BYTES_MAX })).stdout
}

/** Somebody who types commands, and whose npm knows that registry; what is installed globally goes to a directory. */
export function installerEnvironment(
  { env }: Registry,
  { prefix }: { prefix: string },
): Record<string, string> {
  const typed = Object.entries(typingEnvironment()).filter(([name]) => !/^npm_config_/i.test(name))
  return { ...(Object.fromEntries(typed) as Record<string, string>), ...env, npm_config_prefix: prefix }
}
