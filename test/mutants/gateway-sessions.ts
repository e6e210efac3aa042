import { type Mutant, testFile } from './mutant.ts'

const RESENT = testFile('test/raft/idempotent-proposals.test.ts')
const SESSIONS = testFile('test/state/sessions.test.ts')
const GATEWAY = testFile('test/gateway-session.test.ts')

/** Writes that are sent again happen once, and their answers are true (§6.3; promises 4 and 5). */
export const GATEWAY_SESSIONS: readonly Mutant[] = [
  {
    name: 'the last refusal is the answer, whatever became of earlier copies',
    source: 'promise 5; bug 34',
    file: 'raft/open-requests.ts',
    find: `isMaybeLogged && error.applied === 'no' ? uncertain() : error`,
    replace: `error`,
    caughtBy: RESENT,
  },
  {
    name: 'the refusal of an earlier attempt undoes the one under way',
    source: 'bug 9 and 34',
    file: 'raft/forwarded-requests.ts',
    find: `else if (this.#sent.get(id)?.leader === from) this`,
    replace: `else this`,
    caughtBy: RESENT,
  },
  {
    name: 'the late result of an earlier attempt is ignored',
    source: '§6.3',
    file: 'raft/forwarded-requests.ts',
    find: `if (request === null || !request.leaders.includes(from)) continue`,
    replace: `if (request === null || this.#sent.get(id)?.leader !== from) continue`,
    caughtBy: RESENT,
  },
  {
    name: 'overload ends a request of which a copy may be in a log',
    source: 'promise 5',
    file: 'raft/forwarded-requests.ts',
    find: `const isFinal = error.applied === 'no' && !request.isMaybeLogged`,
    replace: `const isFinal = error.applied === 'no'`,
    caughtBy: RESENT,
  },
  {
    name: 'a leader that is silent is never asked again',
    source: 'bug 11, tikv#20000',
    file: 'raft/forwarded-requests.ts',
    find: `      if (now - since < this.#host.limits.askAgainMs) break
`,
    replace: `      if (now >= since) break
`,
    caughtBy: RESENT,
  },
  {
    name: 'a leader proposes again what is in its own log',
    source: 'limits',
    file: 'raft/appended-requests.ts',
    find: `if (now - since < askAgainMs || term === leadingTerm) break`,
    replace: `if (now - since < askAgainMs) break`,
    caughtBy: RESENT,
  },
  {
    name: 'a copy is applied again',
    source: 'promise 4 (exactly once)',
    file: 'src/ipam/session.ts',
    find: `  if (known !== null) return known
`,
    replace: ``,
    caughtBy: SESSIONS,
  },
  {
    name: 'a copy below the floor is applied',
    source: '§6.3',
    file: 'src/ipam/session.ts',
    find: `if (sequence < session.floor) {`,
    replace: `if (sequence === 0) {`,
    caughtBy: SESSIONS,
  },
  {
    name: 'refusals are not kept',
    source: 'promise 4 (exactly once)',
    file: 'src/ipam/session.ts',
    find: `  store.keepOutcome({`,
    replace: `  if (outcome.ok) store.keepOutcome({`,
    caughtBy: SESSIONS,
  },
  {
    name: 'a gateway decides how many outcomes the state keeps',
    source: 'limits',
    file: 'src/ipam/session.ts',
    find: `Math.max(floor, sequence - SESSION_WINDOW_MAX + 1)`,
    replace: `floor`,
    caughtBy: SESSIONS,
  },
  {
    name: 'the session that was opened first goes, used or not',
    source: '§6.3',
    file: 'src/ipam/session.ts',
    find: `(a, b) => a.usedAt - b.usedAt || a.id - b.id`,
    replace: `(a, b) => a.id - b.id`,
    caughtBy: SESSIONS,
  },
  {
    name: 'the floor of a session is not raised',
    source: '§6.3',
    file: 'src/state/session-rows.ts',
    find: `    session.floor = Math.max(session.floor, floor)
`,
    replace: ``,
    caughtBy: SESSIONS,
  },
  {
    name: 'a restart forgets which outcomes are kept',
    source: 'bug 28',
    file: 'src/state/load.ts',
    find: `      session.sequences.add(sequence)
`,
    replace: ``,
    caughtBy: SESSIONS,
  },
  {
    name: 'a restart forgets where the floor of a session is',
    source: '§6.3',
    file: 'src/state/load.ts',
    find: `      session.floor = Math.max(session.floor, floor)
`,
    replace: ``,
    caughtBy: SESSIONS,
  },
  {
    name: 'a restart forgets when a session was used',
    source: 'determinism (a restart must not matter)',
    file: 'src/state/load.ts',
    find: `      session.usedAt = Math.max(session.usedAt, usedAt)
`,
    replace: ``,
    caughtBy: SESSIONS,
  },
  {
    name: 'an outcome that was flushed is not deleted',
    source: 'limits',
    file: 'src/state/overlay.ts',
    find: `    if (row === undefined) {
      this.put(key, null)
      return
    }`,
    replace: `    if (row === undefined) return`,
    caughtBy: SESSIONS,
  },
  {
    name: 'a gateway says that it has answers which it waits for',
    source: '§6.3',
    file: 'src/gateway-session.ts',
    find: `sequence, floor: this.#floor }`,
    replace: `sequence, floor: sequence }`,
    caughtBy: GATEWAY,
  },
  {
    name: 'a write whose session is gone is sent again, although a copy may have been applied',
    source: '§6.3; promise 4',
    file: 'src/gateway-session.ts',
    find: `if (isOnlyCopy) return null`,
    replace: `return null`,
    caughtBy: GATEWAY,
  },
  {
    name: 'a write that waited for a session counts as unknown',
    source: 'promise 5',
    file: 'src/gateway-session.ts',
    find: `if (error instanceof RaftError && error.applied === 'unknown') throw new NotLeaderError(null)
      throw error`,
    replace: `throw error`,
    caughtBy: GATEWAY,
  },
]
