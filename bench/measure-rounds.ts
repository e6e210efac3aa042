/** Sides that take turns: what slows the machine for a while slows all of them. */
import { DriverProcess } from './load/driver-process.ts'
import type { JobResult, Operation } from './load/job.ts'

export interface Settings {
  readonly rounds: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Instead of the numbers of clients that a claim is made for. */
  readonly clients: readonly number[] | null
  readonly isQuick: boolean
}

/** One system under one kind of load. */
export interface Side {
  readonly name: string
  readonly serverPids: readonly number[]
  /** Before each measurement, which leaves nothing behind that the next one would find. */
  prepare(clients: number): Promise<Measurement>
}

export interface Measurement {
  readonly operation: Operation
  readonly ports: readonly number[]
  /** @param acknowledged By all answers. @throws unless the final state shows just that. */
  verify(acknowledged: number): Promise<void>
}

interface Closable {
  close(): void | Promise<void>
}

/** What a claim works with: settings, drivers, and everything that has to end with it. */
export class Bench {
  readonly settings: Settings
  readonly #say: (line: string) => void
  readonly #open: Closable[] = []
  readonly #drivers = new Map<string, DriverProcess>()
  #isClosed = false

  constructor(settings: Settings, say: (line: string) => void) {
    this.settings = settings
    this.#say = say
  }

  /** Ends with the claim. */
  async keep<T extends Closable>(opening: Promise<T>): Promise<T> {
    const opened = await opening
    this.#open.push(opened)
    // Ctrl-C came while it started.
    if (this.#isClosed) await opened.close()
    return opened
  }

  clientCounts(counts: readonly number[]): readonly number[] {
    return this.settings.clients ?? counts
  }

  /** @returns for each side its results, one a round. */
  async measure(sides: readonly Side[], { clients }: { clients: number }): Promise<JobResult[][]> {
    const results = sides.map((): JobResult[] => [])
    for (let round = 0; round < this.settings.rounds; round++) {
      // Each goes first as often as last: the second one finds the disk as the first has left it.
      const order = round % 2 === 0 ? sides : sides.toReversed()
      for (const side of order) {
        const result = await this.#measureOne(side, clients)
        results[sides.indexOf(side)]?.push(result)
        const perSecond = Math.round(result.count / (result.windowMs / 1_000))
        this.#say(
          `  round ${round + 1}, ${clients} clients: ${side.name} ${perSecond}/s, p99 ${result.latency.p99.toFixed(1)} ms`,
        )
      }
    }
    return results
  }

  async #measureOne(side: Side, clients: number): Promise<JobResult> {
    const { warmUpMs, measureMs } = this.settings
    const { operation, ports, verify } = await side.prepare(clients)
    const { serverPids } = side
    const result = await this.#driver(side).run({
      operation,
      ports,
      clients,
      warmUpMs,
      measureMs,
      serverPids,
    })
    await verify(result.acknowledged)
    return result
  }

  /** Each side has one of its own: it never runs code that was compiled for another. */
  #driver({ name }: Side): DriverProcess {
    const driver = this.#drivers.get(name) ?? new DriverProcess()
    this.#drivers.set(name, driver)
    return driver
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const driver of this.#drivers.values()) driver.close()
    await Promise.all(this.#open.splice(0).map((opened) => opened.close()))
  }
}
