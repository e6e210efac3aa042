/** The addresses in use, from the keys of their rows: the bulk of what is read when a state is opened. */
import type { AddressRange } from '../ipam/range.ts'
import type { ExpiryIndex } from './expiry-index.ts'
import { POSITION_CHARS, type Position } from './key-encoding.ts'
import { parseAddressRangeKey } from './key-space.ts'
import { decodeAddressRange, decodeExpiry, decodeLastIpv4 } from './row-codec.ts'
import type { StoredRow } from './view.ts'

/** Digits of an IPv4 address in a key. */
const IPV4_DIGITS = 8

/** What one network has given away. */
export class Occupied {
  readonly #runs: AddressRange[] = []
  /** The run that grows, of an IPv4 network: as numbers, since most rows only make it longer. */
  #start = -1
  #end = -2

  /** Ascending; neighbours are joined, so that a dense network takes next to nothing. */
  get runs(): readonly AddressRange[] {
    this.#endRun()
    return this.#runs
  }

  /** Above all that were added. */
  addIpv4(first: number, last: number): void {
    if (first !== this.#end + 1) {
      this.#endRun()
      this.#start = first
    }
    this.#end = last
  }

  /** Above all that were added. */
  add({ first, last }: AddressRange): void {
    const previous = this.#runs.at(-1)
    if (previous?.last === first - 1n) this.#runs[this.#runs.length - 1] = { first: previous.first, last }
    else this.#runs.push({ first, last })
  }

  #endRun(): void {
    if (this.#start < 0) return
    this.#runs.push({ first: BigInt(this.#start), last: BigInt(this.#end) })
    this.#start = -1
    this.#end = -2
  }
}

/** Takes rows in the order of their keys. */
export class AddressRangeReader {
  readonly byNetwork = new Map<Position, Occupied>()
  /** Rows that were read. */
  count = 0
  readonly #expiries: ExpiryIndex
  /** Of the network whose rows come now. */
  #prefix = ''
  #occupied = new Occupied()

  constructor(expiries: ExpiryIndex) {
    this.#expiries = expiries
  }

  read([key, row]: StoredRow): void {
    this.count += 1
    if (this.#prefix === '' || !key.startsWith(this.#prefix)) this.#beginNetwork(key)
    const digits = 1 + POSITION_CHARS
    if (key.length === digits + IPV4_DIGITS) {
      this.#occupied.addIpv4(Number.parseInt(key.slice(digits), 16), decodeLastIpv4(row))
    } else {
      this.#occupied.add({ first: parseAddressRangeKey(key).first, last: decodeAddressRange(row).last })
    }
    const expiresAt = decodeExpiry(row)
    if (expiresAt !== null) this.#expiries.add({ expiresAt, position: decodeAddressRange(row).position })
  }

  #beginNetwork(key: string): void {
    const { network } = parseAddressRangeKey(key)
    this.#prefix = key.slice(0, 1 + POSITION_CHARS)
    this.#occupied = new Occupied()
    this.byNetwork.set(network, this.#occupied)
  }
}
