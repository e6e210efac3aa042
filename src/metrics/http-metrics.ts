/** The API of this node. */
import type { ListenerFigures } from '../http/listen.ts'
import type { RequestCounts } from '../http/request-counts.ts'
import { counter, gauge, histogram, type Source } from './family.ts'

export function httpMetrics(counts: RequestCounts, listener: () => ListenerFigures): Source {
  return () => {
    const routes = [...counts.all()]
    const { droppedCount, malformedCount } = listener()
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
        'ipam_http_connections_dropped_total',
        'Connections above the limit, closed at once.',
        droppedCount,
      ),
      counter(
        'ipam_http_malformed_requests_total',
        'What came in and was no HTTP, too large or too slow.',
        malformedCount,
      ),
    ]
  }
}
