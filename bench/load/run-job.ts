/** A closed loop: each client sends its next request when it has the answer to the last. */
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '../report/ratio.ts'
import { cpuTimes } from './cpu.ts'
import type { Job, JobResult } from './job.ts'
import { openWorkload } from './open-workload.ts'
import type { LoadClient } from './workload.ts'

/** @throws the first wrong answer, when all clients have stopped. */
export async function runJob(job: Job): Promise<JobResult> {
  const workload = openWorkload(job.operation)
  const clients = await Promise.all(
    Array.from({ length: job.clients }, (_, i) => workload.open(job.ports[i % job.ports.length] ?? 0, i)),
  )
  const loop = new Loop(clients)
  try {
    await loop.runFor(job.warmUpMs)
    const retries = workload.retries
    const before = cpuTimes(job.serverPids)
    const from = loop.startWindow()
    await loop.runFor(job.measureMs)
    const windowMs = loop.endWindow() - from
    const after = cpuTimes(job.serverPids)
    const retried = workload.retries - retries
    const acknowledged = await loop.stop()
    const sorted = Float64Array.from(loop.latenciesMs).sort()
    return {
      count: sorted.length,
      acknowledged,
      windowMs,
      retries: retried,
      latency: {
        p50: percentile(sorted, 0.5),
        p99: percentile(sorted, 0.99),
        max: sorted.at(-1) ?? Number.NaN,
      },
      cpu: {
        driverMs: after.driverMs - before.driverMs,
        serversMs: after.serversMs - before.serversMs,
        machineMs: after.machineMs - before.machineMs,
      },
    }
  } finally {
    await loop.stop().catch(() => {})
    for (const client of clients) client.close()
  }
}

class Loop {
  readonly latenciesMs: number[] = []
  readonly #clients: Promise<unknown>
  readonly #failed: Promise<never>
  #isStopped = false
  #isMeasuring = false
  #acknowledged = 0

  constructor(clients: readonly LoadClient[]) {
    let fail: (error: unknown) => void = () => {}
    this.#failed = new Promise((_, reject) => {
      fail = reject
    })
    this.#failed.catch(() => {})
    this.#clients = Promise.allSettled(
      clients.map((client) =>
        this.#repeat(client).catch((error: unknown) => {
          this.#isStopped = true
          fail(error)
        }),
      ),
    )
  }

  async #repeat(client: LoadClient): Promise<void> {
    while (!this.#isStopped) {
      const startedAt = performance.now()
      await client.once()
      this.#acknowledged += 1
      if (this.#isMeasuring) this.latenciesMs.push(performance.now() - startedAt)
    }
  }

  /** @throws as soon as a client has failed. */
  async runFor(ms: number): Promise<void> {
    await Promise.race([delay(ms), this.#failed])
  }

  startWindow(): number {
    this.#isMeasuring = true
    return performance.now()
  }

  endWindow(): number {
    this.#isMeasuring = false
    return performance.now()
  }

  /** Resolves, when every request has its answer, with the number of operations that were acknowledged. */
  async stop(): Promise<number> {
    this.#isStopped = true
    await this.#clients
    await Promise.race([this.#failed, null])
    return this.#acknowledged
  }
}
