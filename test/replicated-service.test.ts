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
