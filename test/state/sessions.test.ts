import { beforeEach, describe, expect, test } from 'vitest'
import type { AllocateAddresses } from '../../src/ipam/command.ts'
import { encodeCommand } from '../../src/ipam/command-codec.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import {
  SESSION_IDLE_MS_MAX,
  SESSION_WINDOW_MAX,
  SESSIONS_MAX,
  type SessionStamp,
} from '../../src/ipam/session.ts'
import { Slices } from '../../src/state/slices.ts'
import { decodeRows } from '../../src/state/snapshot.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import {
  ALICE,
  allocateCommand,
  Harness,
  imageOf,
  ManualClock,
  metaAt,
  openMachine,
  streamOf,
} from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

let storage: MemoryStorage
let ipam: Harness
let sessionId: number
beforeEach(async () => {
  storage = new MemoryStorage()
  ipam = await Harness.open(storage)
  ipam.createNetwork('net-a', '10.0.0.0/24')
  sessionId = ipam.openSession()
})

function allocation(id: string, networkId = 'net-a'): AllocateAddresses {
  return allocateCommand(id, networkId)
}

function stamp(sequence: number, floor = 1, session = sessionId): SessionStamp {
  return { sessionId: session, sequence, floor }
}

/** What a state machine holds, without the row that says how far it is. */
async function rowsOf(machine: IpamStateMachine): Promise<Map<string, string>> {
  const rows = new Map<string, string>()
  const { chunks } = await imageOf(machine)
  for await (const batch of decodeRows(streamOf(chunks), new Slices(new ManualClock()))) {
    for (const [key, value] of batch) if (key !== '!applied') rows.set(key, value.toString('hex'))
  }
  return rows
}

async function keysOfKind(kind: 's' | 't'): Promise<string[]> {
  return [...(await rowsOf(ipam.machine)).keys()].filter((key) => key.startsWith(kind))
}

async function reopen(): Promise<void> {
  const { time } = ipam
  await ipam.machine.close()
  ipam = await Harness.open(storage)
  ipam.time = time
}

describe('a copy of a write (§6.3)', () => {
  test('gets the outcome of the first, and changes nothing', async () => {
    const first = ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    const rows = await rowsOf(ipam.machine)

    const second = ipam.apply(allocation('alloc-1'), ALICE, stamp(1))

    expect(first.ok).toBe(true)
    expect(second).toEqual(first)
    expect(await rowsOf(ipam.machine)).toEqual(rows)
  })

  test('gets the outcome of then, whatever has become of it since', () => {
    const first = ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    ipam.release('alloc-1')

    expect(ipam.apply(allocation('alloc-1'), ALICE, stamp(1))).toEqual(first)
  })

  test('of a refused write is refused for the same reason, although it could be carried out now', () => {
    const refused = ipam.apply(allocation('alloc-1', 'net-b'), ALICE, stamp(1))
    ipam.createNetwork('net-b', '10.0.1.0/24')

    expect(refused).toMatchObject({ ok: false, refusal: { reason: 'network_not_found' } })
    expect(ipam.apply(allocation('alloc-1', 'net-b'), ALICE, stamp(1))).toEqual(refused)
  })

  test.each([
    { why: 'a restart that reads it from disk', interrupt: reopen },
    {
      why: 'a flush',
      interrupt: () => ipam.machine.flush(),
    },
    {
      why: 'a power failure that leaves it to the log',
      interrupt: async () => {
        const { log } = ipam
        ipam = await Harness.open(await storage.copy())
        for (const entry of log.slice(ipam.machine.appliedIndex)) ipam.machine.apply(entry)
      },
    },
    {
      why: 'a snapshot that another node restores',
      interrupt: async () => {
        const image = await imageOf(ipam.machine)
        ipam = await Harness.open()
        await ipam.machine.restore(metaAt(image.appliedIndex), streamOf(image.chunks))
      },
    },
  ])('gets the outcome of the first also after $why', async ({ interrupt }) => {
    const commands = [
      allocation('alloc-1'),
      {
        ...NETWORK_DEFAULTS,
        type: 'createNetwork',
        id: 'net-c',
        cidr: '10.0.3.0/24',
        tags: ['x'],
      },
      allocation('alloc-2', 'net-x'),
      { type: 'releaseAllocation', id: 'alloc-1', ifChangedIndex: null },
      { type: 'deleteNetwork', id: 'net-c', ifChangedIndex: null },
      { type: 'expireAllocations', limit: 1 },
    ] as const
    const outcomes = commands.map((command, i) => ipam.apply(command, ALICE, stamp(i + 1)))
    const audited = (await ipam.audit()).length

    await interrupt()

    expect(commands.map((command, i) => ipam.apply(command, ALICE, stamp(i + 1)))).toEqual(outcomes)
    expect(await ipam.audit()).toHaveLength(audited)
  })

  test('is told by session and number, not by its bytes', () => {
    const other = ipam.openSession()
    ipam.apply(allocation('alloc-1'), ALICE, stamp(1))

    const outcomes = [
      ipam.apply(allocation('alloc-2'), ALICE, stamp(2)),
      ipam.apply(allocation('alloc-3'), ALICE, stamp(1, 1, other)),
    ]

    expect(outcomes).toMatchObject([
      { value: { id: ipam.idOf('alloc-2') } },
      { value: { id: ipam.idOf('alloc-3') } },
    ])
  })
})

