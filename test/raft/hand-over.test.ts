import { describe, expect, test } from 'vitest'
import type { Event } from '../../raft/core/event.ts'
import { HandOvers, type TransferFate } from '../../raft/hand-over.ts'
import { TIMING } from './core/solo-node.ts'
import { isSettled, Turns } from './turns.ts'

const TICK_MS = 5

/** Hand-overs of a leader; the test is its core. */
class Leader {
  readonly turns = new Turns()
  readonly events: Event[] = []
  isQuiet = true
  readonly handOvers = new HandOvers({
    clock: this.turns.clock,
    timing: TIMING,
    tickMs: TICK_MS,
    emit: (event) => this.events.push(event),
    isLeader: () => true,
    isQuiet: () => this.isQuiet,
  })

  /** The transfer that was begun last ends so. */
  answer(refusal: TransferFate['refusal']): void {
    const event = this.events.at(-1)
    const id = event?.type === 'drain' ? event.transferId : event?.type === 'transfer' ? event.id : 0
    expect(this.handOvers.handleFate({ id, refusal, message: 'so says the core' })).toBe(true)
  }

  async look(): Promise<void> {
    this.turns.pass(TICK_MS)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a drain', () => {
  test('that nobody takes leadership from is undone, and fails with the reason', async () => {
    const leader = new Leader()
    const drained = leader.handOvers.setDrained(true)

    leader.answer('no_target')

    await expect(drained).rejects.toMatchObject({ reason: 'no_target', message: 'so says the core' })
    expect(leader.events).toMatchObject([
      { type: 'drain', isDrained: true },
      { type: 'drain', isDrained: false },
    ])
  })

  test.each(['not_leader', null] as const)(
    'has come about when the transfer ends with %s',
    async (refusal) => {
      const leader = new Leader()
      const drained = leader.handOvers.setDrained(true)

      leader.answer(refusal)

      await drained
      expect(leader.events).toHaveLength(1)
    },
  )

  test('waits for a transfer that is under way, and not for ever', async () => {
    const leader = new Leader()
    const drained = leader.handOvers.setDrained(true)
    drained.catch(() => {})
    for (let ms = 0; ms < 2 * TIMING.electionMinMs; ms += TICK_MS) {
      leader.answer('transfer_in_flight')
      expect(await isSettled(drained)).toBe(false)
      await leader.look()
    }

    leader.answer('transfer_in_flight')

    await expect(drained).rejects.toMatchObject({ reason: 'transfer_in_flight' })
  })

  test('that is asked for when the node has closed is refused at once', async () => {
    const leader = new Leader()
    leader.handOvers.close()

    await expect(leader.handOvers.setDrained(true)).rejects.toMatchObject({ reason: 'closed' })
  })
})

test('a transfer of somebody else’s is not one of these', () => {
  const leader = new Leader()

  expect(leader.handOvers.handleFate({ id: 7, refusal: null, message: '' })).toBe(false)
})

describe('a node that has handed over', () => {
  /** @returns After how many milliseconds it has settled down. */
  async function settledAfter(leader: Leader, onLook: (ms: number) => void): Promise<number> {
    const settled = leader.handOvers.settleDown()
    for (let ms = 0; ms <= 10 * TIMING.electionMinMs; ms += TICK_MS) {
      if (await isSettled(settled)) return ms
      onLook(ms)
      await leader.look()
    }
    throw new Error('it never settles down')
  }

  test('settles down when it was quiet for two heartbeats on end', async () => {
    const leader = new Leader()
    const noisyMs = 3 * TIMING.heartbeatMs

    const ms = await settledAfter(leader, (now) => {
      leader.isQuiet = now >= noisyMs || now % (2 * TICK_MS) === 0
    })

    expect(ms).toBeGreaterThanOrEqual(noisyMs + TIMING.heartbeatMs)
    expect(ms).toBeLessThanOrEqual(noisyMs + 2 * TIMING.heartbeatMs + TICK_MS)
  })

  test('does not wait for longer than an election timeout', async () => {
    const leader = new Leader()
    leader.isQuiet = false

    expect(await settledAfter(leader, () => {})).toBe(TIMING.electionMinMs)
  })
})
