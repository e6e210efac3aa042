/** Snapshots under way between two nodes, beside the messages: begun, and arrived, when the scenario says so. */
import { assert } from '../../../raft/assert.ts'
import type { Event } from '../../../raft/core/event.ts'
import { snapshotMetaAt } from '../../../raft/core/log.ts'
import type { NodeId } from '../../../raft/types.ts'
import type { Engine } from './engine.ts'
import { type Link, parseLink } from './network.ts'

export class SnapshotStreams {
  readonly #engine: Engine
  readonly #underWay = new Map<Link, Event & { type: 'snapshotReceived' }>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  start(link: Link): void {
    const { from, to } = endsOf(link)
    const { log, releasedIndex, currentTerm: term } = this.#engine.raft(from)
    const meta = snapshotMetaAt(log, releasedIndex)
    this.#underWay.set(link, { type: 'snapshotReceived', from, term, meta })
    const { lastIndex, lastTerm } = meta
    const event: Event = { type: 'snapshotStarted', to, session: this.#session(from, to), lastIndex }
    this.#engine.step(from, `begins to send a snapshot through ${lastIndex}:${lastTerm} to ${to}`, event)
  }

  finish(link: Link): void {
    const { from, to } = endsOf(link)
    const received = this.#underWay.get(link)
    assert(received !== undefined, `no snapshot is under way on ${link}`)
    this.#underWay.delete(link)
    const { lastIndex, lastTerm } = received.meta
    this.#engine.step(to, `has the whole snapshot through ${lastIndex}:${lastTerm} of ${from}`, received)
    const event: Event = { type: 'snapshotSent', to, session: this.#session(from, to), isSent: true }
    this.#engine.step(from, `has sent the snapshot to ${to}`, event)
  }

  #session(from: NodeId, to: NodeId): number {
    return this.#engine.raft(from).progress.get(to)?.session ?? 0
  }
}

function endsOf(link: Link): { from: NodeId; to: NodeId } {
  const { from, to } = parseLink(link)
  assert(from !== null && to !== null, 'a snapshot has one sender and one receiver')
  return { from, to }
}
