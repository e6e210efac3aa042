/**
 * Sessions and what became of their writes: rows, and in memory what is looked at with every write. A session's own row
 * is written once: where its floor is by now says the row of its last outcome, which is there as long as the session.
 */
import { assert } from '../../raft/assert.ts'
import type { Outcome } from '../ipam/outcome.ts'
import { SESSION_WINDOW_MAX, type Session, type SessionStamp, type SessionStore } from '../ipam/session.ts'
import { outcomeKey, sessionKey } from './key-space.ts'
import { decodeOutcome } from './outcome-codec.ts'
import type { Overlay } from './overlay.ts'
import { decodeSessionOutcome, encodeSession, encodeSessionOutcome } from './session-codec.ts'
import type { StateDatabase } from './storage.ts'

/** What stays in memory of a session. */
export interface SessionState extends Session {
  floor: number
  usedAt: number
  /** Those whose outcomes are kept: all at the floor or less than a window above it. */
  readonly sequences: Set<number>
}

export class SessionRows implements SessionStore {
  readonly #database: StateDatabase
  readonly #overlay: Overlay
  readonly #sessions: Map<number, SessionState>

  constructor(options: { database: StateDatabase; overlay: Overlay; sessions: Map<number, SessionState> }) {
    this.#database = options.database
    this.#overlay = options.overlay
    this.#sessions = options.sessions
  }

  session(id: number): SessionState | null {
    return this.#sessions.get(id) ?? null
  }

  sessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  outcome({ sessionId, sequence }: SessionStamp): Outcome | null {
    if (!this.#existing(sessionId).sequences.has(sequence)) return null
    const key = outcomeKey(sessionId, sequence)
    const row = this.#overlay.get(key) ?? this.#database.getSync(key)
    assert(row !== undefined, 'no row {}', key)
    return decodeOutcome(decodeSessionOutcome(row).outcome)
  }

  openSession(session: Session): void {
    this.#sessions.set(session.id, { ...session, sequences: new Set() })
    this.#overlay.put(sessionKey(session.id), encodeSession(session))
  }

  removeSession(id: number): void {
    // Ascending: the order in memory is another one after a restart, and every node must write the same.
    const sequences = [...this.#existing(id).sequences].toSorted((a, b) => a - b)
    for (const sequence of sequences) this.#overlay.withdraw(outcomeKey(id, sequence))
    this.#sessions.delete(id)
    this.#overlay.put(sessionKey(id), null)
  }

  keepOutcome(kept: SessionStamp & { readonly outcome: Outcome; readonly usedAt: number }): void {
    const { sessionId, sequence, floor, outcome, usedAt } = kept
    const session = this.#existing(sessionId)
    session.usedAt = usedAt
    this.#raiseFloor(session, floor)
    session.sequences.add(sequence)
    this.#overlay.put(outcomeKey(sessionId, sequence), encodeSessionOutcome(session, outcome))
  }

  #raiseFloor(session: SessionState, floor: number): void {
    const end = Math.min(floor, session.floor + SESSION_WINDOW_MAX)
    for (let sequence = session.floor; sequence < end; sequence++) {
      if (session.sequences.delete(sequence)) this.#overlay.withdraw(outcomeKey(session.id, sequence))
    }
    session.floor = Math.max(session.floor, floor)
  }

  #existing(id: number): SessionState {
    const session = this.#sessions.get(id)
    assert(session !== undefined, 'no session {}', id)
    return session
  }
}
