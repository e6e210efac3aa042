import { type Mutant, testFile } from './mutant.ts'

const PROPOSALS = testFile('test/raft/proposals.test.ts')
const RESENT = testFile('test/raft/idempotent-proposals.test.ts')

/** Where requests wait on a node, and that each is in one place until it is answered (raft/proposals.ts). */
export const WAITING_REQUESTS: readonly Mutant[] = [
  {
    name: 'a request of which the attempt was lost goes behind what came later',
    source: 'raft/README.md (oldest request first)',
    file: 'raft/parked-requests.ts',
    find: `    this.#parked.push(request)
    this.#isSorted = false
`,
    replace: `    this.#parked.push(request)
`,
    caughtBy: RESENT,
  },
  {
    name: 'a request that was given back still counts as given: nobody says "no" of it any more',
    source: 'promise 5',
    file: 'raft/attempts.ts',
    find: `  giveBack(request: Request): void {
    request.isGiven = false
`,
    replace: `  giveBack(request: Request): void {
`,
    caughtBy: RESENT,
  },
  {
    name: 'a request that is held still counts as given: nobody says "no" of it any more',
    source: 'promise 5',
    file: 'raft/attempts.ts',
    find: `  hold(request: Request): void {
    request.isGiven = false
`,
    replace: `  hold(request: Request): void {
`,
    caughtBy: RESENT,
  },
  {
    name: 'what is answered counts as forwarded for ever',
    source: 'docs/metrics.md (ipam_queue_entries)',
    file: 'raft/attempts.ts',
    find: `  complete(request: Request, completion: Omit<Completion, 'isOnlyCopy'>): void {
    this.#onAnswered(request)
`,
    replace: `  complete(request: Request, completion: Omit<Completion, 'isOnlyCopy'>): void {
`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a leader that says it is none is asked again at once, and again',
    source: 'raft/forwarded-requests.ts',
    file: 'raft/forwarded-requests.ts',
    find: `if (isStillLeader) this.#attempts.hold(request)`,
    replace: `if (!isStillLeader) this.#attempts.hold(request)`,
    caughtBy: PROPOSALS,
  },
  {
    name: 'a transfer that brought nobody else has succeeded',
    source: '§3.10; promise 5',
    file: 'raft/transfer-requests.ts',
    find: `target === null ? leaderId !== id : leaderId === target`,
    replace: `target === null || leaderId === target`,
    caughtBy: PROPOSALS,
  },
]
