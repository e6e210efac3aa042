/**
 * One of three processes that replicate and do nothing else: no elections, no state, no checks. What is sent to the leader over
 * HTTP is on the disks of two when it is answered. Told its part by the process that forked it; ends with it.
 */
import { fdatasync, openSync, writeSync } from 'node:fs'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export type Part =
  | { readonly path: string; readonly followers: null }
  /** Their ports. */
  | { readonly path: string; readonly followers: readonly number[] }

const LOG_BYTES = 64 * 1024 * 1024
const NUMBER_BYTES = 4
const HEAD_BYTES = 2 * NUMBER_BYTES
const TAIL = `","hostname":"${'x'.repeat(12)}","description":"${'x'.repeat(200)}","status":"allocated"}`

/** Blocks that are there already, written in turn: a sync has no metadata to write. One sync is under way, the next has all that came meanwhile. */
class BareLog {
  readonly #fd: number
  readonly #onSynced: (number: number) => void
  #offset = 0
  #written = 0
  #synced = 0
  #isSyncing = false

  constructor(path: string, onSynced: (number: number) => void) {
    this.#fd = openSync(path, 'w')
    writeSync(this.#fd, Buffer.alloc(LOG_BYTES))
    this.#onSynced = onSynced
  }

  /** @param number Of the last batch that ends in these bytes. */
  write(bytes: Uint8Array, number: number): void {
    if (this.#offset + bytes.length > LOG_BYTES) this.#offset = 0
    writeSync(this.#fd, bytes, 0, bytes.length, this.#offset)
    this.#offset += bytes.length
    this.#written = number
    this.#sync()
  }

  #sync(): void {
    if (this.#isSyncing || this.#written === this.#synced) return
    this.#isSyncing = true
    const number = this.#written
    fdatasync(this.#fd, (error) => {
      if (error !== null) throw error
      this.#isSyncing = false
      this.#synced = number
      this.#onSynced(number)
      this.#sync()
    })
  }
}

function numberOf(number: number): Buffer {
  const bytes = Buffer.allocUnsafe(NUMBER_BYTES)
  bytes.writeUInt32LE(number)
  return bytes
}

function follow(path: string): Server {
  return createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0)
    let last = 0
    const log = new BareLog(path, (number) => socket.write(numberOf(number)))
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      let end = 0
      while (all.length - end >= HEAD_BYTES && all.length - end >= HEAD_BYTES + all.readUInt32LE(end)) {
        last = all.readUInt32LE(end + NUMBER_BYTES)
        end += HEAD_BYTES + all.readUInt32LE(end)
      }
      rest = all.subarray(end)
      if (end > 0) log.write(all.subarray(0, end), last)
    })
  })
}

interface Waiting {
  readonly number: number
  readonly responses: readonly ServerResponse[]
}

function lead(path: string, ports: readonly number[]): Server {
  /** Up to where each disk is. */
  const synced = [0, ...ports.map(() => 0)]
  const waiting: Waiting[] = []
  let number = 0
  let answered = 0
  let bodies: Buffer[] = []
  let responses: ServerResponse[] = []

  const note = (which: number, upTo: number): void => {
    synced[which] = upTo
    const quorum = synced.toSorted((a, b) => b - a)[1] ?? 0
    while (waiting[0] !== undefined && waiting[0].number <= quorum) {
      for (const response of waiting.shift()?.responses ?? []) {
        const host = ++answered
        const body = Buffer.from(
          `{"id":"alloc-${host}","ip":"${host >> 24}.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}${TAIL}`,
        )
        response
          .writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': body.length })
          .end(body)
      }
    }
  }
  const log = new BareLog(path, (upTo) => note(0, upTo))
  const peers = ports.map((port, i) => {
    const peer: Socket = connect({ host: '127.0.0.1', port, noDelay: true })
    // A number may come in pieces, but four bytes do not on loopback.
    peer.on('data', (bytes) => note(i + 1, bytes.readUInt32LE(bytes.length - NUMBER_BYTES)))
    return peer
  })
  const turn = (): void => {
    number += 1
    const size = bodies.reduce((sum, body) => sum + body.length, 0)
    const batch = Buffer.concat([numberOf(size), numberOf(number), ...bodies])
    waiting.push({ number, responses })
    bodies = []
    responses = []
    for (const peer of peers) peer.write(batch)
    log.write(batch, number)
  }
  return createHttpServer((request, response) => {
    if (request.method === 'GET') {
      response.end(String(answered))
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (responses.length === 0) setImmediate(turn)
      bodies.push(...chunks)
      responses.push(response)
    })
  })
}

process.on('message', ({ path, followers }: Part) => {
  const server = followers === null ? follow(path) : lead(path, followers)
  server.listen({ host: '127.0.0.1', port: 0 }, () => process.send?.((server.address() as AddressInfo).port))
})
process.on('disconnect', () => process.exit())
