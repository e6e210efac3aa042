/** A driver as seen by the benchmark that gives it work. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DriverAnswer } from './driver.ts'
import type { Job, JobResult } from './job.ts'

const PATH = fileURLToPath(new URL('./driver.ts', import.meta.url))

/** One for each side of a comparison, for all rounds: neither runs code that was compiled for the other. */
export class DriverProcess {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(PATH)
  }

  run(job: Job): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error('the driver has ended'))
      this.#child.once('exit', ended)
      this.#child.once('message', (answer: DriverAnswer) => {
        this.#child.off('exit', ended)
        if ('result' in answer) resolve(answer.result)
        else reject(new Error(answer.error))
      })
      this.#child.send(job)
    })
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }
}
