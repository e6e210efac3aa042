/** The directory of one node: whose it is, and that no other process or node takes it. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { LogFormatError } from '../raft/errors.ts'
import { syncDirectory } from './sync-directory.ts'

export const IDENTITY_FILE = 'node.json'
const FORMAT = 1

const IdentitySchema = z.strictObject({
  format: z.literal(FORMAT),
  cluster_id: z.int().positive(),
  node_id: z.int().positive(),
  // One that was made of a snapshot says which, before a full stop.
  incarnation: z.string().regex(/^([0-9a-f]{16}\.)?[0-9a-f]{32}$/),
})

/** All that is asked of a file that later software has written. */
const FormatSchema = z.looseObject({ format: z.int() })

/** A directory that must not be used for what was asked. The message says what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError'
}

/**
 * Makes a directory with its parents, readable by us alone; no error if it exists.
 *
 * One after the other, for Node's own `recursive` never returns on a file system that answers ENOENT, as /proc does.
 */
export async function makeDirectories(path: string): Promise<void> {
  const missing: string[] = []
  for (let at = resolve(path); !(await exists(at)); at = dirname(at)) missing.unshift(at)
  for (const directory of missing) {
    await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/**
 * Reads whose directory this is, or makes it ours if it is new.
 *
 * The incarnation is random and made once: the cluster knows a node by it, and notices a disk that was wiped
 * or exchanged.
 *
 * @param directory Exists.
 * @throws {DataDirectoryError} if it is another node's, another cluster's, or has lost its identity.
 */
export async function claimDataDirectory({
  directory,
  clusterId,
  nodeId,
}: {
  directory: string
  clusterId: number
  nodeId: number
}): Promise<{ incarnation: string }> {
  const path = join(directory, IDENTITY_FILE)
  const text = await readIfPresent(path)
  if (text === null) return { incarnation: await create({ directory, clusterId, nodeId }) }
  const identity = parse(path, text)
  if (identity.cluster_id !== clusterId || identity.node_id !== nodeId) {
    throw new DataDirectoryError(
      `data directory ${directory} belongs to node ${identity.node_id} of cluster ${identity.cluster_id}, not to node ${nodeId} of cluster ${clusterId}: choose another with --data-dir`,
    )
  }
  return { incarnation: identity.incarnation }
}

/**
 * What `claimDataDirectory` wrote; null if there is none. Changes nothing.
 *
 * @throws {DataDirectoryError} if it does not read back.
 */
export async function readDataDirectory(directory: string): Promise<z.infer<typeof IdentitySchema> | null> {
  const path = join(directory, IDENTITY_FILE)
  const text = await readIfPresent(path)
  return text === null ? null : parse(path, text)
}

function parse(path: string, text: string): z.infer<typeof IdentitySchema> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw unreadable(path, cause)
  }
  const { format } = FormatSchema.safeParse(json).data ?? { format: FORMAT }
  if (format > FORMAT) {
    const message = `${path} is in format ${format} and this program reads ${FORMAT}: the directory cannot be used; install newer software`
    const cause = new LogFormatError({ file: IDENTITY_FILE, offset: 0, found: format, known: FORMAT })
    throw new DataDirectoryError(message, { cause })
  }
  const identity = IdentitySchema.safeParse(json)
  if (!identity.success) throw unreadable(path, identity.error)
  return identity.data
}

function unreadable(path: string, cause: unknown): DataDirectoryError {
  const message = `${path} is damaged: remove this node from the cluster, then join it under a new id with an empty directory`
  return new DataDirectoryError(message, { cause })
}

async function create({
  directory,
  clusterId,
  nodeId,
}: {
  directory: string
  clusterId: number
  nodeId: number
}): Promise<string> {
  const names = await readdir(directory)
  if (names.some((name) => name === 'log' || name === 'state')) {
    throw new DataDirectoryError(
      `data directory ${directory} holds data but no ${IDENTITY_FILE}: put that file back, or join under a new id with an empty directory`,
    )
  }
  const incarnation = randomBytes(16).toString('hex')
  await writeIdentity(directory, { clusterId, nodeId, incarnation })
  return incarnation
}

/** Says whose directory this is from now on, whoever's it was. Durable when it resolves, and never half there. */
export async function writeIdentity(
  directory: string,
  { clusterId, nodeId, incarnation }: { clusterId: number; nodeId: number; incarnation: string },
): Promise<void> {
  const path = join(directory, IDENTITY_FILE)
  const identity = { format: FORMAT, cluster_id: clusterId, node_id: nodeId, incarnation }
  const unfinished = `${path}.new`
  const file = await open(unfinished, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(identity)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
  await syncDirectory(directory)
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
