/** The rows that a state has, and their keys. */
import { Slices } from '../../src/state/slices.ts'
import { decodeRows } from '../../src/state/snapshot.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import { imageOf, ManualClock, streamOf } from './harness.ts'

/** In hex, by key, ascending. */
export async function rowsOf(machine: IpamStateMachine): Promise<Map<string, string>> {
  const { chunks } = await imageOf(machine)
  const rows = new Map<string, string>()
  for await (const batch of decodeRows(streamOf(chunks), new Slices(new ManualClock()))) {
    for (const [key, row] of batch) rows.set(key, row.toString('hex'))
  }
  return rows
}

/** Ascending. @param start Of the keys: their letter and what follows it. */
export async function keysOf(machine: IpamStateMachine, start: string): Promise<string[]> {
  return [...(await rowsOf(machine)).keys()].filter((key) => key.startsWith(start))
}
