/** How V8 collects garbage in a server: seldom and briefly, for some memory. */
import { setFlagsFromString } from 'node:v8'

/**
 * Each is looked at whenever V8 collects, so both can be set in a running process. That does not hold for V8's flags in general: one that turns threads
 * off ended the process.
 */
const FLAGS = [
  // A server makes little that stays, so V8 grows the old generation by 30 % at a time, and marks all of it for each of these steps: five times
  // a minute under a thousand changes a second, 10 to 30 ms each, with threads that take the processor from everybody's main thread.
  '--heap-growing-percent=200',
  // Some milliseconds of work are shared out to threads, and the main thread waits until the last of them has been given a processor.
  '--no-parallel-scavenge',
]

/** Up to three times the memory of what V8 keeps, instead of 1.3 to four times. Call it first: it holds for collections to come. */
export function preferShortPauses(): void {
  for (const flag of FLAGS) setFlagsFromString(flag)
}
