/** Writers behind a load balancer. */
import { expect } from 'vitest'
import type { Balancer } from './balancer.ts'
import type { NetworkBody } from './client.ts'
import type { Cluster } from './cluster.ts'
import { until } from './until.ts'
import { countFates, WriteLoad } from './write-load.ts'

const WRITERS = 8
/** A client that asks again for as long as an election takes, and some. */
export const ATTEMPTS_MAX = 200
/** What `cluster.example.yaml` has. */
export const HTTP = { shutdown_delay_ms: 1_000 }

export async function startLoad(
  { client }: Balancer,
  { attemptsMax = ATTEMPTS_MAX } = {},
): Promise<WriteLoad> {
  const network = await client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
  const clients = [client]
  const load = new WriteLoad({ clients, networkId: network.id, workerCount: WRITERS, attemptsMax })
  await moreWrites(load, 100)
  return load
}

export async function moreWrites(load: WriteLoad, count: number): Promise<void> {
  const { doneCount } = load
  await until(`${count} more writes`, () => load.doneCount >= doneCount + count)
}

export function portsOf({ nodes }: Cluster): number[] {
  return nodes.map(({ client }) => client.port)
}

export function expectAllDone({ writes }: WriteLoad): void {
  expect(countFates(writes)).toEqual({ done: writes.length, refused: 0, 'not applied': 0, unknown: 0 })
}
