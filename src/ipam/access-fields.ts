/** The fields of commands about users and keys, in the order in which they lie in a log entry. */
import {
  isKeyId,
  isPasswordHash,
  isSecretHash,
  isUserName,
  ROLES,
  type Role,
  SCOPE_NETWORKS_MAX,
  SCOPE_TAGS_MAX,
  type Scope,
} from './access.ts'
import type {
  AccessCommand,
  CreateKey,
  CreateUser,
  DeleteUser,
  LoginFailures,
  NoteLoginFailures,
  NoteSnapshot,
  RevokeKey,
  UpdateUser,
} from './access-command.ts'
import {
  allOf,
  isCount,
  isDurationOrNull,
  isId,
  isSeenIndex,
  isText,
  isTextOrNull,
  isTexts,
  wellFormed,
} from './field-values.ts'
import type { FieldsOf } from './fields-of.ts'

export const ACCESS_FIELDS: FieldsOf<AccessCommand> = {
  createUser: {
    number: 14,
    encode: ({ name, role, passwordHash, isFirst }) => [name, ROLES.indexOf(role), passwordHash, isFirst],
    decode: decodeCreateUser,
  },
  updateUser: {
    number: 15,
    encode: ({ name, role, passwordHash, ifChangedIndex }) => {
      return [name, role && ROLES.indexOf(role), passwordHash, ifChangedIndex]
    },
    decode: decodeUpdateUser,
  },
  deleteUser: {
    number: 16,
    encode: ({ name, ifChangedIndex }) => [name, ifChangedIndex],
    decode: (fields): DeleteUser | null => {
      const [name, ifChangedIndex] = fields
      if (fields.length !== 2 || !isName(name) || !isSeenIndex(ifChangedIndex)) return null
      return { type: 'deleteUser', name, ifChangedIndex }
    },
  },
  createKey: {
    number: 17,
    encode: ({ id, description, role, secretHash, scope, ttlMs }) => {
      const scopeFields = scope && [scope.networks, scope.tags.map(wellFormed)]
      return [id, wellFormed(description), ROLES.indexOf(role), secretHash, scopeFields, ttlMs]
    },
    decode: decodeCreateKey,
  },
  revokeKey: {
    number: 18,
    encode: ({ id, ifChangedIndex }) => [id, ifChangedIndex],
    decode: (fields): RevokeKey | null => {
      const [id, ifChangedIndex] = fields
      if (fields.length !== 2 || !isText(id) || !isKeyId(id) || !isSeenIndex(ifChangedIndex)) return null
      return { type: 'revokeKey', id, ifChangedIndex }
    },
  },
  noteLoginFailures: {
    number: 19,
    encode: ({ failures }) => failures.map(({ user, address, count }) => [user, address, count]),
    decode: (fields): NoteLoginFailures | null => {
      const failures = allOf(fields, decodeFailures)
      return failures === null || failures.length === 0 ? null : { type: 'noteLoginFailures', failures }
    },
  },
  noteSnapshot: {
    number: 21,
    encode: ({ nodeId }) => [nodeId],
    decode: (fields): NoteSnapshot | null => {
      const [nodeId] = fields
      return fields.length === 1 && isCount(nodeId) ? { type: 'noteSnapshot', nodeId } : null
    },
  },
}

function decodeCreateUser(fields: readonly unknown[]): CreateUser | null {
  const [name, place, passwordHash, isFirst] = fields
  const role = roleAt(place)
  if (fields.length !== 4 || !isName(name) || role === null || typeof isFirst !== 'boolean') return null
  if (!isText(passwordHash) || !isPasswordHash(passwordHash)) return null
  return { type: 'createUser', name, role, passwordHash, isFirst }
}

function decodeUpdateUser(fields: readonly unknown[]): UpdateUser | null {
  const [name, place, passwordHash, ifChangedIndex] = fields
  const role = roleAt(place)
  if (fields.length !== 4 || !isName(name) || (place !== null && role === null)) return null
  if (!isTextOrNull(passwordHash) || !isSeenIndex(ifChangedIndex)) return null
  if (passwordHash !== null && !isPasswordHash(passwordHash)) return null
  return { type: 'updateUser', name, role, passwordHash, ifChangedIndex }
}

function decodeCreateKey(fields: readonly unknown[]): CreateKey | null {
  const [id, description, place, secretHash, scopeFields, ttlMs] = fields
  const role = roleAt(place)
  const scope = scopeFields === null ? null : scopeOf(scopeFields)
  if (fields.length !== 6 || !isText(id) || !isKeyId(id) || !isText(description) || role === null) return null
  if (!isText(secretHash) || !isSecretHash(secretHash) || scope === undefined) return null
  if (!isDurationOrNull(ttlMs)) return null
  return { type: 'createKey', id, description, role, secretHash, scope, ttlMs }
}

/** Undefined if it is none. */
export function scopeOf(value: unknown): Scope | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [networks, tags] = value as unknown[]
  if (!isTexts(networks) || !networks.every(isId) || networks.length > SCOPE_NETWORKS_MAX) return undefined
  if (!isTexts(tags) || tags.length > SCOPE_TAGS_MAX) return undefined
  return { networks, tags }
}

function decodeFailures(value: unknown): LoginFailures | null {
  if (!Array.isArray(value) || value.length !== 3) return null
  const [user, address, count] = value as unknown[]
  if (!isTextOrNull(user) || !isTextOrNull(address) || !isCount(count)) return null
  return { user, address, count }
}

function roleAt(place: unknown): Role | null {
  return typeof place === 'number' ? (ROLES[place] ?? null) : null
}

function isName(value: unknown): value is string {
  return isText(value) && isUserName(value)
}
