import type { AddressRange } from '../range.ts'
import type { FreeBlock } from './block.ts'
import { BRANCH_CHILDREN_MAX, RunBranch } from './run-branch.ts'
import { LEAF_RUNS_MAX, RunLeaf } from './run-leaf.ts'
import type { AlignedFit, Edit, RunNode } from './run-node.ts'

/** How full `build` makes a node: some room is left, or the first edits would all split. */
const BUILD_FILL = 0.75

/**
 * An ordered set of disjoint runs: a B+ tree whose leaves pack them into typed arrays and whose branches know the
 * longest run and the sizes of the blocks below. Everything but iteration takes O(log n) steps, n being the number of runs.
 */
export class RunTree {
  #root: RunNode

  private constructor(root: RunNode) {
    this.#root = root
  }

  /** @param runs Ascending and disjoint. */
  static build(runs: Iterable<AddressRange>): RunTree {
    let level: RunNode[] = []
    for (const chunk of chunks(runs, LEAF_RUNS_MAX * BUILD_FILL)) level.push(new RunLeaf(chunk))
    while (level.length > 1) {
      level = [...chunks(level, BRANCH_CHILDREN_MAX * BUILD_FILL)].map((nodes) => new RunBranch(nodes))
    }
    return new RunTree(level[0] ?? new RunLeaf([]))
  }

  /** Addresses in the longest run, 0 if there is none. */
  get longest(): bigint {
    return this.#root.longest
  }

  /** The sizes of the maximal blocks of all runs: bit k is set if some have 2^k addresses. */
  get blockSizes(): bigint {
    return this.#root.blockSizes
  }

  /** Of the largest blocks of all runs the lowest, or null if there is no run. */
  get largestBlock(): FreeBlock | null {
    return this.#root.largestBlock
  }

  /** Start of the lowest run. */
  get first(): bigint | null {
    return this.#root.isEmpty ? null : this.#root.first
  }

  /** The last run that starts at or before `address`. */
  floor(address: bigint): AddressRange | null {
    return this.#root.floor(address)
  }

  /** The first run that starts at or after `address`. */
  ceiling(address: bigint): AddressRange | null {
    return this.#root.ceiling(address)
  }

  /** The lowest address, not below `from`, where `count` addresses lie in one run. */
  lowestFit(count: bigint, from: bigint): bigint | null {
    return this.#root.longest < count ? null : this.#root.lowestFit(count, from)
  }

  /** The lowest address that the search is for. */
  lowestAligned(fit: AlignedFit): bigint | null {
    return this.#root.longest < fit.count ? null : this.#root.lowestAligned(fit)
  }

  /** The maximal blocks of exactly `size` addresses, a power of two, ascending. Each takes O(log n). */
  blocks(size: bigint): Generator<FreeBlock> {
    return this.#root.blocks(size)
  }

  edit(edit: Edit): void {
    const sibling = this.#root.edit(edit)
    if (sibling !== null) this.#root = new RunBranch([this.#root, sibling])
    while (this.#root instanceof RunBranch) {
      const child = this.#root.onlyChild
      if (child === null) break
      this.#root = child
    }
  }

  /** Ascending, from the run that `from` lies in, or the one before or after it. */
  runs(from: bigint): Generator<AddressRange> {
    return this.#root.runs(from)
  }
}

function* chunks<T>(values: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = []
  for (const value of values) {
    chunk.push(value)
    if (chunk.length < size) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
