/** The rows that a state has, as their keys. */
import { Slices } from '../../src/state/slices.ts'
import { decodeRows } from '../../src/state/snapshot.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import { imageOf, ManualClock, streamOf } from './harness.ts'

/** Ascending. @param start Of the keys: their letter and what follows it. */
export async function keysOf(machine: IpamStateMachine, start: string): Promise<string[]> {
  const { chunks } = await imageOf(machine)
  const keys: string[] = []
  for await (const batch of decodeRows(streamOf(chunks), new Slices(new ManualClock()))) {
    for (const [key] of batch) if (key.startsWith(start)) keys.push(key)
  }
  return keys
}
