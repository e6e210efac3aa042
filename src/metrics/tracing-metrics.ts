/** What becomes of the spans of this node. */
import type { SpanExporter } from '../tracing/span-exporter.ts'
import { counter, type Source } from './family.ts'

/** @param figures Null where nothing is followed: then there are no samples. */
export function tracingMetrics(figures: () => SpanExporter['figures'] | null): Source {
  return () => {
    const now = figures()
    const dropped = Object.entries(now?.dropped ?? {})
    return [
      counter(
        'ipam_tracing_spans_exported_total',
        'Spans that the collector has taken.',
        now?.exportedCount ?? null,
      ),
      counter(
        'ipam_tracing_spans_dropped_total',
        'Spans that are lost, by the reason: no room, not wanted by the collector, or the node has ended.',
        dropped.map(([reason, count]) => [{ reason }, count] as const),
      ),
    ]
  }
}
