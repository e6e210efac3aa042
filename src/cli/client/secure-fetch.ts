/** `fetch` for servers whose certificate is of an authority of our own, or that want one from us: node's takes neither. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { createSecureContext } from 'node:tls'
import type { Fetch, FetchInit } from '../../client/fetch.ts'
import type { ClientShell } from '../shell.ts'
import type { Arguments } from './arguments.ts'
import { UsageError } from './client-error.ts'

const BODYLESS: readonly number[] = [204, 304]
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** The flags win over IPAM_CA, IPAM_CERT and IPAM_KEY. @throws {UsageError} */
export function fetchOf(args: Arguments, env: ClientShell['env']): Fetch {
  const [ca, cert, key] = (['ca', 'cert', 'key'] as const).map((name) => {
    const variable = `IPAM_${name.toUpperCase()}`
    const flag = args.text(name)
    const path = flag ?? (env[variable] || null)
    return path === null ? null : read(path, flag === null ? variable : `--${name}`)
  })
  if ((cert === null) !== (key === null)) throw new UsageError('--cert and --key go together')
  if (ca === null && cert === null) return fetch
  const options = { ...(ca && { ca }), ...(cert && key && { cert, key }) }
  try {
    // A context takes an authority that is none, and trusts nobody then.
    if (ca) new X509Certificate(ca)
    createSecureContext(options)
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(
      `--ca, --cert and --key are no certificates in PEM that belong together (${message})`,
    )
  }
  const agent = new Agent({ keepAlive: true, ...options })
  return (url, init) => (url.startsWith('https:') ? secureFetch(url, init, agent) : fetch(url, init))
}

function read(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${name}: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
}

function secureFetch(url: string, init: FetchInit, agent: Agent): Promise<Response> {
  const { method, headers, body, signal } = init
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, agent }, (answer) => {
      const status = answer.statusCode ?? 0
      if (REDIRECTS.includes(status)) {
        answer.destroy()
        reject(new TypeError('unexpected redirect'))
        return
      }
      const lines = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
        value === undefined ? [] : [[name, String(value)]],
      )
      const stream = BODYLESS.includes(status) ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>)
      if (stream === null) answer.resume()
      resolve(new Response(stream, { status, headers: lines }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
