/** Load on this project's API. */
import { HttpConnection } from './http-connection.ts'
import type { LoadClient, Workload } from './workload.ts'

/** Of a request to allocate: what the other systems store for an address. */
export const BODY_BYTES = 256
/** Of a mixed load, the others read. */
const WRITE_EACH = 10
/** Coprime to every number of rows in use: reads are spread without a generator's cost. */
const STRIDE = 7_919

/** Client i allocates in network i modulo their number. */
export type IpamOperation =
  | { readonly type: 'ipamChurn'; readonly networkIds: readonly string[] }
  | {
      readonly type: 'ipamAllocate'
      readonly networkIds: readonly string[]
      /** Whether each request has an idempotency key, which is remembered for a day with the answer. */
      readonly isKeyed: boolean
    }
  | { readonly type: 'ipamRelease'; readonly allocationIds: readonly string[] }
  | { readonly type: 'ipamGet'; readonly allocationIds: readonly string[]; readonly isStale: boolean }
  | {
      readonly type: 'ipamList'
      readonly networkIds: readonly string[]
      readonly limit: number
      readonly isStale: boolean
    }
  | {
      readonly type: 'ipamMixed'
      readonly networkIds: readonly string[]
      readonly allocationIds: readonly string[]
    }

export class IpamWorkload implements Workload {
  readonly retries = 0
  rows = 0
  readonly #operation: IpamOperation
  /** Of all clients, by network. */
  readonly #given = new Map<string, Set<string>>()
  #released = 0

  constructor(operation: IpamOperation) {
    this.#operation = operation
  }

  async open(port: number, index: number): Promise<LoadClient> {
    const connection = await HttpConnection.open(port)
    return { once: this.#once(connection, index), close: () => connection.close() }
  }

  #once(connection: HttpConnection, index: number): () => Promise<void> {
    const operation = this.#operation
    switch (operation.type) {
      case 'ipamAllocate':
        return this.#allocates(connection, { ...operation, index })
      case 'ipamChurn':
        return this.#churns(connection, { networkIds: operation.networkIds, index })
      case 'ipamRelease':
        return () => {
          const id = operation.allocationIds[this.#released++]
          if (id === undefined) throw new Error('no allocation is left to release')
          return this.#release(connection, id)
        }
      case 'ipamGet':
        return gets(connection, { ...operation, index })
      case 'ipamList':
        return lists(connection, { ...operation, index })
      case 'ipamMixed': {
        const get = gets(connection, { ...operation, isStale: false, index })
        const allocate = this.#allocates(connection, { ...operation, isKeyed: false, index })
        let count = index
        return () => (count++ % WRITE_EACH === 0 ? allocate() : get())
      }
    }
  }

  #allocates(
    connection: HttpConnection,
    { networkIds, isKeyed, index }: { networkIds: readonly string[]; isKeyed: boolean; index: number },
  ): () => Promise<void> {
    const networkId = networkIds[index % networkIds.length] ?? ''
    const body = allocateBody(networkId, `client-${index}`)
    let count = 0
    return async () => {
      const header = isKeyed ? `Idempotency-Key: ${networkId}-${index}-${count++}\r\n` : ''
      this.#note(networkId, textAt(await this.#allocate(connection, body, header), 'ip'))
    }
  }

  #churns(
    connection: HttpConnection,
    { networkIds, index }: { networkIds: readonly string[]; index: number },
  ) {
    const networkId = networkIds[index % networkIds.length] ?? ''
    const body = allocateBody(networkId, `client-${index}`)
    return async (): Promise<void> => {
      const answer = await this.#allocate(connection, body)
      const ip = textAt(answer, 'ip')
      this.#note(networkId, ip)
      // Before the request: it can be given to another one before we have the answer.
      this.#given.get(networkId)?.delete(ip)
      await this.#release(connection, textAt(answer, 'id'))
    }
  }

  async #allocate(connection: HttpConnection, request: string, header = ''): Promise<string> {
    const { status, body } = await connection.send('POST', '/api/v1/allocations', request, header)
    if (status !== 201) throw new Error(`an allocation was answered ${status}: ${body}`)
    this.rows += 1
    return body
  }

  async #release(connection: HttpConnection, id: string): Promise<void> {
    const { status, body } = await connection.send('POST', `/api/v1/allocations/${id}/release`, '')
    if (status !== 204) throw new Error(`a release was answered ${status}: ${body}`)
    this.rows -= 1
  }

  /** @throws if it was given before. */
  #note(networkId: string, ip: string): void {
    const given = this.#given.get(networkId) ?? new Set()
    if (given.has(ip)) throw new Error(`${ip} was given twice`)
    this.#given.set(networkId, given.add(ip))
  }
}

function gets(
  connection: HttpConnection,
  { allocationIds, isStale, index }: { allocationIds: readonly string[]; isStale: boolean; index: number },
): () => Promise<void> {
  let at = index * STRIDE
  return async () => {
    at += STRIDE
    const id = allocationIds[at % allocationIds.length] ?? ''
    const { status, body } = await connection.send(
      'GET',
      `/api/v1/allocations/${id}${staleness('?', isStale)}`,
      null,
    )
    if (status !== 200 || textAt(body, 'id') !== id) throw new Error(`a get was answered ${status}: ${body}`)
  }
}

function lists(
  connection: HttpConnection,
  {
    networkIds,
    limit,
    isStale,
    index,
  }: { networkIds: readonly string[]; limit: number; isStale: boolean; index: number },
): () => Promise<void> {
  const networkId = networkIds[index % networkIds.length] ?? ''
  const path = `/api/v1/allocations?network_id=${networkId}&limit=${limit}${staleness('&', isStale)}`
  return async () => {
    const { status, body } = await connection.send('GET', path, null)
    const rows = body.split('"network_id":').length - 1
    if (status !== 200 || rows !== limit)
      throw new Error(`a list of ${limit} was answered ${status} with ${rows} rows`)
  }
}

function staleness(separator: string, isStale: boolean): string {
  return isStale ? `${separator}consistency=stale` : ''
}

/** @returns JSON of `BODY_BYTES`. */
export function allocateBody(networkId: string, hostname: string): string {
  const bare = JSON.stringify({ network_id: networkId, hostname, description: '' })
  return bare.replace('""', `"${'.'.repeat(BODY_BYTES - bare.length)}"`)
}

/** The first string member of that name: parsing all of an answer would cost the driver as much as sending a request. */
function textAt(json: string, name: string): string {
  const from = json.indexOf(`"${name}":"`)
  if (from < 0) throw new Error(`${json} has no ${name}`)
  const start = from + name.length + 4
  return json.slice(start, json.indexOf('"', start))
}
