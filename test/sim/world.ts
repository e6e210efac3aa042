/** Virtual time: a queue of due tasks. Nothing sleeps, and the same seed runs the same tasks in the same order. */
import { Random } from './random.ts'

/** More tasks than this without any time passing is a loop that would never end. */
const TASKS_AT_ONE_TIME_MAX = 20_000
const WALL_TIME_START = Date.UTC(2030, 0, 1)

interface Task {
  readonly at: number
  /** Tasks of one time run in the order in which they were asked for. */
  readonly order: number
  run: (() => void) | null
}

export class World {
  readonly random: Random
  #now = 0
  #nextOrder = 0
  readonly #tasks = new TaskQueue()
  #tasksAtThisTime = 0

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#now
  }

  /** Milliseconds since 1970; the same for everybody, unless a node's clock is off. */
  get wallTime(): number {
    return WALL_TIME_START + Math.floor(this.#now)
  }

  /** Runs `run` after `delayMs`. Returns what cancels it. */
  schedule(delayMs: number, run: () => void): () => void {
    const task: Task = { at: this.#now + Math.max(0, delayMs), order: this.#nextOrder, run }
    this.#nextOrder += 1
    this.#tasks.push(task)
    return () => {
      task.run = null
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(ms, resolve)
    })
  }

  /** Lets time pass until `until` resolves. A task that throws ends the world. */
  async runUntil(until: Promise<unknown>): Promise<void> {
    let outcome: { error: unknown } | 'done' | null = null
    until.then(
      () => {
        outcome = 'done'
      },
      (error: unknown) => {
        outcome = { error }
      },
    )
    while (outcome === null) {
      await settled()
      if (outcome !== null) break
      const task = this.#tasks.pop()
      if (task === null) throw new Error('nothing is left to happen, and it is not over')
      this.#advance(task.at)
      task.run?.()
    }
    const ended = outcome as { error: unknown } | 'done'
    if (ended !== 'done') throw ended.error
  }

  #advance(at: number): void {
    this.#tasksAtThisTime = at === this.#now ? this.#tasksAtThisTime + 1 : 0
    if (this.#tasksAtThisTime > TASKS_AT_ONE_TIME_MAX) throw new Error(`time stands still at ${this.#now} ms`)
    this.#now = at
  }
}

/** Every promise that could be resolved has been, and whoever waited for it has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A binary heap, earliest first. */
class TaskQueue {
  readonly #heap: Task[] = []

  push(task: Task): void {
    let i = this.#heap.push(task) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.#swapIfBefore(i, parent)) break
      i = parent
    }
  }

  pop(): Task | null {
    for (;;) {
      const top = this.#take()
      // Cancelled ones must not even let time pass: whether they are here yet is nobody's business.
      if (top === null || top.run !== null) return top
    }
  }

  #take(): Task | null {
    const top = this.#heap[0]
    const last = this.#heap.pop()
    if (top === undefined || last === undefined) return null
    if (this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink()
    }
    return top
  }

  #sink(): void {
    for (let i = 0; ; ) {
      const left = 2 * i + 1
      const right = left + 1
      if (left >= this.#heap.length) return
      const child = right < this.#heap.length && this.#isBefore(right, left) ? right : left
      if (!this.#swapIfBefore(child, i)) return
      i = child
    }
  }

  #swapIfBefore(i: number, j: number): boolean {
    if (!this.#isBefore(i, j)) return false
    const [a, b] = [this.#heap[i] as Task, this.#heap[j] as Task]
    this.#heap[i] = b
    this.#heap[j] = a
    return true
  }

  #isBefore(i: number, j: number): boolean {
    const [a, b] = [this.#heap[i] as Task, this.#heap[j] as Task]
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }
}
