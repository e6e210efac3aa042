/** The index of host names, over the borders of its chunks: 4,096 allocations each, of which the newest are in memory only. */
import { describe, expect, test } from 'vitest'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { Allocation, AllocationStatus } from '../../src/ipam/records.ts'
import { accepted, EVERY_STATUS, Harness, listAllocations, openMachine, page, tokenOf } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'
import { keysOf } from './state-keys.ts'

const BATCH = 1000
const NAMES = ['web', 'DB', 'cache', 'münchen', 'edge', 'x', 'k8s-node']

/** Names that share much, of all kinds; every ninth has none. */
function nameOf(number: number): string | null {
  if (number % 9 === 8) return null
  return `${NAMES[number % NAMES.length]}-${((number * 7919) % 10_007).toString(number % 2 === 0 ? 10 : 16)}.example`
}

/** Writes names to a network, and remembers who has which, in the order of creation. */
class Estate {
  readonly ipam: Harness
  readonly held: Allocation[] = []

  private constructor(ipam: Harness) {
    this.ipam = ipam
  }

  static async open(storage = new MemoryStorage()): Promise<Estate> {
    const ipam = await Harness.open(storage)
    ipam.createNetwork('net', '10.0.0.0/8')
    return new Estate(ipam)
  }

  /** Goes on with another process on the rows of this one. */
  async restart(storage: MemoryStorage): Promise<Estate> {
    await this.ipam.machine.flush()
    const next = new Estate(new Harness(await openMachine(await storage.copy())))
    next.held.push(...this.held)
    return next
  }

  allocateUpTo(count: number, name = nameOf): void {
    while (this.held.length < count) {
      const length = Math.min(BATCH, count - this.held.length)
      const items = Array.from({ length }, (_, i) => {
        const number = this.held.length + i
        return {
          ...ALLOCATION_DEFAULTS,
          network: { id: 'net' },
          token: tokenOf(`a${number}`),
          hostname: name(number),
        }
      })
      this.held.push(...accepted<Allocation[]>(this.ipam.apply({ type: 'allocateBatch', items })))
    }
  }

  rename(number: number, hostname: string | null): void {
    const command = { type: 'updateAllocation', id: this.#id(number), ifChangedIndex: null } as const
    this.held[number] = accepted(this.ipam.apply({ ...command, changes: { hostname } }))
  }

  release(number: number): void {
    this.held[number] = this.ipam.release(this.#id(number))
  }

  find(part: string, statuses: readonly AllocationStatus[]): string[] {
    const wanted = part.toLowerCase()
    const found = this.held.filter(({ hostname, status }) => {
      return statuses.includes(status) && hostname?.toLowerCase().includes(wanted) === true
    })
    return found.map(({ id }) => id)
  }

  #id(number: number): string {
    return this.held[number]?.id ?? ''
  }
}

async function listed(
  { ipam }: Estate,
  part: string,
  { statuses = EVERY_STATUS, limit = 1000 }: { statuses?: readonly AllocationStatus[]; limit?: number } = {},
): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const asked = page(limit, cursor)
    const answer: Awaited<ReturnType<typeof listAllocations>> = await listAllocations(
      ipam.machine,
      { hostname: part, statuses },
      asked,
    )
    ids.push(...answer.rows.map(({ id }) => id))
    cursor = answer.nextCursor
  } while (cursor !== null)
  return ids
}

const PARTS = [
  'b',
  'Ü',
  'x-',
  'e.',
  '.e',
  'web-12',
  '99.EXAMPLE',
  '8s-node-4',
  'ünc',
  'no such name',
  'example',
]

