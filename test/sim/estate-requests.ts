/** What the clients of a whole estate may ask for: drawn from what they have heard of it, right or wrong. */
import type { Scope } from '../../src/ipam/access.ts'
import { formatAddress, parseAddress } from '../../src/ipam/address.ts'
import type {
  AllocateBatch,
  AllocationRequest,
  CarveNetworks,
  CreateNetwork,
  NetworkChanges,
  NetworkRef,
  NetworkSettings,
} from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { formatPrefix, type Prefix, parsePrefix, prefixOf, prefixSize } from '../../src/ipam/prefix.ts'
import type { Strategy } from '../../src/ipam/records.ts'
import type { Random } from './random.ts'

export const NAMESPACES = ['blue', 'red']
/** The same in each namespace; small, so that there is little to choose from. */
export const ROOTS = ['10.8.0.0/26', '2001:db8:8::/123']
export const TAGS = ['rack', 'web', 'edge']
export const HOSTNAMES = ['web-1.example', 'web-2.example', 'db-1.example', 'mail.example']
export const MACS = ['00:00:5e:00:53:01', '00:00:5e:00:53:02']
const STRATEGIES: readonly Strategy[] = ['lowest', 'next', 'random']
/** Addresses: no network has as many. */
const TOO_MANY = 100
const COOLDOWNS_MS = [0, 0, 300, 2_000, 60_000]

export interface KnownNetwork {
  readonly id: string
  readonly namespace: string
  readonly cidr: string
}

/** Requests without the ids that a node generates: the same request may be sent with others. */
export class EstateRequests {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  root(): Omit<CreateNetwork, 'type' | 'id'> {
    const namespace = this.#pick(NAMESPACES)
    const cidr = this.#pick(ROOTS)
    return { ...this.#settings(parsePrefix(cidr)), namespace, cidr }
  }

  child({ namespace, cidr }: KnownNetwork): Omit<CreateNetwork, 'type' | 'id'> {
    const prefix = this.#blockOf(parsePrefix(cidr), this.#random.integer(1, 3))
    return { ...this.#settings(prefix), namespace, cidr: formatPrefix(prefix) }
  }

  carving({ id, cidr }: KnownNetwork): Omit<CarveNetworks, 'type' | 'ids'> {
    const prefixLength = parsePrefix(cidr).length + this.#random.integer(1, 3)
    return { parentId: id, prefixLength, description: '', tags: this.#tags(), metadata: {} }
  }

  changes({ cidr }: KnownNetwork): NetworkChanges {
    const { reserved, gateway, cooldownMs, strategy, tags } = this.#settings(parsePrefix(cidr))
    const all: NetworkChanges[] = [
      { reserved },
      { gateway },
      { cooldownMs },
      { strategy },
      { tags, metadata: { owner: this.#pick(['alice', null]) } },
      { reserved, cooldownMs, strategy },
    ]
    return this.#pick(all)
  }

  allocation(network: KnownNetwork): Omit<AllocationRequest, 'token'> {
    const random = this.#random
    const prefix = parsePrefix(network.cidr)
    const wish = random.next()
    const ip = wish < 0.3 ? this.#addressIn(prefix) : null
    return {
      ...ALLOCATION_DEFAULTS,
      network: this.#refTo(network, ip),
      count: random.chance(0.75) ? 1 : random.integer(2, 5),
      ip,
      preferredIp: wish >= 0.3 && wish < 0.5 ? this.#addressIn(prefix) : null,
      alignment: random.pick([1, 1, 1, 2, 4]) ?? 1,
      hostname: random.chance(0.5) ? this.#pick(HOSTNAMES) : null,
      mac: random.chance(0.2) ? this.#pick(MACS) : null,
      tags: this.#tags(),
      ttlMs: this.ttl(),
    }
  }

  /** Now and then with one among them that cannot be. */
  batch(networks: readonly KnownNetwork[]): readonly Omit<AllocateBatch['items'][number], 'token'>[] {
    const items = Array.from({ length: this.#random.integer(2, 5) }, () => {
      return { ...this.allocation(this.#pick(networks)), ttlMs: this.ttl() }
    })
    const plain = this.#random.chance(0.7) ? items.map((item) => ({ ...item, ip: null, count: 1 })) : items
    if (this.#random.chance(0.6)) return plain
    // After others that can be.
    return [...plain, { ...this.allocation(this.#pick(networks)), ip: null, count: TOO_MANY }]
  }

  ttl(): number | null {
    return this.#random.chance(0.4) ? this.#random.integer(100, 3_000) : null
  }

  tags(): readonly string[] {
    return this.#tags()
  }

  /** Of a key: some of the networks, and now and then what has a tag. */
  scope(networks: readonly KnownNetwork[]): Scope {
    const some = this.#random.shuffle(networks).slice(0, this.#random.integer(1, 3))
    return { networks: some.map(({ id }) => id), tags: this.#tags() }
  }

  #settings(prefix: Prefix): NetworkSettings {
    return {
      ...NETWORK_DEFAULTS,
      tags: this.#tags(),
      gateway: this.#random.chance(0.3) ? this.#addressIn(prefix) : null,
      reserved: this.#random.chance(0.4) ? [this.#reservedIn(prefix)] : [],
      cooldownMs: this.#pick(COOLDOWNS_MS),
      strategy: this.#pick(STRATEGIES),
    }
  }

  #refTo({ id, cidr, namespace }: KnownNetwork, ip: string | null): NetworkRef {
    const draw = this.#random.next()
    if (draw < 0.7) return { id }
    return ip === null || draw < 0.85 ? { cidr, namespace } : { namespace }
  }

  #reservedIn(prefix: Prefix): string {
    if (this.#random.chance(0.3)) return formatPrefix(this.#blockOf(prefix, 2))
    const start = this.#addressIn(prefix)
    const { family, value } = parseAddress(start)
    const room = prefix.first + prefixSize(prefix) - 1n - value
    const length = BigInt(this.#random.integer(0, 3))
    const end = formatAddress({ family, value: value + (length < room ? length : room) })
    return end === start ? start : `${start}-${end}`
  }

  #blockOf({ family, first, length }: Prefix, levels: number): Prefix {
    const bits = family === 4 ? 32 : 128
    const longer = Math.min(length + levels, bits)
    const place = this.#random.integer(0, 2 ** (longer - length) - 1)
    return prefixOf({ family, value: first + (BigInt(place) << BigInt(bits - longer)) }, longer)
  }

  #addressIn(prefix: Prefix): string {
    const offset = this.#random.integer(0, Number(prefixSize(prefix)) - 1)
    return formatAddress({ family: prefix.family, value: prefix.first + BigInt(offset) })
  }

  #tags(): readonly string[] {
    return this.#random.chance(0.4) ? [this.#pick(TAGS)] : []
  }

  #pick<T>(values: readonly T[]): T {
    return this.#random.pick(values) as T
  }
}
