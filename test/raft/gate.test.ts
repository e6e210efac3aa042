import { describe, expect, test } from 'vitest'
import { encodeMembership } from '../../raft/core/membership-entry.ts'
import { Gate } from '../../raft/gate.ts'
import { AddressBook } from '../../raft/peers.ts'
import type { PeerIdentity } from '../../raft/ports.ts'
import { noPeers } from '../../raft/transport/no-peers.ts'
import type { Entry, Membership, NodeId } from '../../raft/types.ts'
import { Witness } from '../../raft/witness.ts'
import { appendEntries, membershipOf, SoloNode } from './core/solo-node.ts'

const SCHEMAS = { min: 1, max: 1 }
const SELF = { clusterId: 1, nodeId: 1, incarnation: 'disk-1', addr: 'node-1:1', schemas: SCHEMAS }

function gateOf({ raft }: SoloNode): Gate {
  return new Gate({
    raft,
    addresses: new AddressBook(SELF, []),
    witness: new Witness({ confirmMs: 100 }),
    clock: { now: () => raft.now, wallTime: () => 0, setTimer: () => () => {}, setSoon: () => {} },
    transport: noPeers(),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    settleMs: 100,
    emit: () => {},
  })
}

function peer(nodeId: NodeId, incarnation: string): PeerIdentity {
  const boot = { id: 1, term: 0, lastIndex: 0 }
  return { nodeId, incarnation, addr: `node-${nodeId}:1`, schemas: SCHEMAS, boot }
}

/** Three voters and learner 4, whose data directories are `known`. */
function membershipWith(known: ReadonlyMap<NodeId, string>, removed: readonly NodeId[] = []): Membership {
  const voters = [1, 2, 3].filter((id) => !removed.includes(id))
  const { members, ...rest } = membershipOf({ voters, learners: [4], removed })
  return {
    ...rest,
    members: members.map((member) => ({ ...member, incarnation: known.get(member.id) ?? null })),
  }
}

function entryOf(index: number, membership: Membership): Entry {
  const payload = encodeMembership({ membership, note: '' })
  return { index, term: 2, time: index, type: 'membership', payload }
}

describe('a data directory that the log names', () => {
  const known = new Map([
    [2, 'disk-2'],
    [4, 'disk-4'],
  ])

  test.each([
    { why: 'the one that is named', from: peer(2, 'disk-2'), reason: null },
    { why: 'another one', from: peer(2, 'disk-2+'), reason: 'incarnation' },
    { why: 'another one, of a node that is being added', from: peer(4, 'disk-4+'), reason: 'incarnation' },
    { why: 'any, where none is named yet', from: peer(3, 'disk-3'), reason: null },
  ])('counts before the entry is known to be committed: $why is answered $reason', ({ from, reason }) => {
    const node = new SoloNode()
    node.receive(appendEntries({ entries: [entryOf(1, membershipWith(known))], leaderCommit: 0 }))

    expect(gateOf(node).authorize(from)?.reason ?? null).toBe(reason)
  })

  test('counts on while a removal of its node is not committed', () => {
    const node = new SoloNode()
    const entries = [entryOf(1, membershipWith(known)), entryOf(2, membershipWith(known, [2]))]
    node.receive(appendEntries({ entries, leaderCommit: 1 }))
    const gate = gateOf(node)

    expect(gate.authorize(peer(2, 'disk-2'))).toBeNull()
    expect(gate.authorize(peer(2, 'disk-2+'))?.reason).toBe('incarnation')
  })
})

test('a removed node is let in until it has had an election timeout to hear of it', () => {
  const known = new Map([[2, 'disk-2']])
  const node = new SoloNode()
  const gate = gateOf(node)
  const entries = [entryOf(1, membershipWith(known)), entryOf(2, membershipWith(known, [2]))]
  node.receive(appendEntries({ entries, leaderCommit: 2 }))
  node.persist()

  gate.connectPeers()
  node.elapse(99)
  gate.connectPeers()
  expect(gate.authorize(peer(2, 'disk-2'))).toBeNull()
  node.elapse(1)
  gate.connectPeers()

  expect(gate.authorize(peer(2, 'disk-2'))?.reason).toBe('removed')
})
