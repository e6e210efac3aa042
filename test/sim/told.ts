/** Whether clients were told what happened, by the log and what it makes of nothing. */
import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '../../raft/types.ts'
import { decodeCommand } from '../../src/ipam/command-codec.ts'
import { isSessionRefusal, type Outcome } from '../../src/ipam/outcome.ts'
import type { AuditEntry } from '../../src/ipam/records.ts'
import { type Calls, check, type Told } from './calls.ts'
import type { Step } from './ledger.ts'

/** @param outcomes Of each entry; null where it is no command, or not known. */
export function checkTold(
  { sent, told, refused }: Pick<Calls, 'sent' | 'told' | 'refused'>,
  entries: readonly Entry[],
  outcomes: readonly (Outcome | null)[],
): void {
  const byRequest = new Map<string, { readonly index: number; readonly outcome: Outcome | null }[]>()
  for (const [i, { index, type, payload }] of entries.entries()) {
    const envelope = type === 'command' ? decodeCommand(payload) : null
    const requestId = envelope?.context.requestId ?? null
    if (envelope === null || requestId === null) continue
    const { command, idempotency } = envelope
    const isSame = isDeepStrictEqual({ command, idempotency }, sent.get(requestId))
    check(isSame, `what is at ${index} is not what ${requestId} asked for`)
    const applied = { index, outcome: outcomes[i] ?? null }
    if (refused.has(requestId)) checkRefused(requestId, applied)
    const copies = byRequest.get(requestId)
    if (copies === undefined) byRequest.set(requestId, [applied])
    else copies.push(applied)
  }
  for (const one of told) {
    const isTrue = (byRequest.get(one.requestId) ?? []).some((applied) => isAnswer(one, applied))
    check(
      isTrue,
      `the answer to ${one.requestId} is not what the log made of it: ${JSON.stringify(one.answer)}`,
    )
  }
}

/** "No" is a promise: no such command is in the log, then or ever after; unless its session was gone, and it did nothing. */
function checkRefused(
  requestId: string,
  { index, outcome }: { readonly index: number; readonly outcome: Outcome | null },
): void {
  const isWithoutSession = outcome !== null && !outcome.ok && isSessionRefusal(outcome.refusal)
  check(isWithoutSession, `${requestId} was certainly not applied, it was said, and is at ${index}`)
}

function isAnswer(
  { answer }: Told,
  { index, outcome }: { readonly index: number; readonly outcome: Outcome | null },
): boolean {
  if (outcome === null || answer.isReplay !== outcome.isReplay) return false
  if (answer.ok) return outcome.ok && answer.index === index && isDeepStrictEqual(answer.value, outcome.value)
  if (outcome.ok) return false
  const { reason, message } = outcome.refusal
  return answer.reason === reason && answer.message === message
}

/** Entries with what they did. */
export function stepsOf(
  entries: readonly Entry[],
  outcomes: readonly (Outcome | null)[],
  audit: readonly AuditEntry[],
): Step[] {
  const rows = new Map<number, AuditEntry[]>()
  let last = 0
  for (const row of audit) {
    check(row.index >= last, `the audit row of ${row.index} comes after that of ${last}`)
    last = row.index
    const sameEntry = rows.get(row.index)
    if (sameEntry === undefined) rows.set(row.index, [row])
    else sameEntry.push(row)
  }
  const steps = entries.map((entry, i) => {
    return { entry, outcome: outcomes[i] ?? null, rows: rows.get(entry.index) ?? [] }
  })
  check(last <= entries.length, `the audit row of ${last} is of no entry`)
  return steps
}
