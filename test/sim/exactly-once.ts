/** Whether writes through a session happen once (§6.3): judged by the log and what it makes of nothing. */
import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '../../raft/types.ts'
import { decodeCommand } from '../../src/ipam/command-codec.ts'
import { isSessionRefusal, type Outcome } from '../../src/ipam/outcome.ts'

/**
 * All copies of a write have the outcome of the first, or are refused because that is forgotten.
 *
 * @param outcomes Of each entry; null where it is no command.
 * @returns How many copies there were beside the first.
 */
export function checkExactlyOnce(entries: readonly Entry[], outcomes: readonly (Outcome | null)[]): number {
  const firsts = new Map<string, { readonly index: number; readonly outcome: Outcome }>()
  let copies = 0
  for (const [i, { index, type, payload }] of entries.entries()) {
    const envelope = type === 'command' ? decodeCommand(payload) : null
    const outcome = outcomes[i] ?? null
    if (envelope === null || envelope.session === null || outcome === null) continue
    const { sessionId, sequence } = envelope.session
    const key = `${sessionId} ${sequence}`
    const first = firsts.get(key)
    if (first === undefined) firsts.set(key, { index, outcome })
    else {
      copies += 1
      const isForgotten = !outcome.ok && isSessionRefusal(outcome.refusal)
      if (isForgotten || isDeepStrictEqual(outcome, first.outcome)) continue
      const what = `write ${sequence} of session ${sessionId} (${envelope.command.type})`
      throw new Error(
        `history: ${what} was applied at ${first.index}, and its copy at ${index} was not the same`,
      )
    }
  }
  return copies
}
