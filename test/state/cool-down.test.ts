/** Addresses rest after their release, for as long as their network says then (api.md, cool-down). */
import { describe, expect, test } from 'vitest'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { accepted, allocateCommand, Harness, openMachine, refusal, START } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const MINUTE_MS = 60_000

async function openNetwork(storage = new MemoryStorage()): Promise<Harness> {
  const ipam = await Harness.open(storage)
  ipam.createNetwork('net', '10.0.0.0/28', { cooldownMs: MINUTE_MS })
  return ipam
}

function whyNot(ipam: Harness, ip: string): string {
  return refusal(ipam.apply(allocateCommand('again', 'net', { ip }))).reason
}

describe('an address rests', () => {
  test('also after it has expired', async () => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net', { ttlMs: 1_000 })
    ipam.time += 1_000
    ipam.expire()

    expect(whyNot(ipam, '10.0.0.1')).toBe('address_cooling')
    expect(ipam.machine.nextExpiry).toBe(START + 1_000 + MINUTE_MS)
    ipam.time += MINUTE_MS
    expect(ipam.allocate('b', 'net').ip).toBe('10.0.0.1')
  })

  test('for as long as the network said when it was released', async () => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net')
    ipam.allocate('b', 'net')
    ipam.release('a')
    const changes = { cooldownMs: 10 * MINUTE_MS }
    accepted(ipam.apply({ type: 'updateNetwork', id: 'net', changes, ifChangedIndex: null }))
    ipam.release('b')
    ipam.time += MINUTE_MS

    expect(ipam.allocate('c', 'net', { ip: '10.0.0.1' }).ip).toBe('10.0.0.1')
    expect(whyNot(ipam, '10.0.0.2')).toBe('address_cooling')
    ipam.time += 9 * MINUTE_MS
    expect(ipam.allocate('d', 'net', { ip: '10.0.0.2' }).ip).toBe('10.0.0.2')
  })

  test('through a restart, in whatever order they were given and released', async () => {
    const storage = new MemoryStorage()
    const before = await openNetwork(storage)
    for (const host of [5, 1, 4, 3, 2]) before.allocate(`host-${host}`, 'net', { ip: `10.0.0.${host}` })
    for (const host of [3, 5, 1]) before.release(`host-${host}`)
    await before.machine.close()

    const ipam = new Harness(await openMachine(storage))

    for (const ip of ['10.0.0.1', '10.0.0.3', '10.0.0.5']) expect(whyNot(ipam, ip)).toBe('address_cooling')
    expect(ipam.machine.nextExpiry).toBe(START + MINUTE_MS)
    ipam.time += MINUTE_MS
    expect(accepted(ipam.apply({ type: 'expireAllocations', limit: 10 }))).toEqual({ expired: 0, cooled: 3 })
    expect(ipam.machine.nextExpiry).toBeNull()
    expect(ipam.allocate('f', 'net').ip).toBe('10.0.0.1')
  })

  test('and is not taken by a child network meanwhile', async () => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net')
    ipam.release('a')
    const child = { ...NETWORK_DEFAULTS, type: 'createNetwork', id: 'child', cidr: '10.0.0.0/30' } as const

    expect(refusal(ipam.apply(child))).toMatchObject({
      reason: 'addresses_in_use',
      message: expect.stringContaining('cool down'),
    })
    ipam.time += MINUTE_MS
    ipam.expire()
    expect(ipam.apply(child).ok).toBe(true)
  })

  test('while others expire: whichever comes first is what the log has to be asked for', async () => {
    const ipam = await openNetwork()
    ipam.allocate('a', 'net', { ttlMs: 10 * MINUTE_MS })
    ipam.allocate('b', 'net')
    ipam.release('b')

    expect(ipam.machine.nextExpiry).toBe(START + MINUTE_MS)
    ipam.time += MINUTE_MS
    ipam.expire()
    expect(ipam.machine.nextExpiry).toBe(START + 10 * MINUTE_MS)
  })
})
