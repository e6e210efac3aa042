import { describe, expect, test } from 'vitest'
import {
  FollowedEntries,
  type FollowPeerRequest,
  type RequestTrace,
  TRACE_CONTEXT_CHARS_MAX,
} from '../../raft/request-trace.ts'
import type { ForwardRequests } from '../../raft/types.ts'
import { COMMAND, Desk, IDEMPOTENT, refusedWith, resultOf } from './desk.ts'

/** Writes down what it is told. */
class Told implements RequestTrace {
  readonly words: string[] = []
  #attempts = 0

  contextForLeader(): string {
    this.#attempts += 1
    return `context ${this.#attempts}`
  }

  forwarded(leader: number): void {
    this.words.push(`forwarded to ${leader} with context ${this.#attempts}`)
  }

  appended({ index, term }: { index: number; term: number }): void {
    this.words.push(`appended ${index} in term ${term}`)
  }

  durable(): void {
    this.words.push('durable')
  }

  committed(): void {
    this.words.push('committed')
  }

  ended(outcome: string): void {
    this.words.push(`ended: ${outcome}`)
  }
}

function fromPeer(trace: string | null): ForwardRequests {
  return { type: 'ForwardRequests', from: 2, to: 1, requests: [{ id: 77, request: COMMAND, trace }] }
}

describe('a request that is followed', () => {
  test('is told of from the log of its leader to its answer', async () => {
    const desk = new Desk()
    desk.leadingTerm = 2
    const told = new Told()
    const done = desk.proposals.submit(COMMAND, told)

    desk.append(5, 2)
    desk.proposals.followLog({ durableIndex: 4, commitIndex: 4 })
    desk.proposals.followLog({ durableIndex: 4, commitIndex: 5 })
    desk.proposals.followLog({ durableIndex: 5, commitIndex: 5 })
    desk.proposals.handleApplied(5, 2, 'result')

    await done
    expect(told.words).toEqual(['appended 5 in term 2', 'committed', 'durable', 'ended: applied'])
    expect(desk.proposals.isFollowing).toBe(false)
  })

  test('travels with its context, and only what was sent counts as forwarded', async () => {
    const desk = new Desk()
    desk.leaderId = 2
    desk.isConnected = false
    const told = new Told()
    const done = desk.proposals.submit(COMMAND, told)

    desk.proposals.forward(2)
    expect(told.words).toEqual([])
    desk.isConnected = true
    desk.proposals.forward(2)
    desk.reply(1, resultOf('result', 9))

    await done
    expect(desk.forwarded?.requests).toMatchObject([{ trace: 'context 2' }])
    expect(told.words).toEqual(['forwarded to 2 with context 2', 'ended: applied'])
  })

  test('is forwarded again with another context when the connection was lost', () => {
    const desk = new Desk()
    desk.leaderId = 2
    const told = new Told()
    void desk.proposals.submit(IDEMPOTENT, told)
    desk.proposals.forward(2)

    desk.proposals.handlePeerLost(2)
    desk.proposals.forward(3)

    expect(told.words).toEqual(['forwarded to 2 with context 1', 'forwarded to 3 with context 2'])
  })

  test('ends with the code of its error', async () => {
    const desk = new Desk()
    desk.leaderId = 2
    const told = new Told()
    const done = desk.proposals.submit(COMMAND, told)
    desk.proposals.forward(2)

    desk.reply(1, refusedWith('RAFT_OVERLOADED'))

    await expect(done).rejects.toThrow()
    expect(told.words.at(-1)).toBe('ended: RAFT_OVERLOADED')
  })

  test('ends at once where it is turned away', async () => {
    const desk = new Desk({ limits: { waitingRequestsMax: 0 } })
    const told = new Told()

    await expect(desk.proposals.submit(COMMAND, told)).rejects.toThrow()

    expect(told.words).toEqual(['ended: RAFT_OVERLOADED'])
  })

  test('takes the room of its context among the bytes that wait', () => {
    const desk = new Desk()
    void desk.proposals.submit(COMMAND, new Told())

    expect(desk.proposals.underway.bytes).toBe(COMMAND.payload.length + TRACE_CONTEXT_CHARS_MAX)
  })
})

describe('a request of a peer', () => {
  test.each([
    { why: 'it came with a context', trace: 'ctx', follows: true, followed: ['2 ctx'] },
    { why: 'it came without one', trace: null, follows: true, followed: [] },
    { why: 'nothing is followed here', trace: 'ctx', follows: false, followed: [] },
  ])('is followed: $followed where $why', ({ trace, follows, followed }) => {
    const seen: string[] = []
    const told = new Told()
    const followPeer: FollowPeerRequest = ({ peer, context }) => {
      seen.push(`${peer} ${context}`)
      return told
    }
    const desk = new Desk({ followPeer: follows ? followPeer : null })

    desk.proposals.handleForwardRequests(fromPeer(trace), { isLeader: true })
    desk.append(5, 2)
    desk.proposals.handleApplied(5, 2, 'result')

    expect(seen).toEqual(followed)
    expect(told.words).toEqual(followed.length === 0 ? [] : ['appended 5 in term 2', 'ended: applied'])
    expect(desk.replied?.replies).toMatchObject([{ id: 77, outcome: { type: 'result' } }])
  })

  test('whose context cannot be read is answered like any other', () => {
    const desk = new Desk({ followPeer: () => null })

    desk.proposals.handleForwardRequests(fromPeer('nonsense'), { isLeader: true })
    desk.append(5, 2)
    desk.proposals.handleApplied(5, 2, 'result')

    expect(desk.replied?.replies).toMatchObject([{ id: 77, outcome: { type: 'result' } }])
  })
})

describe('followed entries', () => {
  const POSITION = { index: 5, term: 2 }

  test.each([
    { why: 'this node does not lead any more', leadingTerm: null },
    { why: 'it leads again, in a later term', leadingTerm: 3 },
  ])('are let go without a word where $why: what is at their index may be another’s', ({ leadingTerm }) => {
    const entries = new FollowedEntries()
    const told = new Told()
    entries.add(POSITION, told)

    entries.note({ leadingTerm, durableIndex: 9, commitIndex: 9 })

    expect(told.words).toEqual(['appended 5 in term 2'])
    expect(entries.isEmpty).toBe(true)
  })

  test('are told once of each', () => {
    const entries = new FollowedEntries()
    const told = new Told()
    entries.add(POSITION, told)

    for (const durableIndex of [5, 6, 7]) entries.note({ leadingTerm: 2, durableIndex, commitIndex: 4 })
    entries.note({ leadingTerm: 2, durableIndex: 7, commitIndex: 7 })

    expect(told.words).toEqual(['appended 5 in term 2', 'durable', 'committed'])
    expect(entries.isEmpty).toBe(true)
  })
})
