/** Majorities. */
import { assert } from '../assert.ts'

export function quorumSize(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1
}

/** The highest value that a majority of `values`, one a voter, has reached. */
export function reachedByQuorum(values: readonly number[]): number {
  const descending = values.toSorted((a, b) => b - a)
  const value = descending[quorumSize(values.length) - 1]
  assert(value !== undefined, 'a quorum of no voters')
  return value
}
