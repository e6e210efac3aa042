/** The API of this node. */
import type { ListenerFigures } from '../http/listen.ts'
import type { RefusalCounts } from '../http/refusal-counts.ts'
import type { RequestCounts } from '../http/request-counts.ts'
import { counter, gauge, histogram, type Source } from './family.ts'

export interface HttpSource {
  readonly counts: RequestCounts
  readonly refusals: RefusalCounts
  listener(): ListenerFigures
  /** Whose requests are counted for a limit. */
  clients(): { readonly size: number; readonly max: number }
}

export function httpMetrics({ counts, refusals, listener, clients }: HttpSource): Source {
  return () => {
    const routes = [...counts.all()]
    const { malformedCount } = listener()
    const { size, max } = clients()
    return [
      counter(
        'ipam_http_requests_total',
        'Requests answered, by the pattern of their route; "unrouted" for all that have none.',
        routes.flatMap(({ method, route, statuses }) =>
          [...statuses].map(([status, count]) => [{ method, route, status }, count] as const),
        ),
      ),
      histogram(
        'ipam_http_request_duration_seconds',
        'From the headers of a request to its answer; of a stream, to its start.',
        routes.map(({ method, route, durations }) => [{ method, route }, durations] as const),
      ),
      gauge('ipam_http_requests_in_flight', 'Requests that are not answered yet.', counts.inFlight),
      counter(
        'ipam_http_refused_total',
        'Requests and connections that were above a limit and refused or ended, by the limit.',
        [...refusals.all()].map(([limit, count]) => [{ limit }, count] as const),
      ),
      counter('ipam_http_malformed_requests_total', 'What came in and was no HTTP.', malformedCount),
      gauge('ipam_http_rate_limit_clients', 'Clients whose requests are counted for a limit.', size),
      gauge(
        'ipam_http_rate_limit_clients_limit',
        'How many are remembered; beyond, one whose buckets are full is forgotten.',
        max,
      ),
    ]
  }
}
