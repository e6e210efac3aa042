import { describe, expect } from 'vitest'
import type { NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'
import { expectHonest } from './honest.ts'
import { expectSameState } from './same-state.ts'
import { until } from './until.ts'
import { countFates, longestGapMs, type Write, WriteLoad } from './write-load.ts'

const ROUNDS = 3
const WRITERS = 32
const WRITES_BETWEEN = 300
const GAP_MS_MAX = 3_000

describe('a leader that ends under concurrent writes through the other nodes', () => {
  test('by kill -9: every write is answered, carried out once, and they go on within 3 s', async ({
    startCluster,
  }) => {
    const cluster = await startCluster()
    const [first] = cluster.nodes
    const network = await first?.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
    const writes = []
    const gaps = []

    for (let round = 0; round < ROUNDS; round++) {
      const leader = await cluster.leader()
      const survivors = cluster.others(leader)
      const load = new WriteLoad({
        clients: survivors.map(({ client }) => client),
        networkId: network?.id ?? '',
        workerCount: WRITERS,
      })
      await until('writes flow', () => load.doneCount > WRITES_BETWEEN)
      const killedAt = performance.now()
      await leader.kill()
      await cluster.leader(survivors)
      const doneCount = load.doneCount
      await until('writes flow again', () => load.doneCount > doneCount + WRITES_BETWEEN)
      await load.stop()
      writes.push(...load.writes)
      gaps.push(longestGapMs(load.writes, { since: killedAt }))
      await cluster.restart(leader)
    }
    const state = await expectSameState(cluster)

    expectHonest(writes, state.allocations)
    const written = gaps.map((gap) => Math.round(gap)).join(', ')
    process.stdout.write(`write gaps: ${written} ms; ${JSON.stringify(countFates(writes))}\n`)
    expect(Math.max(...gaps)).toBeLessThan(GAP_MS_MAX)
    expectAllDone(writes)
  })

  test('by a stop that closes no connection: the same', async ({ startCluster }) => {
    const cluster = await startCluster()
    const [first] = cluster.nodes
    const network = await first?.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/8' })
    const leader = await cluster.leader()
    const survivors = cluster.others(leader)
    const load = new WriteLoad({
      clients: survivors.map(({ client }) => client),
      networkId: network?.id ?? '',
      workerCount: WRITERS,
    })
    await until('writes flow', () => load.doneCount > WRITES_BETWEEN)

    leader.pause()
    await cluster.leader(survivors)
    const doneCount = load.doneCount
    await until('writes flow again', () => load.doneCount > doneCount + WRITES_BETWEEN)
    await load.stop()
    leader.resume()
    const state = await expectSameState(cluster)

    expectHonest(load.writes, state.allocations)
    expectAllDone(load.writes)
  })
})

/** The next leader comes within the time that a request waits: nobody has to be told that the outcome is unknown. */
function expectAllDone(writes: readonly Write[]): void {
  expect(countFates(writes)).toEqual({ done: writes.length, refused: 0, 'not applied': 0, unknown: 0 })
}
