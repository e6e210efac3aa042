import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/**
 * Resolves with the first value of `attempt` that is neither null nor false.
 *
 * @throws after `timeoutMs`, naming `what` was awaited and what the last attempt threw.
 */
export async function until<T>(
  what: string,
  attempt: () => Promise<T | null | false> | T | null | false,
  { timeoutMs = 20_000, pollMs = POLL_MS }: { timeoutMs?: number; pollMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let lastError: unknown
  for (;;) {
    try {
      const value = await attempt()
      if (value !== null && value !== false) return value
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: lastError })
    }
    await delay(pollMs)
  }
}
