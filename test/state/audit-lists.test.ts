/** Lists of the audit log by several filters at once: full pages of what all of them want, and of nothing else. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CommandContext } from '../../src/ipam/command.ts'
import { ALLOCATION_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { AuditFilter } from '../../src/ipam/query.ts'
import type { AuditEntry } from '../../src/ipam/records.ts'
import { AUDIT_BLOCK_INDEXES } from '../../src/state/audit-keys.ts'
import { type Position, positionOf, SEQUENCE_MAX } from '../../src/state/key-encoding.ts'
import {
  AUDIT_READS_MAX,
  CommonPlaces,
  KnownPlaces,
  type Places,
  positionBehind,
} from '../../src/state/query/audit-places.ts'
import type { Reading } from '../../src/state/query/seekable-rows.ts'
import { openCounted, readsOf } from './counted-state.ts'
import { accepted, allocateCommand, Harness, listAudit, nameOf, page, START, tokenOf } from './harness.ts'

const USERS = ['alice', 'bob', 'zoë'] as const
/** One that a client chose, two of ours of one group, and one of another. */
const REQUESTS = ['ticket-7', 'aaaaaaaaaa-1', 'aaaaaaaaaa-2', 'bbbbbbbbbb-zzz'] as const
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const

type Listed = Pick<Harness, 'machine'>

/** Page by page, each with what it brought, as a list in the order of the pages. */
async function pagesOf(
  { machine }: Listed,
  filter: Partial<AuditFilter>,
  limit: number,
): Promise<AuditEntry[][]> {
  const pages: AuditEntry[][] = []
  let cursor: string | null = null
  do {
    const { rows, nextCursor } = await listAudit(machine, filter, page(limit, cursor))
    pages.push([...rows])
    cursor = nextCursor
  } while (cursor !== null)
  return pages
}

/** In the order of the log. */
function inOrder(pages: readonly AuditEntry[][], { afterIndex = null }: Partial<AuditFilter>): AuditEntry[] {
  return (afterIndex === null ? pages.toReversed() : pages).flat()
}

/** What is refused has an index and no audit row. */
function skip(ipam: Harness, count: number): void {
  for (let i = 0; i < count; i++) ipam.apply({ type: 'deleteNetwork', id: 'none', ifChangedIndex: null })
}

/** To the first index of a block. */
function skipToBlock(ipam: Harness): void {
  skip(ipam, AUDIT_BLOCK_INDEXES - 1 - (ipam.machine.appliedIndex % AUDIT_BLOCK_INDEXES))
}

interface Step {
  readonly kind: number
  readonly by: CommandContext
  readonly ip: string
  /** Entries that follow it, and change nothing. */
  readonly rest: number
}

const steps = fc.array(
  fc.record({
    kind: fc.nat({ max: 9 }),
    by: fc.record({
      user: fc.constantFrom(...USERS),
      requestId: fc.option(fc.constantFrom(...REQUESTS), { nil: null }),
    }),
    ip: fc.constantFrom(...IPS),
    rest: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat({ max: 600 })),
  }),
  { minLength: 30, maxLength: 90 },
)

function nameAt(ip: string): string {
  return `at-${ip.split('.').at(-1)}`
}

function take(ipam: Harness, { kind, by, ip, rest }: Step): void {
  ipam.time += 1_000
  const id = nameAt(ip)
  if (kind < 4) ipam.apply(allocateCommand(id, 'net', { ip }), by)
  else if (kind < 6) ipam.apply({ type: 'releaseAllocation', id, ifChangedIndex: null }, by)
  else if (kind < 8) {
    const changes = { description: `as of ${ipam.time}` }
    ipam.apply({ type: 'updateAllocation', id, changes, ifChangedIndex: null }, by)
  } else if (kind < 9) {
    const items = [4, 5, 6].map((host) => {
      return {
        ...ALLOCATION_DEFAULTS,
        ip: `10.0.0.${host}`,
        network: { id: 'net' },
        token: tokenOf(`at-${host}`),
      }
    })
    ipam.apply({ type: 'allocateBatch', items }, by)
  } else {
    const changes = { description: `as of ${ipam.time}` }
    ipam.apply({ type: 'updateNetwork', id: 'net', changes, ifChangedIndex: null }, by)
  }
  skip(ipam, rest)
}

