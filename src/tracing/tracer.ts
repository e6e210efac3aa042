/** Which requests are followed, and where their first span on this node hangs. */
import type { Clock } from '../../raft/ports.ts'
import type { Ids } from './ids.ts'
import { type FinishedSpan, type LocalTrace, Span, type SpanOptions } from './span.ts'
import {
  decodeSpanContext,
  isSampled,
  parseSpanContext,
  RANDOM,
  SAMPLED,
  type SpanContext,
} from './trace-context.ts'

/** A request that is a part of some trace. */
export interface Followed {
  readonly traceId: string
  /** Null: whoever began the trace does not want its spans. */
  readonly span: Span | null
}

export class Tracer {
  readonly #sampleRatio: number
  readonly #random: () => number
  readonly #ids: Ids
  readonly #clock: Pick<Clock, 'now' | 'wallTime'>
  readonly #keep: (span: FinishedSpan) => void

  constructor(options: {
    /** 0 to 1, of the requests that are in no trace yet. */
    sampleRatio: number
    /** In [0, 1). */
    random: () => number
    ids: Ids
    clock: Pick<Clock, 'now' | 'wallTime'>
    keep: (span: FinishedSpan) => void
  }) {
    this.#sampleRatio = options.sampleRatio
    this.#random = options.random
    this.#ids = options.ids
    this.#clock = options.clock
    this.#keep = options.keep
  }

  /**
   * A request has come in. What its client has decided counts; without a client that says anything, chance decides.
   *
   * @param canBegin It may begin a trace: it is worth it.
   * @returns Null where there is no trace.
   */
  followRequest(
    headers: { readonly traceparent: string | null; readonly tracestate: string | null },
    { canBegin, ...options }: SpanOptions & { readonly canBegin: boolean },
  ): Followed | null {
    const parent = parseSpanContext(headers.traceparent, headers.tracestate)
    if (parent !== null) {
      const span = isSampled(parent) ? this.#below(parent, options) : null
      return { traceId: parent.traceId, span }
    }
    if (!canBegin || this.#random() >= this.#sampleRatio) return null
    const traceId = this.#ids.newTraceId()
    const trace = this.#localTrace({ traceId, flags: SAMPLED | RANDOM, traceState: '' })
    return { traceId, span: new Span(trace, options) }
  }

  /** What another node of the cluster follows. Null if it does not, or says so in words that this node does not know. */
  followPeer(context: string, options: SpanOptions): Span | null {
    const parent = decodeSpanContext(context)
    return parent === null || !isSampled(parent) ? null : this.#below(parent, options)
  }

  #below(parent: SpanContext, options: SpanOptions): Span {
    return new Span(this.#localTrace(parent), {
      ...options,
      parent: { spanId: parent.spanId, isRemote: true },
    })
  }

  #localTrace({ traceId, flags, traceState }: Omit<SpanContext, 'spanId'>): LocalTrace {
    // One look at the wall clock: when that is set, spans of one trace still follow each other.
    const offset = this.#clock.wallTime() - this.#clock.now()
    const now = (): number => offset + this.#clock.now()
    return { traceId, flags, traceState, now, newSpanId: this.#ids.newSpanId, keep: this.#keep }
  }
}
