/** Rows or a snapshot are not what this version writes. The node must not serve them. */
export class CorruptStateError extends Error {
  override readonly name = 'CorruptStateError'
}
