import { type Mutant, testFile } from './mutant.ts'

const DIRECTORY = testFile('test/data-directory.test.ts')
const CERTIFICATES = testFile('test/certificates.test.ts')
const AUTH = testFile('test/auth/primitives.test.ts')
const LISTEN = testFile('test/http/listen.test.ts')
const DAMAGE = testFile('test/raft/storage/log-damage.test.ts')
const CRASH = testFile('test/raft/storage/log-crash.test.ts')
const STORES = testFile('test/raft/storage/contract.test.ts')

/** What a node looks at before it begins, what it does not lose sight of, and how it ends. */
export const NODE_START_AND_END: readonly Mutant[] = [
  {
    name: 'a data directory is given to another node of its cluster',
    source: 'docs/troubleshooting.md; bug 20',
    file: 'src/data-directory.ts',
    find: `identity.cluster_id !== clusterId || identity.node_id !== nodeId`,
    replace: `identity.cluster_id !== clusterId`,
    caughtBy: DIRECTORY,
  },
  {
    name: 'a data directory is given to a node of another cluster',
    source: 'docs/troubleshooting.md; bug 20',
    file: 'src/data-directory.ts',
    find: `identity.cluster_id !== clusterId || identity.node_id !== nodeId`,
    replace: `identity.node_id !== nodeId`,
    caughtBy: DIRECTORY,
  },
  {
    name: 'a data directory that has lost its name gets a new one, and its log votes under it',
    source: 'bug 20, Jepsen RethinkDB 2.2.3',
    file: 'src/data-directory.ts',
    find: `name === 'log' || name === 'state'`,
    replace: `name === 'snapshots'`,
    caughtBy: DIRECTORY,
  },
  {
    name: 'only an empty directory is new',
    source: 'docs/troubleshooting.md (lost+found)',
    file: 'src/data-directory.ts',
    find: `names.some((name) => name === 'log' || name === 'state')`,
    replace: `names.length > 0`,
    caughtBy: DIRECTORY,
  },
  {
    name: 'a name that later software has written is called damaged',
    source: 'raft/storage/README.md (another format is no damage)',
    file: 'src/data-directory.ts',
    find: `if (format > FORMAT) {`,
    replace: `if (format > 2 * FORMAT) {`,
    caughtBy: DIRECTORY,
  },
  {
    name: 'a damaged name is replaced by a new one',
    source: 'bug 20',
    file: 'src/data-directory.ts',
    find: `  if (text === null) return { incarnation: await create({ directory, clusterId, nodeId }) }
`,
    replace: `  if (text === null || text === '') return { incarnation: await create({ directory, clusterId, nodeId }) }
`,
    caughtBy: DIRECTORY,
  },
  {
    name: 'new certificates count as in use although they could not be put to use',
    source: 'docs/security.md (certificates)',
    file: 'src/certificate-watch.ts',
    find: `      watched.apply(certificates)
      this.#inUse.set(watched, certificates)
`,
    replace: `      this.#inUse.set(watched, certificates)
      watched.apply(certificates)
`,
    caughtBy: CERTIFICATES,
  },
  {
    name: 'what is wrong with new certificates is said every ten seconds',
    source: 'docs/security.md (certificates)',
    file: 'src/certificate-watch.ts',
    find: `    if (this.#complaints.get(watched) === error) return
`,
    replace: '',
    caughtBy: CERTIFICATES,
  },
  {
    name: 'certificates that are wrong a second time in the same way are left without a word',
    source: 'docs/security.md (certificates)',
    file: 'src/certificate-watch.ts',
    find: `        this.#complaints.delete(watched)
        return false
`,
    replace: `        return false
`,
    caughtBy: CERTIFICATES,
  },
  {
    name: 'whoever goes on guessing is forgotten first',
    source: 'docs/security.md (failed log-ins)',
    file: 'src/auth/failure-buckets.ts',
    find: `    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
`,
    replace: `    this.#buckets.set(key, bucket)
`,
    caughtBy: AUTH,
  },
  {
    name: 'log-ins that succeed let more guesses through than the limit',
    source: 'docs/security.md (failed log-ins)',
    file: 'src/auth/failure-buckets.ts',
    find: `bucket.tokens = Math.min(this.#limits.burst, bucket.tokens + 1)`,
    replace: `bucket.tokens = bucket.tokens + this.#limits.burst`,
    caughtBy: AUTH,
  },
  {
    name: 'whoever waits long enough may guess without a limit',
    source: 'docs/security.md (failed log-ins)',
    file: 'src/auth/failure-buckets.ts',
    find: `Math.min(burst, bucket.tokens + (now - bucket.filledAt) / refillMs)`,
    replace: `bucket.tokens + (now - bucket.filledAt) / refillMs`,
    caughtBy: AUTH,
  },
  {
    name: 'failed log-ins beyond twenty are told again and again',
    source: 'docs/security.md (failed log-ins)',
    file: 'src/auth/login-failures.ts',
    find: `    this.#others = 0
    void`,
    replace: `    void`,
    caughtBy: AUTH,
  },
  {
    name: 'each failed log-in is a row of the audit log at once',
    source: 'docs/security.md (no attacker can fill it)',
    file: 'src/auth/login-failures.ts',
    find: `Math.max(FIRST_MS, this.#toldAt + PACE_MS - this.#clock.now())`,
    replace: `FIRST_MS`,
    caughtBy: AUTH,
  },
  {
    name: 'a listener that has closed still counts what it cuts off',
    source: 'docs/metrics.md (close_time)',
    file: 'src/http/close-listener.ts',
    find: `    clearTimeout(deadline)
`,
    replace: '',
    caughtBy: LISTEN,
  },
  {
    name: 'a listener that closes waits for a request that never ends',
    source: 'stopping is bounded in time',
    file: 'src/http/close-listener.ts',
    find: `    server.closeAllConnections()
`,
    replace: '',
    caughtBy: LISTEN,
  },
  {
    name: 'a listener that closes looks for idle connections once',
    source: 'src/http/close-listener.ts',
    file: 'src/http/close-listener.ts',
    find: `    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
`,
    replace: '',
    caughtBy: LISTEN,
  },
  {
    name: 'a damaged batch with a later one behind it is cut off as torn',
    source: 'WAL ("the worst bug this project could have"); bug 36',
    file: 'raft/storage/tail.ts',
    find: `  if (written > end) return 'a damaged batch is followed by a later one'
`,
    replace: '',
    caughtBy: DAMAGE,
  },
  {
    name: 'a batch that reads as zeros is the end of the log, whatever lies behind it',
    source: 'WAL ("the worst bug this project could have"); bug 36',
    file: 'raft/storage/tail.ts',
    find: `if (later !== null && later.sequence > next.sequence) throw`,
    replace: `if (later !== null && later.sequence < next.sequence) throw`,
    caughtBy: DAMAGE,
  },
  {
    name: 'a batch that has changed since it was written is cut off as torn',
    source: 'WAL ("the worst bug this project could have"); bug 36',
    file: 'raft/storage/tail.ts',
    find: `countZeroSectors(source, offset, end) > zeroSectors) return null`,
    replace: `countZeroSectors(source, offset, end) >= zeroSectors) return null`,
    caughtBy: DAMAGE,
  },
  {
    name: 'a batch that was cut short within its first record is damage',
    source: 'WAL; bug 37',
    file: 'raft/storage/tail.ts',
    find: `    return isCutShort ? null : 'a batch begins with a damaged record'
`,
    replace: `    return isCutShort ? 'a batch is cut short' : 'a batch begins with a damaged record'
`,
    caughtBy: CRASH,
  },
  {
    name: 'an entry before the base is read',
    source: 'rule 10; bug 24',
    file: 'raft/storage/batch-sense.ts',
    find: `if (index <= this.#baseIndex) return`,
    replace: `if (index < 0) return`,
    caughtBy: testFile('test/raft/storage/log-scan.test.ts'),
  },
  {
    name: 'entries that were cut are still looked for where they were',
    source: '§3.5',
    file: 'raft/storage/entry-offsets.ts',
    find: `this.#count = Math.min(this.#count, Math.max(0, index - this.#first))`,
    replace: `this.#count = Math.min(this.#count, Math.max(0, index - this.#first + 1))`,
    caughtBy: STORES,
  },
  {
    name: 'a file is written as far as one call goes',
    source: 'rule 9 (short writes)',
    file: 'raft/storage/file-disk.ts',
    find: `    this.#sizeBytes = Math.max(this.#sizeBytes, offset + written)
`,
    replace: `    this.#sizeBytes = offset + written
`,
    caughtBy: STORES,
  },
  {
    name: 'a server leaves it to V8 when to collect garbage, and on how many threads',
    source: 'src/cli/short-pauses.ts',
    file: 'src/cli/server.ts',
    find: `  preferShortPauses()
`,
    replace: ``,
    caughtBy: testFile('test/cli/server-pauses.test.ts'),
  },
]
