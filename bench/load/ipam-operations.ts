/** Load on this project's API. */
import { HttpConnection } from './http-connection.ts'
import type { LoadClient, Workload } from './workload.ts'

/** Of a request to allocate: what the other systems store for an address. */
export const BODY_BYTES = 256

/** Client i allocates in network i modulo their number. */
export type IpamOperation = { readonly type: 'ipamAllocate'; readonly networkIds: readonly string[] }

export class IpamWorkload implements Workload {
  readonly retries = 0
  readonly #operation: IpamOperation
  /** Of all clients, by network. */
  readonly #given = new Map<string, Set<string>>()

  constructor(operation: IpamOperation) {
    this.#operation = operation
  }

  async open(port: number, index: number): Promise<LoadClient> {
    const connection = await HttpConnection.open(port)
    const { networkIds } = this.#operation
    const networkId = networkIds[index % networkIds.length] ?? ''
    const body = allocateBody(networkId, `client-${index}`)
    return {
      once: async () => {
        const { status, body: answer } = await connection.send('POST', '/api/v1/allocations', body)
        if (status !== 201) throw new Error(`an allocation was answered ${status}: ${answer}`)
        this.#note(networkId, textAt(answer, 'ip'))
      },
      close: () => connection.close(),
    }
  }

  /** @throws if it was given before. */
  #note(networkId: string, ip: string): void {
    const given = this.#given.get(networkId) ?? new Set()
    if (given.has(ip)) throw new Error(`${ip} was given twice`)
    this.#given.set(networkId, given.add(ip))
  }
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
