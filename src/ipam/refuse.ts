/** Refusals: sentences for people that name the values and the way out. */
import type { Outcome, RefusalDetail, RefusalReason } from './outcome.ts'
import type { SeenIndex } from './records.ts'

/** A message that names more is no help. */
const NAMED_MAX = 4

export function accept(value: unknown): Outcome {
  return { ok: true, value, isReplay: false }
}

export function refuse(
  reason: RefusalReason,
  message: string,
  details: readonly RefusalDetail[] = [],
): Outcome {
  return { ok: false, refusal: { reason, message, details }, isReplay: false }
}

export function refuseValue(field: string, message: string): Outcome {
  return refuse('invalid_value', `${field}: ${message}`, [{ field, message }])
}

/** For entries that this version cannot read. */
export function refuseUnsupported(message: string): Outcome {
  return refuse('unsupported_command', message)
}

export function refuseMissingNetwork(name: string): Outcome {
  return refuse('network_not_found', `Network not found: no network has ${name}`)
}

export function refuseMissingAllocation(id: string): Outcome {
  return refuse('allocation_not_found', `Allocation not found: no allocation has the id ${id}`)
}

/** Null if it still is what the client saw. */
export function refuseChanged(
  { id, changedIndex }: { readonly id: string; readonly changedIndex: number },
  ifChangedIndex: SeenIndex,
): Outcome | null {
  if (ifChangedIndex === null) return null
  const seen = [ifChangedIndex].flat()
  if (seen.includes(changedIndex)) return null
  const others = seen.length > NAMED_MAX ? `, nor any of ${seen.length - NAMED_MAX} others` : ''
  const named = seen.slice(0, NAMED_MAX).map((index) => `"${index}"`)
  const message = `${id} has changed: its ETag is "${changedIndex}", not ${named.join(' or ')}${others}; read it again, then decide`
  return refuse('precondition_failed', message)
}
