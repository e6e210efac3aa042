/** Everything that has a bound, beside the bound: one alert watches them all. */
import type { QueueFigure } from '../../raft/index.ts'
import type { StateFigures } from '../state/figures.ts'
import { gauge, type Labels, type Source } from './family.ts'

interface Filled {
  readonly size: number
  readonly max: number
}

export interface QueueSource {
  raft(): readonly QueueFigure[]
  transport(): readonly QueueFigure[]
  state(): StateFigures
  /** Of this node's session. */
  sessionWrites(): Filled
  httpConnections(): Filled
  /** That wait for one of the few that are checked at a time. */
  passwordChecks(): Filled
  /** Being read from this node. */
  backups(): Filled
  /** On their way to a collector; null where there is none. */
  spans(): Filled | null
}

export function queueMetrics(source: QueueSource): Source {
  return () => {
    const queues = queuesOf(source)
    const entries = queues.filter(({ unit }) => unit === 'entries')
    const bytes = queues.filter(({ unit }) => unit === 'bytes')
    return [
      gauge('ipam_queue_entries', 'What waits, or is kept, by queue (and peer).', sizes(entries)),
      gauge('ipam_queue_entries_limit', 'The most that it may be; more is refused.', limits(entries)),
      gauge('ipam_queue_bytes', 'What waits, or is kept, by queue (and peer).', sizes(bytes)),
      gauge('ipam_queue_bytes_limit', 'The most that it may be; more is refused.', limits(bytes)),
    ]
  }
}

export function queuesOf(source: QueueSource): QueueFigure[] {
  const { sessions, answers, answerBytes, unflushedBytes } = source.state()
  const spans = source.spans()
  return [
    ...source.raft(),
    ...source.transport(),
    once('session_writes', 'entries', source.sessionWrites()),
    once('http_connections', 'entries', source.httpConnections()),
    once('password_checks', 'entries', source.passwordChecks()),
    once('backups', 'entries', source.backups()),
    ...(spans === null ? [] : [once('spans', 'entries', spans)]),
    once('sessions', 'entries', sessions),
    once('idempotency_answers', 'entries', answers),
    once('idempotency_answers', 'bytes', answerBytes),
    once('unflushed_rows', 'bytes', unflushedBytes),
  ]
}

function once(queue: string, unit: QueueFigure['unit'], { size, max }: Filled): QueueFigure {
  return { queue, peer: null, unit, size, max }
}

function sizes(queues: readonly QueueFigure[]): [Labels, number][] {
  return queues.map((figure) => [labelsOf(figure), figure.size])
}

function limits(queues: readonly QueueFigure[]): [Labels, number][] {
  return queues.flatMap((figure) => (figure.max === null ? [] : [[labelsOf(figure), figure.max]]))
}

function labelsOf({ queue, peer }: QueueFigure): Labels {
  return peer === null ? { queue } : { queue, peer }
}
