/** One life of one simulated process: what its clock still owes it is forgotten when it dies, and waits while it is paused. */
import type { Clock } from '../../raft/ports.ts'
import type { World } from './world.ts'

export class SimProcess {
  readonly #world: World
  /** Its clock runs faster or slower than the world's. */
  #rate: number
  /** What its clock showed when the rate was last set, and when in the world that was. */
  #since: { readonly local: number; readonly world: number }
  #wallOffsetMs: number
  #isAlive = true
  #isPaused = false
  #missed: (() => void)[] = []
  readonly died: Promise<void>
  #die: () => void = () => {}

  constructor(world: World, { rate, wallOffsetMs }: { rate: number; wallOffsetMs: number }) {
    this.#world = world
    this.#rate = rate
    this.#since = { local: world.now * rate, world: world.now }
    this.#wallOffsetMs = wallOffsetMs
    this.died = new Promise((resolve) => {
      this.#die = resolve
    })
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  readonly clock: Clock = {
    now: () => this.#since.local + (this.#world.now - this.#since.world) * this.#rate,
    wallTime: () => this.#world.wallTime + this.#wallOffsetMs,
    setTimer: (delayMs, callback) => this.schedule(delayMs / this.#rate, callback),
    setSoon: (callback) => void this.schedule(0, callback),
  }

  /** The monotonic clock goes on from where it is, at another speed. */
  setRate(rate: number): void {
    this.#since = { local: this.clock.now(), world: this.#world.now }
    this.#rate = rate
  }

  /** Somebody sets the wall clock. */
  jumpWallClock(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** Runs `run` in this life, and not while it is paused. */
  schedule(delayMs: number, run: () => void): () => void {
    let isCancelled = false
    const cancel = this.#world.schedule(delayMs, () => {
      this.run(() => {
        // It may have been called off after it was due, by what ran first when the pause was over.
        if (!isCancelled) run()
      })
    })
    return () => {
      isCancelled = true
      cancel()
    }
  }

  run(run: () => void): void {
    if (!this.#isAlive) return
    if (this.#isPaused) this.#missed.push(run)
    else run()
  }

  kill(): void {
    this.#isAlive = false
    this.#missed = []
    this.#die()
  }

  /** SIGSTOP, a long collection of garbage, a virtual machine that moves. */
  pause(): void {
    this.#isPaused = true
  }

  /** Everything that waited happens now, in order. */
  resume(): void {
    this.#isPaused = false
    const missed = this.#missed
    this.#missed = []
    for (const run of missed) this.schedule(0, run)
  }
}
