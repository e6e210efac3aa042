/** The cluster file: the same on every node (see `cluster.example.yaml`). */
import { type Document, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { type Addr, parseAddr } from '../raft/transport/addr.ts'
import { parseReachableAddr } from './config-addr.ts'
import { type AuthConfig, AuthSchema, authKeys, toAuthConfig } from './config-auth.ts'
import { limitMistakes, type Mistake, nodeMistakes, timingMistakes } from './config-consistency.ts'
import { ConfigError } from './config-error.ts'
import { type HttpConfig, HttpSchema, httpKeys, toHttpConfig, toHttpTls } from './config-http.ts'
import { LimitsSchema, type QueueLimits, toQueueLimits } from './config-limits.ts'
import { formatPath, offsetOf, type Path } from './config-place.ts'
import { ClusterSecretSchema } from './config-secret.ts'
import { type HttpTls, type RaftTls, RaftTlsSchema } from './config-tls.ts'
import { type TracingConfig, TracingSchema, toTracingConfig } from './config-tracing.ts'
import { expected, section, wholeNumber } from './config-values.ts'
import { LOG_LEVELS, type LogLevel } from './logger.ts'
import { nearest } from './nearest.ts'
import type { Secret } from './secret.ts'

export interface ClusterFile {
  readonly clusterId: number
  readonly dataDir: string
  /** The members at first start, and where to find living ones when joining. */
  readonly nodes: readonly NodeConfig[]
  /** By which members know each other: the first is used, any is taken. Empty for none. */
  readonly clusterSecrets: readonly Secret[]
  /** Members need not prove that they are some, whoever can reach them. */
  readonly isRaftInsecure: boolean
  /** Null: members do not encrypt. */
  readonly raftTls: RaftTls | null
  /** Null: the API is plain HTTP. */
  readonly httpTls: HttpTls | null
  /** How long a node goes on serving when it is told to stop, not ready, so that load balancers notice in time. */
  readonly shutdownDelayMs: number
  readonly http: HttpConfig
  readonly timing: Timing
  /** Log entries kept for nodes that lag; one that lags by more gets a snapshot. */
  readonly retainedEntriesMin: number
  /** With less free space than this a node takes part, and asks for no more; 0: the space is not looked at. */
  readonly diskLowBytes: number
  /** How much may wait in a node. */
  readonly queues: QueueLimits
  /** How long audit rows are kept, at least; null: for ever. The leader's setting counts. */
  readonly auditKeptMs: number | null
  /** The fullest networks, which have samples of their own in `/metrics`; 0: only totals. */
  readonly metricsNetworksMax: number
  /** Null: requests are not followed. */
  readonly tracing: TracingConfig | null
  readonly auth: AuthConfig
  /** Null if the file leaves it open. */
  readonly logLevel: LogLevel | null
}

export interface NodeConfig {
  readonly id: number
  /** `host:port` of its Raft listener, as the other nodes reach it. */
  readonly addr: string
  /** `host:port` of its API. */
  readonly api: string
}

export interface Timing {
  /** How finely timers are checked. */
  readonly tickMs: number
  readonly heartbeatMs: number
  /** A follower that hears nothing campaigns after a random time between the two. */
  readonly electionMinMs: number
  readonly electionMaxMs: number
}

export const TIMING_DEFAULTS: Timing = {
  tickMs: 50,
  heartbeatMs: 100,
  electionMinMs: 1_000,
  electionMaxMs: 2_000,
}

const TIMING_MS_MAX = 600_000

/** At a few hundred bytes each, some tens of MB of disk. */
export const RETAINED_ENTRIES_DEFAULT = 100_000
const RETAINED_ENTRIES_MAX = 100_000_000

const MIB = 1024 * 1024
/** What log, snapshots and state may still want while nothing is added any more, with room to spare. */
const DISK_LOW_MIB_DEFAULT = 256
const DISK_LOW_MIB_MAX = 1024 * 1024
export const DISK_LOW_BYTES_DEFAULT = DISK_LOW_MIB_DEFAULT * MIB

/** Five lines each, in every scrape. */
export const METRICS_NETWORKS_DEFAULT = 1_000
const METRICS_NETWORKS_MAX = 100_000

const DURATION = /^([1-9][0-9]{0,8})(s|m|h|d)$/
const DURATION_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds; null for "forever". */
const retention = z
  .string({ error: (issue) => expected('"forever", or a duration such as "90d"', issue.input) })
  .transform((text, context) => {
    if (text === 'forever') return null
    const [, count, unit = ''] = DURATION.exec(text) ?? []
    const unitMs = DURATION_MS[unit]
    if (count !== undefined && unitMs !== undefined) return Number(count) * unitMs
    const message = expected('"forever", or a number with s, m, h or d such as "90d"', text)
    context.addIssue({ code: 'custom', message, input: text })
    return z.NEVER
  })

const address = (parse: (text: string) => Addr, example: string) =>
  z
    .string({ error: (issue) => expected(`host:port, such as "${example}"`, issue.input) })
    .superRefine((text, context) => {
      try {
        parse(text)
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        context.addIssue(error.message)
      }
    })

const NodeSchema = z.strictObject(
  {
    node_id: wholeNumber(Number.MAX_SAFE_INTEGER),
    addr: address(parseReachableAddr, '10.0.0.1:5001'),
    api: address(parseAddr, '127.0.0.1:8080'),
  },
  { error: section },
)

const RaftSchema = z.strictObject(
  {
    tick_ms: wholeNumber(TIMING_MS_MAX).default(TIMING_DEFAULTS.tickMs),
    heartbeat_ms: wholeNumber(TIMING_MS_MAX).default(TIMING_DEFAULTS.heartbeatMs),
    election_min_ms: wholeNumber(TIMING_MS_MAX).default(TIMING_DEFAULTS.electionMinMs),
    election_max_ms: wholeNumber(TIMING_MS_MAX).default(TIMING_DEFAULTS.electionMaxMs),
    retained_entries_min: wholeNumber(RETAINED_ENTRIES_MAX).default(RETAINED_ENTRIES_DEFAULT),
    disk_low_mib: wholeNumber(DISK_LOW_MIB_MAX, 0).default(DISK_LOW_MIB_DEFAULT),
    insecure: z.boolean({ error: (issue) => expected('true or false', issue.input) }).default(false),
    tls: RaftTlsSchema.nullable().default(null),
  },
  { error: section },
)

const LogSchema = z.strictObject(
  {
    level: z
      .enum(LOG_LEVELS, { error: (issue) => expected(`one of ${LOG_LEVELS.join(', ')}`, issue.input) })
      .nullable()
      .default(null),
  },
  { error: section },
)

const MetricsSchema = z.strictObject(
  { networks_max: wholeNumber(METRICS_NETWORKS_MAX, 0).default(METRICS_NETWORKS_DEFAULT) },
  { error: section },
)

/** Of the whole file. */
export const FileSchema = z
  .strictObject(
    {
      cluster_id: wholeNumber(Number.MAX_SAFE_INTEGER),
      data_dir: z
        .string({ error: (issue) => expected('a directory', issue.input) })
        .refine((path) => path.trim() !== '', { error: 'must not be empty' })
        .default('./data'),
      nodes: z
        .array(NodeSchema, { error: (issue) => expected('a list of nodes', issue.input) })
        .min(1, { error: 'must name at least one node' }),
      cluster_secret: ClusterSecretSchema.optional(),
      raft: RaftSchema.prefault({}),
      http: HttpSchema.prefault({}),
      limits: LimitsSchema.prefault({}),
      audit_retention: retention.prefault('forever'),
      metrics: MetricsSchema.prefault({}),
      tracing: TracingSchema.prefault({}),
      auth: AuthSchema.prefault({}),
      log: LogSchema.prefault({}),
    },
    { error: section },
  )
  .superRefine((file, context) => {
    const { nodes, raft, limits } = file
    for (const { path, message } of [
      ...nodeMistakes(nodes),
      ...timingMistakes(raft),
      ...limitMistakes(limits),
    ]) {
      context.addIssue({ code: 'custom', path: [...path], message, input: file })
    }
  })

/** @throws {ConfigError} that names the file, the line, the key and what it should be. */
export function parseClusterFile(yaml: string, path: string): ClusterFile {
  const lines = new LineCounter()
  const document = parseDocument(yaml, { lineCounter: lines, prettyErrors: false })
  const locate = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const [syntaxError] = document.errors
  if (syntaxError) throw new ConfigError(`${locate(syntaxError.pos[0])}: ${syntaxError.message}`)

  const result = FileSchema.safeParse(toPlain(document, path))
  if (result.success) return toClusterFile(result.data)
  const mistakes = result.error.issues
    .flatMap(toMistakes)
    .map((mistake) => ({ ...mistake, offset: offsetOf(document, mistake.path) }))
    // A missing key is often the unknown one, misspelt: that says more.
    .sort((a, b) => Number(b.isUnknownKey) - Number(a.isUnknownKey) || a.offset - b.offset)
  const first = mistakes[0] ?? { path: [], message: 'is not a cluster file', offset: 0 }
  throw new ConfigError(`${locate(first.offset)}: ${formatPath(first.path)}${first.message}`)
}

function toPlain(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS()
  } catch (cause) {
    // Aliases that expand without end, or to nothing.
    throw new ConfigError(`${path}: ${(cause as Error).message}`, { cause })
  }
}

