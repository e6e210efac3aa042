/** A closed loop: each client sends its next request when it has the answer to the last, or later if the rate is limited. */
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '../report/ratio.ts'
import { cpuTimes, cpuUsed } from './cpu.ts'
import type { Job, JobResult } from './job.ts'
import { openWorkload } from './open-workload.ts'
import type { LoadClient, Workload } from './workload.ts'

/** How often a window looks whether there was enough. */
const LOOK_MS = 20

/** @returns the servers that run now; asked at both ends of a window, for one may be started within. */
export type ServerPids = () => Promise<readonly number[]>

/** @throws the first wrong answer, when all clients have stopped. */
export async function runJob(job: Job, serverPids: ServerPids): Promise<JobResult> {
  const workload = openWorkload(job.operation)
  const clients = await Promise.all(
    Array.from({ length: job.clients }, (_, i) => workload.open(job.ports[i % job.ports.length] ?? 0, i)),
  )
  const loop = new Loop(clients, job)
  try {
    return await measure({ job, workload, loop, serverPids })
  } finally {
    await loop.stop().catch(() => {})
    for (const client of clients) client.close()
  }
}

async function measure({
  job,
  workload,
  loop,
  serverPids,
}: {
  job: Job
  workload: Workload
  loop: Loop
  serverPids: ServerPids
}): Promise<JobResult> {
  await loop.runFor(job.warmUpMs)
  const retries = workload.retries
  const before = cpuTimes(await serverPids())
  const from = loop.startWindow()
  await loop.runFor(job.measureMs, job.enough)
  const windowMs = loop.endWindow() - from
  const after = cpuTimes(await serverPids())
  const retried = workload.retries - retries
  await loop.stop()
  const sorted = Float64Array.from(loop.latenciesMs).sort()
  return {
    count: sorted.length,
    rows: workload.rows,
    windowMs,
    retries: retried,
    latency: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: percentile(sorted, 1) },
    cpu: cpuUsed(before, after),
  }
}

class Loop {
  readonly latenciesMs: number[] = []
  readonly #ended: Promise<unknown>
  readonly #failed: Promise<never>
  /** Between two operations of a client; 0 if the rate is not limited. */
  readonly #intervalMs: number
  #isStopped = false
  #isMeasuring = false

  constructor(clients: readonly LoadClient[], { perSecondMax }: Pick<Job, 'perSecondMax'>) {
    this.#intervalMs = perSecondMax === null ? 0 : (clients.length / perSecondMax) * 1_000
    let fail: (error: unknown) => void = () => {}
    this.#failed = new Promise((_, reject) => {
      fail = reject
    })
    this.#failed.catch(() => {})
    this.#ended = Promise.allSettled(
      clients.map((client, i) =>
        this.#repeat(client, i / clients.length).catch((error: unknown) => {
          this.#isStopped = true
          fail(error)
        }),
      ),
    )
  }

  /** @param phase From 0 to 1: clients with a limited rate do not all begin at once. */
  async #repeat(client: LoadClient, phase: number): Promise<void> {
    let dueAt = performance.now() + phase * this.#intervalMs
    while (!this.#isStopped) {
      const waitMs = dueAt - performance.now()
      if (this.#intervalMs > 0 && waitMs > 0) await delay(waitMs)
      // Of a limited rate from when it was due: a client that had to wait would otherwise hide that others would have.
      const startedAt = this.#intervalMs > 0 ? Math.min(dueAt, performance.now()) : performance.now()
      await client.once()
      dueAt += this.#intervalMs
      if (this.#isMeasuring) this.latenciesMs.push(performance.now() - startedAt)
    }
  }

  /**
   * @param enough Operations of the window after which the time is over; null for none.
   * @throws as soon as a client has failed.
   */
  async runFor(ms: number, enough: number | null = null): Promise<void> {
    const until = performance.now() + ms
    for (let leftMs = ms; leftMs > 0; leftMs = until - performance.now()) {
      await Promise.race([delay(enough === null ? leftMs : Math.min(LOOK_MS, leftMs)), this.#failed])
      if (enough !== null && this.latenciesMs.length >= enough) return
    }
  }

  startWindow(): number {
    this.#isMeasuring = true
    return performance.now()
  }

  endWindow(): number {
    this.#isMeasuring = false
    return performance.now()
  }

  /** Resolves when every request has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#ended
    await Promise.race([this.#failed, null])
  }
}
