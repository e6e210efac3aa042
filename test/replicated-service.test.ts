import { nextTick } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../raft/assert.ts'
import { NETWORK_DEFAULTS } from '../src/ipam/defaults.ts'
import { openRealService } from './real-service.ts'
import { until } from './until.ts'

const CONTEXT = { user: 'alice', requestId: null }
const CREATE = {
  ...NETWORK_DEFAULTS,
  type: 'createNetwork',
  id: 'net-1',
  cidr: '10.0.0.0/24',
} as const

describe('a command', () => {
  test('is written in the schema version of the cluster', async () => {
    const { service, entries, close } = await openRealService()

    await service.execute(CREATE, CONTEXT)

    const command = (await entries()).find(({ type }) => type === 'command')
    expect(command?.payload[0]).toBe(1)
    expect(service.status()).toMatchObject({
      schemaVersion: 1,
      members: [{ nodeId: 1, schemas: { min: 1, max: 1 } }],
    })
    await close()
  })

  test('is not written in a version that the cluster has left behind', async () => {
    const { service, close } = await openRealService({ schemas: { min: 1, max: 2 } })
    await until(() => service.status().schemaVersion === 2)

    await expect(service.execute(CREATE, CONTEXT)).rejects.toThrow(AssertionError)
    await close()
  })
})

describe('reads that need not wait for the cluster', () => {
  const READS = 5
  const ROUNDS = 2
  const QUERY = { type: 'network', id: CREATE.id } as const

  test.each([
    { name: 'stale ones', consistencyAt: () => ({ type: 'stale' as const }) },
    {
      name: 'those of what is applied',
      consistencyAt: (index: number) => ({ type: 'minIndex' as const, index }),
    },
  ])('are answered together, after what else has come in: $name', async ({ consistencyAt }) => {
    const { service, close } = await openRealService()
    const { index } = await service.execute(CREATE, CONTEXT)

    for (let round = 0; round < ROUNDS; round++) {
      let count = 0
      const reads = Array.from({ length: READS }, async () => {
        await service.read(QUERY, consistencyAt(index))
        count += 1
      })
      // Everything but a turn of the event loop.
      await new Promise((resolve) => nextTick(resolve))
      expect(count).toBe(0)
      await turn()
      expect(count).toBe(READS)
      await Promise.all(reads)
    }
    await close()
  })

  test('are answered also when nothing follows them', async () => {
    const { service, close } = await openRealService()
    await service.execute(CREATE, CONTEXT)

    for (let i = 0; i < READS; i++) {
      const { value } = await service.read(QUERY, { type: 'stale' })
      expect(value).toMatchObject({ id: CREATE.id })
    }
    await close()
  })
})