function toClusterFile(file: z.output<typeof FileSchema>): ClusterFile {
  return {
    clusterId: file.cluster_id,
    dataDir: file.data_dir,
    nodes: file.nodes.map(({ node_id, addr, api }) => ({ id: node_id, addr, api })),
    clusterSecrets: file.cluster_secret ?? [],
    isRaftInsecure: file.raft.insecure,
    raftTls: file.raft.tls,
    httpTls: toHttpTls(file.http),
    shutdownDelayMs: file.http.shutdown_delay_ms,
    http: toHttpConfig(file.http),
    timing: {
      tickMs: file.raft.tick_ms,
      heartbeatMs: file.raft.heartbeat_ms,
      electionMinMs: file.raft.election_min_ms,
      electionMaxMs: file.raft.election_max_ms,
    },
    retainedEntriesMin: file.raft.retained_entries_min,
    diskLowBytes: file.raft.disk_low_mib * MIB,
    queues: toQueueLimits(file.limits),
    auditKeptMs: file.audit_retention,
    metricsNetworksMax: file.metrics.networks_max,
    tracing: toTracingConfig(file.tracing),
    auth: toAuthConfig(file.auth),
    logLevel: file.log.level,
  }
}

function toMistakes(issue: z.core.$ZodIssue): (Mistake & { isUnknownKey: boolean })[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ path: issue.path, message: issue.message, isUnknownKey: false }]
  }
  const known = knownKeysAt(issue.path)
  return issue.keys.map((key) => {
    const meant = nearest(key, known)
    const wayOut = meant === null ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
    return { path: [...issue.path, key], message: `unknown key; ${wayOut}`, isUnknownKey: true }
  })
}

function knownKeysAt([first, second]: Path): string[] {
  if (first === 'auth') return authKeys(second)
  if (first === 'http') return httpKeys(second)
  if (second === 'tls') return Object.keys(RaftTlsSchema.shape)
  if (first === 'nodes') return Object.keys(NodeSchema.shape)
  if (first === 'raft') return Object.keys(RaftSchema.shape)
  if (first === 'limits') return Object.keys(LimitsSchema.shape)
  if (first === 'metrics') return Object.keys(MetricsSchema.shape)
  if (first === 'tracing') return Object.keys(TracingSchema.shape)
  return Object.keys(first === 'log' ? LogSchema.shape : FileSchema.shape)
}
