/** Bytes as text, strictly: what is no UTF-8 is refused, not repaired. */
import { BulkSyntaxError } from './bulk-error.ts'

/**
 * Chunks may be cut within a character. A byte order mark stays, for the readers.
 *
 * @throws {BulkSyntaxError}
 */
export async function* decodeUtf8(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for await (const chunk of chunks) {
    const text = decode(() => decoder.decode(chunk, { stream: true }))
    if (text !== '') yield text
  }
  const text = decode(() => decoder.decode())
  if (text !== '') yield text
}

function decode(read: () => string): string {
  try {
    return read()
  } catch {
    throw new BulkSyntaxError('the file is not UTF-8; save it as "CSV UTF-8"')
  }
}
