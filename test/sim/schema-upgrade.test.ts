import { describe, expect, test } from 'vitest'
import { SchemaMismatchError } from '../../raft/errors.ts'
import type { NodeId, SchemaRange } from '../../raft/types.ts'
import { addrOf } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

const OLD = { min: 1, max: 1 }
const NEW = { min: 1, max: 2 }

/** A cluster of three whose programs can be exchanged. */
class Fleet {
  readonly cluster = quietCluster()

  run(act: () => Promise<void>): Promise<void> {
    return runIn(this.cluster, act)
  }

  until(isTrue: () => boolean): Promise<void> {
    return until(this.cluster, isTrue.toString(), isTrue)
  }

  /** Other software, by node, on the disks that they have; resolves when the running nodes are a cluster again. */
  async install(software: Readonly<Record<NodeId, SchemaRange>>): Promise<void> {
    for (const [key, schemas] of Object.entries(software)) {
      const id = Number(key)
      this.cluster.crash(id, 'drop')
      this.cluster.machine(id).schemas = schemas
      await this.cluster.start(id)
    }
    await this.until(() => this.#isWhole())
  }

  /** Everybody follows, has everything, and knows of everybody's software. */
  #isWhole(): boolean {
    const statuses = this.cluster.running.map(({ node }) => node?.status())
    const last = Math.max(...statuses.map((status) => status?.lastIndex ?? 0))
    const isLed = statuses.every((status) => status?.leaderId !== null && status?.appliedIndex === last)
    const members = statuses[0]?.membership.members ?? []
    return isLed && members.every(({ id, schemas }) => schemas?.max === this.cluster.machine(id).schemas.max)
  }

  async lead(id: NodeId): Promise<void> {
    const [leader] = this.cluster.leaders
    if (leader !== undefined && leader.id !== id) await leader.node?.transferLeadership(id)
    await this.until(() => this.cluster.leaders[0]?.id === id)
  }

  /** Of each running node. */
  get versions(): (number | undefined)[] {
    return this.cluster.running.map(({ node }) => node?.schemaVersion)
  }
}

describe('new software on one node after the other', () => {
  test('raises the schema version when the last one has it, and not before', async () => {
    const fleet = new Fleet()
    await fleet.run(async () => {
      await fleet.install({ 1: OLD, 2: OLD, 3: OLD })
      expect(fleet.versions).toEqual([1, 1, 1])
      await fleet.install({ 1: NEW })
      await fleet.install({ 2: NEW })
      await fleet.cluster.world.sleep(1_000)
      expect(fleet.versions).toEqual([1, 1, 1])

      await fleet.install({ 3: NEW })
      await fleet.until(() => fleet.versions.every((version) => version === 2))
    })
  })

  test('raises it once a node that stays old is removed', async () => {
    const fleet = new Fleet()
    await fleet.run(async () => {
      await fleet.install({ 1: OLD, 2: OLD, 3: OLD })
      await fleet.install({ 1: NEW, 2: NEW })

      await fleet.cluster.machine(1).node?.changeMembership({ type: 'remove', id: 3, isForced: false }, '')

      await fleet.until(() => fleet.versions.slice(0, 2).every((version) => version === 2))
    })
  })
})

describe('old software in a cluster at a newer schema version', () => {
  test('is refused by the others, if it was installed while the version was raised', async () => {
    const fleet = new Fleet()
    await fleet.run(async () => {
      await fleet.install({ 1: NEW, 2: OLD, 3: NEW })
      fleet.cluster.crash(3, 'drop')
      await fleet.install({ 2: NEW })
      await fleet.until(() => fleet.versions.every((version) => version === 2))

      fleet.cluster.machine(3).schemas = OLD
      await fleet.cluster.start(3)

      await fleet.until(() => fleet.cluster.machine(3).node?.status().refusals.length === 2)
      const { refusals, leaderId } = fleet.cluster.machine(3).node?.status() ?? {}
      expect(leaderId).toBeNull()
      expect(refusals?.map(({ reason }) => reason)).toEqual(['schema', 'schema'])
    })
  })

  test('is refused, and never made a voter, as a new member', async () => {
    const fleet = new Fleet()
    await fleet.run(async () => {
      await fleet.install({ 1: NEW, 2: NEW, 3: NEW })
      await fleet.until(() => fleet.versions.every((version) => version === 2))
      const joined = fleet.cluster.addMachine(4)
      joined.schemas = OLD
      await fleet.cluster.start(4)

      await fleet.cluster.machine(1).node?.changeMembership({ type: 'add', id: 4, addr: addrOf(4) }, '')
      await fleet.cluster.world.sleep(3_000)

      const member = fleet.cluster
        .machine(1)
        .node?.status()
        .membership.members.find(({ id }) => id === 4)
      expect(member).toMatchObject({ voter: false, schemas: null })
      expect(joined.node?.status().refusals.map(({ reason }) => reason)).toContain('schema')
    })
  })

  test('does not start on a disk that is at that version', async () => {
    const fleet = new Fleet()
    const scenario = fleet.run(async () => {
      await fleet.install({ 1: NEW, 2: NEW, 3: NEW })
      await fleet.until(() => fleet.versions.every((version) => version === 2))

      await fleet.install({ 3: OLD })
    })

    await expect(scenario).rejects.toThrow(SchemaMismatchError)
    await expect(scenario).rejects.toThrow(
      'the cluster is at command schema 2 and this program reads 1 to 1: install newer software, one that reads schema 2',
    )
  })

  test('stops before it applies the raise, if it was installed while that was not committed', async () => {
    const fleet = new Fleet()
    const { cluster } = fleet
    const scenario = fleet.run(async () => {
      await fleet.install({ 1: NEW, 2: OLD, 3: NEW })
      await fleet.lead(1)
      cluster.crash(3, 'drop')
      // So slow that the raise can be seen between its append and its commit.
      cluster.machine(2).meanDiskMs = 200
      cluster.crash(2, 'drop')
      cluster.machine(2).schemas = NEW
      await cluster.start(2)
      await fleet.until(() => cluster.machine(1).node?.status().membership.schemaVersion === 2)
      expect(cluster.machine(1).node?.schemaVersion).toBe(1)
      cluster.crash(2, 'drop')

      cluster.machine(3).schemas = OLD
      await cluster.start(3)
      await fleet.until(() => cluster.machine(1).node?.schemaVersion === 2)
      await cluster.world.sleep(1_000)
    })

    await expect(scenario).rejects.toThrow(SchemaMismatchError)
    const { node, running } = cluster.machine(3)
    expect(node?.status().membership.schemaVersion).toBe(2)
    expect(running?.stateMachine.appliedIndex).toBeLessThan(node?.status().commitIndex ?? 0)
  })
})
