/** The end of a listener: nobody who has reached it loses a request to it. */
import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { type Socket, Server as TcpServer } from 'node:net'
import { answerUnderWay } from './client-error.ts'

const IDLE_CHECK_MS = 20
/** Who had the last answers before requests were held comes with the next request within it, unless far away. */
const QUIET_MS = 5
/** Where people keep coming, in which a moment is looked for when nobody is there … */
const BUSY_MS_MAX = 20
/** … and at the end of which there is no more waiting. */
const BACKLOG_MS_MAX = 50
/** Of a turn of the event loop that had next to nothing to do. */
const QUIET_TURN_MS = 0.1
/** Who has connected and sent nothing may be about to: its request is not to meet a closed connection. */
const SILENCE_MS = 100

/** Requests that wait for a moment: while none is answered, nobody comes with the next one. */
export class HeldRequests {
  /** No more than there are connections. Null: they do not wait. */
  #held: (() => void)[] | null = null

  /** @param answer Called at once or later. */
  admit(answer: () => void): void {
    if (this.#held === null) answer()
    else this.#held.push(answer)
  }

  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const answer of held) answer()
  }
}

/**
 * First nobody new is accepted, then connections that are open are served on, each answer their last, then those that are
 * idle are closed. In that order a load balancer that asks nobody finds out by a connection that is refused, which has
 * carried no request, and sends the next one elsewhere. Were idle connections closed first, it would make new ones, and the
 * last of these would be reset with a request in it.
 *
 * @param sockets Of its connections.
 * @param requests That it gets.
 * @param idleMs For so long idle connections are kept, 100 at least.
 * @param timeoutMs After which everything is closed; `onCutOff` is told how many connections were open.
 */
export async function closeListener(
  server: Server | HttpsServer,
  {
    sockets,
    requests,
    idleMs,
    timeoutMs,
    onCutOff,
  }: {
    sockets: ReadonlySet<Socket>
    requests: HeldRequests
    idleMs: number
    timeoutMs: number
    onCutOff: (count: number) => void
  },
): Promise<void> {
  requests.hold()
  await emptyBacklog(server)
  // Not node's `close` of an HTTP server, which first closes idle connections.
  const closed = new Promise<void>((resolve) => {
    TcpServer.prototype.close.call(server, () => resolve())
  })
  for (const socket of sockets) endWithAnswer(socket)
  requests.release()
  const startedAt = performance.now()
  const keptMs = Math.max(idleMs, SILENCE_MS)
  // Once is not enough: some become idle later, and node takes those that have not sent anything yet for busy.
  const closeIdle = (): void => {
    if (performance.now() - startedAt < keptMs) return
    server.closeIdleConnections()
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }
  const idle = setInterval(closeIdle, IDLE_CHECK_MS)
  const deadline = setTimeout(() => {
    onCutOff(sockets.size)
    server.closeAllConnections()
  }, timeoutMs)
  try {
    await closed
  } finally {
    clearInterval(idle)
    clearTimeout(deadline)
    // For what else it ends: node's own timer.
    server.close()
  }
}

/** Of a request that is being answered. */
function endWithAnswer(socket: Socket): void {
  const response = answerUnderWay(socket)
  if (response !== null && !response.headersSent) response.shouldKeepAlive = false
}

/**
 * Resolves right after everybody was accepted whom the system had taken for us: when the server closes, the others are
 * reset, with the requests that they have sent. A turn of the event loop accepts one, and does much else in between: only
 * after a short one hardly anybody has come since.
 */
async function emptyBacklog(server: Server | HttpsServer): Promise<void> {
  const startedAt = performance.now()
  let turnedAt = startedAt
  let cameAt = startedAt
  // The first turn may be the rest of one that has accepted already.
  let quietTurns = -1
  const onConnection = (): void => {
    cameAt = performance.now()
    quietTurns = -1
  }
  server.on('connection', onConnection)
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    const now = performance.now()
    quietTurns = now - turnedAt <= QUIET_TURN_MS ? quietTurns + 1 : Math.min(quietTurns, 0)
    turnedAt = now
    const isQuiet = now - cameAt > QUIET_MS || now - startedAt > BUSY_MS_MAX
    if ((isQuiet && quietTurns > 0) || now - startedAt > BACKLOG_MS_MAX) break
  }
  server.off('connection', onConnection)
}