describe('host names', () => {
  test.each([
    { why: 'all in memory', count: 700 },
    { why: 'the first chunk about to be written', count: 4_096 },
    { why: 'a part of it written', count: 4_600 },
    { why: 'all of it written', count: 5_120 },
    { why: 'the third chunk begun', count: 8_193 },
  ])('are found by any part, in the order of creation: $why', async ({ count }) => {
    const estate = await Estate.open()
    estate.allocateUpTo(count)
    for (let number = 3; number < count; number += 5) estate.release(number)
    for (const part of PARTS) {
      expect([part, await listed(estate, part)]).toEqual([part, estate.find(part, EVERY_STATUS)])
      const active = await listed(estate, part, { statuses: ['allocated'], limit: 300 })
      expect([part, active]).toEqual([part, estate.find(part, ['allocated'])])
    }
  })

  test('that change are found by the new name, and by no other, wherever the allocation lies', async () => {
    const estate = await Estate.open()
    estate.allocateUpTo(9_000)
    for (const number of [0, 4_095, 4_096, 5_000, 8_191, 8_192, 8_999]) {
      estate.rename(number, `moved-${number}.qqq`)
      estate.rename(number, `moved-again-${number}.zzz`)
    }
    estate.rename(5_001, null)
    for (const part of ['.zzz', '.qqq', 'moved-again-8', ...PARTS]) {
      expect([part, await listed(estate, part)]).toEqual([part, estate.find(part, EVERY_STATUS)])
    }
  })

  test('are the same rows on a node that has restarted in the middle, with names that have changed', async () => {
    const storage = new MemoryStorage()
    const steady = await Estate.open(storage)
    let [done, other] = [0, steady]
    const both = (change: (estate: Estate) => void): void => {
      change(steady)
      if (other !== steady) change(other)
    }
    for (const count of [100, 3_000, 4_096, 4_300, 5_000, 5_121, 8_200, 8_300, 9_216]) {
      both((estate) => {
        estate.allocateUpTo(count)
        for (let number = done; number < count; number += 97) estate.rename(number, `renamed-${number}`)
        for (let number = 11; number < count; number += 997) estate.rename(number, `once-${count}-${number}`)
        for (let number = done + 1; number < count; number += 89) estate.release(number)
        estate.rename(done, null)
      })
      expect([count, await other.ipam.machine.stateDigest()]).toEqual([
        count,
        await steady.ipam.machine.stateDigest(),
      ])
      expect(other.ipam.machine.stateHash).toBe(steady.ipam.machine.stateHash)
      done = count
      other = await steady.restart(storage)
      expect(await listed(other, 'renamed-1')).toEqual(steady.find('renamed-1', EVERY_STATUS))
    }
  })

  test('of a batch that is refused leave nothing behind', async () => {
    const [estate, other] = [await Estate.open(), await Estate.open()]
    for (const each of [estate, other]) each.allocateUpTo(4_095)
    const items = ['first', 'second'].map((hostname, i) => {
      const network = { id: i === 0 ? 'net' : 'nowhere' }
      return { ...ALLOCATION_DEFAULTS, network, token: tokenOf(`b${i}`), hostname }
    })
    expect(estate.ipam.apply({ type: 'allocateBatch', items }).ok).toBe(false)
    accepted(other.ipam.apply({ type: 'expireAllocations', limit: 1 }))
    for (const each of [estate, other]) each.allocateUpTo(5_200)

    expect(await listed(estate, 'first')).toEqual([])
    expect(await keysOf(estate.ipam.machine, 'g')).toEqual(await keysOf(other.ipam.machine, 'g'))
    for (const part of PARTS) expect(await listed(estate, part)).toEqual(estate.find(part, EVERY_STATUS))
  })

  test('of active allocations are found at once among any number of ended ones', async () => {
    const estate = await Estate.open()
    estate.allocateUpTo(24_000, () => 'worker')
    for (let number = 0; number < 24_000; number++) if (number !== 23_000) estate.release(number)
    const { rows, nextCursor } = await listAllocations(estate.ipam.machine, { hostname: 'work' }, page(10))

    expect(rows.map(({ id }) => id)).toEqual(estate.find('work', ['allocated']))
    expect(nextCursor).toBeNull()
  })

  test('that are all the same cost a few rows a chunk', async () => {
    const estate = await Estate.open()
    estate.allocateUpTo(4_096 * 3, () => 'node-a')

    // Six characters and five trigrams, the end among them, of two chunks that are written.
    expect(await keysOf(estate.ipam.machine, 'g')).toHaveLength(2 * (6 + 5))
  })
})
