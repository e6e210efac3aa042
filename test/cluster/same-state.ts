import { expect } from 'vitest'
import type { AllocationBody, AuditBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'

/** Everything that the API shows of a node's own state, at one log index. */
export interface State {
  readonly networks: readonly unknown[]
  readonly allocations: readonly AllocationBody[]
  /** The newest 10,000. */
  readonly audit: readonly AuditBody[]
  readonly index: number
}

async function readState({ client, id }: Node): Promise<State> {
  const networks = await client.list('/networks?consistency=stale')
  const allocations = await client.list<AllocationBody>('/allocations?all=true&consistency=stale')
  const audit = await client.list<AuditBody>('/audit?consistency=stale')
  const indexes = new Set([...networks.indexes, ...allocations.indexes, ...audit.indexes])
  const [index = 0] = indexes
  expect(indexes.size, `node ${id} has applied more in the meantime: ${[...indexes]}`).toBe(1)
  return { networks: networks.rows, allocations: allocations.rows, audit: audit.rows, index }
}

/** What the nodes hold once nothing is under way, which is the same. */
export async function expectSameState(
  cluster: Cluster,
  among: readonly Node[] = cluster.nodes,
): Promise<State> {
  const index = await cluster.waitUntilLevel(among)
  const states = await Promise.all(among.map(readState))
  const [first] = states
  if (first === undefined) throw new Error('there are no nodes')
  expect(states.map((state) => state.index)).toEqual(among.map(() => index))
  for (const [i, state] of states.entries()) {
    expect(state, `nodes ${among[0]?.id} and ${among[i]?.id} hold the same`).toEqual(first)
  }
  return first
}
