/** What `make package` makes, of builds that are there. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Build } from './builds.ts'

const run = promisify(execFile)

const SHIPPED = ['deploy', 'docs', 'README.md', 'CHANGELOG.md', 'cluster.example.yaml']

/** @returns the path of the archive, which is in `directory`. */
export async function packBuild(
  { main, version }: Pick<Build, 'main' | 'version'>,
  directory: string,
): Promise<string> {
  const contents = join(directory, `contents-${version}`)
  await mkdir(contents, { recursive: true })
  await cp(resolve(dirname(main), '..'), join(contents, 'dist'), { recursive: true })
  for (const name of SHIPPED) await cp(name, join(contents, name), { recursive: true })
  const manifest = JSON.parse(await readFile('package.json', 'utf8'))
  await writeFile(join(contents, 'package.json'), JSON.stringify({ ...manifest, version }))
  const args = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', directory]
  const { stdout } = await run('npm', args, { cwd: contents })
  return join(directory, stdout.trim())
}
