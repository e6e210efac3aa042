/** Load on etcd's KV service (version 3 of its API), and addresses allocated by its transactions. */
import { GrpcConnection } from './grpc-connection.ts'
import { HttpConnection } from './http-connection.ts'
import { bytesField, fieldsOf, varintField } from './protobuf.ts'
import type { LoadClient, Workload } from './workload.ts'

export const VALUE_BYTES = 256

/** All keys begin with `prefix`. */
export type EtcdOperation = {
  readonly type: 'etcdPut' | 'etcdGatewayPut' | 'etcdNextFree' | 'etcdRandomFree' | 'etcdRange'
  readonly prefix: string
  /** For allocations: host numbers from 1 to here. For ranges: how many keys there are. */
  readonly hostMax: number
}

const VALUE = Buffer.alloc(VALUE_BYTES, '.')
export const PUT = '/etcdserverpb.KV/Put'
const RANGE = '/etcdserverpb.KV/Range'
const TXN = '/etcdserverpb.KV/Txn'

export class EtcdWorkload implements Workload {
  retries = 0
  rows = 0
  readonly #operation: EtcdOperation
  /** By port: the clients of a member share one, as those of gRPC do. */
  readonly #connections = new Map<number, Promise<GrpcConnection>>()
  readonly #given = new Set<string>()

  constructor(operation: EtcdOperation) {
    this.#operation = operation
  }

  async open(port: number, index: number): Promise<LoadClient> {
    if (this.#operation.type === 'etcdGatewayPut') return this.#openGateway(port, index)
    const opened = this.#connections.get(port) ?? GrpcConnection.open(port)
    this.#connections.set(port, opened)
    const connection = await opened
    return { once: this.#once(connection, index), close: () => connection.close() }
  }

  #once(connection: GrpcConnection, index: number): () => Promise<void> {
    const { prefix, type, hostMax } = this.#operation
    let count = 0
    switch (type) {
      case 'etcdNextFree':
        return () => this.#allocate(connection, lowestFree)
      case 'etcdRandomFree':
        return () => this.#allocate(connection, null)
      case 'etcdRange':
        return async () => {
          const key = Buffer.from(hostKey(prefix, 1 + ((index * 7919 + count++ * 104_729) % hostMax)))
          const rows = keysOf(await connection.call(RANGE, bytesField(1, key)))
          if (rows.length !== 1) throw new Error(`etcd: ${rows.length} rows for ${key}`)
        }
      default:
        return async () => {
          const message = putRequest(`${prefix}${index}-${count++}`)
          checkHeader(await connection.call(PUT, message))
          this.rows += 1
        }
    }
  }

  async #openGateway(port: number, index: number): Promise<LoadClient> {
    const connection = await HttpConnection.open(port)
    const value = VALUE.toString('base64')
    let count = 0
    return {
      once: async () => {
        const key = Buffer.from(`${this.#operation.prefix}${index}-${count++}`).toString('base64')
        const answer = await connection.send('POST', '/v3/kv/put', `{"key":"${key}","value":"${value}"}`)
        const isDone = answer.status === 200 && answer.body.includes('"revision":')
        if (!isDone) throw new Error(`etcd: a put was answered ${answer.status}: ${answer.body}`)
        this.rows += 1
      },
      close: () => connection.close(),
    }
  }

  /**
   * Repeats until a transaction has found its key without a holder.
   *
   * @param choose A host number by those that are taken, which a refused transaction reads on the way; null for a random one.
   */
  async #allocate(
    connection: GrpcConnection,
    choose: ((taken: readonly number[], hostMax: number) => number) | null,
  ): Promise<void> {
    const { prefix, hostMax } = this.#operation
    const range = choose === null ? null : prefixRange(prefix)
    let rows = range === null ? [] : keysOf(await connection.call(RANGE, range))
    for (;;) {
      const host = choose?.(hostsOf(rows, prefix), hostMax) ?? 1 + Math.floor(Math.random() * hostMax)
      const key = hostKey(prefix, host)
      const answer = await connection.call(TXN, putIfAbsent(key, range))
      if (hasSucceeded(answer)) return this.#note(key)
      this.retries += 1
      if (range !== null) rows = keysOf(rangeInTransaction(answer))
    }
  }

  /** @throws if it was given before. */
  #note(key: string): void {
    if (this.#given.has(key)) throw new Error(`${key} was given twice`)
    this.#given.add(key)
    this.rows += 1
  }
}

export function putRequest(key: string): Buffer {
  return Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, VALUE)])
}

/** All keys with this prefix, without their values. */
function prefixRange(prefix: string): Buffer {
  const start = Buffer.from(prefix)
  const end = Buffer.from(start)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return Buffer.concat([bytesField(1, start), bytesField(2, end), varintField(8, 1)])
}

/** @param otherwise What is read if the key is there; null for nothing. */
function putIfAbsent(key: string, otherwise: Buffer | null): Buffer {
  // Compare: result EQUAL, target CREATE, the key, create_revision 0.
  const compare = Buffer.concat([
    varintField(1, 0),
    varintField(2, 1),
    bytesField(3, Buffer.from(key)),
    varintField(5, 0),
  ])
  const success = bytesField(2, bytesField(2, putRequest(key)))
  const failure = otherwise === null ? [] : [bytesField(3, bytesField(1, otherwise))]
  return Buffer.concat([bytesField(1, compare), success, ...failure])
}

function hasSucceeded(answer: Buffer): boolean {
  for (const { field, number } of fieldsOf(answer)) if (field === 2) return number === 1
  return false
}

function rangeInTransaction(answer: Buffer): Buffer {
  for (const { field, bytes } of fieldsOf(answer)) {
    if (field !== 3) continue
    for (const response of fieldsOf(bytes)) if (response.field === 1) return response.bytes
  }
  throw new Error('etcd: a refused transaction has read nothing')
}

/** Every answer has one, with the revision. */
function checkHeader(answer: Buffer): void {
  for (const { field } of fieldsOf(answer)) if (field === 1) return
  throw new Error('etcd: the answer to a put has no header')
}

function keysOf(rangeAnswer: Buffer): string[] {
  const keys: string[] = []
  for (const { field, bytes } of fieldsOf(rangeAnswer)) {
    if (field !== 2) continue
    for (const row of fieldsOf(bytes)) if (row.field === 1) keys.push(row.bytes.toString('latin1'))
  }
  return keys
}

/** Of one width, so that etcd's order is that of numbers. */
export function hostKey(prefix: string, host: number): string {
  return `${prefix}${String(host).padStart(8, '0')}`
}

function hostsOf(keys: readonly string[], prefix: string): number[] {
  return keys.map((key) => Number(key.slice(prefix.length)))
}

/** @param taken Ascending. */
function lowestFree(taken: readonly number[], hostMax: number): number {
  const at = taken.findIndex((host, i) => host !== i + 1)
  const host = (at < 0 ? taken.length : at) + 1
  if (host > hostMax) throw new Error('etcd: no address is left')
  return host
}
