/** The client in this process, against the API on a real socket; and a proxy that fails on purpose. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { runClient } from '../../src/cli/client/run.ts'
import { type ClientShell, OutputClosedError } from '../../src/cli/shell.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly complaints: readonly string[]
  /** What was drawn on standard error. */
  readonly drawn: string
}

export interface ShellOptions {
  /** Width of the terminal; null: the output is a file or pipe. */
  readonly columns?: number | null
  readonly isErrorTerminal?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** What somebody types at a terminal, unseen; without them standard input is none. */
  readonly answers?: readonly string[]
  readonly stopped?: Promise<void>
  /** Told how long the client waits. */
  readonly onWait?: (ms: number) => void
  /** Whoever reads the output goes away after the first write. */
  readonly isClosedEarly?: boolean
  /** 2024-01-15T12:00:00Z, unless a test wants another. */
  readonly wallTime?: number
}

export const NOON = Date.UTC(2024, 0, 15, 12)

/** Waiting takes no time here, but the clock moves by it. */
export async function ipam(words: readonly string[], options: ShellOptions = {}): Promise<Ran> {
  let out = ''
  let drawn = ''
  let waitedMs = 0
  const complaints: string[] = []
  const answers = options.answers && [...options.answers]
  const shell: ClientShell = {
    env: options.env ?? {},
    self: ['node'],
    print: (text) => {
      out += text
    },
    write: async (text) => {
      if (options.isClosedEarly === true && out !== '') throw new OutputClosedError('closed')
      out += text
    },
    complain: (line) => void complaints.push(line),
    stopped: options.stopped ?? new Promise(() => {}),
    columns: options.columns ?? null,
    isErrorTerminal: options.isErrorTerminal ?? false,
    input: async function* () {
      yield Buffer.from(options.input ?? '')
    },
    askSecret:
      answers === undefined
        ? null
        : async (question) => {
            drawn += question
            return answers.shift() ?? ''
          },
    report: (text) => {
      drawn += text
    },
    now: () => performance.now() + waitedMs,
    wallTime: () => options.wallTime ?? NOON,
    wait: async (ms) => {
      waitedMs += ms
      options.onWait?.(ms)
    },
  }
  const code = await runClient(words, shell)
  return { code, out, complaints, drawn }
}

/** A request as the proxy saw it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly key: string | null
  readonly body: string
}

/**
 * `pass`: hands it on, and the answer back. `cutBefore`, `cutAfter`: the connection breaks before, or after, it was carried
 * out. `hang`: never answers. An object is the answer.
 */
export type Fate =
  | 'pass'
  | 'cutBefore'
  | 'cutAfter'
  | 'hang'
  | {
      readonly status: number
      readonly body: string
      readonly headers: Readonly<Record<string, string>>
    }

export interface Relay {
  readonly url: string
  readonly seen: Seen[]
  close(): Promise<void>
}

/** @param fateOf What becomes of the request, the nth from 1. */
export async function openRelay(target: string, fateOf: (seen: Seen, count: number) => Fate): Promise<Relay> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    relay(request, response).catch(() => response.destroy())
  })
  async function relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { method = '', url: path = '', headers } = request
    const key = headers['idempotency-key']
    const entry = { method, path, key: typeof key === 'string' ? key : null, body }
    seen.push(entry)
    const fate = fateOf(entry, seen.length)
    if (fate === 'hang') return
    if (fate === 'cutBefore') return void request.socket.destroy()
    if (typeof fate === 'object') {
      response.writeHead(fate.status, fate.headers).end(fate.body)
      return
    }
    const { host: _, connection: __, 'content-length': ___, ...passed } = headers
    const answer = await fetch(`${target}${path}`, {
      method,
      headers: passed as Record<string, string>,
      body: body === '' ? null : body,
    })
    const text = await answer.text()
    if (fate === 'cutAfter') return void request.socket.destroy()
    response.writeHead(answer.status, headersOf(answer)).end(text)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: urlOf(server), seen, close: () => close(server) }
}

function headersOf(answer: Response): Record<string, string> {
  return Object.fromEntries(
    [...answer.headers].filter(([name]) => !/^(content-length|transfer-|connection)/.test(name)),
  )
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}

/** Where nobody listens. */
export async function deadServer(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = urlOf(server)
  await close(server)
  return url
}

/** What a node without a leader answers. */
export const NO_LEADER = {
  status: 503,
  body: '{"error": "no leader", "code": 503, "reason": "no_leader", "applied": "no"}',
  headers: { 'Content-Type': 'application/json', 'Retry-After': '1' },
} as const satisfies Fate
