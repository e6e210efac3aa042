import { expect, test } from 'vitest'
import { AddressSpace } from '../../src/ipam/address-space.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import { positionOf } from '../../src/state/key-encoding.ts'
import { type NetworkState, NetworkTable } from '../../src/state/network-table.ts'

function networkMadeBy(index: number): NetworkState {
  const prefix = parsePrefix(`10.${index}.0.0/16`)
  return {
    id: `net-${index}`,
    namespace: index % 2 === 0 ? 'lab' : 'default',
    position: positionOf(index, 0),
    prefix,
    space: new AddressSpace(prefix),
    tags: [],
    strategy: 'lowest',
    cooldownMs: 0,
    nextAddress: null,
    lastAddress: null,
    activeAllocations: 0,
    allocations: 0,
  }
}

test('networks are in the order in which they were made, also one whose deletion is taken back', () => {
  const table = new NetworkTable()
  const all = [1, 2, 3, 4, 5].map(networkMadeBy)
  for (const network of all) table.add(network)
  const made = (index: number): NetworkState => all[index - 1] as NetworkState

  table.delete(made(3))
  expect(table.inOrder).toEqual([1, 2, 4, 5].map(made))
  expect(table.rankOf(made(3).position)).toBe(2)
  table.delete(made(1))
  table.add(made(3))
  table.add(made(1))

  expect(table.inOrder).toEqual(all)
  expect(all.map(({ position }) => table.rankOf(position))).toEqual([0, 1, 2, 3, 4])
  expect(table.rankOf(positionOf(6, 0))).toBe(5)
})
