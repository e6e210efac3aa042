/** The documented examples against three real nodes, through one that follows. */
import { expect } from 'vitest'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { replayExamples } from '../http/replay.ts'
import { test } from './cluster-test.ts'
import { until } from './until.ts'

test('every documented example works as it stands on a cluster', async ({ startCluster }) => {
  const cluster = await startCluster()
  const { client } = cluster.node(2)
  // The document has leadership transferred to node 2.
  if ((await cluster.leader()).id === 2) {
    await client.send('POST', '/cluster/transfer-leader', { node_id: 1 })
    await until('node 1 leads', async () => (await client.status()).leader_id === 1)
  }

  const replayed = await replayExamples(`http://127.0.0.1:${client.port}`)

  const surprises = replayed.flatMap(({ operation: { id, success }, status, complaints, body }) =>
    status === success.status ? complaints : [`${id} is answered ${status}: ${JSON.stringify(body)}`],
  )
  expect(surprises).toEqual([])
  expect(replayed.length).toBe(OPERATIONS.length)
})