const values = fc.record({
  user: fc.constantFrom(...USERS),
  action: fc.constantFrom('ip_allocated', 'ip_released', 'ip_updated', 'network_updated', 'key_created'),
  requestId: fc.constantFrom(...REQUESTS, 'aaaaaaaaaa-3'),
  resource: fc.constantFrom('net', ...IPS.map(nameAt)),
  ip: fc.constantFrom(...IPS, '10.0.0.4'),
  since: fc.nat({ max: 90 }).map((seconds) => START + seconds * 1_000),
  until: fc.nat({ max: 90 }).map((seconds) => START + seconds * 1_000),
  afterIndex: fc.nat({ max: 3_000 }),
} satisfies Partial<Record<keyof AuditFilter, unknown>>)

const NAMES = ['user', 'action', 'requestId', 'resource', 'ip', 'since', 'until', 'afterIndex'] as const

/** Up to four, often of those that have an index. */
const filters = fc
  .tuple(values, fc.subarray(NAMES.slice(0, 5), { maxLength: 3 }), fc.subarray([...NAMES], { maxLength: 1 }))
  .map(([all, ...names]): Partial<AuditFilter> => {
    return Object.fromEntries(names.flat().map((name) => [name, all[name]]))
  })

/** The naive way. */
function isWanted(row: AuditEntry, filter: Partial<AuditFilter>): boolean {
  const { user, action, requestId, resource, ip, since, until, afterIndex } = filter
  const record = row.after ?? row.before
  return [
    user == null || row.user === user,
    action == null || row.action === action,
    requestId == null || row.requestId === requestId,
    resource == null || row.resource === resource,
    ip == null || (record !== null && 'ip' in record && record.ip === ip),
    since == null || row.timestamp >= since,
    until == null || row.timestamp < until,
    afterIndex == null || row.index > afterIndex,
  ].every(Boolean)
}

describe('whatever has been written, by any filters at once', () => {
  test('the audit log lists what all of them want, each row once, in its order, on full pages', async () => {
    let found = 0
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(filters, { minLength: 20, maxLength: 20 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat({ max: 20_000 }),
        async (taken, asked, limit, forgotten) => {
          const ipam = await Harness.open()
          ipam.createNetwork('net', '10.0.0.0/24')
          for (const step of taken) take(ipam, step)
          accepted(ipam.apply({ type: 'pruneAudit', before: START + forgotten - 15_000, limit: 100_000 }))
          if (forgotten % 2 > 0) await ipam.machine.flush()
          const rows = await ipam.audit()

          for (const named of asked) {
            const filter = named.resource == null ? named : { ...named, resource: ipam.idOf(named.resource) }
            const pages = await pagesOf(ipam, filter, limit)
            const wanted = rows.filter((row) => isWanted(row, filter))
            expect(inOrder(pages, filter), JSON.stringify(filter)).toEqual(wanted)
            for (const { length } of pages.slice(0, -1)) expect(length, JSON.stringify(filter)).toBe(limit)
            if (Object.keys(filter).length > 1) found += wanted.length
          }
        },
      ),
      { numRuns: 150 },
    )

    expect(found, 'hardly anything was found by two filters').toBeGreaterThan(300)
  })
})

const BY_BOB: CommandContext = { user: 'bob', requestId: null }
const BATCH_ROWS = 1_000

/** @param name Of one batch, at most six characters. */
function allocateBatch(ipam: Harness, name: string, by: CommandContext): void {
  const items = Array.from({ length: BATCH_ROWS }, (_, i) => {
    return { ...ALLOCATION_DEFAULTS, network: { id: 'net' }, token: tokenOf(`${name}-${i}`) }
  })
  accepted(ipam.apply({ type: 'allocateBatch', items }, by))
}

