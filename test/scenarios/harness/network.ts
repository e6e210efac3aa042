/** Messages under way: one queue for each direction between two nodes, delivered when the scenario says so. */
import { assert } from '../../../raft/assert.ts'
import type { NodeId, RaftMessage } from '../../../raft/types.ts'

/** `1→2`; `*` is any node. */
export type Link = `${NodeId | '*'}→${NodeId | '*'}`

export function parseLink(link: Link): { from: NodeId | null; to: NodeId | null } {
  const [from, to] = link.split('→').map((end) => (end === '*' ? null : Number(end)))
  assert(from !== undefined && to !== undefined, `${link} is not a link`)
  return { from, to }
}

export function isOn(link: Link, message: { from: NodeId; to: NodeId }): boolean {
  const { from, to } = parseLink(link)
  return (from ?? message.from) === message.from && (to ?? message.to) === message.to
}

export class ScenarioNetwork {
  /** In the order in which they were sent; `deliver` may pick from the middle. */
  #underWay: RaftMessage[] = []
  /** What is sent there is lost. */
  readonly #cut = new Set<Link>()
  /** What is sent there waits until it is asked for by name. */
  readonly #held = new Set<Link>()

  /** @returns False if it is lost. */
  send(message: RaftMessage): boolean {
    if ([...this.#cut].some((link) => isOn(link, message))) return false
    this.#underWay.push(message)
    return true
  }

  on(link: Link): RaftMessage[] {
    return this.#underWay.filter((message) => isOn(link, message))
  }

  take(message: RaftMessage): void {
    this.#underWay = this.#underWay.filter((other) => other !== message)
  }

  /** The oldest that is not held. */
  next(): RaftMessage | null {
    const isHeld = (message: RaftMessage): boolean => [...this.#held].some((link) => isOn(link, message))
    return this.#underWay.find((message) => !isHeld(message)) ?? null
  }

  cut(links: readonly Link[]): void {
    for (const link of links) this.#cut.add(link)
  }

  hold(links: readonly Link[]): void {
    for (const link of links) this.#held.add(link)
  }

  /** No link is cut or held any more. */
  heal(): void {
    this.#cut.clear()
    this.#held.clear()
  }
}
