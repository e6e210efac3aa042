/** `ipam/client` as a project that depends on it has it: the example of its page, compiled and run. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { test } from './cluster-test.ts'
import { reservePorts } from './ports.ts'
import { until } from './until.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

test('the example of docs/client.md compiles without the types of Node, and prints what it says', async ({
  startProgram,
  directory,
}) => {
  const [port = 0] = await reservePorts(1)
  startProgram(['server', '--listen', `127.0.0.1:${port}`], { cwd: directory })
  await until('the node leads', async () => {
    return (await fetch(`http://127.0.0.1:${port}/api/v1/health/leader`)).ok
  })
  const page = await readFile(join(REPOSITORY, 'docs/client.md'), 'utf8')
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
  const [, printed] = /```text\n([\s\S]*?)```/.exec(page) ?? []
  const project = join(directory, 'project')
  await mkdir(join(project, 'node_modules'), { recursive: true })
  await symlink(resolve(REPOSITORY), join(project, 'node_modules/ipam'))
  await writeFile(join(project, 'package.json'), '{"type": "module"}')
  await writeFile(join(project, 'example.ts'), example.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`))
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2022', 'DOM', 'DOM.AsyncIterable'],
    types: [],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
  }
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['example.ts'] }),
  )

  const compiled = await run(process.execPath, [
    join(REPOSITORY, 'node_modules/typescript/bin/tsc'),
    '-p',
    project,
  ]).catch(({ stdout }) => ({ stdout }))
  expect(compiled.stdout).toBe('')
  const { stdout } = await run(process.execPath, [join(project, 'example.js')])

  expect(stdout).toBe(printed)
})
