/** `ipam snapshot …` */
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BackupError } from '../../backup/backup-error.ts'
import { restoreSnapshot } from '../../backup/restore.ts'
import { readSnapshot, type SnapshotContents } from '../../backup/snapshot-contents.ts'
import { syncDirectory } from '../../sync-directory.ts'
import type { ClientShell, ExitCode } from '../shell.ts'
import { ClientError } from './client-error.ts'
import type { Invocation } from './invocation.ts'
import { nodeConfigOf, onFiles } from './offline.ts'
import { formatRecord } from './table.ts'

const TERMINAL_INTERVAL_MS = 100
const LINE_INTERVAL_MS = 10_000

export async function saveSnapshot({ api, args, output, shell }: Invocation): Promise<ExitCode> {
  const file = args.operand(0) ?? ''
  const partial = `${file}.part`
  const contents = await onFiles(async () => {
    try {
      await download(await api.stream('/cluster/snapshot'), partial, shell)
      // What was sent is what lies on disk now, to its last byte.
      const contents = await readSnapshot(partial)
      await rename(partial, file)
      await syncDirectory(dirname(file))
      return contents
    } catch (error) {
      await rm(partial, { force: true })
      throw error
    }
  })
  if (output.isJson) await output.json(JSON.stringify(bodyOf(contents)))
  output.done(`saved the state at index ${contents.index}, ${formatSize(contents.sizeBytes)}, to ${file}`)
  return 0
}

export async function verifySnapshot({ args, output }: Invocation): Promise<ExitCode> {
  const file = args.operand(0) ?? ''
  const contents = await onFiles(() => readSnapshot(file))
  if (output.isJson) await output.json(JSON.stringify(bodyOf(contents)))
  output.done(`${file} is whole: the state of cluster ${contents.clusterId} at index ${contents.index}`)
  return 0
}

export async function inspectSnapshot({ args, output }: Invocation): Promise<ExitCode> {
  const contents = await onFiles(() => readSnapshot(args.operand(0) ?? ''))
  if (output.isJson) await output.json(JSON.stringify(bodyOf(contents)))
  else await output.text(formatRecord(fieldsOf(contents), output.look))
  return 0
}

export async function restoreNode(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  const { config, contents } = await onFiles(async () => {
    const config = nodeConfigOf(invocation)
    return { config, contents: await restoreSnapshot(args.operand(0) ?? '', config) }
  })
  const { clusterId, nodeId, dataDir, nodes } = config
  if (output.isJson) await output.json(JSON.stringify({ ...bodyOf(contents), data_dir: dataDir }))
  const others = nodes.filter(({ id }) => id !== nodeId).map(({ id }) => id)
  const next =
    others.length === 0 ? 'start it' : `restore the same file for node ${others.join(', ')}, then start all`
  output.done(
    `${dataDir} is node ${nodeId} of cluster ${clusterId}, with the state at index ${contents.index}; ${next}`,
  )
  return 0
}

async function download(chunks: AsyncIterable<Uint8Array>, path: string, shell: ClientShell): Promise<void> {
  // Whoever may log in could be found out from it.
  const handle = await open(path, 'w', 0o600)
  try {
    for await (const chunk of unlessStopped(watched(chunks, shell), shell)) await handle.writeFile(chunk)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** How much has come, for people: it is not known before how much there will be. A broken connection is no end. */
async function* watched(chunks: AsyncIterable<Uint8Array>, shell: ClientShell): AsyncGenerator<Uint8Array> {
  const isTerminal = shell.isErrorTerminal
  let bytes = 0
  let shownAt = shell.now()
  try {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength
      if (shell.now() - shownAt >= (isTerminal ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS)) {
        shownAt = shell.now()
        if (isTerminal) shell.report(`\r${formatSize(bytes)}\u001b[K`)
        else shell.complain(`${formatSize(bytes)} so far`)
      }
      yield chunk
    }
  } catch (cause) {
    throw new ClientError(`the snapshot broke off after ${bytes} bytes: run it again`, 1, { cause })
  } finally {
    if (isTerminal) shell.report('\r\u001b[K')
  }
}

/** @throws {BackupError} at the first signal, so that the partial file goes. */
async function* unlessStopped(
  chunks: AsyncGenerator<Uint8Array>,
  { stopped }: ClientShell,
): AsyncGenerator<Uint8Array> {
  const stop = stopped.then(() => null)
  for (;;) {
    const next = await Promise.race([chunks.next(), stop])
    if (next === null) throw new BackupError('stopped; nothing was saved')
    if (next.done === true) return
    yield next.value
  }
}

function bodyOf(contents: SnapshotContents) {
  const { counts, membership } = contents
  return {
    cluster_id: contents.clusterId,
    node_id: contents.nodeId,
    index: contents.index,
    term: contents.term,
    time: new Date(contents.time).toISOString(),
    taken_at: new Date(contents.takenAt).toISOString(),
    version: contents.program,
    schema_version: membership.schemaVersion,
    size_bytes: contents.sizeBytes,
    digest: contents.identity,
    state_hash: contents.stateHash,
    members: membership.members.map(({ id, addr }) => ({ node_id: id, addr })),
    counts: {
      networks: counts.networks,
      allocations: counts.allocations,
      active_allocations: counts.activeAllocations,
      users: counts.users,
      api_keys: counts.apiKeys,
      audit_rows: counts.auditRows,
      idempotency_keys: counts.idempotencyKeys,
    },
  }
}

function fieldsOf(contents: SnapshotContents): [string, string][] {
  const { counts, membership } = contents
  const members = membership.members.map(({ id, addr }) => `${id} (${addr})`).join(', ')
  return [
    ['cluster', String(contents.clusterId)],
    ['members', members],
    ['index', `${contents.index}, term ${contents.term}`],
    ['taken', `${new Date(contents.takenAt).toISOString()} from node ${contents.nodeId}`],
    ['version', `${contents.program}, command schema ${membership.schemaVersion}`],
    ['size', formatSize(contents.sizeBytes)],
    ['digest', contents.identity],
    ['state hash', contents.stateHash],
    ['networks', String(counts.networks)],
    ['allocations', `${counts.allocations}, ${counts.activeAllocations} of them active`],
    ['users', String(counts.users)],
    ['API keys', String(counts.apiKeys)],
    ['audit rows', String(counts.auditRows)],
    ['idempotency', `${counts.idempotencyKeys} keys`],
  ]
}

function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
