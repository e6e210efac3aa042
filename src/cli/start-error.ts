/** Why a node did not start, for the operator. */
import { CorruptLogError } from '../../raft/errors.ts'
import type { Config } from '../config.ts'

/** One line with the way out; null for what is no operator's business, a bug of ours. */
export function explainStartError(error: unknown, { dataDir, api, raft }: Config): string | null {
  const causes = causesOf(error)
  const codes = new Set(causes.map((cause) => (cause as NodeJS.ErrnoException).code))
  for (const cause of causes) {
    const { code, port } = cause as NodeJS.ErrnoException & { port?: number }
    const isRaft = raft !== null && port === raft.port
    const what = isRaft ? `${raft.host}:${raft.port} (nodes[].addr)` : `${api.host}:${api.port} (the API)`
    const wayOut = isRaft
      ? 'change addr of this node in the cluster file'
      : 'choose another with --listen host:port'
    if (code === 'EADDRINUSE') return `${what} is in use: stop what listens there, or ${wayOut}`
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      return `${what} is no address of this machine: ${wayOut}`
    if (code === 'EACCES' && port !== undefined)
      return `${what} needs privileges, being below 1024: ${wayOut}`
    if (cause instanceof CorruptLogError) {
      return `${cause.message}: this node must not start. Remove it from the cluster, then join it under a new id with an empty directory`
    }
  }
  if (codes.has('LEVEL_LOCKED') || codes.has('DATA_DIR_IN_USE')) {
    return `data directory ${dataDir} is in use: stop the node that runs there, or choose another with --data-dir`
  }
  if (codes.has('EACCES') || codes.has('EPERM') || codes.has('EROFS')) {
    return `data directory ${dataDir} is not writable: make it so, or choose another with --data-dir`
  }
  if (codes.has('ENOTDIR') || codes.has('EEXIST')) {
    return `data directory ${dataDir} is no directory: choose another with --data-dir`
  }
  if (codes.has('ENOSPC') || codes.has('EDQUOT'))
    return `no space left in ${dataDir}: free some, or use --data-dir`
  return null
}

/** LevelDB's real reason is in the cause of what it throws. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && !causes.includes(cause); cause = cause.cause)
    causes.push(cause)
  return causes
}
