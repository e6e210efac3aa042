/** A checkout as a newcomer has it, for what the Makefile does there. */
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { environment } from './balancer.ts'
import { MAIN } from './program.ts'

const CHECKED_OUT = [
  ...['deploy', 'docs', 'raft', 'scripts', 'src', 'Makefile', 'README.md', 'CHANGELOG.md'],
  ...['package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json'],
  ...['tsconfig.client.json', 'cluster.example.yaml'],
]
/** By which make knows that the dependencies are installed. */
const STAMP = '.package-lock.json'
const OF_THE_RUN = /^(?:MAKE|MFLAGS|IPAM_|INIT_CWD|npm_(?:package|lifecycle|config_local_prefix))/

/** With its dependencies, so that make installs none; not built. */
export async function checkOut(directory: string): Promise<void> {
  await mkdir(directory)
  for (const name of CHECKED_OUT) await cp(name, join(directory, name), { recursive: true })
  const installed = join(directory, 'node_modules')
  await mkdir(installed)
  // Each by itself: whatever npm removed there, the tests would keep theirs.
  for (const name of await readdir('node_modules')) {
    if (name !== STAMP) await symlink(resolve('node_modules', name), join(installed, name))
  }
  // Last, and so newer than the lock file.
  await cp(join('node_modules', STAMP), join(installed, STAMP))
}

/** With the build under test: make has nothing to do before it runs something. */
export async function checkOutBuilt(directory: string): Promise<void> {
  await checkOut(directory)
  await cp(dirname(dirname(MAIN)), join(directory, 'dist'), { recursive: true })
  await writeFile(join(directory, 'dist/.built'), '')
}

/** Of somebody who types commands: without what the make and npm that run the tests have told their children. */
export function typingEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment()).filter(([name]) => !OF_THE_RUN.test(name)))
}
