/** A restart is a matter of one node: whatever comes next, it does what the others do. */
import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/ipam/command.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { allocateCommand, Harness, openMachine } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const MINUTE_MS = 60_000

const NET = { ...NETWORK_DEFAULTS, type: 'createNetwork', id: 'net', cidr: '10.0.0.0/28' } as const
const EXPIRE: Command = { type: 'expireAllocations', limit: 10 }

const CASES: { why: string; before: Command[]; after: Command[]; last: unknown }[] = [
  {
    why: 'gateway and reserved addresses are not handed out',
    before: [{ ...NET, gateway: '10.0.0.1', reserved: ['10.0.0.2-10.0.0.5'] }],
    after: [allocateCommand('a', 'net')],
    last: { ip: '10.0.0.6' },
  },
  {
    why: 'strategy next goes on where it was',
    before: [{ ...NET, strategy: 'next' }, allocateCommand('a', 'net', { ip: '10.0.0.5' })],
    after: [allocateCommand('b', 'net')],
    last: { ip: '10.0.0.6' },
  },
  {
    why: 'a renewed allocation does not expire when it would have',
    before: [
      NET,
      allocateCommand('a', 'net', { ttlMs: MINUTE_MS }),
      { type: 'renewAllocation', id: 'a', ttlMs: 60 * MINUTE_MS, ifChangedIndex: null },
    ],
    after: [EXPIRE],
    last: { expired: 0, cooled: 0 },
  },
  {
    why: 'what was renewed for a shorter time is over by then',
    before: [
      NET,
      allocateCommand('a', 'net', { ttlMs: 60 * MINUTE_MS }),
      { type: 'renewAllocation', id: 'a', ttlMs: MINUTE_MS, ifChangedIndex: null },
    ],
    after: [EXPIRE],
    last: { expired: 1, cooled: 0 },
  },
  {
    why: 'a network between others keeps what its children have left it',
    before: [NET, { ...NET, id: 'leaf', cidr: '10.0.0.0/31' }, { ...NET, id: 'middle', cidr: '10.0.0.0/30' }],
    after: [allocateCommand('a', 'middle'), allocateCommand('b', 'net')],
    last: { ip: '10.0.0.4' },
  },
]

describe('a node that restarts', () => {
  test.each(CASES)('does what one does that went on: $why', async ({ before, after, last }) => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    for (const command of before) expect(ipam.apply(command).ok).toBe(true)
    await ipam.machine.flush()
    const restarted = new Harness(await openMachine(await storage.copy()))

    expect(restarted.machine.nextExpiry).toBe(ipam.machine.nextExpiry)
    ipam.time += 2 * MINUTE_MS
    restarted.time = ipam.time
    const outcomes = after.map((command) => {
      const outcome = ipam.apply(command)
      expect(restarted.apply(command)).toEqual(outcome)
      return outcome
    })

    expect(outcomes.at(-1)).toMatchObject({ ok: true, value: last })
    expect(await restarted.machine.stateDigest()).toBe(await ipam.machine.stateDigest())
  })
})
