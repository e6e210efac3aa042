/** The section `auth` of the cluster file. */
import { z } from 'zod'
import { BUCKET_LIMITS, type BucketLimits } from './auth/failure-buckets.ts'
import { CHECKER_LIMITS, type CheckerLimits } from './auth/password-checker.ts'
import { expected, section, wholeNumber } from './config-values.ts'
import { isPasswordHash, isUserName } from './ipam/access.ts'
import { show } from './show.ts'

export const AUTH_MODES = ['required', 'open'] as const

export interface AuthConfig {
  /** Null: nobody has chosen. Then it is as open as `open`, and on loopback only. */
  readonly mode: (typeof AUTH_MODES)[number] | null
  /** `/metrics` is for everybody. */
  readonly isMetricsOpen: boolean
  /** A node that has not heard from a leader for longer lets nobody in. */
  readonly staleMsMax: number
  /** Of failed log-ins, by client and name. */
  readonly failures: BucketLimits
  /** Of passwords that are checked. */
  readonly checks: CheckerLimits
  /** Made when the cluster has no admin. */
  readonly firstAdmin: { readonly name: string; readonly passwordHash: string } | null
}

const STALE_SECONDS_DEFAULT = 10
const STALE_SECONDS_MAX = 3_600
const FAILURES_MAX = 100_000
/** Each takes a thread of four, and of 1 KiB blocks 32 MiB. */
const CHECKS_MAX = 4
const WAITING_MAX = 10_000
const MINUTE_MS = 60_000

export const AUTH_DEFAULTS: AuthConfig = {
  mode: null,
  isMetricsOpen: false,
  staleMsMax: STALE_SECONDS_DEFAULT * 1_000,
  failures: BUCKET_LIMITS,
  checks: CHECKER_LIMITS,
  firstAdmin: null,
}

const FirstAdminSchema = z.strictObject(
  {
    name: z.string({ error: (issue) => expected('a name such as "admin"', issue.input) }).refine(isUserName, {
      error: (issue) => `cannot be ${show(issue.input)}: lower-case letters and digits`,
    }),
    // What is wrong may be the password itself.
    password_hash: z.string({ error: 'is missing: what "ipam auth hash" prints' }).refine(isPasswordHash, {
      error: 'must be what "ipam auth hash" prints, such as "$scrypt$ln=15,r=8,p=3$…"',
    }),
  },
  { error: section },
)

export const AuthSchema = z.strictObject(
  {
    mode: z
      .enum(AUTH_MODES, { error: (issue) => expected(`one of ${AUTH_MODES.join(', ')}`, issue.input) })
      .nullable()
      .default(null),
    metrics: z
      .enum(['viewer', 'open'], { error: (issue) => expected('viewer or open', issue.input) })
      .default('viewer'),
    stale_max_seconds: wholeNumber(STALE_SECONDS_MAX).default(STALE_SECONDS_DEFAULT),
    failed_logins_per_minute: wholeNumber(FAILURES_MAX).default(MINUTE_MS / BUCKET_LIMITS.refillMs),
    failed_logins_burst: wholeNumber(FAILURES_MAX).default(BUCKET_LIMITS.burst),
    password_checks_max: wholeNumber(CHECKS_MAX).default(CHECKER_LIMITS.checksMax),
    password_checks_waiting_max: wholeNumber(WAITING_MAX, 0).default(CHECKER_LIMITS.waitingMax),
    first_admin: FirstAdminSchema.nullable().default(null),
  },
  { error: section },
)

export function toAuthConfig(auth: z.output<typeof AuthSchema>): AuthConfig {
  return {
    mode: auth.mode,
    isMetricsOpen: auth.metrics === 'open',
    staleMsMax: auth.stale_max_seconds * 1_000,
    failures: {
      ...BUCKET_LIMITS,
      burst: auth.failed_logins_burst,
      refillMs: MINUTE_MS / auth.failed_logins_per_minute,
    },
    checks: {
      ...CHECKER_LIMITS,
      checksMax: auth.password_checks_max,
      waitingMax: auth.password_checks_waiting_max,
    },
    firstAdmin: auth.first_admin && {
      name: auth.first_admin.name,
      passwordHash: auth.first_admin.password_hash,
    },
  }
}

/** The keys of the section, or of what is in it. */
export function authKeys(key: PropertyKey | undefined): string[] {
  return Object.keys(key === 'first_admin' ? FirstAdminSchema.shape : AuthSchema.shape)
}
