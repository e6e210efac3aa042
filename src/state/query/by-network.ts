/** Allocations by network, in the order in which these were made, and by address: their rows lie so. */
import type { PageRequest } from '../../ipam/query.ts'
import { ALLOCATION_STATUSES, type AllocationStatus } from '../../ipam/records.ts'
import { type KeyRange, POSITION_CHARS, type Position } from '../key-encoding.ts'
import { ADDRESS_RANGES, addressRanges, ENDED_ALLOCATIONS, endedAllocations } from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import type { View } from '../view.ts'
import { type Candidate, type Candidates, IndexCandidates } from './candidates.ts'
import { CANDIDATES_MAX, decodeCursor } from './page.ts'

/** Rows of other networks are read over, up to so many in a row: to begin behind them costs as much, 0.1 ms. */
const GAP_ROWS_MAX = 32

/** Whose allocations are asked for: of one network, of several, or all. */
export interface Owners {
  readonly network: NetworkState | null
  /** Whether it is one of several; null if there is one, or all are asked for, and those that are deleted. */
  readonly isOwn: ((network: NetworkState) => boolean) | null
}

export function isOfAll({ network, isOwn }: Owners): boolean {
  return network === null && isOwn === null
}

export function isActiveOnly(statuses: readonly AllocationStatus[]): boolean {
  return statuses.every((status) => status === 'allocated')
}

/** As a part of a list's name. */
export function marks(statuses: readonly AllocationStatus[]): string {
  return statuses.map((status) => status.charAt(0)).join('')
}

/** How many rows one network has in such a list: released and expired ones are counted together. */
export function rowsOf(network: NetworkState, statuses: readonly AllocationStatus[]): number {
  const { allocations, activeAllocations } = network
  const ended = isActiveOnly(statuses) ? 0 : allocations - activeAllocations
  return ended + (statuses.includes('allocated') ? activeAllocations : 0)
}

/** … and all of them together. Not those of networks that are deleted. */
export function rowsOfAll(
  networks: NetworkTable,
  { network, isOwn }: Owners,
  statuses: readonly AllocationStatus[],
): number {
  if (network !== null) return rowsOf(network, statuses)
  let rows = 0
  for (const one of networks.inOrder) {
    if (isOwn === null || isOwn(one)) rows += rowsOf(one, statuses)
  }
  return rows
}

export function isEveryStatus(statuses: readonly AllocationStatus[]): boolean {
  return statuses.length === ALLOCATION_STATUSES.length
}

/** Takes what it needs of memory at once. */
export function candidatesByNetwork(
  view: View,
  networks: NetworkTable,
  {
    owners: { network, isOwn },
    statuses,
    cursor,
  }: {
    readonly owners: Owners
    readonly statuses: readonly AllocationStatus[]
    readonly cursor: PageRequest['cursor']
  },
): Candidates {
  const name = `allocations r${network?.position ?? ''} ${marks(statuses)}`
  const after = decodeCursor(cursor, name)
  const open = ({ active, ended, isOthers }: Stretch): Candidates => {
    return new IndexCandidates(view, {
      name,
      ranges: isActiveOnly(statuses) ? [] : ended,
      addressRanges: statuses.includes('allocated') ? active : [],
      placeOffset: 1,
      after,
      isOthers,
    })
  }
  if (network !== null) return open(stretchOf([network], { isMixed: false }))
  if (isOwn === null) return open({ active: [ADDRESS_RANGES], ended: [ENDED_ALLOCATIONS], isOthers: null })
  const from = after?.slice(0, POSITION_CHARS) ?? null
  return new StretchCandidates(name, stretchesOf(networks, { isOwn, statuses, from }), open)
}

/** Rows of networks, and of others among them. */
interface Stretch {
  /** Each is one range, or none if there are no such rows. */
  readonly active: readonly KeyRange[]
  readonly ended: readonly KeyRange[]
  /** By place; null if there are no others. */
  readonly isOthers: ((place: string) => boolean) | null
}

/** @param networks In their order, at least one. @param options.isMixed Whether others lie among them. */
function stretchOf(networks: readonly NetworkState[], { isMixed }: { readonly isMixed: boolean }): Stretch {
  const own = new Set(networks.map(({ position }) => position))
  const [first = '', last = first] = [networks[0]?.position, networks.at(-1)?.position]
  const hasActive = networks.some(({ activeAllocations }) => activeAllocations > 0)
  const hasEnded = networks.some(({ allocations, activeAllocations }) => allocations > activeAllocations)
  return {
    active: hasActive ? [{ gte: addressRanges(first).gte, lt: addressRanges(last).lt }] : [],
    ended: hasEnded ? [{ gte: endedAllocations(first).gte, lt: endedAllocations(last).lt }] : [],
    isOthers: isMixed ? (place) => !own.has(place.slice(0, POSITION_CHARS)) : null,
  }
}

/**
 * Those of several networks that a request can need, as few stretches as it takes. Networks without rows are in none. Among ended
 * allocations those of deleted networks lie as well, and nobody knows how many: there each network is a stretch of its own.
 *
 * @param options.from The network at which the cursor stands; null: from the first.
 */
function stretchesOf(
  networks: NetworkTable,
  {
    isOwn,
    statuses,
    from,
  }: {
    readonly isOwn: (network: NetworkState) => boolean
    readonly statuses: readonly AllocationStatus[]
    readonly from: Position | null
  },
): Stretch[] {
  const { inOrder } = networks
  const gapMax = isActiveOnly(statuses) ? GAP_ROWS_MAX : -1
  const stretches: { own: NetworkState[]; isMixed: boolean }[] = []
  let [taken, gap] = [0, 0]
  for (let rank = from === null ? 0 : networks.rankOf(from); taken < CANDIDATES_MAX; rank++) {
    const network = inOrder[rank]
    if (network === undefined) break
    const rows = rowsOf(network, statuses)
    if (rows === 0) continue
    if (!isOwn(network)) {
      gap += rows
      continue
    }
    const open = stretches.at(-1)
    if (open === undefined || gap > gapMax) {
      stretches.push({ own: [network], isMixed: false })
    } else {
      open.own.push(network)
      open.isMixed ||= gap > 0
    }
    gap = 0
    // Of the network at which the cursor stands, hardly anything may be left.
    if (network.position !== from) taken += rows
  }
  return stretches.map(({ own, isMixed }) => stretchOf(own, { isMixed }))
}

/** One stretch after the other, each opened when the one before it has come to its end. */
class StretchCandidates implements Candidates {
  readonly name: string
  readonly #stretches: readonly Stretch[]
  readonly #open: (stretch: Stretch) => Candidates
  #next = 0
  #current: Candidates | null = null

  constructor(name: string, stretches: readonly Stretch[], open: (stretch: Stretch) => Candidates) {
    this.name = name
    this.#stretches = stretches
    this.#open = open
  }

  async take(count: number): Promise<readonly Candidate[]> {
    const taken: Candidate[] = []
    while (taken.length < count) {
      const stretch = this.#stretches[this.#next]
      if (stretch === undefined) break
      this.#current ??= this.#open(stretch)
      const wanted = count - taken.length
      const found = await this.#current.take(wanted)
      for (const candidate of found) taken.push(candidate)
      if (found.length === wanted) break
      await this.#current.close()
      this.#current = null
      this.#next += 1
    }
    return taken
  }

  async close(): Promise<void> {
    await this.#current?.close()
  }
}
