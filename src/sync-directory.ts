import { open } from 'node:fs/promises'

/** The names in a directory are on disk when it resolves: that of a file whose content was synced may not be, yet. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
