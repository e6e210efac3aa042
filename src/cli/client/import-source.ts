/** The bytes of an import, to be read twice: once to see that all of it can be read, once to send it. */
import { createReadStream } from 'node:fs'
import type { ClientShell } from '../shell.ts'
import { ClientError } from './client-error.ts'

/** What comes through a pipe is kept in memory. */
const INPUT_BYTES_MAX = 64 << 20

export type Source = () => AsyncIterable<Uint8Array>

/** @param name A path, or "-". @throws {ClientError} */
export async function openSource(name: string, shell: ClientShell): Promise<Source> {
  if (name !== '-') return () => readFile(name)
  const chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of shell.input()) {
    byteCount += chunk.byteLength
    if (byteCount > INPUT_BYTES_MAX) {
      throw new ClientError(
        `standard input is above ${INPUT_BYTES_MAX >> 20} MiB; save it as a file, and import that`,
        1,
      )
    }
    chunks.push(chunk)
  }
  return async function* () {
    yield* chunks
  }
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new ClientError(`the file cannot be read: ${message}`, 1, { cause: error })
  }
}
