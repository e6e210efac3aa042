import { describe, expect, test } from 'vitest'
import type { ForwardedRequest, ForwardRequests } from '../../raft/types.ts'
import type { Command, CommandContext } from '../../src/ipam/command.ts'
import { encodeCommand } from '../../src/ipam/command-codec.ts'
import { RequestCopies } from './request-copies.ts'

const RELEASE: Command = { type: 'releaseAllocation', id: 'a', ifChangedIndex: null }
const SESSION = { sessionId: 5, sequence: 1, floor: 1 }

function contextOf(requestId: string | null): CommandContext {
  return { user: 'sim', requestId }
}

function commandRequest(command: Command, { isIdempotent }: { isIdempotent: boolean }): ForwardedRequest {
  const session = isIdempotent ? SESSION : null
  const context = contextOf(isIdempotent ? 'ask-1' : null)
  const payload = encodeCommand({ command, context, session, idempotency: null }, 1)
  return { type: 'command', payload, traits: { isIdempotent, needsRoom: false } }
}

const IDEMPOTENT = commandRequest(RELEASE, { isIdempotent: true })
const OPENING = commandRequest({ type: 'openSession' }, { isIdempotent: false })
const REMOVAL: ForwardedRequest = {
  type: 'membership',
  change: { type: 'remove', id: 3, isForced: false },
  note: '',
}
const TRANSFER: ForwardedRequest = { type: 'transfer', target: null }

/** With ids from 1. */
function frame(requests: readonly ForwardedRequest[]): ForwardRequests {
  const numbered = requests.map((request, i) => ({ id: i + 1, request, trace: null }))
  return { type: 'ForwardRequests', from: 1, to: 2, requests: numbered }
}

describe('of what is forwarded the network doubles', () => {
  test.each([
    { why: 'a write through a session', requests: [IDEMPOTENT], isAdmitted: true },
    { why: 'the opening of a session', requests: [OPENING], isAdmitted: false },
    { why: 'a change of the membership', requests: [REMOVAL], isAdmitted: false },
    { why: 'a transfer', requests: [TRANSFER], isAdmitted: false },
    { why: 'a write together with a transfer', requests: [IDEMPOTENT, TRANSFER], isAdmitted: false },
  ])('$why, and the answer to it: $isAdmitted', ({ requests, isAdmitted }) => {
    const copies = new RequestCopies()
    const outcome = { type: 'result', result: new Uint8Array(), index: 7 } as const
    const replies = requests.map((_, i) => ({ id: i + 1, outcome }))

    expect(copies.admits(frame(requests))).toBe(isAdmitted)
    expect(copies.admits({ type: 'ForwardReplies', from: 2, to: 1, replies })).toBe(isAdmitted)
  })

  test('a write of which a copy is on its way is known by its request', () => {
    const copies = new RequestCopies()
    const write = { command: RELEASE, context: contextOf('ask-1') }
    copies.admits(frame([IDEMPOTENT]))
    expect(copies.hasDoubled(write)).toBe(false)

    copies.noteDoubled(frame([IDEMPOTENT]))

    expect(copies.hasDoubled(write)).toBe(true)
    expect(copies.hasDoubled({ ...write, context: contextOf('ask-2') })).toBe(false)
  })
})
