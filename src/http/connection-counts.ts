/** How many connections each client has, where there is a limit for that. */
import type { Socket } from 'node:net'
import type { ClientAddresses } from './client-address.ts'

export class ConnectionCounts {
  readonly #addresses: ClientAddresses
  readonly #max: number
  /** Of those with any: no more than there may be connections. */
  readonly #counts = new Map<string, number>()

  /** @param options.max 0: no limit, and nothing is counted. */
  constructor({ addresses, max }: { addresses: ClientAddresses; max: number }) {
    this.#addresses = addresses
    this.#max = max
  }

  /** Whether it may stay. Behind a trusted proxy there are many clients, which are its to limit. */
  admit(socket: Socket): boolean {
    if (this.#max === 0) return true
    const { client, isTrusted } = this.#addresses.peer(socket)
    if (isTrusted) return true
    const count = this.#counts.get(client) ?? 0
    if (count >= this.#max) return false
    this.#counts.set(client, count + 1)
    socket.once('close', () => this.#leave(client))
    return true
  }

  #leave(client: string): void {
    const count = (this.#counts.get(client) ?? 0) - 1
    if (count > 0) this.#counts.set(client, count)
    else this.#counts.delete(client)
  }
}
