import { type Mutant, testFile } from './mutant.ts'

const DRAIN = testFile('test/raft/core/drain.test.ts')
const LOG_SCAN = testFile('test/raft/storage/log-scan.test.ts')
const ACTIONS = testFile('test/sim/actions-on-record.test.ts')
const LISTEN = testFile('test/http/listen.test.ts')
const READS = testFile('test/replicated-service.test.ts')
const SERVER = testFile('test/server.test.ts')
const DIRECTORY_LOCK = testFile('test/raft/storage/directory-lock.test.ts')

/** What an operator does: looks at a log, starts a node, drains one before it is stopped. */
export const OPERATIONS: readonly Mutant[] = [
  {
    name: 'a scan reads on after the segment that is damaged',
    source: 'bug 36 and 37',
    file: 'raft/storage/log-scan.ts',
    find: `        if (scanner.damage !== null) break
`,
    replace: ``,
    caughtBy: LOG_SCAN,
  },
  {
    name: 'the records of a batch are applied before all of them are known to make sense',
    source: 'raft/storage/README.md (a batch is all or nothing)',
    file: 'raft/storage/replay.ts',
    find: `    checkSense(source, offset, { header, segment, log })
    if (offset === 0) this.segments.push(segment)
    for (const at of recordOffsets(source, offset, header)) this.#applyRecord(source, at, segment)`,
    replace: `    if (offset === 0) this.segments.push(segment)
    for (const at of recordOffsets(source, offset, header)) this.#applyRecord(source, at, segment)
    checkSense(source, offset, { header, segment, log })`,
    caughtBy: LOG_SCAN,
  },
  {
    name: 'the entries of a range that begins in a segment are those from its start',
    source: 'raft/storage/README.md (a segment is a run of entries)',
    file: 'raft/storage/log-scan.ts',
    find: `let next = Math.max(first, base + 1, segment.entries.first)`,
    replace: `let next = Math.max(base + 1, segment.entries.first)`,
    caughtBy: LOG_SCAN,
  },
  {
    name: 'a process in another container may open a data directory that is in use',
    source: 'raft/storage/README.md (the lock)',
    file: 'raft/storage/directory-lock.ts',
    find: `    if (await isAnswered(name)) throw await inUse(path, name)
`,
    replace: ``,
    caughtBy: DIRECTORY_LOCK,
  },
  {
    name: 'the socket file of a process that was killed keeps the next one out',
    source: 'raft/storage/README.md (the lock)',
    file: 'raft/storage/directory-lock.ts',
    find: `    fs.rmSync(name, { force: true })
`,
    replace: ``,
    caughtBy: DIRECTORY_LOCK,
  },
  {
    name: 'a log is shown while a node in another container writes it',
    source: 'raft/storage/README.md (the lock)',
    file: 'raft/storage/directory-lock.ts',
    find: `if (named !== null ||`,
    replace: `if (process.platform === 'linux' || named !== null ||`,
    caughtBy: DIRECTORY_LOCK,
  },
  {
    name: 'a drained node campaigns',
    source: '§3.10; raft/README.md (drain)',
    file: 'raft/core/request-vote.ts',
    find: `.includes(raft.id) && !raft.isDrained`,
    replace: `.includes(raft.id)`,
    caughtBy: DRAIN,
  },
  {
    name: 'a drained node does not lead, though nobody else can win',
    source: 'invariant 32',
    file: 'raft/core/request-vote.ts',
    find: `isReady && (isFit || isIndispensable(raft))`,
    replace: `isReady && isFit`,
    caughtBy: testFile('test/raft/core/indispensable.test.ts'),
  },
  {
    name: 'a drained node leads as soon as one candidate lacks what it has',
    source: 'raft/README.md (drain)',
    file: 'raft/core/request-vote.ts',
    find: `const REFUSED_FOR_LOG_MAX = 3`,
    replace: `const REFUSED_FOR_LOG_MAX = 1`,
    caughtBy: testFile('test/raft/core/indispensable.test.ts'),
  },
  {
    name: 'a leader chooses a drained node as its successor',
    source: '§3.10; bug 21',
    file: 'raft/core/timeout-now.ts',
    find: ` && progress.get(id)?.isDrained === false`,
    replace: ``,
    caughtBy: DRAIN,
  },
  {
    name: 'a leader hears with the next heartbeat that a node is drained',
    source: 'raft/README.md (drain)',
    file: 'raft/core/drain.ts',
    find: `  raft.isAckDue = true
`,
    replace: ``,
    caughtBy: DRAIN,
  },
  {
    name: 'a read that need not wait is answered at once',
    source: 'docs/performance.md (reads that are answered together)',
    file: 'src/replicated-service.ts',
    find: `if (ready === null) await this.#untilEndOfTurn()`,
    replace: `if (ready === null) await null`,
    caughtBy: READS,
  },
  {
    name: 'only the first reads wait for the end of the turn',
    source: 'docs/performance.md (reads that are answered together)',
    file: 'src/replicated-service.ts',
    find: `        this.#endOfTurn = null
`,
    replace: ``,
    caughtBy: READS,
  },
  {
    name: 'a drained node is ready for load balancers',
    source: 'docs/load-balancer.md (who is asked); issue 6',
    file: 'src/replicated-service.ts',
    find: `const isDraining = this.#isDraining || this.#node.isDrained`,
    replace: `const isDraining = this.#isDraining`,
    caughtBy: ACTIONS,
  },
  {
    name: 'a transfer of leadership leaves no audit row',
    source: 'promise 6',
    file: 'src/replicated-service.ts',
    find: `    return await this.#written({ type: 'noteTransfer', from, to }, context)
`,
    replace: `    return { index: this.#stateMachine.appliedIndex }
`,
    caughtBy: ACTIONS,
  },
  {
    name: 'a transfer is on record as one by the node that was asked for it',
    source: 'promise 6; raft/README.md (who led and who leads)',
    file: 'raft/forwarded-requests.ts',
    find: `{ from, to: outcome.leaderId }`,
    replace: `{ from: this.#host.id, to: outcome.leaderId }`,
    caughtBy: ACTIONS,
  },
  {
    name: 'a drain that changes nothing is on record',
    source: 'src/http/README.md (transfers and drains on record)',
    file: 'src/replicated-service.ts',
    find: `    if (isDrained === wasDrained) return { index: this.#stateMachine.appliedIndex }
`,
    replace: ``,
    caughtBy: ACTIONS,
  },
  {
    name: 'a drain is answered only when the log goes on',
    source: 'src/http/README.md (transfers and drains on record)',
    file: 'src/action-notes.ts',
    find: `() => resolve(null))`,
    replace: `() => {})`,
    caughtBy: ACTIONS,
  },
  {
    name: 'a drain whose row cannot be written is a failure',
    source: 'src/http/README.md (transfers and drains on record)',
    file: 'src/action-notes.ts',
    find: `    return new Promise((resolve) => {`,
    replace: `    return new Promise((resolve, reject) => {
      this.#execute(note, { user, requestId }).catch(reject)`,
    caughtBy: testFile('test/action-notes.test.ts'),
  },
  {
    name: 'a change of the cluster is answered without an index',
    source: 'src/http/README.md (X-Raft-Index)',
    file: 'src/http/cluster.ts',
    find: `return noContent(positionHeaders({ index, lastContactMs: null }))`,
    replace: `return noContent(index < 0 ? positionHeaders({ index, lastContactMs: null }) : {})`,
    caughtBy: testFile('test/http/cluster.test.ts'),
  },
  {
    name: 'what a node has to say waits with its requests',
    source: 'src/logger.ts',
    file: 'src/logger.ts',
    find: 'if (!line.endsWith(REQUEST_END) || lines.length >= GATHERED_CHARS) give()',
    replace: 'if (lines.length >= GATHERED_CHARS) give()',
    caughtBy: testFile('test/logger.test.ts'),
  },
  {
    name: 'a listener that closes resets whom the system has accepted for it',
    source: 'src/http/README.md (the end of a listener)',
    file: 'src/http/close-listener.ts',
    find: `  await emptyBacklog(server)
`,
    replace: ``,
    caughtBy: LISTEN,
  },
  {
    name: 'requests are answered, and their clients come anew, while a listener closes',
    source: 'src/http/README.md (the end of a listener)',
    file: 'src/http/close-listener.ts',
    find: `  requests.hold()
`,
    replace: ``,
    caughtBy: LISTEN,
  },
  {
    name: 'a listener that closes takes silence for the wish to say nothing',
    source: 'src/http/README.md (the end of a listener)',
    file: 'src/http/close-listener.ts',
    find: `    if (performance.now() - startedAt < keptMs) return
`,
    replace: ``,
    caughtBy: LISTEN,
  },
  {
    name: 'a listener that closes keeps connections open',
    source: 'src/http/README.md (first the listening socket ends)',
    file: 'src/http/listen.ts',
    find: `      if (!server.listening) response.shouldKeepAlive = false
`,
    replace: ``,
    caughtBy: LISTEN,
  },
  {
    name: 'a request that is under way when a listener closes keeps its connection',
    source: 'src/http/README.md (first the listening socket ends)',
    file: 'src/http/close-listener.ts',
    find: `  for (const socket of sockets) endWithAnswer(socket)
`,
    replace: ``,
    caughtBy: LISTEN,
  },
  {
    name: 'a start that fails leaves the state open',
    source: 'src/server-node.ts',
    file: 'src/server-node.ts',
    find: `    await stateMachine.close()
`,
    replace: ``,
    caughtBy: SERVER,
  },
  {
    name: 'a state that cannot be read stays open',
    source: 'src/server-node.ts',
    file: 'src/state/load.ts',
    find: `    await database.close()
    throw error
`,
    replace: `    throw error
`,
    caughtBy: SERVER,
  },
  {
    name: 'a log of another format is called damaged',
    source: 'raft/storage/README.md (another format is no damage)',
    file: 'src/cli/start-error.ts',
    find: `if (error instanceof LogFormatError) return`,
    replace: `if (error === null) return`,
    caughtBy: testFile('test/cli/older-program.test.ts'),
  },
  {
    name: 'whoever restores a file of a newer ipam is told no way out',
    source: 'docs/backup.md (from a newer version)',
    file: 'src/backup/snapshot-contents.ts',
    find: `if (cause instanceof LogFormatError || cause instanceof StateFormatError) {`,
    replace: `if (cause instanceof StateFormatError) {`,
    caughtBy: testFile('test/backup/restore.test.ts'),
  },
  {
    name: 'whoever restores a state of an older ipam is told to remove a node',
    source: 'docs/backup.md',
    file: 'src/backup/snapshot-contents.ts',
    find: `if (cause instanceof LogFormatError || cause instanceof StateFormatError) {`,
    replace: `if (cause instanceof LogFormatError) {`,
    caughtBy: testFile('test/backup/restore.test.ts'),
  },
  {
    name: 'what is of other software counts as damage beside what is damaged',
    source: 'raft/storage/README.md (another format is no damage)',
    file: 'src/cli/log-verify.ts',
    find: `[...findings('damaged', damaged), ...findings('not readable', unreadable)]`,
    replace: `findings(damaged.length > 0 ? 'damaged' : 'not readable', damages)`,
    caughtBy: testFile('test/cli/log.test.ts'),
  },
  {
    name: 'the node.json of newer software is called damaged',
    source: 'raft/storage/README.md (another format is no damage)',
    file: 'src/cli/log-verify.ts',
    find: `    if (error.cause instanceof LogFormatError) return { node: null, damage: error.cause }
`,
    replace: '',
    caughtBy: testFile('test/cli/log.test.ts'),
  },
]
