/** Spans as OTLP over HTTP in JSON wants them (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). */
import type { Attributes, AttributeValue, FinishedSpan, SpanKind } from './span.ts'

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 }
const STATUS_ERROR = 2
/** Bits 8 and 9 of the flags: it is known whether the parent is in another process, and it is. */
const REMOTE_IS_KNOWN = 0x100
const IS_REMOTE = 0x200

/** @param resource Who sends them. */
export function encodeOtlp(
  spans: readonly FinishedSpan[],
  { resource, version }: { resource: Attributes; version: string },
): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: encodeAttributes(resource) },
        scopeSpans: [{ scope: { name: 'ipam', version }, spans: spans.map(encodeSpan) }],
      },
    ],
  })
}

function encodeSpan(span: FinishedSpan): object {
  const { context, parentId, isParentRemote, attributes, error } = span
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(context.traceState !== '' && { traceState: context.traceState }),
    ...(parentId !== null && { parentSpanId: parentId }),
    flags: context.flags | REMOTE_IS_KNOWN | (isParentRemote ? IS_REMOTE : 0),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanoseconds(span.startedAt),
    endTimeUnixNano: nanoseconds(span.endedAt),
    attributes: encodeAttributes(error === null ? attributes : { 'error.type': error, ...attributes }),
    ...(error !== null && { status: { code: STATUS_ERROR, message: error } }),
  }
}

/** Of 64 bits, so a text. Microseconds since 1970 are exact in a number, nanoseconds are not. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1_000)}000`
}

function encodeAttributes(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }))
}

function encodeValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
