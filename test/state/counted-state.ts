import { CountingStorage } from './counting-storage.ts'
import { Harness } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

/** A state machine in memory of which every read is counted. */
export interface CountedState {
  readonly ipam: Harness
  readonly storage: CountingStorage
}

export async function openCounted(): Promise<CountedState> {
  const storage = new CountingStorage(new MemoryStorage())
  return { ipam: await Harness.open(storage), storage }
}

export type Ask<T> = (ipam: Harness) => Promise<T> | T

/** Keys that were looked up, and rows that iterators have brought, until the answer came. */
export async function readsOf<T>(
  { ipam, storage: { reads } }: CountedState,
  ask: Ask<T>,
): Promise<[answer: T, reads: number]> {
  const before = reads.keys + reads.rows
  const answer = await ask(ipam)
  return [answer, reads.keys + reads.rows - before]
}
