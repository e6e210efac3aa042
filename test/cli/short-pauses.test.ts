import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const MODULE = fileURLToPath(new URL('../../src/cli/short-pauses.ts', import.meta.url))

/** In a process of its own, which collects garbage of both generations before it ends. */
async function collect(before: string): Promise<{ stdout: string; stderr: string }> {
  const script = `
    import { setFlagsFromString } from 'node:v8'
    import { runInNewContext } from 'node:vm'
    import { preferShortPauses } from ${JSON.stringify(MODULE)}
    ${before}
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    const kept = []
    for (let i = 0; i < 300_000; i++) kept.push({ i, text: 'x' + i })
    gc({ type: 'minor' })
    gc({ type: 'major' })
    process.stdout.write(String(kept.length))
  `
  return run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script])
}

test('this V8 knows every flag that a server sets, and goes on collecting', async () => {
  expect(await collect('preferShortPauses()')).toEqual({ stdout: '300000', stderr: '' })
})

test('a V8 that does not know a flag says so', async () => {
  const { stderr } = await collect(`setFlagsFromString('--no-parallel-scavenges')`)
  expect(stderr).toContain('parallel-scavenges')
})
