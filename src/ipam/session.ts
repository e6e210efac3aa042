/**
 * Writes that happen once, however often they are sent (§6.3). A gateway, which is any node for its own callers, opens
 * a session and numbers its writes; the state keeps what became of each until the gateway says that it knows.
 */
import type { Outcome, SessionRefusalReason } from './outcome.ts'
import { accept } from './refuse.ts'

/** Sessions that were not used for longer than this, by the log's time, go when one is opened. */
export const SESSION_IDLE_MS_MAX = 60 * 60 * 1_000
/** Above this many the least recently used go. A node has one for each life of its process. */
export const SESSIONS_MAX = 1_000
/**
 * How far the sequence numbers of one session reach above its floor, and so how many outcomes it keeps. A gateway
 * stays within; of one that does not, the oldest outcomes are forgotten.
 */
export const SESSION_WINDOW_MAX = 32_768

/** Which write of a session this is. The same for all its copies. */
export interface SessionStamp {
  /** Index of the entry that opened the session: never that of another one. */
  readonly sessionId: number
  /** From 1. */
  readonly sequence: number
  /** From 1 to `sequence`. The gateway has the answers to all below: nobody needs their outcomes any more. */
  readonly floor: number
}

export interface Session {
  readonly id: number
  readonly floor: number
  /** Log time of its last write, or of its opening. */
  readonly usedAt: number
}

export interface SessionStore {
  session(id: number): Session | null
  sessions(): Iterable<Session>
  /** Of an open session. Null if that number was not applied, or lies below the floor. */
  outcome(stamp: SessionStamp): Outcome | null
  openSession(session: Session): void
  /** With its outcomes. */
  removeSession(id: number): void
  /** Keeps the outcome of `sequence`, raises the session's floor to `floor` at least, and forgets what is below. */
  keepOutcome(kept: SessionStamp & { readonly outcome: Outcome; readonly usedAt: number }): void
}

/**
 * Carries out `apply` unless a copy of the same write was applied before, which gives the same outcome again. A
 * refusal is an outcome, too. Changes nothing but for the first copy.
 */
export function applyOnce(
  store: SessionStore,
  stamp: SessionStamp,
  { time, apply }: { readonly time: number; readonly apply: () => Outcome },
): Outcome {
  const { sessionId, sequence, floor } = stamp
  const session = store.session(sessionId)
  if (session === null) {
    return refuse('session_expired', `session ${sessionId} was not used for too long, and is forgotten`)
  }
  if (sequence < session.floor) {
    return refuse(
      'sequence_forgotten',
      `the outcome of write ${sequence} of session ${sessionId} is forgotten`,
    )
  }
  const known = store.outcome(stamp)
  if (known !== null) return known

  const outcome = apply()
  const lowest = Math.max(floor, sequence - SESSION_WINDOW_MAX + 1)
  store.keepOutcome({ sessionId, sequence, floor: lowest, outcome, usedAt: time })
  return outcome
}

/** Makes room first. A second copy of the entry opens a session that nobody uses, and that goes as unused ones do. */
export function openSession(store: SessionStore, { index, time }: { index: number; time: number }): Outcome {
  const sessions = [...store.sessions()].toSorted((a, b) => a.usedAt - b.usedAt || a.id - b.id)
  for (const [place, { id, usedAt }] of sessions.entries()) {
    const isIdle = time - usedAt > SESSION_IDLE_MS_MAX
    if (!isIdle && sessions.length - place < SESSIONS_MAX) break
    store.removeSession(id)
  }
  store.openSession({ id: index, floor: 1, usedAt: time })
  return accept({ sessionId: index })
}

function refuse(reason: SessionRefusalReason, message: string): Outcome {
  return { ok: false, refusal: { reason, message, details: [] }, isReplay: false }
}
