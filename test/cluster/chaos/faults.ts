/** What goes wrong in a storm. Each fault begins, lasts, and ends by itself; the storm shortens the wait when it is over. */
import type { Random } from '../../sim/random.ts'
import type { Node } from '../cluster.ts'
import type { Link } from '../proxy.ts'
import { until } from '../until.ts'
import { ELECTION_MIN_MS, type Fleet } from './fleet.ts'

export interface Scene {
  readonly fleet: Fleet
  readonly random: Random
  /** Ends early when the storm is over. */
  wait(ms: number): Promise<void>
  isOver(): boolean
  /** Into the timeline. */
  note(text: string): void
  /** False if another fault has this node in hand. */
  claim(node: Node): boolean
  unclaim(node: Node): void
}

/** @returns whether it took place. */
export type Fault = (scene: Scene) => Promise<boolean>

const PROMOTION_MS_MAX = 15_000
const LAG_MS_MAX = 12_000
/** Beyond what is retained, a quarter of it is compacted at a time, and some is still in memory. */
const LAG_ENTRIES = 700

export const FAULTS: Readonly<Record<string, Fault>> = {
  kill: withTarget(async ({ fleet, random, wait, note }, node) => {
    note(`kill -9 node ${node.id}`)
    await fleet.kill(node)
    await wait(random.exponential(1_500))
    note(`start node ${node.id}`)
    fleet.launch(node)
  }),

  'power failure': async ({ fleet, random, wait, note }) => {
    const nodes = fleet.members
    note('kill -9 all nodes')
    await Promise.all(nodes.map((node) => fleet.kill(node)))
    await wait(random.between(0, 500))
    note('start all nodes')
    for (const node of nodes) if (fleet.isMember(node)) fleet.launch(node)
    return true
  },

  pause: withTarget(async ({ random, wait, note }, node) => {
    const ms = ELECTION_MIN_MS * 10 ** random.between(-1, 1)
    note(`SIGSTOP node ${node.id} for ${Math.round(ms)} ms`)
    node.pause()
    await wait(ms)
    node.resume()
    note(`SIGCONT node ${node.id}`)
  }),

  SIGTERM: withTarget(async ({ fleet, random, wait, note }, node) => {
    note(`SIGTERM node ${node.id}`)
    await fleet.terminate(node)
    await wait(random.exponential(500))
    note(`start node ${node.id}`)
    fleet.launch(node)
  }),

  isolation: async (scene) => {
    const node = await scene.fleet.target(scene.random)
    return node !== null && holdFor(scene, `isolate node ${node.id}`, scene.fleet.linksOf(node))
  },

  halves: async (scene) => {
    const shuffled = scene.random.shuffle(scene.fleet.members)
    const size = scene.random.integer(1, shuffled.length - 1)
    const [one, other] = [shuffled.slice(0, size), shuffled.slice(size)]
    const links = [...scene.fleet.linksBetween(one, other), ...scene.fleet.linksBetween(other, one)]
    return holdFor(scene, `partition ${names(one)} | ${names(other)}`, links)
  },

  'one-way partition': async (scene) => {
    const { fleet, random } = scene
    const node = await fleet.target(random)
    if (node === null) return false
    const isOut = random.chance(0.5)
    const links = fleet.linksOf(node).filter(({ from }) => (from === node.id) === isOut)
    return holdFor(scene, `lose all ${isOut ? 'from' : 'to'} node ${node.id}`, links)
  },

  'partial partition': async (scene) => {
    const [one, other] = scene.random.shuffle(scene.fleet.members)
    if (one === undefined || other === undefined) return false
    const links = [{ from: one.id, to: other.id }]
    if (scene.random.chance(0.7)) links.push({ from: other.id, to: one.id })
    return holdFor(scene, `partition only ${links.map(({ from, to }) => `${from}→${to}`).join(', ')}`, links)
  },

  'slow links': async ({ fleet, random, wait, note }) => {
    const node = await fleet.target(random)
    if (node === null) return false
    const delayMs = random.between(5, 300)
    note(`delay the links of node ${node.id} by ${Math.round(delayMs)} ms`)
    fleet.network.delay(fleet.linksOf(node), delayMs)
    await wait(random.between(500, 4_000))
    fleet.network.delay(fleet.linksOf(node), 0)
    note(`no delay at node ${node.id}`)
    return true
  },

  'broken connections': async ({ fleet, random, note }) => {
    const node = await fleet.target(random)
    if (node === null) return false
    note(`break the connections of node ${node.id}`)
    fleet.network.cut(fleet.linksOf(node))
    return true
  },

  transfer: async ({ fleet, random, note }) => {
    const [contact, target] = [random.pick(fleet.members), random.pick(fleet.members)]
    if (contact === null || target === null) return false
    const { status } = await contact.client.send('POST', '/cluster/transfer-leader', { node_id: target.id })
    note(`transfer leadership to node ${target.id}, through node ${contact.id}: ${status}`)
    return true
  },

  'member change': replaceMember,

  'snapshot install': withTarget(async ({ fleet, note, isOver }, node) => {
    const before = await newestCommit(fleet)
    note(`kill -9 node ${node.id} until it needs a snapshot`)
    await fleet.kill(node)
    const startedAt = performance.now()
    await until('the others have compacted', async () => {
      const isLate = performance.now() - startedAt > LAG_MS_MAX
      return isOver() || isLate || (await newestCommit(fleet)) > before + LAG_ENTRIES
    })
    note(`start node ${node.id}`)
    fleet.launch(node)
  }),

  'full disk': async ({ fleet, random, wait, note, claim, unclaim }) => {
    const { smallDisk } = fleet
    if (smallDisk === null || !fleet.isMember(smallDisk.node) || !claim(smallDisk.node)) return false
    const { node, disk } = smallDisk
    note(`fill the disk of node ${node.id}`)
    fleet.noteFullDisk(node)
    await disk.fill({ leaveMib: 0 })
    await wait(random.between(1_000, 5_000))
    await disk.free()
    note(`free the disk of node ${node.id}, which ${node.isRunning ? 'runs' : 'has ended'}`)
    // What it could not write may still end it: whoever tells what that means starts it anew.
    if (node.isRunning) await fleet.kill(node)
    fleet.noteFreeDisk(node)
    fleet.launch(node)
    unclaim(node)
    return true
  },
}

