import type { Clock } from './ports.ts'

/** The operating system's time, and the turn order of the event loop. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
  // After the poll phase: whatever the sockets hold is delivered first, and shares the turn.
  setSoon(callback) {
    setImmediate(callback)
  },
}
