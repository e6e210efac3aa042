/** Faults that follow from a seed, several at a time, until the storm is over. */
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../../sim/random.ts'
import type { Node } from '../cluster.ts'
import { FAULTS, type Scene } from './faults.ts'
import type { Fleet } from './fleet.ts'

const CALM_MS_MEAN = 700

export interface Event {
  readonly at: number
  readonly text: string
}

export class Storm {
  readonly timeline: Event[] = []
  /** By kind. */
  readonly counts = new Map<string, number>()
  readonly #fleet: Fleet
  readonly #over = new AbortController()
  readonly #claimed = new Set<Node>()
  readonly #fronts: Promise<void>[]
  readonly #deck: Deck

  /** @param frontCount How many faults there are at a time at most. */
  constructor({ fleet, seed, frontCount }: { fleet: Fleet; seed: number; frontCount: number }) {
    const random = new Random(seed)
    this.#fleet = fleet
    setMaxListeners(0, this.#over.signal)
    this.#deck = new Deck(Object.keys(FAULTS), random.fork())
    this.#fronts = Array.from({ length: frontCount }, () => this.#rage(random.fork()))
    // A fault that failed ends it; whoever waits for the end learns why.
    for (const front of this.#fronts) front.catch(() => this.#over.abort())
  }

  async lasts(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#over.signal }).catch(() => {})
  }

  /** Resolves when every fault has ended. @throws what a fault met that it must not meet. */
  async stop(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#fronts)
  }

  async #rage(random: Random): Promise<void> {
    const scene = this.#sceneFor(random)
    while (!scene.isOver()) {
      await scene.wait(random.exponential(CALM_MS_MEAN))
      if (scene.isOver()) return
      const kind = this.#deck.draw()
      const hasHappened = await FAULTS[kind]?.(scene)
      if (hasHappened === true) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    }
  }

  #sceneFor(random: Random): Scene {
    const { signal } = this.#over
    return {
      fleet: this.#fleet,
      random,
      wait: (ms) => delay(ms, undefined, { signal }).catch(() => {}),
      isOver: () => signal.aborted,
      note: (text) => this.timeline.push({ at: performance.now(), text }),
      claim: (node) => !this.#claimed.has(node) && this.#claimed.add(node) !== undefined,
      unclaim: (node) => this.#claimed.delete(node),
    }
  }
}

/** Every kind once before any comes again. */
class Deck {
  readonly #kinds: readonly string[]
  readonly #random: Random
  #left: string[] = []

  constructor(kinds: readonly string[], random: Random) {
    this.#kinds = kinds
    this.#random = random
  }

  draw(): string {
    if (this.#left.length === 0) this.#left = this.#random.shuffle(this.#kinds)
    return this.#left.pop() ?? ''
  }
}
