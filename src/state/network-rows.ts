/** Networks: their rows, and the memory over them. */
import { assert } from '../../raft/assert.ts'
import { AddressSpace, rangesOf } from '../ipam/address-space.ts'
import type { Prefix } from '../ipam/prefix.ts'
import { type AddressRange, rangeOf } from '../ipam/range.ts'
import type { Network } from '../ipam/records.ts'
import { reservedRanges } from '../ipam/reserved.ts'
import type { Position } from './key-encoding.ts'
import { networkCountersKey, networkKey, networkTermKey, ORPHANS_KEY } from './key-space.ts'
import { type NetworkState, type NetworkTable, networkState } from './network-table.ts'
import { decodeNetwork, encodeNetwork } from './record-codec.ts'
import { decodeNumber, EMPTY_ROW, encodeNetworkCounters, encodeNumber } from './row-codec.ts'
import type { StagedRows } from './staged-rows.ts'
import { networkTerms } from './text-index.ts'

export class NetworkRows {
  readonly #rows: StagedRows
  readonly #networks: NetworkTable
  /** Their counters have changed in this entry, and are written when it is over: some entries change them many times. */
  #counted = new Set<NetworkState>()

  constructor(options: { rows: StagedRows; networks: NetworkTable }) {
    this.#rows = options.rows
    this.#networks = options.networks
  }

  endEntry(): void {
    for (const network of this.#counted) {
      this.#rows.put(networkCountersKey(network.position), encodeNetworkCounters(network))
    }
    this.#counted = new Set()
  }

  record(id: string): Network | null {
    const network = this.#networks.get(id)
    return network === null ? null : decodeNetwork(this.#rows.existing(networkKey(network.position)))
  }

  existing(id: string): NetworkState {
    const network = this.#networks.get(id)
    assert(network !== null, 'no network {}', id)
    return network
  }

  create(
    network: Network,
    { prefix, position }: { readonly prefix: Prefix; readonly position: Position },
  ): void {
    const delegated = this.#childRanges(network.namespace, prefix)
    const reserved = reservedRanges(prefix, network)
    const space = new AddressSpace(prefix, { allocated: [], cooling: [], delegated, reserved })
    const state = networkState(network, { position, prefix, space })
    this.#delegate(state, [rangeOf(prefix)])
    this.#networks.add(state)
    this.#rows.undoLater(() => this.#networks.delete(state))
    this.#rows.put(networkKey(position), encodeNetwork(network))
    for (const term of networkTerms(network)) this.#rows.put(networkTermKey(term, position), EMPTY_ROW)
  }

  update(after: Network): void {
    const network = this.existing(after.id)
    const { position, space, tags, strategy, cooldownMs } = network
    const before = decodeNetwork(this.#rows.existing(networkKey(position)))
    const reserved = space.reserve(reservedRanges(network.prefix, after))
    this.#networks.retag(network, after.tags)
    network.strategy = after.strategy
    network.cooldownMs = after.cooldownMs
    this.#rows.undoLater(() => {
      space.reserve(reserved)
      this.#networks.retag(network, tags)
      network.strategy = strategy
      network.cooldownMs = cooldownMs
    })
    this.#rows.put(networkKey(position), encodeNetwork(after))
    const [old, fresh] = [networkTerms(before), networkTerms(after)]
    for (const term of old) if (!fresh.has(term)) this.#rows.put(networkTermKey(term, position), null)
    for (const term of fresh) if (!old.has(term)) this.#rows.put(networkTermKey(term, position), EMPTY_ROW)
  }

  delete(id: string): void {
    const network = this.existing(id)
    assert(network.activeAllocations === 0, 'network {} has active allocations', id)
    const { position, namespace, prefix } = network
    const record = decodeNetwork(this.#rows.existing(networkKey(position)))
    this.#networks.delete(network)
    this.#rows.undoLater(() => this.#networks.add(network))
    this.#delegate(network, this.#childRanges(namespace, prefix))
    this.#rows.put(networkKey(position), null)
    for (const term of networkTerms(record)) this.#rows.put(networkTermKey(term, position), null)
    if (network.allocations === 0) return
    if (this.#counted.delete(network)) this.#rows.undoLater(() => this.#counted.add(network))
    this.#rows.put(networkCountersKey(position), null)
    const orphans = this.#rows.get(ORPHANS_KEY)
    this.#rows.put(
      ORPHANS_KEY,
      encodeNumber((orphans === null ? 0 : decodeNumber(orphans)) + network.allocations),
    )
  }

  /** @param lastAddress The last one of the new allocation. */
  countAllocation(network: NetworkState, lastAddress: bigint): void {
    const before = network.lastAddress
    network.allocations += 1
    network.activeAllocations += 1
    network.lastAddress = lastAddress
    this.#rows.undoLater(() => {
      network.allocations -= 1
      network.activeAllocations -= 1
      network.lastAddress = before
    })
    this.#writeCountersLater(network)
  }

  countEnd(network: NetworkState): void {
    network.activeAllocations -= 1
    this.#rows.undoLater(() => {
      network.activeAllocations += 1
    })
    this.#writeCountersLater(network)
  }

  setNextAddress(network: NetworkState, address: bigint): void {
    const before = network.nextAddress
    network.nextAddress = address
    this.#rows.undoLater(() => {
      network.nextAddress = before
    })
    this.#writeCountersLater(network)
  }

  #writeCountersLater(network: NetworkState): void {
    if (this.#counted.has(network)) return
    this.#counted.add(network)
    this.#rows.undoLater(() => this.#counted.delete(network))
  }

  /** Its parent has none of the network's addresses but what these children leave. */
  #delegate({ namespace, prefix }: NetworkState, children: readonly AddressRange[]): void {
    const parent = this.#networks.parentOf(namespace, prefix)
    if (parent === null) return
    const range = rangeOf(prefix)
    const before = parent.space.delegate(range, children)
    this.#rows.undoLater(() => parent.space.delegate(range, before))
  }

  #childRanges(namespace: string, prefix: Prefix): AddressRange[] {
    const children = [...this.#networks.childrenOf({ namespace, prefix })]
    return rangesOf(
      prefix,
      children.map((child) => child.prefix),
    )
  }
}
