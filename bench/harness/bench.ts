/** Sides that take turns: what slows the machine for a while slows all of them. */
import { DriverProcess } from '../load/driver-process.ts'
import type { JobResult, Operation } from '../load/job.ts'
import { Etcd } from '../peers/etcd.ts'
import { Ipam } from '../peers/ipam.ts'
import type { Settings } from './settings.ts'
import type { Shelf } from './shelf.ts'

/** One system under one kind of load. */
export interface Side {
  /** Unlike that of any other load on any other system. */
  readonly name: string
  /** Before the first measurement: enough for the servers and the driver to have compiled what they run. */
  readonly warmUp: { readonly clients: number; readonly operations: number }
  /** @returns the servers that run now; asked when a measurement begins and when it ends. */
  serverPids(): readonly number[]
  /** Before each measurement, which leaves nothing behind that the next one would find. */
  prepare(): Promise<Measurement>
}

export interface Measurement {
  readonly operation: Operation
  readonly ports: readonly number[]
  /** @param rows Added by all answers. @throws unless the final state shows just that. */
  verify(rows: number): Promise<void>
}

interface Closable {
  close(): void | Promise<void>
}

/** On a machine that is too slow for the operations of the first warm-up; each measurement has a short one of its own, too. */
const FIRST_WARM_UP_MS_MAX = { quick: 8_000, full: 20_000 }

/** What claims work with: settings, servers, drivers, and everything that has to end with them. */
export class Bench {
  readonly settings: Settings
  readonly #shelf: Shelf
  readonly #say: (line: string) => void
  readonly #open = new Map<object, () => void | Promise<void>>()
  readonly #opening: Promise<unknown>[] = []
  readonly #drivers = new Map<string, DriverProcess>()
  /** By the number of allocations that they were asked for with. */
  readonly #ipams = new Map<number, Ipam>()
  #etcd: Etcd | null = null
  /** Names of sides that were run before. */
  readonly #warm = new Set<string>()
  #isClosed = false

  constructor({ settings, shelf, say }: { settings: Settings; shelf: Shelf; say: (line: string) => void }) {
    this.settings = settings
    this.#shelf = shelf
    this.#say = say
  }

  say(line: string): void {
    this.#say(`  ${line}`)
  }

  /** Ends with the claim. */
  async keep<T extends Closable>(start: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const opening = start()
    this.#opening.push(opening)
    const opened = await opening
    this.#open.set(opened, () => opened.close())
    return opened
  }

  /** Three nodes that hold so many allocations, at least; the same ones when asked again. */
  async ipam({ stored = 0 }: { stored?: number } = {}): Promise<Ipam> {
    const running = this.#ipams.get(stored)
    if (running !== undefined) return running
    this.#checkOpen()
    const ipam = stored === 0 ? await this.keep(() => Ipam.start()) : await this.#shelf.take(stored)
    if (stored > 0) this.#open.set(ipam, () => ipam.suspend())
    this.#ipams.set(stored, ipam)
    return ipam
  }

  /** Three members; the same ones when asked again. */
  async etcd(): Promise<Etcd> {
    this.#etcd ??= await this.keep(() => Etcd.start())
    return this.#etcd
  }

  /** Ends what is needed no longer. */
  async end(opened: object): Promise<void> {
    for (const [stored, ipam] of this.#ipams) if (ipam === opened) this.#ipams.delete(stored)
    const close = this.#open.get(opened)
    this.#open.delete(opened)
    await close?.()
  }

  clientCounts(counts: readonly number[]): readonly number[] {
    return this.settings.clients ?? counts
  }

  /** @returns for each side its results, one a round. */
  async measure(
    sides: readonly Side[],
    { clients, roundsMax = Number.POSITIVE_INFINITY }: { clients: number; roundsMax?: number },
  ): Promise<JobResult[][]> {
    const results = sides.map((): JobResult[] => [])
    for (let round = 0; round < Math.min(roundsMax, this.settings.rounds); round++) {
      // Each goes first as often as last: the second one finds the disk as the first has left it.
      const order = round % 2 === 0 ? sides : sides.toReversed()
      for (const side of order) {
        const result = await this.measureOne(side, { clients })
        results[sides.indexOf(side)]?.push(result)
        const perSecond = Math.round(result.count / (result.windowMs / 1_000))
        const { p50, p99 } = result.latency
        this.say(
          `round ${round + 1}, ${clients} clients: ${side.name} ${perSecond}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
        )
      }
    }
    return results
  }

  /** @param options.measureMs In place of the settings'. */
  async measureOne(
    side: Side,
    {
      clients,
      perSecondMax = null,
      measureMs = this.settings.measureMs,
    }: { clients: number; perSecondMax?: number | null; measureMs?: number },
  ): Promise<JobResult> {
    await this.#warmUp(side)
    const { operation, ports, verify } = await side.prepare()
    const { warmUpMs } = this.settings
    const times = { warmUpMs, measureMs, enough: null, perSecondMax }
    const job = { operation, ports, clients, ...times }
    const result = await this.#driver(side).run(job, () => side.serverPids())
    await verify(result.rows)
    return result
  }

  async #warmUp(side: Side): Promise<void> {
    if (this.#warm.has(side.name)) return
    this.#warm.add(side.name)
    const { operation, ports, verify } = await side.prepare()
    const measureMs = FIRST_WARM_UP_MS_MAX[this.settings.isQuick ? 'quick' : 'full']
    const { clients, operations: enough } = side.warmUp
    const job = {
      operation,
      ports,
      clients,
      warmUpMs: 0,
      measureMs,
      enough,
      perSecondMax: null,
    }
    await verify((await this.#driver(side).run(job, () => [])).rows)
  }

  /** Each side has one of its own: it never runs code that was compiled for another. */
  #driver({ name }: Side): DriverProcess {
    this.#checkOpen()
    const driver = this.#drivers.get(name) ?? new DriverProcess()
    this.#drivers.set(name, driver)
    return driver
  }

  /** After Ctrl-C a claim goes on until it asks for something. */
  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the benchmark was ended')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const driver of this.#drivers.values()) driver.close()
    // Ctrl-C may come while something starts.
    await Promise.allSettled(this.#opening)
    await Promise.all([...this.#open.keys()].map((opened) => this.end(opened)))
  }
}
