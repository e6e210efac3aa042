/** Which log an argument of `ipam log` means. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { holderOf } from '../../raft/storage/directory-lock.ts'
import { segmentNumber } from '../../raft/storage/segment.ts'
import { IDENTITY_FILE } from '../data-directory.ts'

/** The argument does not name one log, or one that may be read now. The message says the way out. */
export class LogDirectoryError extends Error {
  override readonly name = 'LogDirectoryError'
}

export interface LogDirectory {
  /** Paths of files in reports are relative to it. */
  readonly root: string
  /** Below `root`. */
  readonly log: string
  /** All of a node's files are meant, not its log alone. */
  readonly isWholeNode: boolean
}

/**
 * @param path A node's directory, the one above it if it holds one node only, or a log folder.
 * @throws {LogDirectoryError}
 */
export async function findLogDirectory(path: string): Promise<LogDirectory> {
  const names = await namesIn(path)
  if (isNode(names)) return { root: path, log: 'log', isWholeNode: true }
  if (names.some((name) => segmentNumber(name) !== null)) {
    const full = resolve(path)
    return { root: dirname(full), log: basename(full), isWholeNode: false }
  }
  const nodes = await nodesIn(path, names)
  const [node] = nodes
  if (node === undefined) {
    throw new LogDirectoryError(
      `${path} is no data directory: it holds neither ${IDENTITY_FILE} nor log/ nor a node-N/ that does`,
    )
  }
  if (nodes.length > 1) {
    throw new LogDirectoryError(`${path} holds ${nodes.join(', ')}: name one of them, as ${join(path, node)}`)
  }
  return { root: join(path, node), log: 'log', isWholeNode: true }
}

function isNode(names: readonly string[]): boolean {
  return names.includes(IDENTITY_FILE) || names.includes('log')
}

async function nodesIn(path: string, names: readonly string[]): Promise<string[]> {
  const nodes: string[] = []
  for (const name of names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
    if (!/^node-\d+$/.test(name) || !(await stat(join(path, name))).isDirectory()) continue
    if (isNode(await namesIn(join(path, name)))) nodes.push(name)
  }
  return nodes
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'ENOTDIR'
          ? 'is no directory'
          : `cannot be read (${code})`
    throw new LogDirectoryError(`${path} ${why}`, { cause })
  }
}

/** The process that runs on these files now; `null` if none does. A log folder alone is looked up by its parent. */
export function processOn({ root }: LogDirectory): Promise<string | null> {
  return holderOf(root)
}
