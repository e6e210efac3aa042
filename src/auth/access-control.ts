/** All that stands between a request and the API, put together. */
import type { Clock } from '../../raft/ports.ts'
import type { AccessSource } from '../ipam/access.ts'
import type { NoteLoginFailures } from '../ipam/access-command.ts'
import { Authenticator, type AuthMode } from './authenticator.ts'
import { type BucketLimits, FailureBuckets } from './failure-buckets.ts'
import { LoginFailureLog } from './login-failures.ts'
import { CHECKER_LIMITS, type CheckerLimits, PasswordChecker } from './password-checker.ts'

export interface AccessControlOptions {
  readonly mode: AuthMode
  readonly source: AccessSource
  readonly clock: Pick<Clock, 'now' | 'wallTime' | 'setTimer'>
  readonly staleMsMax: number
  /** Takes failed log-ins to the audit log; never rejects. */
  readonly report: (command: NoteLoginFailures) => Promise<void>
  readonly bucketLimits?: BucketLimits
  readonly checkerLimits?: Partial<CheckerLimits>
}

/** For whoever watches. */
export interface AccessFigures {
  readonly failedCount: number
  readonly throttledCount: number
  readonly checks: { readonly size: number; readonly max: number }
  readonly waiting: { readonly size: number; readonly max: number }
}

export class AccessControl {
  readonly authenticator: Authenticator
  readonly #failures: LoginFailureLog
  readonly #checker: PasswordChecker
  readonly #limits: CheckerLimits

  constructor(options: AccessControlOptions) {
    const { mode, source, clock, staleMsMax, report, bucketLimits, checkerLimits } = options
    const now = () => clock.now()
    this.#limits = { ...CHECKER_LIMITS, ...checkerLimits }
    this.#checker = new PasswordChecker({ now, limits: this.#limits })
    this.#failures = new LoginFailureLog({ clock, report })
    this.authenticator = new Authenticator({
      mode,
      source,
      checker: this.#checker,
      buckets: new FailureBuckets({ now, ...(bucketLimits !== undefined && { limits: bucketLimits }) }),
      failures: this.#failures,
      now,
      wallTime: () => clock.wallTime(),
      staleMsMax,
    })
  }

  get figures(): AccessFigures {
    const { checks, waiting } = this.#checker.figures
    return {
      failedCount: this.#failures.total,
      throttledCount: this.authenticator.throttledCount,
      checks: { size: checks, max: this.#limits.checksMax },
      waiting: { size: waiting, max: this.#limits.waitingMax },
    }
  }

  stop(): void {
    this.#failures.stop()
  }
}
