import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const PROPOSALS = testFile('test/raft/proposals.test.ts')

/** What clients are told: promises 4 and 5 of design.md. */
export const CLIENTS: readonly Mutant[] = [
  {
    name: 'a request that was sent to a leader which is lost counts as not applied',
    source: 'design.md, promise 5; raft-checks 34, openraft#2095',
    file: 'raft/proposals.ts',
    find: `      if (leader !== peer) continue
      this.#forwarded.delete(id)
      this.#fail(request, uncertain())`,
    replace: `      if (leader !== peer) continue
      this.#forwarded.delete(id)
      this.#fail(request, new NotLeaderError(this.#host.leaderId()))`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a request that was sent to a leader which is lost is sent to the next',
    source: 'design.md, promise 4; raft-checks 34, fluree PR 1839',
    file: 'raft/proposals.ts',
    find: `      if (leader !== peer) continue
      this.#forwarded.delete(id)
      this.#fail(request, uncertain())`,
    replace: `      if (leader !== peer) continue
      this.#forwarded.delete(id)
      this.#parked.push(request)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an entry that is still in the log counts as not applied when its time is over',
    source: 'design.md, promise 5; raft-checks 34, openraft#2095',
    file: 'raft/proposals.ts',
    find: `      if (request.since > expiry) break
      this.#pending.delete(index)
      this.#fail(request, uncertain())`,
    replace: `      if (request.since > expiry) break
      this.#pending.delete(index)
      this.#fail(request, new NotLeaderError(this.#host.leaderId()))`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a proposal is answered with whatever was applied at its index',
    source: 'design.md, promise 5; raft-checks 34 and 35',
    file: 'raft/proposals.ts',
    find: `if (pending.term === term) this.#complete(pending.request, { result, index })`,
    replace: `if (pending.term <= term) this.#complete(pending.request, { result, index })`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an entry that was cut from this log is proposed again, although another may have it',
    source: 'design.md, promise 4; raft-checks 34',
    file: 'raft/proposals.ts',
    find: `if (earlier !== undefined) this.#fail(earlier.request, uncertain())`,
    replace: `if (earlier !== undefined) this.#parked.push(earlier.request)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'what a snapshot has replaced is proposed again',
    source: 'design.md, promise 4; raft-checks 34 and 35 (RedisRaft #43)',
    file: 'raft/proposals.ts',
    find: `      this.#pending.delete(at)
      this.#fail(request, uncertain())`,
    replace: `      this.#pending.delete(at)
      this.#parked.push(request)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'what is under way when a node stops counts as not applied',
    source: 'design.md, promise 5; raft-checks 34',
    file: 'raft/proposals.ts',
    find: `for (const request of unknown) this.#fail(request, uncertain())`,
    replace: `for (const request of unknown) this.#fail(request, new ClosedError())`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a process counts its requests from 1 again',
    source: 'raft-checks 9 and 34',
    file: 'raft/node.ts',
    find: `return 1 + Math.floor(random() * 2 ** 48)`,
    replace: `return 1 + Math.floor(random())`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'an answer counts whoever gives it',
    source: 'raft-checks 34',
    file: 'raft/proposals.ts',
    find: `if (forwarded === undefined || forwarded.leader !== message.from) continue`,
    replace: `if (forwarded === undefined) continue`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'an error that is unknown here counts as not applied',
    source: 'design.md, promise 5',
    file: 'raft/forwarding.ts',
    find: `return new ProposalUncertainError(message)`,
    replace: `return new OverloadedError(message)`,
    caughtBy: PROPOSALS,
  },
]
