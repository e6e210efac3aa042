/** Which checkpoints this node and its peers have, and what they say of whose state is right. */

import { quorumSize } from './core/quorum.ts'
import type { Checkpoint, Entry, LogIndex, NodeId } from './types.ts'

/** Entries from one comparison to the next, unless something else brings it forward. */
export const CHECKPOINT_INTERVAL = 1_024
/** Kept of each node, newest last. With a checkpoint every 1,024 entries a peer may lag 65,536. */
export const CHECKPOINTS_MAX = 64
/** However little is written, what is written is compared about this often. */
const CHECKPOINT_MS = 60_000

/**
 * Whether nodes compare the state after `entry`. The log alone decides, so that all of them choose the same entries.
 *
 * @param previousTime Of the entry before it; null if that is not known.
 */
export function isCheckpoint(
  { index, type, time }: Entry,
  { interval, previousTime }: { interval: number; previousTime: number | null },
): boolean {
  if (type !== 'command' || index % interval === 0) return true
  return previousTime !== null && Math.floor(time / CHECKPOINT_MS) > Math.floor(previousTime / CHECKPOINT_MS)
}

/** What the hashes at one index tell this node. */
export interface Judgement {
  readonly index: LogIndex
  readonly hash: string
  /** What a majority of the voters has; null if none has the same, or not enough of them are heard. */
  readonly majorityHash: string | null
  readonly agreeing: readonly NodeId[]
  readonly differing: readonly NodeId[]
}

export class StateComparison {
  readonly #self: NodeId
  readonly #checkpoints = new Map<NodeId, Checkpoints>()

  constructor(self: NodeId) {
    this.#self = self
  }

  /** Ascending. */
  get own(): readonly Checkpoint[] {
    return this.#of(this.#self).all
  }

  /** What a node says again takes the place of what it said before. */
  note(node: NodeId, checkpoint: Checkpoint): void {
    this.#of(node).add(checkpoint)
  }

  /** This node's state was replaced: what it was before is nobody's concern. */
  forgetOwn(): void {
    this.#checkpoints.delete(this.#self)
  }

  /** Lets go of peers that are no members any more. */
  retain(members: readonly NodeId[]): void {
    for (const node of this.#checkpoints.keys()) {
      if (node !== this.#self && !members.includes(node)) this.#checkpoints.delete(node)
    }
  }

  /** Null if this node has no checkpoint at `index`. @param voters Of the committed configuration. */
  judge(index: LogIndex, voters: readonly NodeId[]): Judgement | null {
    const hashes = new Map<NodeId, string>()
    for (const [node, checkpoints] of this.#checkpoints) {
      const hash = checkpoints.at(index)
      if (hash !== null) hashes.set(node, hash)
    }
    return judge(index, { self: this.#self, voters, hashes })
  }

  #of(node: NodeId): Checkpoints {
    const known = this.#checkpoints.get(node)
    if (known !== undefined) return known
    const checkpoints = new Checkpoints()
    this.#checkpoints.set(node, checkpoints)
    return checkpoints
  }
}

/** The newest of one node. */
class Checkpoints {
  readonly #hashes = new Map<LogIndex, string>()

  get all(): Checkpoint[] {
    return [...this.#hashes].map(([index, hash]) => ({ index, hash })).toSorted((a, b) => a.index - b.index)
  }

  at(index: LogIndex): string | null {
    return this.#hashes.get(index) ?? null
  }

  add({ index, hash }: Checkpoint): void {
    this.#hashes.set(index, hash)
    if (this.#hashes.size > CHECKPOINTS_MAX) this.#hashes.delete(Math.min(...this.#hashes.keys()))
  }
}

/** @param hashes Of every node that is heard at this index, ourselves included. Learners compare, but do not count. */
export function judge(
  index: LogIndex,
  { self, voters, hashes }: { self: NodeId; voters: readonly NodeId[]; hashes: ReadonlyMap<NodeId, string> },
): Judgement | null {
  const hash = hashes.get(self)
  if (hash === undefined) return null
  const peers = [...hashes.keys()].filter((node) => node !== self)
  const votes = voters.map((node) => hashes.get(node))
  const needed = quorumSize(voters.length)
  return {
    index,
    hash,
    majorityHash:
      [...new Set(hashes.values())].find((one) => votes.filter((vote) => vote === one).length >= needed) ??
      null,
    agreeing: peers.filter((node) => hashes.get(node) === hash),
    differing: peers.filter((node) => hashes.get(node) !== hash),
  }
}
