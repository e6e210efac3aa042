/** The example scripts of the API document, as they stand there. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const DOCUMENTED = 'localhost:8080'

export type ScriptName = 'complete-workflow' | 'bulk-operations' | 'cluster-operations'

/** Runs the script with bash, curl and jq, with nothing changed but the port. @throws if it fails. */
export async function runScript(name: ScriptName, { port }: { port: number }): Promise<string> {
  const script = readFileSync(new URL(`fixtures/${name}.sh`, import.meta.url), 'utf8')
  const { stdout } = await promisify(execFile)('bash', [
    '-c',
    script.replaceAll(DOCUMENTED, `localhost:${port}`),
  ])
  return stdout
}
