/** What an operator asked for is refused, or did not work. The message says why and the way out; nothing has changed. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}