describe('the floor of a session', () => {
  test('lets go of the outcomes below it: a copy that comes after that is refused, and changes nothing', async () => {
    ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    ipam.apply({ type: 'releaseAllocation', id: 'alloc-1', ifChangedIndex: null }, ALICE, stamp(2, 2))
    const rows = await rowsOf(ipam.machine)

    const late = ipam.apply(allocation('alloc-1'), ALICE, stamp(1))

    expect(late).toMatchObject({ ok: false, refusal: { reason: 'sequence_forgotten' } })
    expect(await rowsOf(ipam.machine)).toEqual(rows)
  })

  test('also refuses what was never applied below it', () => {
    ipam.apply(allocation('alloc-1'), ALICE, stamp(5, 5))

    expect(ipam.apply(allocation('alloc-2'), ALICE, stamp(3, 3))).toMatchObject({
      refusal: { reason: 'sequence_forgotten' },
    })
  })

  test('never goes down: entries may come in another order than they were sent', () => {
    ipam.apply(allocation('alloc-2'), ALICE, stamp(4, 3))
    ipam.apply(allocation('alloc-1'), ALICE, stamp(3, 1))

    expect(ipam.apply(allocation('alloc-0'), ALICE, stamp(2, 1))).toMatchObject({
      refusal: { reason: 'sequence_forgotten' },
    })
  })

  test('is kept across a restart', async () => {
    ipam.apply(allocation('alloc-1'), ALICE, stamp(5, 5))
    await reopen()

    expect(ipam.apply(allocation('alloc-0'), ALICE, stamp(4, 4))).toMatchObject({
      refusal: { reason: 'sequence_forgotten' },
    })
  })

  test.each([
    { why: 'forgotten before they are flushed', flushEvery: 1_000 },
    { why: 'flushed before they are forgotten', flushEvery: 3 },
  ])('keeps as many outcomes as writes were under way, also if they are $why', async ({ flushEvery }) => {
    for (let sequence = 1; sequence <= 200; sequence++) {
      ipam.apply(
        { type: 'releaseAllocation', id: 'none', ifChangedIndex: null },
        ALICE,
        stamp(sequence, Math.max(1, sequence - 9)),
      )
      if (sequence % flushEvery === 0) await ipam.machine.flush()
    }

    expect(await keysOfKind('t')).toHaveLength(10)
    expect(await keysOfKind('s')).toHaveLength(1)
  })

  test('follows a session that goes too far ahead of it: the oldest outcomes are forgotten', async () => {
    ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    ipam.apply(allocation('alloc-2'), ALICE, stamp(2))
    ipam.apply(allocation('alloc-3'), ALICE, stamp(SESSION_WINDOW_MAX + 1))

    expect(ipam.apply(allocation('alloc-1'), ALICE, stamp(1))).toMatchObject({
      refusal: { reason: 'sequence_forgotten' },
    })
    expect(ipam.apply(allocation('alloc-2'), ALICE, stamp(2)).ok).toBe(true)
    expect(await keysOfKind('t')).toHaveLength(2)
  })
})

