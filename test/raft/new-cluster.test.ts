import { describe, expect, test } from 'vitest'
import { decodeMembership, encodeMembership } from '../../raft/core/membership-entry.ts'
import { DEFAULT_LIMITS } from '../../raft/core/state.ts'
import { beginAfter, forceNewCluster } from '../../raft/new-cluster.ts'
import type { Ports, RecoveredLog, StateMachine } from '../../raft/ports.ts'
import { newestMembership } from '../../raft/recovery.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import type { Entry, Membership } from '../../raft/types.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'
import { membershipOf, TIMING } from './core/solo-node.ts'

const THREE = membershipOf({ voters: [1, 2, 3] })
const SURVIVOR = { id: 1, addr: 'new:1', incarnation: 'new-disk' }
const SCHEMAS = { min: 1, max: 1 }

function logOn(device: MemoryDisk): SegmentedLog {
  return new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: 8192 })
}

async function reopened(device: MemoryDisk): Promise<RecoveredLog & { readonly entries: readonly Entry[] }> {
  const log = logOn(device)
  const recovered = await log.open()
  const first = (recovered.base?.lastIndex ?? 0) + 1
  const isEmpty = recovered.lastIndex < first
  const entries = isEmpty ? [] : await log.read({ first, last: recovered.lastIndex, bytesMax: 1 << 20 })
  await log.close()
  return { ...recovered, entries }
}

/** The disk of a member that has some entries in term 5, and knows none of them to be committed. */
async function survivor(membership: Membership = THREE): Promise<MemoryDisk> {
  const device = new MemoryDisk({ random: () => 0 })
  const log = logOn(device)
  await log.open()
  await log.initialize({ lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 })
  const entries = [1, 2, 3].map((index): Entry => {
    return { index, term: 5, time: 1_000 * index, type: 'command', payload: Buffer.from(`write ${index}`) }
  })
  await log.append({ hardState: { currentTerm: 5, votedFor: 2 }, entries })
  await log.close()
  return device
}

async function force(
  device: MemoryDisk,
  { rename = async () => {}, appliedIndex = 0 }: { rename?: () => Promise<void>; appliedIndex?: number } = {},
) {
  const disk = device.mount()
  const log = new SegmentedLog({ disk, directory: 'log', segmentBytes: 8192 })
  const ports: Omit<Parameters<typeof forceNewCluster>[1], 'stateMachine'> = {
    log,
    snapshots: new SnapshotFiles({ disk, directory: 'snapshots' }),
    clock: { now: () => 0, wallTime: () => 2_000, setTimer: () => () => {}, setSoon: () => {} },
    random: () => 0,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  }
  const stateMachine = { appliedIndex, durableIndex: appliedIndex } satisfies Partial<StateMachine>
  const options = { survivor: SURVIVOR, rename, schemas: SCHEMAS, timing: TIMING, limits: DEFAULT_LIMITS }
  const forced = await forceNewCluster(options, { ...ports, stateMachine } as unknown as Ports)
  await log.close()
  return forced
}

describe('a log that is forced into a new cluster', () => {
  test('keeps all its entries, also those that may not be committed, and has one member', async () => {
    const device = await survivor()

    const { lastIndex } = await force(device)

    const { entries, hardState } = await reopened(device)
    expect(lastIndex).toBe(4)
    expect(entries.slice(0, 3).map(({ payload }) => Buffer.from(payload).toString())).toEqual([
      'write 1',
      'write 2',
      'write 3',
    ])
    const last = entries[3]
    expect(last).toMatchObject({ index: 4, term: 6, time: 3_000, type: 'membership' })
    expect(decodeMembership(last?.payload ?? new Uint8Array()).membership).toEqual({
      members: [{ ...SURVIVOR, voter: true, schemas: null, isRolledBack: false }],
      removed: [2, 3],
      schemaVersion: 1,
    })
    expect(hardState).toEqual({ currentTerm: 6, votedFor: 1 })
  })

  test('goes by its newest configuration, committed or not', async () => {
    const device = await survivor()
    const log = logOn(device)
    await log.open()
    const later = { ...membershipOf({ voters: [1, 2, 3], learners: [4] }), removed: [9] }
    const payload = encodeMembership({ membership: later, note: '' })
    await log.append({
      hardState: null,
      entries: [{ index: 4, term: 5, time: 0, type: 'membership', payload }],
    })
    await log.close()

    const { membership } = await force(device)

    expect(membership.removed).toEqual([2, 3, 4, 9])
  })

  test('belongs to another cluster before it says that nobody else is a member', async () => {
    const device = await survivor()
    const rename = async () => {
      throw new Error('the power is gone')
    }

    await expect(force(device, { rename })).rejects.toThrow('the power is gone')

    expect(newestMembership(await reopened(device))).toEqual(THREE)
  })

  test('is left as it is if its node would not start either', async () => {
    const device = await survivor()

    await expect(force(device, { appliedIndex: 7 })).rejects.toThrow('a part of the log is missing')

    expect(await reopened(device)).toMatchObject({ lastIndex: 3, hardState: { currentTerm: 5, votedFor: 2 } })
  })
})

describe('a log that begins after a snapshot of another cluster', () => {
  test('is in the term of its base at least, for lower ones are over', async () => {
    const device = new MemoryDisk({ random: () => 0 })
    const base = { lastIndex: 40, lastTerm: 7, lastTime: 9, membership: THREE, membershipIndex: 0 }

    await beginAfter(logOn(device), base)

    expect(await reopened(device)).toMatchObject({
      base,
      lastIndex: 40,
      hardState: { currentTerm: 7, votedFor: null },
    })
  })

  test('is not made of one that has begun', async () => {
    const base = { lastIndex: 40, lastTerm: 7, lastTime: 9, membership: THREE, membershipIndex: 0 }

    await expect(beginAfter(logOn(await survivor()), base)).rejects.toThrow('initialized already')
  })
})
