/** Clients that repeat a write under its idempotency key, through other nodes, until they know what became of it. */
import type { Command } from '../../src/ipam/command.ts'
import type { AnswerLimits, IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import type { Answer, Calls } from './calls.ts'
import type { Cluster, Machine } from './cluster.ts'
import type { Random } from './random.ts'

/** How much of that a seed has. */
export interface RetrySwarm {
  /** Of writes, those with a key. */
  readonly keyedShare: number
  /** Of those, how many are repeated although they were answered. */
  readonly againShare: number
  /** Of those, how many reuse the key for something else. */
  readonly reusedShare: number
  /** Between two attempts: short is while the old leader still is one, long is past a failover, or past what is kept. */
  readonly pauseMs: number
  readonly answerLimits: AnswerLimits
}

/** Whoever asks this often gives up. */
const ATTEMPTS_MAX = 6

export interface Attempt<C extends Command> {
  readonly command: C
  readonly invokedAt: number
}

/** One write, however often it was sent. */
export interface Written<C extends Command> {
  /** Those that may have taken effect, and the last one. */
  readonly attempts: readonly Attempt<C>[]
  readonly answer: Answer<C>
}

export class Retries {
  readonly #cluster: Cluster
  readonly #calls: Calls
  readonly #random: Random
  readonly #swarm: RetrySwarm
  #nextKey = 1

  constructor(options: { cluster: Cluster; calls: Calls; random: Random; swarm: RetrySwarm }) {
    this.#cluster = options.cluster
    this.#calls = options.calls
    this.#random = options.random
    this.#swarm = options.swarm
  }

  /** For a new write; null for one without a key, which is sent once. */
  drawStamp(): IdempotencyStamp | null {
    if (!this.#random.chance(this.#swarm.keyedShare)) return null
    const key = this.#nextKey++
    return { keyDigest: `key-${key}`, fingerprint: `body-${key}` }
  }

  /** @param make The same request each time, with new ids: nodes generate them before the log. */
  async write<C extends Command>(
    first: Machine,
    stamp: IdempotencyStamp | null,
    make: () => C,
  ): Promise<Written<C>> {
    const attempts: Attempt<C>[] = []
    let machine = first
    for (let count = 1; ; count++) {
      const { attempt, answer } = await this.#attempt(machine, stamp, make)
      if (answer.type !== 'refused') attempts.push(attempt)
      const isKnown = answer.type === 'done' || answer.type === 'declined'
      if (isKnown || stamp === null || count === ATTEMPTS_MAX) {
        // It may have been an earlier attempt that took effect.
        const isOpen = answer.type === 'refused' && attempts.length > 0
        return { attempts, answer: isOpen ? { type: 'unknown' } : answer }
      }
      await this.#cluster.world.sleep(this.#random.exponential(this.#swarm.pauseMs))
      machine = this.#another(machine)
    }
  }

  /**
   * Asks again although all is known, or asks for something else under the same key.
   *
   * @returns Null if it does neither.
   */
  async again<C extends Command>(
    stamp: IdempotencyStamp | null,
    make: { readonly same: () => C; readonly other: () => C },
  ): Promise<Written<C> | null> {
    if (stamp === null || !this.#random.chance(this.#swarm.againShare)) return null
    await this.#cluster.world.sleep(this.#random.exponential(this.#swarm.pauseMs))
    const machine = this.#random.pick(this.#cluster.running)
    if (machine === null) return null
    const isReused = this.#random.chance(this.#swarm.reusedShare)
    const used = isReused ? { ...stamp, fingerprint: `${stamp.fingerprint}-other` } : stamp
    const { attempt, answer } = await this.#attempt(machine, used, isReused ? make.other : make.same)
    return { attempts: [attempt], answer }
  }

  async #attempt<C extends Command>(
    machine: Machine,
    stamp: IdempotencyStamp | null,
    make: () => C,
  ): Promise<{ attempt: Attempt<C>; answer: Answer<C> }> {
    const attempt = { command: make(), invokedAt: this.#cluster.world.now }
    return { attempt, answer: await this.#calls.execute(machine, attempt.command, stamp) }
  }

  #another({ id }: Machine): Machine {
    const others = this.#cluster.running.filter((machine) => machine.id !== id)
    return this.#random.pick(others) ?? this.#cluster.machine(id)
  }
}
