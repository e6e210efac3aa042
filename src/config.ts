/** Everything that a node is told when it starts. */
import { dirname, join } from 'node:path'
import { formatAddr, parseAddr } from '../raft/transport/addr.ts'
import { isLoopback, parseReachableAddr } from './config-addr.ts'
import { AUTH_DEFAULTS, type AuthConfig } from './config-auth.ts'
import { ConfigError } from './config-error.ts'
import {
  type ClusterFile,
  DISK_LOW_BYTES_DEFAULT,
  METRICS_NETWORKS_DEFAULT,
  type NodeConfig,
  parseClusterFile,
  RETAINED_ENTRIES_DEFAULT,
  TIMING_DEFAULTS,
  type Timing,
} from './config-file.ts'
import {
  nonEmpty,
  parseAuthMode,
  parseBoolean,
  parseListen,
  parseLogLevel,
  type Settings,
  settingsOfEnvironment,
  settingsOfFlags,
  usageError,
} from './config-flags.ts'
import { HTTP_DEFAULTS } from './config-http.ts'
import { QUEUE_LIMITS } from './config-limits.ts'
import { checkMembersAreKnown, parseClusterSecrets } from './config-secret.ts'
import { httpTlsBeside, raftTlsBeside } from './config-tls.ts'
import { tracingWarnings } from './config-tracing.ts'
import type { LogLevel } from './logger.ts'
import type { Secret } from './secret.ts'
import { show } from './show.ts'

export { ConfigError, type NodeConfig, type Timing }

/** The cluster file, and what a node makes of it for itself. */
export interface Config extends Omit<ClusterFile, 'isRaftInsecure'> {
  readonly mode: 'cluster' | 'standalone'
  readonly nodeId: number
  /** This node starts empty and waits until the cluster, which was told of it, sends it everything. */
  readonly isJoining: boolean
  /** This node's own: `<data_dir>/node-<id>`. A relative path is relative to the working directory. */
  readonly dataDir: string
  readonly api: { readonly host: string; readonly port: number }
  /** Where other nodes reach this one; null when there are none. */
  readonly raft: { readonly host: string; readonly port: number; readonly addr: string } | null
  readonly logLevel: LogLevel
}

const STANDALONE: ClusterFile = {
  clusterId: 1,
  // Apart from a cluster file's ./data: both can be tried in one directory.
  dataDir: './data/standalone',
  nodes: [{ id: 1, addr: '127.0.0.1:0', api: '127.0.0.1:8080' }],
  clusterSecrets: [],
  isRaftInsecure: false,
  raftTls: null,
  httpTls: null,
  // There is no other node to go to.
  shutdownDelayMs: 0,
  http: HTTP_DEFAULTS,
  timing: TIMING_DEFAULTS,
  retainedEntriesMin: RETAINED_ENTRIES_DEFAULT,
  diskLowBytes: DISK_LOW_BYTES_DEFAULT,
  queues: QUEUE_LIMITS,
  auditKeptMs: null,
  metricsNetworksMax: METRICS_NETWORKS_DEFAULT,
  tracing: null,
  auth: AUTH_DEFAULTS,
  logLevel: null,
}

/** No flag: whoever lists the processes of a machine sees those. */
const SECRET_VARIABLE = 'IPAM_CLUSTER_SECRET'

/**
 * Flags win over `IPAM_*` variables, those over the file, that over the defaults.
 *
 * @param argv What follows `ipam server`.
 * @param readFile Throws as `readFileSync` does.
 * @throws {ConfigError}
 */
