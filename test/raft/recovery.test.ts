import { describe, expect, test } from 'vitest'
import { encodeMembership } from '../../raft/core/membership-entry.ts'
import { DEFAULT_LIMITS, type Raft } from '../../raft/core/state.ts'
import { SchemaMismatchError } from '../../raft/errors.ts'
import type { Ports, StateMachine } from '../../raft/ports.ts'
import { recover } from '../../raft/recovery.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import type { Entry, Membership, SchemaRange } from '../../raft/types.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'
import { membershipOf, TIMING } from './core/solo-node.ts'

const EMPTY: Membership = { members: [], removed: [], schemaVersion: 1 }

/** A directory whose log begins with `base` and goes on with `later`, an uncommitted entry; or a new one. */
async function directory(base: Membership | null, later: Membership | null): Promise<MemoryDisk> {
  const device = new MemoryDisk({ random: () => 0 })
  if (base === null) return device
  const log = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: 8192 })
  await log.open()
  await log.initialize({ lastIndex: 0, lastTerm: 0, lastTime: 0, membership: base, membershipIndex: 0 })
  if (later !== null) {
    const payload = encodeMembership({ membership: later, note: '' })
    const entry: Entry = { index: 1, term: 1, time: 0, type: 'membership', payload }
    await log.append({ hardState: { currentTerm: 1, votedFor: null }, entries: [entry] })
  }
  await log.close()
  return device
}

/** As a program that reads `schemas` starts there. */
function start(device: MemoryDisk, schemas: SchemaRange, initialMembership = EMPTY): Promise<Raft> {
  const disk = device.mount()
  const ports: Pick<Ports, 'log' | 'snapshots' | 'clock' | 'random' | 'logger'> = {
    log: new SegmentedLog({ disk, directory: 'log', segmentBytes: 8192 }),
    snapshots: new SnapshotFiles({ disk, directory: 'snapshots' }),
    clock: { now: () => 0, wallTime: () => 0, setTimer: () => () => {}, setSoon: () => {} },
    random: () => 0,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  }
  const stateMachine: Pick<StateMachine, 'appliedIndex' | 'durableIndex'> = {
    appliedIndex: 0,
    durableIndex: 0,
  }
  return recover({ id: 1, initialMembership, schemas, timing: TIMING, limits: DEFAULT_LIMITS }, {
    ...ports,
    stateMachine,
  } as Ports)
}

function at(schemaVersion: number): Membership {
  return { ...membershipOf({ voters: [1, 2, 3] }), schemaVersion }
}

describe('a program starts on a log that it can read', () => {
  test.each([
    { why: 'all is of its version', base: at(1), later: null, schemas: { min: 1, max: 1 }, starts: true },
    {
      why: 'the log begins with a newer one',
      base: at(2),
      later: null,
      schemas: { min: 1, max: 1 },
      starts: false,
    },
    {
      why: 'a newer one may come into force: its entry is here, if not committed',
      base: at(1),
      later: at(2),
      schemas: { min: 1, max: 1 },
      starts: false,
    },
    {
      why: 'it reads older and newer ones',
      base: at(2),
      later: null,
      schemas: { min: 1, max: 3 },
      starts: true,
    },
    {
      why: 'it has given up that version',
      base: at(1),
      later: null,
      schemas: { min: 2, max: 3 },
      starts: false,
    },
    {
      why: 'the version was raised past its lowest',
      base: at(1),
      later: at(2),
      schemas: { min: 2, max: 3 },
      starts: true,
    },
    { why: 'the directory is new', base: null, later: null, schemas: { min: 2, max: 3 }, starts: true },
    {
      why: 'it waits to be added, and knows of no version',
      base: EMPTY,
      later: null,
      schemas: { min: 2, max: 3 },
      starts: true,
    },
  ])('if $why: $starts', async ({ base, later, schemas, starts }) => {
    const device = await directory(base, later)
    const before = device.contents()

    const started = start(device, schemas)

    if (starts) {
      expect((await started).role).toBe('follower')
    } else {
      await expect(started).rejects.toThrow(SchemaMismatchError)
      expect(device.contents()).toEqual(before)
    }
  })
})
