/** Why a node did not start, for the operator. */
import { CorruptLogError, LogFormatError, SchemaMismatchError } from '../../raft/errors.ts'
import { DirectoryInUseError } from '../../raft/storage/directory-lock.ts'
import { formatAddr } from '../../raft/transport/addr.ts'
import { CertificateError } from '../certificates.ts'
import type { Config } from '../config.ts'
import { DataDirectoryError } from '../data-directory.ts'
import { CorruptStateError, StateFormatError } from '../state/errors.ts'

type SystemError = NodeJS.ErrnoException & { readonly port?: number }

/** One line with the way out; null for what is no operator's business, a bug of ours. */
export function explainStartError(error: unknown, config: Config): string | null {
  for (const cause of causesOf(error)) {
    const explanation = explain(cause, config)
    if (explanation !== null) return explanation
  }
  return null
}

function explain(error: SystemError, config: Config): string | null {
  const { dataDir } = config
  const another = 'or choose another with --data-dir'
  if (error instanceof DataDirectoryError || error instanceof CertificateError) return error.message
  if (error instanceof DirectoryInUseError) return `${error.message}: stop it, ${another}`
  if (error instanceof StateFormatError) return `${dataDir} cannot be used: ${error.message}`
  if (error instanceof LogFormatError) return `${dataDir} cannot be used: ${error.message}`
  if (error instanceof CorruptLogError || error instanceof CorruptStateError) {
    return `${dataDir} is damaged (${damageOf(error)}): remove this node from the cluster, then join it under a new id with an empty directory`
  }
  if (error instanceof SchemaMismatchError) return `${dataDir} cannot be used: ${error.message}`
  if (error.port !== undefined) return explainAddress(error, config)
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `data directory ${dataDir} is not writable (${error.code}): change its owner or permissions, ${another}`
    case 'EEXIST':
    case 'ENOTDIR':
      return `data directory ${dataDir} is not a directory: choose another with --data-dir`
    case 'ENOENT':
      return `data directory ${dataDir} cannot be made: choose another with --data-dir`
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space left for ${dataDir}: free some, ${another}`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${error.message}: a host of this node in --listen or the cluster file has no address`
    default:
      return null
  }
}

/** Without the way out, which is the same for all of a node's files and is said once. */
function damageOf(error: CorruptLogError | CorruptStateError): string {
  return error instanceof CorruptLogError
    ? `${error.file} at offset ${error.offset}: ${error.reason}`
    : error.message
}

/** @param error Of an attempt to listen. */
function explainAddress(error: SystemError, { api, raft }: Config): string | null {
  const isRaft = raft !== null && error.port === raft.port
  const where = isRaft ? `${raft.addr} (Raft)` : `${formatAddr(api)} (the API)`
  const wayOut = isRaft
    ? "change this node's addr in the cluster file"
    : 'choose another with --listen host:port'
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where} is in use: stop what listens there, or ${wayOut}`
    case 'EADDRNOTAVAIL':
      return `${where} is not an address of this machine: ${wayOut}`
    case 'EACCES':
      return `${where} needs privileges, as ports below 1024 do: ${wayOut}`
    default:
      return null
  }
}

/** Of LevelDB's errors only the text says which one of the operating system's it was. */
function codeOf({ code, message }: SystemError): string | undefined {
  const isFull = code === 'LEVEL_IO_ERROR' && /(No space left on device|Disk quota exceeded)$/.test(message)
  return isFull ? 'ENOSPC' : code
}

/** The error and what caused it: LevelDB's real reason is in the cause of what it throws. */
function causesOf(error: unknown): SystemError[] {
  const causes: Error[] = []
  for (let cause = error; cause instanceof Error && !causes.includes(cause); cause = cause.cause)
    causes.push(cause)
  return causes
}
