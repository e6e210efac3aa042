/** Which addresses and networks are given, beyond the first of an empty network. */
import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/ipam/address.ts'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { Allocation, PlacedNetwork } from '../../src/ipam/records.ts'
import { accepted, allocateCommand, Harness, listNetworks, refusal, tokenOf } from './harness.ts'

describe('addresses', () => {
  test('a search that has come to the end starts again, aligned as before', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/27', { strategy: 'next' })
    ipam.allocate('a', 'net', { ip: '10.0.0.25' })

    expect(ipam.allocate('b', 'net', { count: 4, alignment: 4 }).ip).toBe('10.0.0.4')
  })

  test('those that chance gives to one batch do not follow one another', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/8', { strategy: 'random' })
    const items = Array.from({ length: 20 }, (_, i) => {
      return { ...ALLOCATION_DEFAULTS, token: tokenOf(`a${i}`), network: { id: 'net' } }
    })

    const given = accepted<Allocation[]>(ipam.apply({ type: 'allocateBatch', items }))

    const values = given.map(({ ip }) => parseAddress(ip).value)
    expect(values.filter((value) => values.includes(value + 1n))).toEqual([])
  })

  test('a preferred range of which a part is taken is not given', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/27')
    ipam.allocate('a', 'net', { ip: '10.0.0.18' })

    expect(ipam.allocate('b', 'net', { preferredIp: '10.0.0.16', count: 4 })).toMatchObject({
      ip: '10.0.0.1',
      endIp: '10.0.0.4',
    })
  })

  test.each(['lowest', 'next'] as const)('strategy %s gives what it has shown before', async (strategy) => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/29', { strategy })
    for (const id of ['a', 'b', 'c', 'd']) ipam.allocate(id, 'net')
    ipam.release('b')

    const shown = await ipam.machine.query({ type: 'availableAddresses', id: 'net', count: 10 })

    expect(shown).toEqual(
      strategy === 'next' ? ['10.0.0.5', '10.0.0.6', '10.0.0.2'] : ['10.0.0.2', '10.0.0.5', '10.0.0.6'],
    )
    expect(['e', 'f', 'g'].map((id) => ipam.allocate(id, 'net').ip)).toEqual(shown)
  })

  test('an address alone names the smallest network around it, in its namespace', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/16')
    ipam.createNetwork('lab', '10.0.0.0/24', { namespace: 'lab' })
    ipam.createNetwork('leaf', '10.0.0.0/28', { namespace: 'lab' })
    const at = (ip: string, namespace: string) =>
      ipam.apply({ ...allocateCommand('a', ''), ip, network: { namespace } })

    expect(accepted<Allocation>(at('10.0.0.5', 'default')).networkId).toBe('net')
    expect(accepted<Allocation>(at('10.0.0.5', 'lab')).networkId).toBe('leaf')
    expect(accepted<Allocation>(at('10.0.0.50', 'lab')).networkId).toBe('lab')
    expect(refusal(at('10.0.9.5', 'lab')).reason).toBe('network_not_found')
  })
})

describe('networks', () => {
  test('are carved in the namespace of their parent', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/24')
    ipam.createNetwork('lab', '10.0.0.0/24', { namespace: 'lab' })

    const carved = accepted<PlacedNetwork[]>(
      ipam.apply({
        type: 'carveNetworks',
        ...{ parentId: 'lab', ids: ['a'], prefixLength: 28, description: 'x', tags: ['t'] },
        metadata: { owner: 'ada' },
      }),
    )

    expect(carved).toMatchObject([
      {
        ...{ cidr: '10.0.0.0/28', namespace: 'lab', parentId: 'lab', description: 'x', tags: ['t'] },
        metadata: { owner: 'ada' },
      },
    ])
  })

  test('a network that comes around others hands out none of their addresses', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('leaf', '10.0.0.0/29')
    ipam.createNetwork('around', '10.0.0.0/24')

    expect(ipam.allocate('a', 'around').ip).toBe('10.0.0.8')
    expect(refusal(ipam.apply(allocateCommand('b', 'around', { ip: '10.0.0.3' }))).reason).toBe(
      'address_taken',
    )
    expect(ipam.allocate('c', 'leaf').ip).toBe('10.0.0.1')
  })

  test('a network that goes from between others leaves to its parent what its children do not have', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/24')
    ipam.createNetwork('middle', '10.0.0.0/28')
    ipam.createNetwork('leaf', '10.0.0.0/30')
    accepted(ipam.apply({ type: 'deleteNetwork', id: 'middle', ifChangedIndex: null }))

    expect(ipam.allocate('a', 'net').ip).toBe('10.0.0.4')
    expect(ipam.allocate('b', 'leaf').ip).toBe('10.0.0.1')
  })

  test('have their parents and children in their own namespace', async () => {
    const ipam = await Harness.open()
    ipam.createNetwork('net', '10.0.0.0/16')
    ipam.createNetwork('child', '10.0.0.0/24')
    ipam.createNetwork('other', '10.0.1.0/24', { namespace: 'lab' })

    const { rows } = await listNetworks(ipam.machine)
    const children = await listNetworks(ipam.machine, { parentId: 'net' })

    expect(rows.map(({ id, parentId }) => [id, parentId])).toEqual([
      ['net', null],
      ['child', 'net'],
      ['other', null],
    ])
    expect(children.rows.map(({ id }) => id)).toEqual(['child'])
    expect(ipam.allocate('a', 'net').ip).toBe('10.0.1.0')
  })
})
