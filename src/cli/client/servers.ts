/** Which servers a command asks, and for how long. */
import { nearest } from '../../nearest.ts'
import { show } from '../../show.ts'
import type { ClientShell } from '../shell.ts'
import type { Arguments } from './arguments.ts'
import { UsageError } from './client-error.ts'
import { parseDuration } from './values.ts'

const DEFAULT_SERVER = 'http://127.0.0.1:8080'
const SERVERS_MAX = 16
const TIMEOUT_MS = 30_000
const TIMEOUT_MS_MAX = 24 * 3_600_000

/** URLs without an end slash and the path of the API. The flag wins over the variable. @throws {UsageError} */
export function serversOf(args: Arguments, env: ClientShell['env']): readonly string[] {
  const flag = args.text('server')
  const name = flag === null ? 'IPAM_SERVER' : '--server'
  const text = flag ?? (env['IPAM_SERVER'] || DEFAULT_SERVER)
  const servers = text.split(',').map((server) => parseServer(server.trim(), name))
  if (servers.length > SERVERS_MAX) {
    throw new UsageError(`${name} has ${servers.length} servers; ${SERVERS_MAX} are enough`)
  }
  return [...new Set(servers)]
}

/** "node1:8080" is enough. */
function parseServer(text: string, name: string): string {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : null
  const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === ''
  if (text === '' || !isPlain || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    const meant = nearest(url?.protocol ?? '', ['http:', 'https:'])
    const wayOut = meant !== null ? `; did you mean ${meant}//?` : ''
    throw new UsageError(
      `${name} takes URLs such as http://127.0.0.1:8080, with commas between them, not ${show(text)}${wayOut}`,
    )
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
}

/** @throws {UsageError} */
export function timeoutMsOf(args: Arguments): number {
  const text = args.text('timeout')
  if (text === null) return TIMEOUT_MS
  const ms = parseDuration(/^[0-9]+$/.test(text) ? `${text}s` : text)
  if (ms !== null && ms > 0 && ms <= TIMEOUT_MS_MAX) return ms
  throw new UsageError(`--timeout takes a duration above 0 and up to a day, such as 30s, not ${show(text)}`)
}
