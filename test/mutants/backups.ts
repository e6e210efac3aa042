import { type Mutant, testFile } from './mutant.ts'

const PEERS = testFile('test/raft/peers.test.ts')
const NEW_CLUSTER = testFile('test/raft/new-cluster.test.ts')
const RESTORE = testFile('test/backup/restore.test.ts')
const SNAPSHOT = testFile('test/http/snapshot.test.ts')

/** What leaves a cluster as a file, and clusters that begin with one, or with one survivor. */
export const BACKUPS: readonly Mutant[] = [
  {
    name: 'a founder from another snapshot is let in',
    source: 'src/backup/README.md (founders)',
    file: 'raft/peers.ts',
    find: `return origin !== null && isFounder && originOf(incarnation) !== origin`,
    replace: `return false && origin !== null && isFounder && originOf(incarnation) !== origin`,
    caughtBy: PEERS,
  },
  {
    name: 'a founder with nothing is let in by one that was restored',
    source: 'src/backup/README.md (founders)',
    file: 'raft/peers.ts',
    find: `originOf(incarnation) !== origin
`,
    replace: `![null, origin].includes(originOf(incarnation))
`,
    caughtBy: PEERS,
  },
  {
    name: 'a survivor is of the old cluster until its log says otherwise',
    source: 'raft/new-cluster.ts (rename)',
    file: 'raft/new-cluster.ts',
    find: `  await rename()
  await ports.log.append({
    hardState: { currentTerm: term, votedFor: id },
    entries: [{ index, term, time, type: 'membership', payload }],
  })
`,
    replace: `  await ports.log.append({
    hardState: { currentTerm: term, votedFor: id },
    entries: [{ index, term, time, type: 'membership', payload }],
  })
  await rename()
`,
    caughtBy: NEW_CLUSTER,
  },
  {
    name: 'a restored log begins in term 0',
    source: 'Figure 3.1',
    file: 'raft/new-cluster.ts',
    find: `currentTerm: base.lastTerm`,
    replace: `currentTerm: 0`,
    caughtBy: NEW_CLUSTER,
  },
  {
    name: 'who was removed before a recovery may come back after it',
    source: 'src/backup/README.md',
    file: 'raft/new-cluster.ts',
    find: `[...removed, ...others]`,
    replace: `[...others]`,
    caughtBy: NEW_CLUSTER,
  },
  {
    name: 'a survivor goes on in the old term',
    source: 'raft/new-cluster.ts',
    file: 'raft/new-cluster.ts',
    find: `raft.currentTerm + 1`,
    replace: `raft.currentTerm`,
    caughtBy: NEW_CLUSTER,
  },
  {
    name: 'a snapshot is restored over what is there',
    source: 'docs/backup.md',
    file: 'src/backup/restore.ts',
    find: `if (names.length === 0) return`,
    replace: `if (names.length >= 0) return`,
    caughtBy: RESTORE,
  },
  {
    name: 'two restores of one node are the same node',
    source: 'raft/incarnation.ts',
    file: 'src/backup/restore.ts',
    find: `randomBytes(16).toString('hex')`,
    replace: `'0'.repeat(32)`,
    caughtBy: RESTORE,
  },
  {
    name: 'a snapshot founds a second cluster of the same id',
    source: 'docs/backup.md',
    file: 'src/backup/restore.ts',
    find: `config.clusterId === clusterId`,
    replace: `config.clusterId !== config.clusterId`,
    caughtBy: RESTORE,
  },
  {
    name: 'a snapshot of a newer version is restored',
    source: 'docs/backup.md (newer versions)',
    file: 'src/backup/restore.ts',
    find: `schemaVersion > COMMAND_SCHEMAS.max`,
    replace: `schemaVersion > COMMAND_SCHEMAS.max + 100`,
    caughtBy: RESTORE,
  },
  {
    name: 'what a killed restore has left becomes part of the next',
    source: 'src/backup/README.md',
    file: 'src/backup/restore.ts',
    find: `    await clear(unfinished)
`,
    replace: '',
    caughtBy: RESTORE,
  },
  {
    name: 'a backup that does not begin keeps its place',
    source: 'src/http/README.md (two backups at once)',
    file: 'src/snapshot-streams.ts',
    find: `    } catch (error) {
      this.#openCount -= 1
`,
    replace: `    } catch (error) {
`,
    caughtBy: SNAPSHOT,
  },
  {
    name: 'whoever hangs up leaves the image of his backup behind',
    source: 'src/http/README.md (two backups at once)',
    file: 'src/http/stream.ts',
    find: `      await parts.release().catch(() => {})
`,
    replace: '',
    caughtBy: SNAPSHOT,
  },
  {
    name: 'one more backup at once than the limit',
    source: 'src/http/README.md (two backups at once)',
    file: 'src/snapshot-streams.ts',
    find: `if (this.#openCount >= streamsMax)`,
    replace: `if (this.#openCount > streamsMax)`,
    caughtBy: SNAPSHOT,
  },
]
