/** The network between the nodes of a cluster under test: what each sends to each can be held back, delayed or cut. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net'

const PRELOAD = new URL('redirect-dials.mjs', import.meta.url)
const HELD_BYTES_MAX = 1 << 20
const PORT_LINE_BYTES_MAX = 8

/** What one node sends to another one. */
export interface Link {
  readonly from: number
  readonly to: number
}

interface Weather {
  /** As if every packet were lost: the connections stay, and TCP will try again. */
  isHeld: boolean
  delayMs: number
}

/**
 * A connection between two nodes carries bytes both ways, whoever has dialled it; each way is ruled by its own link.
 * A one-way fault therefore also keeps the answers from coming back, as lost packets would.
 */
export class Network {
  readonly #servers = new Map<number, Server>()
  readonly #nodeAtPort = new Map<number, number>()
  readonly #weather = new Map<string, Weather>()
  readonly #connections = new Set<Connection>()

  /** @param nodeIds All that will ever dial. */
  static async open(nodeIds: readonly number[]): Promise<Network> {
    const network = new Network()
    await Promise.all(nodeIds.map((id) => network.#listen(id)))
    return network
  }

  async #listen(from: number): Promise<void> {
    const server = createServer({ pauseOnConnect: true }, (socket) => void this.#accept(socket, from))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: '127.0.0.1', port: 0 }, resolve)
    })
    this.#servers.set(from, server)
  }

  /** What a node must be started with. */
  environmentOf(nodeId: number): Record<string, string> {
    const address = this.#servers.get(nodeId)?.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    return { DIAL_PROXY_PORT: String(port), NODE_OPTIONS: `--import=${PRELOAD}` }
  }

  /** Before anybody dials it. */
  addNode({ id, raftPort }: { readonly id: number; readonly raftPort: number }): void {
    this.#nodeAtPort.set(raftPort, id)
  }

  hold(links: readonly Link[]): void {
    for (const link of links) this.#weatherOf(link).isHeld = true
    this.#pump()
  }

  /** What was held back arrives now. */
  release(links: readonly Link[]): void {
    for (const link of links) this.#weatherOf(link).isHeld = false
    this.#pump()
  }

  delay(links: readonly Link[], delayMs: number): void {
    for (const link of links) this.#weatherOf(link).delayMs = delayMs
    this.#pump()
  }

  /** Ends the connections that use these links, at both ends. What was under way is lost. */
  cut(links: readonly Link[]): void {
    const keys = new Set(links.map(keyOf))
    for (const connection of this.#connections) {
      if (connection.links.some((link) => keys.has(keyOf(link)))) connection.destroy()
    }
  }

  /** All is well again; connections stay as they are. */
  heal(): void {
    for (const weather of this.#weather.values()) Object.assign(weather, { isHeld: false, delayMs: 0 })
    this.#pump()
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy()
    const servers = [...this.#servers.values()]
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  #weatherOf(link: Link): Weather {
    const key = keyOf(link)
    const known = this.#weather.get(key)
    if (known !== undefined) return known
    const weather = { isHeld: false, delayMs: 0 }
    this.#weather.set(key, weather)
    return weather
  }

  #pump(): void {
    for (const connection of this.#connections) connection.pump()
  }

  async #accept(socket: Socket, from: number): Promise<void> {
    socket.on('error', () => {})
    const line = await readLine(socket)
    const to = line === null ? undefined : this.#nodeAtPort.get(line.port)
    if (line === null || to === undefined) {
      socket.destroy()
      return
    }
    const connection = new Connection({
      dialler: socket,
      port: line.port,
      first: line.rest,
      links: [
        { from, to },
        { from: to, to: from },
      ],
      weatherOf: (link) => this.#weatherOf(link),
      onClosed: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
    connection.pump()
  }
}

class Connection {
  readonly links: readonly [forth: Link, back: Link]
  readonly #dialler: Socket
  readonly #port: number
  readonly #weatherOf: (link: Link) => Weather
  readonly #onClosed: () => void
  readonly #forth: Flow
  #back: Flow | null = null

  constructor(options: {
    dialler: Socket
    port: number
    first: Buffer
    links: readonly [Link, Link]
    weatherOf: (link: Link) => Weather
    onClosed: () => void
  }) {
    this.links = options.links
    this.#dialler = options.dialler
    this.#port = options.port
    this.#weatherOf = options.weatherOf
    this.#onClosed = options.onClosed
    this.#forth = new Flow(this.#dialler, this.#weatherOf(this.links[0]), () => this.destroy())
    this.#forth.put(options.first)
  }

  pump(): void {
    const isPassable = this.links.every((link) => !this.#weatherOf(link).isHeld)
    // Nobody is reached while packets are lost one way or the other.
    if (this.#back === null && isPassable) this.#reach()
    this.#forth.pump()
    this.#back?.pump()
  }

  #reach(): void {
    const target = dial({ host: '127.0.0.1', port: this.#port })
    this.#back = new Flow(target, this.#weatherOf(this.links[1]), () => this.destroy())
    this.#back.sendTo(this.#dialler)
    this.#forth.sendTo(target)
  }

  destroy(): void {
    this.#forth.destroy()
    this.#back?.destroy()
    this.#onClosed()
  }
}

/** Bytes that come from one end, on their way to the other. */
class Flow {
  readonly #source: Socket
  readonly #weather: Weather
  readonly #onEnd: () => void
  /** Null: the end. */
  readonly #queue: { readonly chunk: Buffer | null; readonly dueAt: number }[] = []
  #target: Socket | null = null
  #queuedBytes = 0
  #timer: NodeJS.Timeout | null = null

  constructor(source: Socket, weather: Weather, onEnd: () => void) {
    this.#source = source
    this.#weather = weather
    this.#onEnd = onEnd
    source.on('data', (chunk: Buffer) => this.put(chunk))
    source.on('error', () => {})
    // The news of an end travels as bytes do.
    source.on('close', () => this.put(null))
    source.resume()
  }

  sendTo(target: Socket): void {
    this.#target = target
    target.on('drain', () => this.pump())
  }

  put(chunk: Buffer | null): void {
    this.#queue.push({ chunk, dueAt: performance.now() + this.#weather.delayMs })
    this.#queuedBytes += chunk?.length ?? 0
    if (this.#queuedBytes > HELD_BYTES_MAX) this.#source.pause()
    this.pump()
  }

  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    for (;;) {
      const [next] = this.#queue
      if (next === undefined) break
      if (this.#weather.isHeld || (this.#target === null && next.chunk !== null)) return
      if (this.#target?.writableNeedDrain === true) return
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs)
        return
      }
      this.#queue.shift()
      if (next.chunk === null) {
        this.#onEnd()
        return
      }
      this.#queuedBytes -= next.chunk.length
      this.#target?.write(next.chunk)
    }
    this.#source.resume()
  }

  destroy(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#queue.length = 0
    this.#source.destroy()
  }
}

/** Null if the connection ends first, or says something else. */
function readLine(socket: Socket): Promise<{ port: number; rest: Buffer } | null> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\n')
      if (end < 0 && received.length <= PORT_LINE_BYTES_MAX) return
      socket.pause()
      socket.off('data', onData)
      socket.off('close', onClose)
      const port = Number(received.subarray(0, Math.max(0, end)).toString('latin1'))
      resolve(end < 0 ? null : { port, rest: received.subarray(end + 1) })
    }
    const onClose = (): void => resolve(null)
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.resume()
  })
}

function keyOf({ from, to }: Link): string {
  return `${from}>${to}`
}
