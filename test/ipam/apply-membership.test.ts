import { describe, expect, test } from 'vitest'
import type { Member, Membership } from '../../raft/types.ts'
import { Harness } from '../state/harness.ts'
import { MemoryStorage } from '../state/memory-storage.ts'

function member(id: number, options: Partial<Member> = {}): Member {
  return {
    id,
    addr: `host-${id}:5000`,
    voter: true,
    incarnation: null,
    schemas: null,
    isRolledBack: false,
    ...options,
  }
}

const FOUNDERS = [member(1), member(2), member(3)]
const LEARNER = member(4, { voter: false })
const NOTE = JSON.stringify({ user: 'alice', requestId: 'req-9' })

async function auditOf(memberships: readonly Membership[], note = ''): Promise<string[]> {
  const ipam = await Harness.open()
  for (const membership of memberships) ipam.applyMembership(membership, note)
  const rows = await ipam.audit()
  return rows.map(({ action, resource, details, user }) => `${action} ${resource} by ${user}: ${details}`)
}

describe('membership entries', () => {
  test('a node is audited when it joins, when it becomes a voter, and when it leaves', async () => {
    const rows = await auditOf([
      { members: [...FOUNDERS, LEARNER], removed: [], schemaVersion: 1 },
      { members: [...FOUNDERS, member(4)], removed: [], schemaVersion: 1 },
      { members: [member(1), member(3), member(4)], removed: [2], schemaVersion: 1 },
    ])

    expect(rows).toEqual([
      'node_added node-4 by system: Added node 4 (host-4:5000)',
      'node_promoted node-4 by system: Promoted node 4 (host-4:5000) to voter',
      'node_removed node-2 by system: Removed node 2 (host-2:5000)',
    ])
  })

  test.each([
    {
      why: 'an incarnation',
      first: { members: [member(1, { incarnation: 'x' }), member(2)], removed: [], schemaVersion: 1 },
      rows: [],
    },
    {
      why: 'a removal',
      first: { members: [member(1), member(2)], removed: [3], schemaVersion: 1 },
      rows: ['node_removed node-3 by system: Removed node 3'],
    },
  ])(
    'the members that the cluster started with are not audited: the first entry brings $why',
    async ({ first, rows }) => {
      expect(await auditOf([first])).toEqual(rows)
    },
  )

  test('an old data directory is audited, and the schema version that is raised', async () => {
    const rolledBack = [member(1), member(2, { isRolledBack: true }), member(3)]
    const rows = await auditOf([
      { members: FOUNDERS, removed: [], schemaVersion: 1 },
      { members: rolledBack, removed: [], schemaVersion: 1 },
      { members: rolledBack, removed: [], schemaVersion: 3 },
    ])

    expect(rows).toEqual([
      'node_rolled_back node-2 by system: Node 2 (host-2:5000) came with a data directory older than what it had acknowledged',
      'schema_raised cluster by system: Raised the command schema from 1 to 3',
    ])
  })

  test('what was audited is not audited again after a restart', async () => {
    const storage = new MemoryStorage()
    const membership: Membership = {
      members: [member(1), member(2, { isRolledBack: true, schemas: { min: 1, max: 3 } }), member(3)],
      removed: [],
      schemaVersion: 3,
    }
    const before = await Harness.open(storage)
    before.applyMembership(membership)
    await before.machine.close()

    const after = await Harness.open(storage)
    after.applyMembership(membership)

    expect(await after.audit()).toEqual([])
  })

  test('a new incarnation alone is not audited', async () => {
    const rows = await auditOf([
      { members: FOUNDERS, removed: [], schemaVersion: 1 },
      { members: [member(1, { incarnation: 'a' }), member(2), member(3)], removed: [], schemaVersion: 1 },
    ])

    expect(rows).toEqual([])
  })

  test.each([
    { note: NOTE, user: 'alice', requestId: 'req-9' },
    { note: '', user: 'system', requestId: null },
    { note: 'not JSON', user: 'system', requestId: null },
    { note: '{"user": 7}', user: 'system', requestId: null },
  ])('the note $note names $user', async ({ note, user, requestId }) => {
    const ipam = await Harness.open()
    ipam.applyMembership({ members: [...FOUNDERS, LEARNER], removed: [], schemaVersion: 1 }, note)

    expect(await ipam.audit()).toMatchObject([{ user, requestId }])
  })

  test('a row has the member before and after, also after a restart', async () => {
    const storage = new MemoryStorage()
    const ipam = await Harness.open(storage)
    const rolledBack = member(3, { isRolledBack: true })
    ipam.applyMembership({ members: [...FOUNDERS, LEARNER], removed: [], schemaVersion: 1 })
    ipam.applyMembership({ members: [...FOUNDERS, member(4)], removed: [], schemaVersion: 1 })
    const members = [member(1), member(2), rolledBack, member(4)]
    ipam.applyMembership({ members, removed: [], schemaVersion: 1 })
    ipam.applyMembership({ members: members.slice(1), removed: [1], schemaVersion: 2 })
    await ipam.machine.close()

    const rows = await (await Harness.open(storage)).audit()

    const record = (id: number, options = {}) => {
      return {
        kind: 'member',
        nodeId: id,
        addr: `host-${id}:5000`,
        voter: true,
        isRolledBack: false,
        ...options,
      }
    }
    expect(rows.map(({ action, before, after }) => ({ action, before, after }))).toEqual([
      { action: 'node_added', before: null, after: record(4, { voter: false }) },
      { action: 'node_promoted', before: record(4, { voter: false }), after: record(4) },
      { action: 'node_rolled_back', before: record(3), after: record(3, { isRolledBack: true }) },
      { action: 'node_removed', before: record(1), after: null },
      { action: 'schema_raised', before: null, after: null },
    ])
  })

  test('the previous membership outlives a restart', async () => {
    const storage = new MemoryStorage()
    const before = await Harness.open(storage)
    before.applyMembership({ members: [...FOUNDERS, LEARNER], removed: [], schemaVersion: 1 })
    await before.machine.close()

    const after = await Harness.open(storage)
    after.applyMembership({ members: [...FOUNDERS, member(4)], removed: [], schemaVersion: 1 })

    expect((await after.audit()).map(({ action }) => action)).toEqual(['node_added', 'node_promoted'])
  })
})