/** For faults of a process, of which a node bears one at a time. */
function withTarget(fault: (scene: Scene, node: Node) => Promise<void>): Fault {
  return async (scene) => {
    const node = await scene.fleet.target(scene.random)
    if (node === null || !scene.claim(node)) return false
    try {
      await fault(scene, node)
    } finally {
      scene.unclaim(node)
    }
    return true
  }
}

async function holdFor({ fleet, random, wait, note }: Scene, what: string, links: Link[]): Promise<true> {
  note(what)
  fleet.network.hold(links)
  await wait(200 + random.exponential(2_000))
  // As after a long partition, when TCP has given up; otherwise what was lost is sent again.
  const isCut = random.chance(0.5)
  if (isCut) fleet.network.cut(links)
  fleet.network.release(links)
  note(`end: ${what}${isCut ? ', connections broken' : ''}`)
  return true
}

/** A new node joins and an old one, perhaps the leader, goes. */
async function replaceMember(scene: Scene): Promise<boolean> {
  const { fleet, random, wait, note } = scene
  const node = await fleet.makeNode()
  if (!(await changeMembers(scene, 'POST', node))) return true
  fleet.join(node)
  fleet.launch(node)
  note(`node ${node.id} was added`)
  await promoted(scene, node)
  const leaver = await fleet.target(random)
  if (leaver === null || leaver === node || !scene.claim(leaver)) return true
  if (await changeMembers(scene, 'DELETE', leaver)) {
    note(`node ${leaver.id} was removed`)
    fleet.leave(leaver)
    await wait(random.between(0, 3_000))
    await fleet.retire(leaver)
  }
  scene.unclaim(leaver)
  return true
}

/** Tries until the cluster has the change, or the storm is over. @returns whether the newest leader has it. */
async function changeMembers(scene: Scene, method: 'POST' | 'DELETE', node: Node): Promise<boolean> {
  const { fleet, random, wait, isOver, note } = scene
  for (;;) {
    const contact = random.pick(fleet.members)
    if (contact === null) return false
    const { status, fate } = await (method === 'POST'
      ? contact.client.send('POST', '/cluster/nodes', { node_id: node.id, addr: node.addr })
      : contact.client.send('DELETE', `/cluster/nodes/${node.id}`))
    note(`${method === 'POST' ? 'add' : 'remove'} node ${node.id}, through node ${contact.id}: ${status}`)
    if (fate === 'done') return true
    // It may have been done although nobody said so.
    const members = await fleet.membership()
    if (members !== null && members.has(node.id) === (method === 'POST')) return true
    if (isOver()) return false
    await wait(500)
  }
}

async function promoted({ fleet, note, isOver }: Scene, { id }: Node): Promise<void> {
  const startedAt = performance.now()
  await until(`node ${id} is a voter`, async () => {
    if ((await fleet.membership())?.get(id)?.voter === true) {
      note(`node ${id} votes`)
      return true
    }
    return isOver() || performance.now() - startedAt > PROMOTION_MS_MAX
  })
}

async function newestCommit(fleet: Fleet): Promise<number> {
  return (await fleet.leaderView())?.commit_index ?? 0
}

function names(nodes: readonly Node[]): string {
  return nodes.map(({ id }) => id).join(' ')
}
