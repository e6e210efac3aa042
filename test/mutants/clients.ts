import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const PROPOSALS = testFile('test/raft/proposals.test.ts')
const IDEMPOTENT = testFile('test/raft/idempotent-proposals.test.ts')
const REQUEST_TABLE = testFile('test/raft/request-table.test.ts')

/** What clients are told: promises 4 and 5. */
export const CLIENTS: readonly Mutant[] = [
  {
    name: 'a leader takes from its peers what is larger than it takes from its own callers',
    source: 'promise 2 (what cannot be read back)',
    file: 'raft/proposals.ts',
    find: `    const tooLarge = this.#open.sizeRefusalOf(work)
    if (tooLarge !== null) return tooLarge
`,
    replace: ``,
    caughtBy: PROPOSALS,
  },
  {
    name: 'what is too large for the leader may or may not have been applied',
    source: 'promise 5',
    file: 'raft/forwarding.ts',
    find: `  if (code === 'RAFT_COMMAND_TOO_LARGE') return new CommandTooLargeError(message)
`,
    replace: ``,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a request that was sent to a leader which is lost counts as not applied',
    source: 'promise 5; bug 34, openraft#2095',
    file: 'raft/forwarded-requests.ts',
    find: `if (leader === peer && request !== null) this.#lose(request)`,
    replace: `if (leader === peer && request !== null) this.#attempts.giveBack(request)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a request that may be in a log is sent again, although it would take effect twice',
    source: 'promise 4; bug 34, fluree PR 1839',
    file: 'raft/attempts.ts',
    find: `    if (!canBeSentAgain(request)) {`,
    replace: `    if (!canBeSentAgain(request) && isFromPeer(request)) {`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a request that is sent again forgets that it may be in a log already',
    source: 'promise 5; bug 34',
    file: 'raft/attempts.ts',
    find: `    request.isMaybeLogged = true
    this.giveBack(request)`,
    replace: `    this.giveBack(request)`,
    caughtBy: IDEMPOTENT,
  },
  {
    name: 'a leader takes a second copy of a request that it works at',
    source: 'promise 4',
    file: 'raft/proposals.ts',
    find: `      else if (this.#open.has(origin)) continue
`,
    replace: ``,
    caughtBy: IDEMPOTENT,
  },
  {
    name: 'a request that may be in a log counts as not applied when its time is over',
    source: 'promise 5; bug 34, openraft#2095',
    file: 'raft/proposals.ts',
    find: `this.#attempts.fail(request, request.isGiven ? uncertain() : new NotLeaderError(this.#host.leaderId()))`,
    replace: `this.#attempts.fail(request, new NotLeaderError(this.#host.leaderId()))`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a proposal is answered with whatever was applied at its index',
    source: 'promise 5; bug 34 and 35',
    file: 'raft/appended-requests.ts',
    find: `else if (appended.term === term) this.#attempts.complete(request, { result, index })`,
    replace: `else if (appended.term <= term) this.#attempts.complete(request, { result, index })`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an entry that was cut from this log is proposed again, although another may have it',
    source: 'promise 4; bug 34',
    file: 'raft/appended-requests.ts',
    find: `if (cut !== null) this.#lose(cut)`,
    replace: `const lost = cut === null ? null : this.#open.at(cut.id)
    if (lost !== null) this.#attempts.giveBack(lost)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'what a snapshot has replaced is proposed again',
    source: 'promise 4; bug 34 and 35 (RedisRaft #43)',
    file: 'raft/appended-requests.ts',
    find: `      this.#byIndex.delete(at)
      this.#lose(appended)`,
    replace: `      this.#byIndex.delete(at)
      const request = this.#open.at(appended.id)
      if (request !== null) this.#attempts.giveBack(request)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'what is under way when a node stops counts as not applied',
    source: 'promise 5; bug 34',
    file: 'raft/proposals.ts',
    find: `this.#attempts.fail(request, request.isGiven ? uncertain() : new ClosedError())`,
    replace: `this.#attempts.fail(request, new ClosedError())`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a process counts its requests from 1 again',
    source: 'bug 9 and 34',
    file: 'raft/node-parts.ts',
    find: `return 1 + Math.floor(random() * 2 ** 48)`,
    replace: `return 1 + Math.floor(random())`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an answer counts whoever gives it',
    source: 'bug 34',
    file: 'raft/forwarded-requests.ts',
    find: `if (request === null || !request.leaders.includes(from)) continue`,
    replace: `if (request === null) continue`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'an error that is unknown here counts as not applied',
    source: 'promise 5',
    file: 'raft/forwarding.ts',
    find: `return new ProposalUncertainError(message)`,
    replace: `return new OverloadedError(message)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'requests under way are lost when their table grows',
    source: 'every request is answered',
    file: 'raft/request-table.ts',
    find: `(slots.length - 1)] = this.get(id)`,
    replace: `(slots.length - 1)] = this.#slots[id] ?? null`,
    caughtBy: REQUEST_TABLE,
  },
  {
    name: 'requests are lost whose numbers have more than 31 bits',
    source: 'a node begins to number anywhere (`someId`)',
    file: 'raft/request-table.ts',
    find: `return id & (this.#slots.length - 1)`,
    replace: `return (id | 0) % this.#slots.length`,
    caughtBy: REQUEST_TABLE,
  },
]
