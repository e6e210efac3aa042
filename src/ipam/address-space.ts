/** Whose each address of a network is: an allocation's, a child network's, reserved, resting, or free. */
import { assert } from '../../raft/assert.ts'
import { addressBits } from './address.ts'
import { type FreeBlock, FreeSpace } from './free-space.ts'
import { contains, type Prefix } from './prefix.ts'
import { type AddressRange, rangeContains, rangeOf, rangeSize, rangesOverlap, usableRange } from './range.ts'
import { cut, RunSet, replaceOccupied } from './run-set.ts'

/** Why addresses cannot be handed out. */
export type Obstacle = 'outside' | 'not_usable' | 'allocated' | 'delegated' | 'reserved' | 'cooling'

/** What a space is rebuilt from: each list ascending and disjoint. */
export interface SpaceContents {
  readonly allocated: readonly AddressRange[]
  readonly cooling: readonly AddressRange[]
  /** Child networks. */
  readonly delegated: readonly AddressRange[]
  readonly reserved: readonly AddressRange[]
}

const NOTHING: SpaceContents = { allocated: [], cooling: [], delegated: [], reserved: [] }

/**
 * Free is what nothing else claims. Reserved ranges may overlap allocations, children and resting addresses, which come
 * first; those three never overlap each other. The network's own address and the broadcast address are free for a child to take,
 * never for a host (`usable`).
 */
export class AddressSpace {
  readonly prefix: Prefix
  readonly usable: AddressRange
  readonly #free: FreeSpace
  readonly #allocated: RunSet
  readonly #delegated: RunSet
  readonly #cooling: RunSet
  #reserved: readonly AddressRange[]

  constructor(prefix: Prefix, contents: SpaceContents = NOTHING) {
    const whole = rangeOf(prefix)
    this.prefix = prefix
    this.usable = usableRange(prefix)
    this.#allocated = new RunSet(whole, contents.allocated)
    this.#delegated = new RunSet(whole, contents.delegated)
    this.#cooling = new RunSet(whole, contents.cooling)
    this.#reserved = contents.reserved
    const { allocated, delegated, cooling, reserved } = contents
    const claimed =
      cooling.length + delegated.length + reserved.length === 0 ? allocated : this.#claimed(whole)
    this.#free = FreeSpace.fromRuns(whole, claimed)
  }

  // Counts, of usable addresses.

  get totalCount(): bigint {
    return rangeSize(this.usable)
  }

  get allocatedCount(): bigint {
    return this.#allocated.count
  }

  get coolingCount(): bigint {
    return this.#cooling.count
  }

