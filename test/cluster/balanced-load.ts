/** Writes through a load balancer: what they are asked with, and what must have become of them. */
import { expect } from 'vitest'
import type { Cluster } from './cluster.ts'
import { countFates, type WriteLoad } from './write-load.ts'

/** A client that asks again for as long as an election takes, and some. */
export const ATTEMPTS_MAX = 200
/** What `cluster.example.yaml` has. */
export const HTTP = { shutdown_delay_ms: 1_000 }

export function portsOf({ nodes }: Cluster): number[] {
  return nodes.map(({ client }) => client.port)
}

export function expectAllDone({ writes }: WriteLoad): void {
  expect(countFates(writes)).toEqual({ done: writes.length, refused: 0, 'not applied': 0, unknown: 0 })
}
