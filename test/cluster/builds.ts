/** Two builds of one program, to exchange one for the other. */
import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { COMMAND_SCHEMAS } from '../../src/ipam/command-codec.ts'
import { MAIN } from './program.ts'

export interface Build {
  readonly main: string
  readonly version: string
  /** The newest version of commands that it reads. */
  readonly schemaMax: number
}

const CODEC = 'src/ipam/command-codec.js'
const SCHEMAS = `COMMAND_SCHEMAS = { min: ${COMMAND_SCHEMAS.min}, max: ${COMMAND_SCHEMAS.max} }`
const NEWER_SCHEMAS = `COMMAND_SCHEMAS = { min: ${COMMAND_SCHEMAS.min}, max: ${COMMAND_SCHEMAS.max + 1} }`
const NEWER_VERSION = '99.0.0'

/**
 * The build under test, and in `directory` the next release of it: the same code, but another version, and it reads and
 * writes one more version of commands.
 */
export async function makeBuilds(directory: string): Promise<{ older: Build; newer: Build }> {
  const { version, ...manifest } = JSON.parse(await readFile('package.json', 'utf8'))
  const dist = join(directory, 'dist')
  await cp(resolve(dirname(MAIN), '..'), dist, { recursive: true })
  await symlink(resolve('node_modules'), join(directory, 'node_modules'))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ ...manifest, version: NEWER_VERSION }))
  const codec = await readFile(join(dist, CODEC), 'utf8')
  if (!codec.includes(SCHEMAS)) throw new Error(`${CODEC} has no ${SCHEMAS}: build it`)
  await writeFile(join(dist, CODEC), codec.replace(SCHEMAS, NEWER_SCHEMAS))
  const { max } = COMMAND_SCHEMAS
  return {
    older: { main: MAIN, version, schemaMax: max },
    newer: { main: join(dist, 'src/main.js'), version: NEWER_VERSION, schemaMax: max + 1 },
  }
}