export function loadConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Config {
  const settings = { ...settingsOfEnvironment(env), ...settingsOfFlags(argv) }
  const isCluster = settings.config !== undefined
  const file = settings.config === undefined ? STANDALONE : loadClusterFile(settings.config.text, readFile)
  const isJoining = settings.join !== undefined && parseBoolean(settings.join)
  if (isJoining && !isCluster) {
    throw new ConfigError(
      `${settings.join?.source} needs --config with a file that names the cluster's nodes`,
    )
  }
  const node = ownNode(file, settings)
  const dataDir = settings['data-dir'] === undefined ? file.dataDir : nonEmpty(settings['data-dir'])
  const api = settings.listen === undefined ? parseAddr(node.api) : parseListen(settings.listen)
  const auth = settings.auth === undefined ? file.auth : { ...file.auth, mode: parseAuthMode(settings.auth) }
  checkListen(api, auth)
  const clusterSecrets = clusterSecretsOf(file, env)
  const { isRaftInsecure, ...taken } = file
  const raft = isCluster ? { ...parseReachableAddr(node.addr), addr: node.addr } : null
  if (raft !== null) {
    const isKnown = isRaftInsecure || file.raftTls !== null || clusterSecrets.length > 0
    checkMembersAreKnown({ id: node.id, ...raft }, { isKnown, path: settings.config?.text ?? '' })
  }
  const level = settings['log-level']
  return {
    ...taken,
    mode: isCluster ? 'cluster' : 'standalone',
    nodeId: node.id,
    isJoining,
    dataDir: join(dataDir, `node-${node.id}`),
    api,
    raft,
    clusterSecrets,
    auth,
    logLevel: level === undefined ? (file.logLevel ?? 'info') : parseLogLevel(level),
  }
}

function clusterSecretsOf(
  file: ClusterFile,
  env: Readonly<Record<string, string | undefined>>,
): readonly Secret[] {
  const text = env[SECRET_VARIABLE] || null
  return text === null ? file.clusterSecrets : parseClusterSecrets({ text, source: SECRET_VARIABLE })
}

/** What is allowed, but probably not meant. One sentence each. */
export function configWarnings({ api, auth, nodes, isJoining, tracing }: Config): string[] {
  const warnings: string[] = []
  if (!isLoopback(api.host)) {
    const where = `the API listens on ${formatAddr(api)}`
    warnings.push(
      auth.mode === 'required'
        ? `${where} in clear: whoever listens in reads passwords and keys, unless something in front of it encrypts`
        : `${where} and has no authentication: whoever reaches it can change everything`,
    )
  }
  if (!isJoining && nodes.length % 2 === 0) {
    warnings.push(
      `${nodes.length} nodes survive no more failures than ${nodes.length - 1}: use an odd number`,
    )
  }
  warnings.push(...tracingWarnings(tracing))
  return warnings
}

/**
 * @param readFile Throws as `readFileSync` does.
 * @throws {ConfigError}
 */
export function loadClusterFile(path: string, readFile: (path: string) => string): ClusterFile {
  let yaml: string
  try {
    yaml = readFile(path)
  } catch (cause) {
    throw new ConfigError(`cannot read ${path}: ${whyUnreadable(cause)}`, { cause })
  }
  const file = parseClusterFile(yaml, path)
  // Relative to the file, so that starting in another directory does not start another, empty node.
  return {
    ...file,
    dataDir: file.dataDir.startsWith('/') ? file.dataDir : join(dirname(path), file.dataDir),
    raftTls: raftTlsBeside(path, file.raftTls),
    httpTls: httpTlsBeside(path, file.httpTls),
  }
}

function whyUnreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a directory'
  if (code === 'EACCES') return 'permission denied'
  return error instanceof Error ? error.message : String(error)
}

function ownNode({ nodes }: ClusterFile, settings: Settings): NodeConfig {
  const setting = settings['node-id']
  const known = nodes.map((node) => node.id).join(', ')
  if (setting === undefined) {
    const [first] = nodes
    if (first !== undefined && settings.config === undefined) return first
    throw usageError(`--node-id is missing: which of the nodes ${known} is this one?`)
  }
  const own = nodes.find((node) => String(node.id) === setting.text)
  if (own !== undefined) return own
  if (!/^[1-9][0-9]{0,15}$/.test(setting.text)) {
    throw new ConfigError(`${setting.source} must be a whole number from 1, not ${show(setting.text)}`)
  }
  throw new ConfigError(
    settings.config === undefined
      ? `${setting.source} ${setting.text} needs --config: without a file there is node ${known} only`
      : `${setting.source} ${setting.text} is not in ${settings.config.text}, which has nodes ${known}`,
  )
}

/** What is open to everybody is so because somebody wrote it down. */
function checkListen(api: { host: string; port: number }, { mode }: AuthConfig): void {
  if (mode !== null || isLoopback(api.host)) return
  throw new ConfigError(
    `the API would listen on ${formatAddr(api)}, where others reach it, without authentication: set auth.mode in the cluster file (or --auth) to required, or to open to let everybody change everything; or listen on 127.0.0.1`,
  )
}
