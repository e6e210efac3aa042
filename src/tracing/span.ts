/** A part of the way of a request, with its time and what was special about it. */
import type { SpanContext } from './trace-context.ts'

export type SpanKind = 'internal' | 'server' | 'client'
export type AttributeValue = string | number | boolean
export type Attributes = Readonly<Record<string, AttributeValue>>

/** Values may come from clients. */
const ATTRIBUTE_CHARS_MAX = 256

/** A span that has ended. */
export interface FinishedSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly context: SpanContext
  /** Null at the beginning of a trace. */
  readonly parentId: string | null
  /** The parent is in another process. */
  readonly isParentRemote: boolean
  /** Ms since 1970, with a fraction. */
  readonly startedAt: number
  readonly endedAt: number
  readonly attributes: Attributes
  /** A word for what went wrong; null for nothing. */
  readonly error: string | null
}

/** One trace, as far as it goes through this node. */
export interface LocalTrace {
  readonly traceId: string
  readonly flags: number
  readonly traceState: string
  /** Ms since 1970, with a fraction; never goes back. */
  readonly now: () => number
  readonly newSpanId: () => string
  readonly keep: (span: FinishedSpan) => void
}

export interface SpanOptions {
  readonly name: string
  readonly kind?: SpanKind
  readonly attributes?: Attributes
}

export class Span {
  readonly #trace: LocalTrace
  readonly #name: string
  readonly #kind: SpanKind
  readonly #parent: { readonly spanId: string; readonly isRemote: boolean } | null
  readonly #spanId: string
  readonly #startedAt: number
  readonly #attributes: Record<string, AttributeValue> = {}
  #hasEnded = false

  /** Begins now. */
  constructor(
    trace: LocalTrace,
    {
      name,
      kind = 'internal',
      attributes = {},
      parent = null,
    }: SpanOptions & { readonly parent?: { readonly spanId: string; readonly isRemote: boolean } | null },
  ) {
    this.#trace = trace
    this.#name = name
    this.#kind = kind
    this.#parent = parent
    this.#spanId = trace.newSpanId()
    this.#startedAt = trace.now()
    for (const [key, value] of Object.entries(attributes)) this.set(key, value)
  }

  get context(): SpanContext {
    const { traceId, flags, traceState } = this.#trace
    return { traceId, spanId: this.#spanId, flags, traceState }
  }

  child(options: SpanOptions): Span {
    return new Span(this.#trace, { ...options, parent: { spanId: this.#spanId, isRemote: false } })
  }

  set(key: string, value: AttributeValue): void {
    this.#attributes[key] = typeof value === 'string' ? value.slice(0, ATTRIBUTE_CHARS_MAX) : value
  }

  /** Once: later calls mean nothing. @param error A word for what went wrong. */
  end(error: string | null = null): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#trace.keep({
      name: this.#name,
      kind: this.#kind,
      context: this.context,
      parentId: this.#parent?.spanId ?? null,
      isParentRemote: this.#parent?.isRemote ?? false,
      startedAt: this.#startedAt,
      endedAt: this.#trace.now(),
      attributes: this.#attributes,
      error,
    })
  }
}

/** Waits for `work`, as a span of its own below `parent`. */
export async function spanned<T>(parent: Span, options: SpanOptions, work: Promise<T>): Promise<T> {
  const span = parent.child(options)
  try {
    const result = await work
    span.end()
    return result
  } catch (error) {
    span.end(wordOf(error))
    throw error
  }
}

/** The code where there is one: messages may name what clients sent. */
function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
