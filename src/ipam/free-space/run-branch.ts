import { assert } from '../../../raft/assert.ts'
import type { AddressRange } from '../range.ts'
import type { FreeBlock } from './block.ts'
import type { AlignedFit, Edit, RunNode } from './run-node.ts'

/** A branch that exceeds it is split in two. */
export const BRANCH_CHILDREN_MAX = 32

/** A level above the leaves: what a search needs to know of its children to pass over those without room. */
export class RunBranch implements RunNode {
  first = 0n
  longest = 0n
  /** Null until it is asked for. */
  #blockSizes: bigint | null = null
  /** Null until it is asked for. */
  #largestBlock: FreeBlock | null = null
  /** By alignment; null until one is asked for. */
  #longestAligned: Map<number, bigint> | null = null
  readonly #children: RunNode[]

  /** @param children Ascending, all of one level, at least one. */
  constructor(children: RunNode[]) {
    this.#children = children
    this.#refresh()
  }

  get isEmpty(): boolean {
    return this.#children.length === 0
  }

  get isSparse(): boolean {
    return this.#children.length < BRANCH_CHILDREN_MAX / 4
  }

  /** The child that can stand in for this branch, if there is only one. */
  get onlyChild(): RunNode | null {
    return this.#children.length === 1 ? this.#child(0) : null
  }

  get blockSizes(): bigint {
    this.#blockSizes ??= this.#children.reduce((sizes, child) => sizes | child.blockSizes, 0n)
    return this.#blockSizes
  }

  get largestBlock(): FreeBlock | null {
    this.#largestBlock ??= this.#findLargestBlock()
    return this.#largestBlock
  }

  longestAligned(alignmentBits: number): bigint {
    this.#longestAligned ??= new Map()
    const known = this.#longestAligned.get(alignmentBits)
    if (known !== undefined) return known
    let longest = 0n
    for (const child of this.#children) {
      if (child.longest <= longest) continue
      const ofChild = child.longestAligned(alignmentBits)
      if (ofChild > longest) longest = ofChild
    }
    this.#longestAligned.set(alignmentBits, longest)
    return longest
  }

  floor(address: bigint): AddressRange | null {
    return this.#child(this.#indexOf(address)).floor(address)
  }

  ceiling(address: bigint): AddressRange | null {
    const index = this.#indexOf(address)
    const run = this.#child(index).ceiling(address)
    if (run !== null || index + 1 === this.#children.length) return run
    return this.#child(index + 1).ceiling(address)
  }

  lowestFit(count: bigint, from: bigint): bigint | null {
    for (let i = this.#indexOf(from); i < this.#children.length; i++) {
      const child = this.#child(i)
      // Only in the first child can the longest run lie below `from`, so at most one descent a level is in vain.
      const start = child.longest >= count ? child.lowestFit(count, from) : null
      if (start !== null) return start
    }
    return null
  }

  lowestAligned(fit: AlignedFit): bigint | null {
    for (let i = this.#indexOf(fit.from); i < this.#children.length; i++) {
      const child = this.#child(i)
      // As in `lowestFit`: at most one descent a level is in vain.
      const hasRoom = child.longest >= fit.count && child.longestAligned(fit.alignmentBits) >= fit.count
      const start = hasRoom ? child.lowestAligned(fit) : null
      if (start !== null) return start
    }
    return null
  }

  *blocks(size: bigint): Generator<FreeBlock> {
    for (const child of this.#children) {
      if ((child.blockSizes & size) !== 0n) yield* child.blocks(size)
    }
  }

  edit(edit: Edit): RunBranch | null {
    const index = this.#indexOf(edit.at)
    const child = this.#child(index)
    const sibling = child.edit(edit)
    if (sibling !== null) this.#children.splice(index + 1, 0, sibling)
    else if (child.isEmpty) this.#children.splice(index, 1)
    else if (child.isSparse) this.#mergeAround(index)
    const half = BRANCH_CHILDREN_MAX / 2
    const isFull = this.#children.length > BRANCH_CHILDREN_MAX
    const upper = isFull ? new RunBranch(this.#children.splice(half)) : null
    this.#refresh()
    return upper
  }

  absorb(right: RunBranch): boolean {
    if (this.#children.length + right.#children.length > (BRANCH_CHILDREN_MAX * 3) / 4) return false
    this.#children.push(...right.#children)
    this.#refresh()
    return true
  }

  *runs(from: bigint): Generator<AddressRange> {
    for (let i = this.#indexOf(from); i < this.#children.length; i++) yield* this.#child(i).runs(from)
  }

  #findLargestBlock(): FreeBlock | null {
    let largest: FreeBlock | null = null
    for (const child of this.#children) {
      // A block is no longer than its run, so that most children need not be asked.
      if (largest !== null && child.longest >> BigInt(largest.bits + 1) === 0n) continue
      const block = child.largestBlock
      if (block !== null && (largest === null || block.bits > largest.bits)) largest = block
    }
    return largest
  }

  /** Index of the last child that starts at or before `address`, or 0. */
  #indexOf(address: bigint): number {
    let low = 1
    let high = this.#children.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#child(middle).first <= address) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #child(index: number): RunNode {
    const child = this.#children[index]
    assert(child !== undefined, 'no child {} of {}', index, this.#children.length)
    return child
  }

  #mergeAround(index: number): void {
    for (const left of [index, index - 1]) {
      const [into, from] = [this.#children[left], this.#children[left + 1]]
      if (into === undefined || from === undefined || !into.absorb(from)) continue
      this.#children.splice(left + 1, 1)
      return
    }
  }

  #refresh(): void {
    this.first = this.#children[0]?.first ?? 0n
    let longest = 0n
    for (const child of this.#children) if (child.longest > longest) longest = child.longest
    this.longest = longest
    this.#blockSizes = null
    this.#largestBlock = null
    this.#longestAligned = null
  }
}
