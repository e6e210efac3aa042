/** The documented examples do what the document says. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { type Api, openApi } from './fixture.ts'
import { lasting, type Replayed, replayExamples } from './replay.ts'

let api: Api
let replayed: readonly Replayed[]

beforeAll(async () => {
  api = await openApi()
  // There is no second node here; test/cluster has them.
  replayed = await replayExamples(`http://${api.host}:${api.port}`, { except: ['transferLeader', 'drain'] })
})

afterAll(() => api.close())

test('every example is answered with the documented status and shape', () => {
  const surprises = replayed.flatMap(({ operation: { id, success }, status, complaints, body }) =>
    status === success.status ? complaints : [`${id} is answered ${status}: ${JSON.stringify(body)}`],
  )

  expect(surprises).toEqual([])
  expect(replayed.length).toBe(OPERATIONS.length - 2)
})

test('what an example makes is what its answer says, but for times and secrets', () => {
  const made = replayed.filter(({ operation }) => operation.success.status === 201)

  expect(made.length).toBeGreaterThanOrEqual(7)
  for (const { body, documented } of made) expect(lasting(body)).toEqual(lasting(documented))
})
