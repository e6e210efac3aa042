import { describe, expect, test } from 'vitest'
import type { Event } from '../../raft/core/event.ts'
import { Inbox } from '../../raft/inbox.ts'
import { Turns } from './turns.ts'

function event(time: number): Event {
  return { type: 'maintain', time }
}

/** An inbox, and what each of its turns has taken. */
function openInbox(onTurn: (inbox: Inbox) => void = () => {}) {
  const turns = new Turns()
  const taken: Event[][] = []
  const inbox = new Inbox({
    clock: turns.clock,
    onTurn: () => {
      taken.push(inbox.take())
      onTurn(inbox)
    },
  })
  return { inbox, turns, taken }
}

describe('an inbox', () => {
  test('has one turn for all that arrives in one round of the event loop, in its order', () => {
    const { inbox, turns, taken } = openInbox()
    for (const time of [1, 2, 3]) inbox.add(event(time))

    turns.take()
    turns.take()

    expect(taken).toEqual([[event(1), event(2), event(3)]])
    expect(inbox.isEmpty).toBe(true)
  })

  test('has another turn for what arrives during one', () => {
    let isFirst = true
    const { inbox, turns, taken } = openInbox((self) => {
      if (isFirst) self.add(event(2))
      isFirst = false
    })
    inbox.add(event(1))

    turns.take()
    turns.take()

    expect(taken).toEqual([[event(1)], [event(2)]])
  })

  test('has a turn for what is no event, too', () => {
    const { inbox, turns, taken } = openInbox()

    inbox.wake()
    turns.take()

    expect(taken).toEqual([[]])
  })

  test('has no turn once it is closed, whatever has arrived or arrives', () => {
    const { inbox, turns, taken } = openInbox()
    inbox.add(event(1))

    inbox.close()
    inbox.add(event(2))
    turns.take()

    expect(taken).toEqual([])
    expect(inbox.take()).toEqual([event(1)])
  })
})
