/** The section `auth` of the cluster file. */
import { z } from 'zod'
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
  /** Made when the cluster has no admin. */
  readonly firstAdmin: { readonly name: string; readonly passwordHash: string } | null
}

const STALE_SECONDS_DEFAULT = 10
const STALE_SECONDS_MAX = 3_600

export const AUTH_DEFAULTS: AuthConfig = {
  mode: null,
  isMetricsOpen: false,
  staleMsMax: STALE_SECONDS_DEFAULT * 1_000,
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
    first_admin: FirstAdminSchema.nullable().default(null),
  },
  { error: section },
)

export function toAuthConfig(auth: z.output<typeof AuthSchema>): AuthConfig {
  return {
    mode: auth.mode,
    isMetricsOpen: auth.metrics === 'open',
    staleMsMax: auth.stale_max_seconds * 1_000,
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