describe('where each of two filters finds more than one request may read', () => {
  test('a page of both is full of what lies between, for few reads', async () => {
    const state = await openCounted()
    const { ipam } = state
    ipam.createNetwork('net', '10.0.0.0/16')
    for (let i = 0; i < 50; i++) ipam.allocate(`a-${i}`, 'net')
    for (let i = 0; i < 50; i++) {
      skipToBlock(ipam)
      const release = { type: 'releaseAllocation', id: `a-${i}`, ifChangedIndex: null } as const
      if (i < 2 || i > 47) accepted(ipam.apply(release, BY_BOB))
      else if (i % 2 > 0) ipam.release(`a-${i}`)
      else allocateBatch(ipam, `b${i}`, BY_BOB)
    }
    await ipam.machine.flush()

    for (const afterIndex of [null, 1]) {
      const ask = () => listAudit(ipam.machine, { user: 'bob', action: 'ip_released', afterIndex }, page(4))
      const [{ rows, nextCursor }, reads] = await readsOf(state, ask)

      expect([rows.length, nextCursor]).toEqual([4, null])
      expect(reads).toBeLessThan(BATCH_ROWS)
    }
  })

  test('within the same blocks, a request reads no more than it may, and the next one goes on', async () => {
    const state = await openCounted()
    const { ipam } = state
    ipam.createNetwork('net', '10.0.0.0/15')
    ipam.allocate('first', 'net')
    for (let i = 0; i < 90; i++) allocateBatch(ipam, `b${i}`, BY_BOB)
    ipam.release('first')
    ipam.allocate('last', 'net')
    await ipam.machine.flush()

    for (const afterIndex of [null, 1]) {
      const filter = { user: 'alice', action: 'ip_allocated', afterIndex } as const
      const names: string[] = []
      let requests = 0
      for (let cursor: string | null = null; cursor !== null || requests === 0; requests++) {
        const asked = page(10, cursor)
        const [list, reads] = await readsOf(state, () => listAudit(ipam.machine, filter, asked))
        expect(reads).toBeLessThan(AUDIT_READS_MAX + BATCH_ROWS)
        expect(list.total, 'not all is known').toBeNull()
        names.push(...list.rows.map(({ resource }) => nameOf({ id: resource })))
        cursor = list.nextCursor
      }
      expect([names, requests]).toEqual([afterIndex === null ? ['last', 'first'] : ['first', 'last'], 3])
    }
  })
})

/** Each time that it is asked costs one of what a request may read. */
class CostlyPlaces implements Places {
  readonly #reading: { left: number }
  readonly #places: Places

  constructor(reading: { left: number }, places: Places) {
    this.#reading = reading
    this.#places = places
  }

  seek(from: Position): Promise<Position | null> {
    this.#reading.left -= 1
    return this.#places.seek(from)
  }

  close(): Promise<void> {
    return this.#places.close()
  }
}

const places = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom(0, 1, 2, SEQUENCE_MAX)), { maxLength: 20 })
  .map((all) => all.map(([index, sequence]) => positionOf(index, sequence)))

test('wherever requests stop, all of them together list what several lists have in common, each place once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(places, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 5, max: 12 }),
      fc.boolean(),
      async (lists, left, isReverse) => {
        const [first = [], ...others] = lists.map((list) => [...new Set(list)].sort())
        const common = first.filter((place) => others.every((other) => other.includes(place)))
        const listed: Position[] = []

        let from: Position | null = isReverse ? positionOf(7, 0) : positionOf(0, 0)
        while (from !== null) {
          const reading = { isReverse, left } as Reading
          const costly = lists.map((list) => new CostlyPlaces(reading, new KnownPlaces(reading, list)))
          const request = new CommonPlaces(reading, { name: '', lists: costly, from, isBeyond: () => false })
          const found = await request.take(100)
          listed.push(...found.map(({ place }) => place))
          from = request.stoppedAt && positionBehind(request.stoppedAt, { isReverse })
        }

        expect(listed).toEqual(isReverse ? common.toReversed() : common)
      },
    ),
  )
})
