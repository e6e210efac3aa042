/** `ipam export`: all of it as it comes, to standard output or a file. */
import { open, rename, rm } from 'node:fs/promises'
import type { Params } from '../../client/query.ts'
import type { ClientShell, ExitCode } from '../shell.ts'
import { allocationFilters } from './allocation.ts'
import { ClientError } from './client-error.ts'
import type { Invocation } from './invocation.ts'
import { networkFilters } from './network.ts'

export async function exportNetworks(invocation: Invocation): Promise<ExitCode> {
  return await exportTo('/networks/export', await networkFilters(invocation), invocation)
}

export async function exportAllocations(invocation: Invocation): Promise<ExitCode> {
  return await exportTo('/allocations/export', await allocationFilters(invocation), invocation)
}

async function exportTo(
  path: string,
  filters: Params,
  { api, args, output, shell }: Invocation,
): Promise<ExitCode> {
  const file = args.text('output')
  // For scripts: there is no one JSON value, and JSON lines are what comes nearest.
  const format = args.text('format') ?? (output.isJson ? 'jsonl' : 'csv')
  const chunks = readable(await api.stream(path, { ...filters, format }))
  if (file === null) await writeOut(chunks, shell)
  else output.done(`wrote ${await writeFile(chunks, file)} bytes to ${file}`)
  return 0
}

async function writeOut(chunks: AsyncIterable<Uint8Array>, shell: ClientShell): Promise<void> {
  // A character may be cut by the end of a chunk.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  for await (const chunk of chunks) await shell.write(decoder.decode(chunk, { stream: true }))
}

/** Under another name until all of it is there: who finds the file may trust that it is whole. */
async function writeFile(chunks: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const partial = `${path}.part`
  let byteCount = 0
  try {
    const handle = await open(partial, 'w')
    try {
      for await (const chunk of chunks) {
        await handle.writeFile(chunk)
        byteCount += chunk.byteLength
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, path)
    return byteCount
  } catch (error) {
    await rm(partial, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof ClientError || code === undefined) throw error
    throw new ClientError(`${path} cannot be written: ${message}`, 1, { cause: error })
  }
}

/** A connection that breaks in the middle is no end. */
async function* readable(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let byteCount = 0
  try {
    for await (const chunk of chunks) {
      byteCount += chunk.byteLength
      yield chunk
    }
  } catch (error) {
    throw new ClientError(`the export broke off after ${byteCount} bytes: run it again`, 1, { cause: error })
  }
}
