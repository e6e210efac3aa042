import { type Mutant, testFile } from './mutant.ts'

const DISK_STALL = testFile('test/raft/core/disk-stall.test.ts')
const DISK_ROOM = testFile('test/raft/core/disk-room.test.ts')
const DISK_WATCH = testFile('test/raft/disk-watch.test.ts')

/** Disks that stall or fill up: section 4. */
export const DISK_TROUBLE: readonly Mutant[] = [
  {
    name: 'a disk is stalled only after twice the election timeout',
    source: 'bug 7, hashicorp/raft#503',
    file: 'raft/core/disk-health.ts',
    find: `return stallMs > electionMinMs / 2`,
    replace: `return stallMs > electionMinMs * 2`,
    caughtBy: DISK_STALL,
  },
  {
    name: 'a leader whose disk is stalled takes proposals as long as nobody can take over',
    source: 'bug 7 and invariant 36',
    file: 'raft/core/disk-health.ts',
    find: `return raft.transfer !== null || isHoldingBack(raft)`,
    replace: `return raft.transfer !== null`,
    caughtBy: DISK_STALL,
  },
  {
    name: 'a leader gives way to a disk that is hardly faster than its own',
    source: 'raft/README.md (leadership stays where all disks are slow)',
    file: 'raft/core/timeout-now.ts',
    find: `isInContact(raft, id) && isMuchFaster(raft, peer.disk)`,
    replace: `isInContact(raft, id) && !isStall(peer.disk, raft.timing)`,
    caughtBy: DISK_STALL,
  },
  {
    name: 'a leader gives way although the others are no quorum without it',
    source: 'raft/README.md (a leader that cannot write still confirms reads)',
    file: 'raft/core/timeout-now.ts',
    find: `  if (able.length < quorumSize(voters.length)) return
`,
    replace: ``,
    caughtBy: DISK_STALL,
  },
  {
    name: 'a leader whose disk is stalled stays when the transfer has failed',
    source: 'bug 7, hashicorp/raft#503 #612',
    file: 'raft/core/timeout-now.ts',
    find: `  } else if (isHoldingBack(raft)) becomeFollower(raft, { term: raft.currentTerm, leaderId: null })`,
    replace: `  }`,
    caughtBy: DISK_STALL,
  },
  {
    name: 'a node whose disk is stalled campaigns',
    source: 'bug 7, hashicorp/raft#666',
    file: 'raft/core/request-vote.ts',
    find: `raft.installing === null && !isDiskStalled(raft)`,
    replace: `raft.installing === null`,
    caughtBy: DISK_STALL,
  },
  {
    name: 'a batch waits for the disk only once it is being written',
    source: 'bug 7; README.md §4 (oldest unsynced batch)',
    file: 'raft/disk-lane.ts',
    find: `this.#writingSince = first?.since ?? null`,
    replace: `this.#writingSince = this.#time`,
    caughtBy: testFile('test/raft/disk-lane.test.ts'),
  },
  {
    name: 'a leader asks its own disk for room, and nobody else’s',
    source: 'bug 37, etcd#3591',
    file: 'raft/core/propose.ts',
    find: `needsRoom ? votersWithoutRoom(raft) : []`,
    replace: `needsRoom && raft.disk.isLow ? [raft.id] : []`,
    caughtBy: DISK_ROOM,
  },
  {
    name: 'a voter that does not answer counts as one that has room',
    source: 'bug 37, etcd#3591',
    file: 'raft/core/disk-room.ts',
    find: `!isLow(raft, id) && isInContact(raft, id)`,
    replace: `!isLow(raft, id)`,
    caughtBy: DISK_ROOM,
  },
  {
    name: 'a disk has room again at the byte at which it had none',
    source: 'raft/README.md (low ends later than it begins)',
    file: 'raft/disk-watch.ts',
    find: `this.#isLow ? this.#lowBytes * ROOM_AGAIN_FACTOR : this.#lowBytes`,
    replace: `this.#lowBytes`,
    caughtBy: DISK_WATCH,
  },
  {
    name: 'a disk that hangs is asked for its free bytes again and again',
    source: 'invariant 36',
    file: 'raft/disk-watch.ts',
    find: `this.#lowBytes > 0 && !this.#isAsking && now`,
    replace: `this.#lowBytes > 0 && now`,
    caughtBy: DISK_WATCH,
  },
  {
    name: 'a snapshot is received into the room that the log needs',
    source: 'bug 37, etcd#3591',
    file: 'raft/storage/snapshot-receiver.ts',
    find: `await checkRoom(disk, sizeBytes - offset + options.reservedBytes)`,
    replace: `await checkRoom(disk, sizeBytes - offset)`,
    caughtBy: testFile('test/raft/storage/snapshot-room.test.ts'),
  },
]