describe('a session', () => {
  test('that was never opened, or is forgotten, gets a refusal, and nothing changes', async () => {
    const rows = await rowsOf(ipam.machine)

    const outcome = ipam.apply(allocation('alloc-1'), ALICE, stamp(1, 1, sessionId + 1))

    expect(outcome).toMatchObject({ ok: false, refusal: { reason: 'session_expired' } })
    expect(await rowsOf(ipam.machine)).toEqual(rows)
  })

  test.each([
    { why: 'exactly the time allowed', elapsedMs: SESSION_IDLE_MS_MAX, isKept: true },
    { why: 'longer', elapsedMs: SESSION_IDLE_MS_MAX + 1, isKept: false },
  ])('that was unused for $why when another is opened is kept: $isKept', async ({ elapsedMs, isKept }) => {
    const first = ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    ipam.time += elapsedMs

    ipam.openSession()

    const copy = ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    if (isKept) expect(copy).toEqual(first)
    else expect(copy).toMatchObject({ ok: false, refusal: { reason: 'session_expired' } })
    expect(await keysOfKind('t')).toHaveLength(isKept ? 1 : 0)
    expect(await keysOfKind('s')).toHaveLength(isKept ? 2 : 1)
  })

  test('that is unused stays as long as no other is opened', () => {
    ipam.time += 2 * SESSION_IDLE_MS_MAX

    expect(ipam.apply(allocation('alloc-1'), ALICE, stamp(1)).ok).toBe(true)
  })

  test('goes when there are too many, the least recently used first, also across a restart', async () => {
    const others = Array.from({ length: SESSIONS_MAX - 1 }, () => {
      ipam.time += 1
      return ipam.openSession()
    })
    ipam.time += 1
    ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    await reopen()

    ipam.openSession()

    const isOpen = (id: number) =>
      ipam.apply({ type: 'releaseAllocation', id: 'x', ifChangedIndex: null }, ALICE, stamp(9, 9, id))
    expect(isOpen(others[0] ?? 0)).toMatchObject({ refusal: { reason: 'session_expired' } })
    expect(isOpen(others[1] ?? 0)).toMatchObject({ refusal: { reason: 'allocation_not_found' } })
    expect(isOpen(sessionId)).toMatchObject({ refusal: { reason: 'allocation_not_found' } })
    expect(await keysOfKind('s')).toHaveLength(SESSIONS_MAX)
  })

  test('that is forgotten is not brought back by a copy of the entry that opened it', () => {
    ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    ipam.release('alloc-1')
    ipam.time += 2 * SESSION_IDLE_MS_MAX
    ipam.openSession()

    ipam.machine.apply(
      ipam.append(
        'command',
        encodeCommand(
          { command: { type: 'openSession' }, context: ALICE, session: null, idempotency: null },
          1,
        ),
      ),
    )

    expect(ipam.apply(allocation('alloc-2'), ALICE, stamp(1))).toMatchObject({
      refusal: { reason: 'session_expired' },
    })
  })

  test('with rows of outcomes but none of its own is damage', async () => {
    ipam.apply(allocation('alloc-1'), ALICE, stamp(1))
    await ipam.machine.close()
    const database = await storage.open()
    const [key = ''] = await database.keys({ gte: 's', lt: 't' }).all()
    await database.del(key)
    await database.close()

    await expect(openMachine(storage)).rejects.toThrow(`an outcome of session ${sessionId}`)
  })
})

test('a session is forgotten in the same order on a node that has restarted, so that their hashes agree', async () => {
  for (const sequence of [3, 1, 2]) ipam.apply(allocation(`alloc-${sequence}`), ALICE, stamp(sequence))
  await ipam.machine.flush()
  const restarted = await Harness.open(await storage.copy())
  const time = ipam.time + SESSION_IDLE_MS_MAX + 1
  for (const node of [ipam, restarted]) {
    node.time = time
    node.openSession()
  }

  expect(restarted.machine.stateHash).toBe(ipam.machine.stateHash)
})
