/** Addresses allocated by a script in Redis: those that were given back first, then the next. */
import type { Socket } from 'node:net'
import { NOTE } from './note.ts'
import { openSocket } from './socket.ts'
import type { LoadClient, Workload } from './workload.ts'

/** All keys begin with `prefix`. */
export type RedisOperation = { readonly type: 'redisAllocate'; readonly prefix: string }

const SCRIPT = `local back = redis.call('zpopmin', KEYS[1])[1]
local host = back or redis.call('incr', KEYS[2])
redis.call('hset', KEYS[3], host, ARGV[1])
return tostring(host)`

export class RedisWorkload implements Workload {
  readonly retries = 0
  rows = 0
  readonly #prefix: string
  readonly #given = new Set<string>()

  constructor({ prefix }: RedisOperation) {
    this.#prefix = prefix
  }

  async open(port: number, index: number): Promise<LoadClient> {
    const connection = await RedisConnection.open(port)
    const digest = await connection.send(['script', 'load', SCRIPT])
    const keys = ['back', 'next', 'held'].map((name) => `${this.#prefix}${name}`)
    const command = ['evalsha', digest, '3', ...keys, `client-${index} ${NOTE}`]
    return {
      once: async () => {
        const host = await connection.send(command)
        if (this.#given.has(host)) throw new Error(`redis: host ${host} was given twice`)
        this.#given.add(host)
        this.rows += 1
      },
      close: () => connection.close(),
    }
  }
}

/** One command at a time, with an answer that is a text or a number. */
export class RedisConnection {
  #socket: Socket | null = null
  #received = ''
  #resolve: (answer: string) => void = () => {}
  #reject: (error: Error) => void = () => {}

  static async open(port: number): Promise<RedisConnection> {
    const connection = new RedisConnection()
    connection.#socket = await openSocket(port, {
      onBytes: (bytes) => connection.#receive(bytes),
      onEnd: (error) => connection.#reject(error),
    })
    return connection
  }

  send(command: readonly string[]): Promise<string> {
    const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#socket?.write(`*${command.length}\r\n${parts.join('')}`)
    })
  }

  close(): void {
    this.#reject = () => {}
    this.#socket?.destroy()
  }

  #receive(bytes: Buffer): void {
    this.#received += bytes.toString('latin1')
    const lineEnd = this.#received.indexOf('\r\n')
    if (lineEnd < 0) return
    const [type, first] = [this.#received[0], this.#received.slice(1, lineEnd)]
    const end = type === '$' ? lineEnd + 2 + Number(first) : lineEnd
    if (this.#received.length < end + 2) return
    const answer = type === '$' ? this.#received.slice(lineEnd + 2, end) : first
    this.#received = ''
    if (type === '-') this.#reject(new Error(`redis: ${answer}`))
    else this.#resolve(answer)
  }
}
