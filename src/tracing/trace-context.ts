/** W3C Trace Context (https://www.w3.org/TR/trace-context/): what a trace is called in headers, and between nodes. */

/** A span as others name it. */
export interface SpanContext {
  /** 32 hexadecimal digits in lower case, not all of them 0. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  /** §3.2.2.5. */
  readonly flags: number
  /** What other systems want to travel with the trace (§3.3); empty for nothing. */
  readonly traceState: string
}

/** Somebody wants its spans to be kept. */
export const SAMPLED = 0x01
/** Its last 56 bits are random (level 2, §3.2.2.5.2). */
export const RANDOM = 0x02
/** Others have no meaning yet, and are 0 in what is sent. */
const KNOWN_FLAGS = SAMPLED | RANDOM

/** What everybody has to hand on at least (§3.3.1.5). */
const TRACE_STATE_CHARS_MAX = 512
const TRACE_STATE_MEMBERS_MAX = 32

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const INVALID_VERSION = 'ff'
const CURRENT_VERSION = '00'
const MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/**
 * @param traceparent As the header came; two of them are none.
 * @param tracestate What is wrong with it does no harm to the trace (§4.3).
 * @returns Null if there is none, or none that can be read: then a new trace begins.
 */
export function parseSpanContext(traceparent: string | null, tracestate: string | null): SpanContext | null {
  if (traceparent === null) return null
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(traceparent.trim()) ?? []
  if (version === undefined || version === INVALID_VERSION) return null
  // A later version may say more behind it (§3.2.4).
  if (version === CURRENT_VERSION && rest !== undefined) return null
  if (isZero(traceId) || isZero(spanId)) return null
  const known = Number.parseInt(flags, 16) & KNOWN_FLAGS
  return { traceId, spanId, flags: known, traceState: parseTraceState(tracestate) }
}

function isZero(digits: string): boolean {
  return /^0*$/.test(digits)
}

function parseTraceState(text: string | null): string {
  if (text === null || text.length > TRACE_STATE_CHARS_MAX) return ''
  const members = text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  const isValid = members.length <= TRACE_STATE_MEMBERS_MAX && members.every((member) => MEMBER.test(member))
  return isValid ? members.join(',') : ''
}

export function isSampled({ flags }: Pick<SpanContext, 'flags'>): boolean {
  return (flags & SAMPLED) !== 0
}

export function formatTraceparent({ traceId, spanId, flags }: SpanContext): string {
  return `${CURRENT_VERSION}-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/** For `RequestTrace.contextForLeader`: never longer than may be. */
export function encodeSpanContext(context: SpanContext): string {
  const { traceState } = context
  const traceparent = formatTraceparent(context)
  return traceState === '' ? traceparent : `${traceparent} ${traceState}`
}

/** Null for what no node of ours has written. */
export function decodeSpanContext(text: string): SpanContext | null {
  const end = text.indexOf(' ')
  return end === -1 ? parseSpanContext(text, null) : parseSpanContext(text.slice(0, end), text.slice(end + 1))
}
