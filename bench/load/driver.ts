/** A process that makes load, one job after the other; ends with the process that forked it. */
import type { Job, JobResult } from './job.ts'
import { runJob } from './run-job.ts'

export type DriverAnswer = { readonly result: JobResult } | { readonly error: string }

process.on('message', (job: Job) => {
  runJob(job).then(
    (result) => answer({ result }),
    (error: unknown) =>
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.on('disconnect', () => process.exit())

function answer(message: DriverAnswer): void {
  process.send?.(message)
}
