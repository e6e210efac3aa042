/** Users and keys as the API shows them, and as it takes them. */
import { z } from 'zod'
import { PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN } from '../auth/password.ts'
import {
  type ApiKey,
  isUserName,
  ROLES,
  SCOPE_NETWORKS_MAX,
  SCOPE_TAGS_MAX,
  type Scope,
  type User,
} from '../ipam/access.ts'
import { TAG_CHARS_MAX } from '../ipam/limits.ts'
import { show } from '../show.ts'
import { RenewBody } from './allocation-body.ts'
import { formatTime } from './answer.ts'
import { description, expected, id, text } from './fields.ts'
import type * as shapes from './shapes.ts'

const role = z.enum(ROLES, { error: (issue) => expected(`one of ${ROLES.join(', ')}`, issue.input) })

const name = z
  .string({ error: (issue) => expected('a name such as "alice"', issue.input) })
  .refine(isUserName, {
    error: (issue) =>
      `must be 1 to 64 lower-case letters, digits, ".", "_", "-" and "@", and neither system nor key-…, not ${show(issue.input)}`,
  })

/** No message says what it was. */
const password = z
  .string({ error: 'must be text' })
  .min(PASSWORD_CHARS_MIN, { error: `must have at least ${PASSWORD_CHARS_MIN} characters` })
  .max(PASSWORD_CHARS_MAX, { error: `must have at most ${PASSWORD_CHARS_MAX} characters` })

const scopeList = <T extends z.ZodType>(member: T, max: number) =>
  z
    .array(member, { error: (issue) => expected('a list', issue.input) })
    .max(max, { error: `must have at most ${max} entries` })
    .nullish()
    .transform((list) => list ?? [])

const scope = z
  .strictObject(
    {
      networks: scopeList(id, SCOPE_NETWORKS_MAX),
      tags: scopeList(text(TAG_CHARS_MAX).min(1, { error: 'must not be empty' }), SCOPE_TAGS_MAX),
    },
    { error: (issue) => expected('an object with networks or tags', issue.input) },
  )
  .refine(({ networks, tags }) => networks.length + tags.length > 0, {
    error: 'must name a network or a tag; leave it out for all networks',
  })

export const FirstAdminBody = z.strictObject({ name, password })
export const CreateUserBody = z.strictObject({ name, role, password })
export const UpdateUserBody = z.strictObject({ role: role.nullish(), password: password.nullish() })
export const PasswordBody = z.strictObject({ password })
export const CreateKeyBody = z.strictObject({
  role,
  description,
  scope: scope.nullish().transform((value): Scope | null => value ?? null),
  ...RenewBody.shape,
})

export function userBody({ name, role, createdAt, updatedAt }: Omit<User, 'passwordHash'>): shapes.User {
  return { name, role, created_at: formatTime(createdAt), updated_at: formatTime(updatedAt) }
}

export function keyBody({
  id,
  description,
  role,
  scope,
  createdBy,
  createdAt,
  expiresAt,
}: Omit<ApiKey, 'secretHash'>): shapes.ApiKey {
  return {
    id,
    description,
    role,
    scope: scope && { networks: scope.networks, tags: scope.tags },
    created_by: createdBy,
    created_at: formatTime(createdAt),
    expires_at: expiresAt === null ? null : formatTime(expiresAt),
  }
}
