/** What a key with a scope costs each of its requests: counted, as `countSteps` says. */
import { describe, expect, test } from 'vitest'
import type { NetworkTable } from '../../src/state/network-table.ts'
import { countSteps } from '../counted-steps.ts'

const stepsOf = countSteps()
const { AddressSpace } = await import('../../src/ipam/address-space.ts')
const { parsePrefix } = await import('../../src/ipam/prefix.ts')
const { positionOf } = await import('../../src/state/key-encoding.ts')
const { NetworkTable: Table } = await import('../../src/state/network-table.ts')
const { Part } = await import('../../src/state/query/part.ts')

const INSIDE = 4_000
const SCOPE = { networks: ['root'], tags: [] }
const STEPS_MAX = 1_000

function add(table: NetworkTable, id: string, cidr: string): void {
  const prefix = parsePrefix(cidr)
  const counters = { activeAllocations: 0, allocations: 0, nextAddress: null, lastAddress: null }
  const settings = { namespace: 'default', tags: [], strategy: 'lowest', cooldownMs: 0 } as const
  const place = {
    position: positionOf(table.size + 1, 0),
    prefix,
    space: new AddressSpace(prefix),
  }
  table.add({ id, ...settings, ...counters, ...place })
}

function tableOf(count: number): NetworkTable {
  const table = new Table()
  add(table, 'root', '10.0.0.0/8')
  add(table, 'outside', '172.16.0.0/24')
  for (let i = 0; i < count; i++) add(table, `net-${i}`, `10.${i >> 8}.${i & 255}.0/24`)
  return table
}

describe('the networks that a key is for', () => {
  const table = tableOf(INSIDE)

  test('are not gone through, nor is what they are asked for', async () => {
    let answers: unknown[] = []
    const steps = await stepsOf(() => {
      const part = new Part(table, SCOPE)
      answers = [part.size, part.has('net-7'), part.has('outside'), part.has('nothing')]
    })

    expect(answers).toEqual([INSIDE + 1, true, false, false])
    expect(steps).toBeGreaterThan(20)
    expect(steps).toBeLessThan(STEPS_MAX)
  })

  test('are all there for who goes through them', () => {
    expect([...new Part(table, SCOPE).networks()]).toHaveLength(INSIDE + 1)
  })
})
