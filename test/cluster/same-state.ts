import { expect } from 'vitest'
import type { AllocationBody, AuditBody } from './client.ts'
import type { Cluster, Node } from './cluster.ts'
import { until } from './until.ts'

const LEVEL_MS_MAX = 60_000

/** Everything that the API shows of a node's own state, at one log index. */
export interface State {
  readonly networks: readonly unknown[]
  readonly allocations: readonly AllocationBody[]
  readonly audit: readonly AuditBody[]
  readonly index: number
}

/** Null if the node has applied more in the meantime. */
async function readState({ client }: Node): Promise<State | null> {
  const networks = await client.list('/networks?consistency=stale')
  const allocations = await client.list<AllocationBody>('/allocations?all=true&consistency=stale')
  const audit = await client.list<AuditBody>('/audit?consistency=stale', { isBackwards: true })
  const indexes = new Set([...networks.indexes, ...allocations.indexes, ...audit.indexes])
  const [index = 0] = indexes
  if (indexes.size > 1) return null
  return { networks: networks.rows, allocations: allocations.rows, audit: audit.rows, index }
}

/** What the nodes hold once nothing is under way, which is the same. */
export async function expectSameState(
  cluster: Cluster,
  among: readonly Node[] = cluster.nodes,
): Promise<State> {
  // The leader has entries of its own to add, such as whose data directory it has seen.
  const states = await until(
    'all nodes are read at one index',
    async () => {
      const index = await cluster.waitUntilLevel(among)
      const read = await Promise.all(among.map(readState))
      const level = read.filter((state) => state !== null && state.index === index)
      return level.length === among.length && (level as State[])
    },
    { timeoutMs: LEVEL_MS_MAX },
  )
  const [first] = states
  if (first === undefined) throw new Error('there are no nodes')
  for (const [i, state] of states.entries()) {
    expect(state, `nodes ${among[0]?.id} and ${among[i]?.id} hold the same`).toEqual(first)
  }
  return first
}
