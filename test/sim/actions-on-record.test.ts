/** What somebody does to the cluster beside its log is on record on every node, and is done also where that cannot be. */
import { describe, expect, test } from 'vitest'
import type { NodeId } from '../../raft/types.ts'
import { NOTE_WAIT_MS_MAX } from '../../src/action-notes.ts'
import type { AuditEntry } from '../../src/ipam/records.ts'
import type { ReplicatedIpamService } from '../../src/replicated-service.ts'
import { listAudit } from '../state/harness.ts'
import { addrOf } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

const ALICE = { user: 'alice', requestId: 'req-1' }
const BOB = { user: 'bob', requestId: 'req-2' }
const NODES: readonly NodeId[] = [1, 2, 3]

class Trio {
  readonly cluster = quietCluster()

  run(act: (leader: NodeId, others: readonly [NodeId, NodeId]) => Promise<void>): Promise<void> {
    const all = async (): Promise<void> => {
      for (const id of NODES) void this.cluster.start(id)
      await this.until(() => {
        const led = this.cluster.running.filter(({ node }) => node?.status().leaderId != null)
        return led.length === NODES.length && this.leader !== null
      })
      const leader = this.leader ?? 1
      await act(leader, NODES.filter((id) => id !== leader) as [NodeId, NodeId])
    }
    return runIn(this.cluster, all)
  }

  until(isTrue: () => boolean): Promise<void> {
    return until(this.cluster, isTrue.toString(), isTrue)
  }

  get leader(): NodeId | null {
    return this.cluster.leaders[0]?.id ?? null
  }

  service(id: NodeId): ReplicatedIpamService {
    const { running } = this.cluster.machine(id)
    if (running === null) throw new Error(`node ${id} does not run`)
    return running.service
  }

  isDrained(id: NodeId): boolean {
    return this.cluster.machine(id).node?.isDrained === true
  }

  /** The rows of these actions, once all nodes have applied the same. */
  async rows(): Promise<string[]> {
    const { running } = this.cluster
    const isLevel = (): boolean => {
      const statuses = running.map(({ node }) => node?.status())
      const last = Math.max(...statuses.map((status) => status?.lastIndex ?? 0))
      return statuses.every((status) => status?.appliedIndex === last)
    }
    await this.until(isLevel)
    const all = await Promise.all(
      running.map(async (machine) => {
        if (machine.running === null) return []
        const { rows } = await listAudit(machine.running.stateMachine)
        return rows.filter(({ action }) => /leader_|drained/.test(action)).map(rowText)
      }),
    )
    for (const rows of all) expect(rows).toEqual(all[0])
    return all[0] ?? []
  }
}

function rowText({ index, action, resource, details, user, requestId }: AuditEntry): string {
  return `${index} ${action} ${resource} by ${user} in ${requestId}: ${details}`
}

describe('a transfer of leadership', () => {
  test.each([
    { why: 'the leader', through: 'leader', isNamed: true },
    { why: 'the node that is to lead', through: 'next', isNamed: true },
    { why: 'another node', through: 'other', isNamed: true },
    { why: 'the leader, which chooses', through: 'leader', isNamed: false },
    { why: 'a node that does not lead, and the leader chooses', through: 'other', isNamed: false },
  ])('through $why is on record, from whom to whom', async ({ through, isNamed }) => {
    const trio = new Trio()
    await trio.run(async (old, [next, other]) => {
      const asked = { leader: old, next, other }[through] ?? old

      const { index } = await trio.service(asked).transferLeader({ nodeId: isNamed ? next : null }, ALICE)

      await trio.until(() => trio.leader !== null && trio.leader !== old)
      const { leader } = trio
      expect(await trio.rows()).toEqual([
        `${index} leader_transferred node-${leader} by alice in req-1: Transferred leadership from node ${old} to node ${leader}`,
      ])
    })
  })

  test('that is refused leaves no row, and neither does one to the node that leads', async () => {
    const trio = new Trio()
    await trio.run(async (leader, [other]) => {
      const refused = trio.service(other).transferLeader({ nodeId: 9 }, ALICE)
      const repeated = await trio.service(other).transferLeader({ nodeId: leader }, ALICE)

      await expect(refused).rejects.toMatchObject({ reason: 'not_voter' })
      expect(repeated.index).toBeGreaterThan(0)
      expect(await trio.rows()).toEqual([])
    })
  })
})

