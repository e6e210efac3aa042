/** A process that makes load, one job after the other; ends with the process that forked it. */
import type { Job, JobResult } from './job.ts'
import { runJob } from './run-job.ts'

/** What it is told: a job, or the answer to its question. */
export type DriverOrder = { readonly job: Job } | { readonly serverPids: readonly number[] }

/** What it says: how the job went, or, in the middle of one, that it has to know which servers there are. */
export type DriverAnswer =
  | { readonly result: JobResult }
  | { readonly error: string }
  | { readonly asks: 'serverPids' }

let takePids: (pids: readonly number[]) => void = () => {}

process.on('message', (order: DriverOrder) => {
  if ('serverPids' in order) takePids(order.serverPids)
  else run(order.job)
})
process.on('disconnect', () => process.exit())

function run(job: Job): void {
  runJob(job, askPids).then(
    (result) => answer({ result }),
    (error: unknown) =>
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
}

function askPids(): Promise<readonly number[]> {
  return new Promise((resolve) => {
    takePids = resolve
    answer({ asks: 'serverPids' })
  })
}

function answer(message: DriverAnswer): void {
  process.send?.(message)
}
