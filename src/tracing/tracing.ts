/** All of tracing, as a node has it where its file names a collector. */
import { randomFillSync } from 'node:crypto'
import type { Clock, Log } from '../../raft/ports.ts'
import type { FollowPeerRequest } from '../../raft/request-trace.ts'
import { createIds } from './ids.ts'
import { createOtlpSender } from './otlp-sender.ts'
import { RequestSpans } from './request-spans.ts'
import { EXPORT_LIMITS, SpanExporter } from './span-exporter.ts'
import { Tracer } from './tracer.ts'

export interface Tracing {
  /** Of what comes in over HTTP. */
  readonly tracer: Tracer
  /** Of what other nodes forward. */
  readonly followPeer: FollowPeerRequest
  readonly figures: () => SpanExporter['figures']
  /** Sends the rest, as far as that goes in a moment. */
  close(): Promise<void>
}

export function startTracing({
  endpoint,
  headers,
  sampleRatio,
  serviceName,
  spansMax,
  node,
  version,
  clock,
  random,
  logger,
}: {
  endpoint: URL
  headers: Readonly<Record<string, string>>
  sampleRatio: number
  serviceName: string
  spansMax: number
  node: { readonly clusterId: number; readonly nodeId: number }
  version: string
  clock: Clock
  random: () => number
  logger: Log
}): Tracing {
  const resource = {
    'service.name': serviceName,
    'service.version': version,
    'service.instance.id': `${node.clusterId}-${node.nodeId}`,
    'ipam.cluster_id': node.clusterId,
    'ipam.node_id': node.nodeId,
  }
  const send = createOtlpSender({ endpoint, headers, resource, version })
  const exporter = new SpanExporter({ send, clock, logger, limits: { ...EXPORT_LIMITS, spansMax } })
  const ids = createIds((bytes) => {
    randomFillSync(bytes)
  })
  const tracer = new Tracer({ sampleRatio, random, ids, clock, keep: exporter.keep })
  return {
    tracer,
    followPeer: ({ peer, context }) => {
      const attributes = { 'raft.peer_id': peer }
      const span = tracer.followPeer(context, { name: 'raft.receive', kind: 'server', attributes })
      return span === null ? null : new RequestSpans(span)
    },
    figures: () => exporter.figures,
    close: () => exporter.close(),
  }
}