describe('a drain', () => {
  test('of the leader and its end are on record once each, however often they are asked for', async () => {
    const trio = new Trio()
    await trio.run(async (old) => {
      const drained = await trio.service(old).setDraining(true, ALICE)
      // What a follower answers for itself is as new as what it has applied.
      await trio.until(() => (trio.cluster.machine(old).node?.status().appliedIndex ?? 0) >= drained.index)
      const again = await trio.service(old).setDraining(true, ALICE)
      const undrained = await trio.service(old).setDraining(false, BOB)
      await trio.service(old).setDraining(false, BOB)

      expect(await trio.rows()).toEqual([
        `${drained.index} node_drained node-${old} by alice in req-1: Drained node ${old}`,
        `${undrained.index} node_undrained node-${old} by bob in req-2: Undid the drain of node ${old}`,
      ])
      expect(again.index).toBeGreaterThanOrEqual(drained.index)
    })
  })

  test('keeps requests of a load balancer away until it is undone', async () => {
    const trio = new Trio()
    await trio.run(async (_, [drained, other]) => {
      await trio.service(drained).setDraining(true, ALICE)
      const meanwhile = [drained, other].map((id) => trio.service(id).readiness())
      await trio.service(drained).setDraining(false, ALICE)

      expect(meanwhile).toEqual([
        { ready: false, reasons: ['draining'] },
        { ready: true, reasons: [] },
      ])
      expect(trio.service(drained).readiness()).toEqual({ ready: true, reasons: [] })
    })
  })

  test('of a node that hears nobody is done at once, and leaves no row', async () => {
    const trio = new Trio()
    await trio.run(async (leader, [alone, other]) => {
      const { world, network } = trio.cluster
      for (const id of [leader, other]) {
        network.cut(alone, id)
        network.cut(id, alone)
      }
      const startedAt = world.now

      const done = trio.service(alone).setDraining(true, ALICE)
      await world.sleep(50)
      const wasDrained = trio.isDrained(alone)
      const { index } = await done

      expect(wasDrained).toBe(true)
      expect(index).toBe(trio.service(alone).status().appliedIndex)
      expect(world.now - startedAt).toBeLessThan(NOTE_WAIT_MS_MAX + 100)
      // Longer than the note is tried for.
      await world.sleep(2 * NOTE_WAIT_MS_MAX)
      network.heal()
      await trio.until(() => trio.service(alone).status().leaderId !== null)
      expect(await trio.rows()).toEqual([])
    })
  })
})

describe('a change of members', () => {
  test.each([
    { why: 'a node is added through one that does not lead', isLeader: false },
    { why: 'the leader is asked to remove itself', isLeader: true },
  ])('is answered with the index of its configuration: $why', async ({ isLeader }) => {
    const trio = new Trio()
    await trio.run(async (old, [next, other]) => {
      const { index } = isLeader
        ? await trio.service(old).removeNode({ nodeId: old, isForced: false }, ALICE)
        : await trio.service(other).addNode({ nodeId: 4, addr: addrOf(4) }, ALICE)

      const { running } = trio.cluster.machine(next)
      await running?.node.waitForApplied(index)
      const { rows } = running === null ? { rows: [] } : await listAudit(running.stateMachine)
      expect(rows.filter(({ user }) => user === 'alice')).toMatchObject([
        isLeader ? { index, action: 'node_removed' } : { index, action: 'node_added' },
      ])
    })
  })
})
