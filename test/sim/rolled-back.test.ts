import { describe, expect, test } from 'vitest'
import type { NodeId } from '../../raft/types.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { addrOf, type Machine, type MachineImage } from './cluster.ts'
import { quietCluster, runIn } from './quiet-cluster.ts'
import { until } from './until.ts'

class Scenario {
  readonly cluster = quietCluster()
  #nextNetwork = 1

  run(act: () => Promise<void>): Promise<void> {
    return runIn(this.cluster, act)
  }

  until(isTrue: () => boolean): Promise<void> {
    return until(this.cluster, isTrue.toString(), isTrue)
  }

  /** All three run, and every data directory is recorded. @returns The leader and its followers. */
  async start(): Promise<[Machine, Machine, Machine]> {
    for (const id of [1, 2, 3]) void this.cluster.start(id)
    await this.until(() => this.#leaderKnowsAll())
    const [leader] = this.cluster.leaders
    if (leader === undefined) throw new Error('nobody leads')
    const followers = this.cluster.running.filter((machine) => machine !== leader)
    return [leader, ...followers] as [Machine, Machine, Machine]
  }

  #leaderKnowsAll(): boolean {
    const [leader] = this.cluster.leaders
    const members = leader?.node?.status().membership.members ?? []
    return members.length === 3 && members.every(({ incarnation }) => incarnation !== null)
  }

  /** Resolves when `among` have applied it. */
  async write(among: readonly Machine[]): Promise<void> {
    const cidr = `10.0.${this.#nextNetwork}.0/24`
    this.#nextNetwork += 1
    const command = {
      ...NETWORK_DEFAULTS,
      type: 'createNetwork',
      id: cidr,
      cidr,
    } as const
    const context = { user: 'alice', requestId: null }
    const { index = 0 } = (await among[0]?.running?.service.execute(command, context)) ?? {}
    await this.until(() => among.every(({ node }) => (node?.status().appliedIndex ?? 0) >= index))
  }

  /** Of the disks of a machine that has nothing to write just now. */
  async takeImage({ id, running }: Machine): Promise<MachineImage> {
    await running?.stateMachine.flush()
    await this.cluster.world.sleep(50)
    return this.cluster.imageOf(id)
  }

  refusalsOf({ node }: Machine): string[] {
    return (node?.status().refusals ?? []).map(({ reason }) => reason)
  }

  isRecorded(at: Machine, id: NodeId): boolean {
    const members = at.node?.status().membership.members ?? []
    return members.some((member) => member.id === id && member.isRolledBack)
  }

  leads({ node }: Machine): boolean {
    return node?.status().role === 'leader'
  }
}

describe('a node that comes back with an old image of its disk', () => {
  test.each([
    { why: 'a follower: it had acknowledged what is missing', place: 1 },
    { why: 'the leader, in its own term: it had counted itself', place: 0 },
  ])('is refused by all, also after they were restarted, until it is removed: $why', async ({ place }) => {
    const scenario = new Scenario()
    const { cluster } = scenario
    await scenario.run(async () => {
      const machines = await scenario.start()
      const old = machines[place] as Machine
      const others = machines.filter((machine) => machine !== old)
      await scenario.write(machines)
      const image = await scenario.takeImage(old)
      await scenario.write(machines)
      // The followers hear of the commit index, and what of it is on the leader's disk, by the next heartbeat.
      await cluster.world.sleep(100)
      cluster.crash(old.id, 'drop')
      cluster.restore(old.id, image)

      await cluster.start(old.id)
      await scenario.until(() => others.every((machine) => scenario.isRecorded(machine, old.id)))
      await scenario.write(others)
      for (const { id } of others) cluster.crash(id, 'drop')
      for (const { id } of others) await cluster.start(id)
      await scenario.until(() => others.some((machine) => scenario.leads(machine)))
      cluster.crash(old.id, 'kill')
      await cluster.start(old.id)
      await scenario.until(() => scenario.refusalsOf(old).length === 2)

      expect(scenario.refusalsOf(old)).toEqual(['rolled_back', 'rolled_back'])
      expect(old.node?.status()).toMatchObject({ leaderId: null })
      await scenario.write(others)
      const leader = others.find((machine) => scenario.leads(machine))?.node
      await leader?.changeMembership({ type: 'remove', id: old.id, isForced: false }, '')
      cluster.addMachine(4)
      await cluster.start(4)
      await leader?.changeMembership({ type: 'add', id: 4, addr: addrOf(4) }, '')
      await scenario.until(() => cluster.machine(4).node?.status().role === 'follower')
    })
  })
})