  get delegatedCount(): bigint {
    if (this.#delegated.count === 0n) return 0n
    const edges = this.#edges().filter((edge) => this.#delegated.meets({ first: edge, last: edge }))
    return this.#delegated.count - BigInt(edges.length)
  }

  get availableCount(): bigint {
    const edges = this.#edges().filter((edge) => this.#free.isFree(edge, edge))
    return this.#free.freeCount - BigInt(edges.length)
  }

  /** Without those that an allocation, a child or a rest claims as well. */
  get reservedCount(): bigint {
    return (
      this.totalCount - this.allocatedCount - this.coolingCount - this.delegatedCount - this.availableCount
    )
  }

  // Searches.

  /** Start of the lowest `count` contiguous free addresses for hosts, not below `from`; null if there are none. */
  lowestRun(
    count: bigint,
    { from = this.usable.first, alignment = 1n }: { from?: bigint; alignment?: bigint } = {},
  ): bigint | null {
    const start = this.#free.lowestRun(count, {
      from: from < this.usable.first ? this.usable.first : from,
      alignment,
    })
    // What reaches the broadcast address is the last run there is.
    return start === null || start + count - 1n > this.usable.last ? null : start
  }

  /** Ascending runs of free addresses for hosts. The space must not change meanwhile. */
  *freeRuns(from: bigint = this.usable.first): Generator<AddressRange> {
    for (const { first, last } of this.#free.freeRuns(from < this.usable.first ? this.usable.first : from)) {
      const end = last > this.usable.last ? this.usable.last : last
      if (first <= end) yield { first, last: end }
    }
  }

  /** Addresses in the longest free run for hosts, or one or two more if the run reaches an edge. O(1). */
  get longestRunSize(): bigint {
    return this.#free.largestRunSize()
  }

  isFree(range: AddressRange): boolean {
    return rangeContains(this.usable, range) && this.#free.isFree(range.first, range.last)
  }

  /** Null if the addresses are free for hosts. */
  obstacleTo(range: AddressRange): Obstacle | null {
    if (!rangeContains(rangeOf(this.prefix), range)) return 'outside'
    if (!rangeContains(this.usable, range)) return 'not_usable'
    return this.#claimOn(range)
  }

  /** The addresses in `range` that allocations have, ascending. Lazy. */
  allocatedIn(range: AddressRange): Generator<AddressRange> {
    return this.#allocated.within(range)
  }

  hasAllocationIn(range: AddressRange): boolean {
    return this.#allocated.meets(range)
  }

  hasCoolingIn(range: AddressRange): boolean {
    return this.#cooling.meets(range)
  }

  /** The smallest free block of at least 2^bits addresses, the lowest of equals. */
  bestBlock(bits: number): FreeBlock | null {
    return this.#free.bestBlock(bits)
  }

  /** The largest free block, the lowest of equals. */
  largestBlock(): FreeBlock | null {
    return this.#free.largestBlock()
  }

  /** The blocks that carving would take one after the other, each of 2^bits addresses. Lazy. */
  bestFits(bits: number): Generator<FreeBlock> {
    return this.#free.bestFits(bits)
  }

  /** All maximal free blocks, ascending. Lazy; the space must not change meanwhile. */
  freeBlocks(from?: bigint): Generator<FreeBlock> {
    return this.#free.freeBlocks(from)
  }

  // Changes. Each has an inverse, so that what a refused command did can be taken back.

  /** These addresses are free, and become an allocation's. */
  allocate(range: AddressRange): void {
    this.#free.occupy(range.first, range.last)
    this.#allocated.add(range)
  }

  /** They are an allocation's. */
  release(range: AddressRange, { cools }: { readonly cools: boolean }): void {
    this.#allocated.delete(range)
    if (cools) this.#cooling.add(range)
    else if (this.#isReserved(range)) this.#refresh(range)
    else this.#free.release(range.first, range.last)
  }

  /** What `release` did, undone. */
  takeBack(range: AddressRange, { cooled }: { readonly cooled: boolean }): void {
    if (cooled) this.#cooling.delete(range)
    this.#allocated.add(range)
    this.#refresh(range)
  }

  /** They rest no longer. */
  endCooling(range: AddressRange): void {
    this.#cooling.delete(range)
    this.#refresh(range)
  }

  /** What `endCooling` did, undone. */
  coolAgain(range: AddressRange): void {
    this.#cooling.add(range)
    this.#refresh(range)
  }

  /** @returns What was reserved before. */
  reserve(ranges: readonly AddressRange[]): readonly AddressRange[] {
    const before = this.#reserved
    this.#reserved = ranges
    for (const range of [...before, ...ranges]) this.#refresh(range)
    return before
  }

  /**
   * Within `range` these child networks have the addresses, and no others.
   *
   * @returns Those which had them before.
   */
  delegate(range: AddressRange, children: readonly AddressRange[]): AddressRange[] {
    const before = [...this.#delegated.within(range)]
    this.#delegated.replace(range, children)
    this.#refresh(range)
    return before
  }

  /**
   * From here on these addresses are an allocation's, or nobody's, whoever had them before: brings a space that was rebuilt
   * from an older picture up to date. What children, rests and reserved ranges claim stays theirs.
   */
  settle(range: AddressRange, { isAllocated }: { readonly isAllocated: boolean }): void {
    this.#allocated.replace(range, isAllocated ? [range] : [])
    this.#refresh(range)
  }

  /** Makes free what nothing claims, and nothing else. */
  #refresh(range: AddressRange): void {
    replaceOccupied(this.#free, range, this.#claimed(range))
  }

  /** Ascending, disjoint. */
  #claimed(range: AddressRange): AddressRange[] {
    const claims = [
      ...this.#allocated.within(range),
      ...this.#delegated.within(range),
      ...this.#cooling.within(range),
      ...this.#reserved
        .filter((reserved) => rangesOverlap(reserved, range))
        .map((reserved) => cut(reserved, range)),
    ]
    return union(claims)
  }

  /** Also only in part. */
  #isReserved(range: AddressRange): boolean {
    return this.#reserved.some((reserved) => rangesOverlap(reserved, range))
  }

  #claimOn(range: AddressRange): Obstacle | null {
    const { first, last } = range
    if (this.#free.isFree(first, last)) return null
    if (this.hasAllocationIn(range)) return 'allocated'
    if (this.#delegated.meets(range)) return 'delegated'
    return this.hasCoolingIn(range) ? 'cooling' : 'reserved'
  }

  /** Addresses that are free for a child network only. */
  #edges(): bigint[] {
    const { first, last } = rangeOf(this.prefix)
    if (this.prefix.length >= addressBits(this.prefix.family) - 1) return []
    return this.prefix.family === 4 ? [first, last] : [first]
  }
}

/** The ranges of prefixes that lie in `outer`, as one list. */
export function rangesOf(outer: Prefix, prefixes: Iterable<Prefix>): AddressRange[] {
  const ranges: AddressRange[] = []
  for (const prefix of prefixes) {
    assert(contains(outer, prefix), 'a child is inside its parent')
    ranges.push(rangeOf(prefix))
  }
  return ranges
}

function union(ranges: AddressRange[]): AddressRange[] {
  if (ranges.length < 2) return ranges
  const ascending = ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const joint: AddressRange[] = []
  for (const range of ascending) {
    const previous = joint.at(-1)
    if (previous === undefined || previous.last < range.first) joint.push(range)
    else if (range.last > previous.last) joint[joint.length - 1] = { first: previous.first, last: range.last }
  }
  return joint
}
