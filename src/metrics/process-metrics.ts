/** The process, under the names that all Prometheus clients use, and its build. */
import { readdir, readFile } from 'node:fs/promises'
import type { Durations } from '../../raft/index.ts'
import { counter, type Family, gauge, histogram, type Source } from './family.ts'

export interface ProcessSource {
  readonly version: string
  readonly clusterId: number
  readonly nodeId: number
  /** Ms since 1970. */
  readonly startedAt: number
  readonly eventLoopDelays: Durations
}

export function processMetrics(source: ProcessSource): Source {
  return async () => [
    ...identityFamilies(source),
    histogram(
      'ipam_event_loop_delay_seconds',
      'How late a timer was that looks every 20 ms.',
      source.eventLoopDelays,
    ),
    ...resourceFamilies(source),
    ...(await descriptorFamilies()),
  ]
}

function identityFamilies({ version, clusterId, nodeId }: ProcessSource): Family[] {
  const node_version = process.versions.node
  return [
    gauge('ipam_build_info', 'Always 1.', [[{ version, node_version }, 1]]),
    gauge('ipam_server_info', 'Always 1.', [[{ cluster_id: clusterId, node_id: nodeId }, 1]]),
  ]
}

function resourceFamilies({ startedAt }: ProcessSource): Family[] {
  const { user, system } = process.cpuUsage()
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
  return [
    counter('process_cpu_user_seconds_total', 'User CPU time.', user / 1e6),
    counter('process_cpu_system_seconds_total', 'System CPU time.', system / 1e6),
    counter('process_cpu_seconds_total', 'User and system CPU time.', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', 'Resident memory.', rss),
    gauge('process_start_time_seconds', 'Since 1970.', startedAt / 1_000),
    gauge('nodejs_heap_size_total_bytes', 'Heap that V8 has.', heapTotal),
    gauge('nodejs_heap_size_used_bytes', 'Heap that V8 uses.', heapUsed),
    gauge('nodejs_external_memory_bytes', 'Memory of objects that are bound to the heap.', external),
    gauge('nodejs_array_buffers_bytes', 'Of it, buffers.', arrayBuffers),
  ]
}

/** Where there is no /proc there are no samples. */
async function descriptorFamilies(): Promise<Family[]> {
  const open = await readdir('/proc/self/fd').catch(() => null)
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const max = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return [
    gauge('process_open_fds', 'Open file descriptors.', open?.length ?? null),
    gauge('process_max_fds', 'The most that it may have open.', max === undefined ? null : Number(max)),
  ]
}
