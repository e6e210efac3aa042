/** Where a request comes from, also through proxies that are trusted to say so (RFC 7239). */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Address, formatAddress } from '../ipam/address.ts'
import { containsAddress, formatPrefix, type Prefix, prefixOf } from '../ipam/prefix.ts'
import { forwardedFor, readAddress } from './forwarded.ts'

/** The one header that the proxies write. The other one they would hand on as a client sent it. */
export const FORWARDED_HEADERS = ['x-forwarded-for', 'forwarded'] as const

export type ForwardedHeader = (typeof FORWARDED_HEADERS)[number]

export interface ProxyTrust {
  /** Empty: no header is believed. */
  readonly proxies: readonly Prefix[]
  readonly header: ForwardedHeader
}

export const NO_PROXIES: ProxyTrust = { proxies: [], header: 'x-forwarded-for' }

export interface ClientAddress {
  /** Canonical. */
  readonly address: string
  /** What is counted together: the address, or the /64 of IPv6, all of which one host may have. */
  readonly client: string
}

interface Peer extends ClientAddress {
  readonly isTrusted: boolean
}

const SITE_BITS = 64

export class ClientAddresses {
  readonly #trust: ProxyTrust
  /** A connection has one peer, and it takes a while to read its address. */
  readonly #peers = new WeakMap<Socket, Peer>()

  constructor(trust: ProxyTrust) {
    this.#trust = trust
  }

  /** The right-most address that no trusted proxy has. What is left of it anybody could have written. */
  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): ClientAddress {
    const peer = this.peer(socket)
    if (!peer.isTrusted) return peer
    const value = headers[this.#trust.header]
    if (value === undefined) return peer
    const hops = forwardedFor(String(value), this.#trust.header)
    let nearest: ClientAddress = peer
    for (const hop of hops.toReversed()) {
      // It does not say, or hides it: whoever that is, comes through the last one that is known.
      if (hop === null) break
      nearest = clientOf(hop)
      if (!this.#isTrusted(hop)) break
    }
    return nearest
  }

  /** Who has the other end of the connection. */
  peer(socket: Socket): Peer {
    const known = this.#peers.get(socket)
    if (known !== undefined) return known
    const address = readAddress(socket.remoteAddress ?? '')
    const peer =
      address === null
        ? unreadable(socket.remoteAddress)
        : { ...clientOf(address), isTrusted: this.#isTrusted(address) }
    this.#peers.set(socket, peer)
    return peer
  }

  #isTrusted(address: Address): boolean {
    return this.#trust.proxies.some((prefix) => containsAddress(prefix, address))
  }
}

export function clientOf(address: Address): ClientAddress {
  const text = formatAddress(address)
  return { address: text, client: address.family === 4 ? text : formatPrefix(prefixOf(address, SITE_BITS)) }
}

/** With a zone, as those on the link have, or of a connection that is gone. */
function unreadable(text = 'unknown'): Peer {
  return { address: text, client: text, isTrusted: false }
}
