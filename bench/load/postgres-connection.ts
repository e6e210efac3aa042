/** PostgreSQL's wire protocol, version 3: prepared statements with text values, one at a time on a connection. */
import type { Socket } from 'node:net'
import { openSocket } from './socket.ts'

const PROTOCOL = 196_608
const HEAD_BYTES = 5

/** The first column of each row. */
type Column = readonly (string | null)[]

interface Waiting {
  readonly resolve: (rows: Column) => void
  readonly reject: (error: Error) => void
  readonly rows: (string | null)[]
  error: Error | null
}

export class PostgresConnection {
  #socket: Socket | null = null
  #received: Buffer = Buffer.alloc(0)
  #waiting: Waiting | null = null

  /** As the user and to the database `postgres`, who need no password. */
  static async open(port: number): Promise<PostgresConnection> {
    const connection = new PostgresConnection()
    connection.#socket = await openSocket(port, {
      onBytes: (bytes) => connection.#receive(bytes),
      onEnd: (error) => connection.#fail(error),
    })
    await connection.#send([startup()])
    return connection
  }

  /** Any SQL without parameters. */
  query(sql: string): Promise<Column> {
    return this.#send([message('Q', text(sql))])
  }

  /** A name for `execute`. */
  async prepare(name: string, sql: string): Promise<void> {
    await this.#send([message('P', text(name), text(sql), int16(0)), message('S')])
  }

  /** One transaction by itself. */
  execute(name: string, values: readonly string[]): Promise<Column> {
    const bound = values.map((value) => Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]))
    const bind = message('B', text(''), text(name), int16(0), int16(values.length), ...bound, int16(0))
    return this.#send([bind, message('E', text(''), int32(0)), message('S')])
  }

  close(): void {
    this.#waiting = null
    this.#socket?.destroy()
  }

  /** Resolves when the server is ready for the next one. */
  #send(messages: readonly Buffer[]): Promise<Column> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, rows: [], error: null }
      this.#socket?.write(Buffer.concat(messages))
    })
  }

  #receive(bytes: Buffer): void {
    const all = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    let at = 0
    while (all.length - at >= HEAD_BYTES) {
      const end = at + 1 + all.readUInt32BE(at + 1)
      if (end > all.length) break
      this.#handle(String.fromCharCode(all[at] ?? 0), all.subarray(at + HEAD_BYTES, end))
      at = end
    }
    // A copy: the next read overwrites these bytes.
    this.#received = Buffer.from(all.subarray(at))
  }

  #handle(type: string, body: Buffer): void {
    const waiting = this.#waiting
    if (waiting === null) return
    if (type === 'D') waiting.rows.push(firstColumn(body))
    if (type === 'E') waiting.error = new Error(`postgres: ${body.toString('utf8').split('\0').join(' ')}`)
    if (type !== 'Z') return
    this.#waiting = null
    if (waiting.error === null) waiting.resolve(waiting.rows)
    else waiting.reject(waiting.error)
  }

  #fail(error: Error): void {
    this.#waiting?.reject(this.#waiting.error ?? error)
    this.#waiting = null
  }
}

function firstColumn(row: Buffer): string | null {
  if (row.readInt16BE(0) === 0) return null
  const length = row.readInt32BE(2)
  return length < 0 ? null : row.toString('utf8', 6, 6 + length)
}

function startup(): Buffer {
  const body = Buffer.concat([
    int32(PROTOCOL),
    text('user'),
    text('postgres'),
    text('database'),
    text('postgres'),
    text(''),
  ])
  return Buffer.concat([int32(body.length + 4), body])
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}
