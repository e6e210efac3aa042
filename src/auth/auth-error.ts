/** Why a request is not let in. No message has anything of a secret, or of a name that nobody has. */

export type AuthFailure =
  /** No credentials, or wrong ones. */
  | 'unauthenticated'
  /** Too many failures, or too many passwords to check at once. */
  | 'throttled'
  /** This node cannot tell at the moment. */
  | 'unavailable'

export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly failure: AuthFailure
  /** Stable machine word. */
  readonly reason: string
  readonly retryAfterS: number | null

  constructor(
    failure: AuthFailure,
    { reason, message, retryAfterS = null }: { reason: string; message: string; retryAfterS?: number | null },
  ) {
    super(message)
    this.failure = failure
    this.reason = reason
    this.retryAfterS = retryAfterS
  }
}
