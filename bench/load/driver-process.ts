/** A driver as seen by the benchmark that gives it work. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DriverAnswer, DriverOrder } from './driver.ts'
import type { Job, JobResult } from './job.ts'

const PATH = fileURLToPath(new URL('./driver.ts', import.meta.url))

/** One for each side of a comparison, for all rounds: neither runs code that was compiled for the other. */
export class DriverProcess {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(PATH)
  }

  /** @param serverPids Those that run when it is called; their descendants count with them. */
  async run(job: Job, serverPids: () => readonly number[]): Promise<JobResult> {
    this.#send({ job })
    let answer = await this.#answer()
    while ('asks' in answer) {
      this.#send({ serverPids: serverPids() })
      answer = await this.#answer()
    }
    if ('error' in answer) throw new Error(answer.error)
    return answer.result
  }

  #send(order: DriverOrder): void {
    this.#child.send(order)
  }

  #answer(): Promise<DriverAnswer> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the driver has ended'))
      this.#child.once('exit', ended)
      this.#child.once('message', (answer: DriverAnswer) => {
        this.#child.off('exit', ended)
        resolve(answer)
      })
    })
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }
}
