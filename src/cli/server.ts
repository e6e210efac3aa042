/** `ipam server`: one node, until a signal. */
import { readFileSync } from 'node:fs'
import { type Config, ConfigError, configWarnings, loadConfig } from '../config.ts'
import { startServer } from '../server.ts'
import { readVersion } from './package.ts'
import type { ExitCode, ServerShell } from './shell.ts'
import { preferShortPauses } from './short-pauses.ts'
import { explainStartError } from './start-error.ts'

export async function runServer(argv: readonly string[], shell: ServerShell): Promise<ExitCode> {
  let config: Config
  try {
    config = loadConfig(argv, shell.env, (path) => readFileSync(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    shell.complain(error.message)
    return 2
  }
  for (const warning of configWarnings(config)) shell.complain(`warning: ${warning}`)

  preferShortPauses()
  let server: Awaited<ReturnType<typeof startServer>>
  try {
    server = await startServer(config)
  } catch (error) {
    const explanation = explainStartError(error, config)
    if (explanation === null) throw error
    shell.complain(explanation)
    return 1
  }
  shell.print(`ipam ${readVersion()}: node ${config.nodeId} serves ${server.url}/api/v1`)
  shell.onHangUp(() => server.reload())
  await shell.stopped
  await server.close()
  return 0
}
