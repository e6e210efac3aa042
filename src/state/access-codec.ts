/** Users and keys as MessagePack arrays with fixed positions. A change of any of them is a new `FORMAT`. */
import { Packr } from 'msgpackr'
import { type ApiKey, ROLES, type Role, type User } from '../ipam/access.ts'
import { CorruptStateError } from './errors.ts'

/** Without records, so that the bytes of a row depend on nothing but the row. */
const packr = new Packr({ useRecords: false })

export type UserFields = [
  name: string,
  role: number,
  passwordHash: string,
  createdAt: number,
  updatedAt: number,
  changedIndex: number,
]

export type KeyFields = [
  id: string,
  description: string,
  role: number,
  secretHash: string,
  scope: [networks: readonly string[], tags: readonly string[]] | null,
  createdBy: string,
  createdAt: number,
  expiresAt: number | null,
  changedIndex: number,
]

export function encodeUser(user: User): Buffer {
  return packr.pack(userFields(user))
}

export function decodeUser(row: Uint8Array): User {
  return userOf(packr.unpack(row) as UserFields)
}

export function encodeKey(key: ApiKey): Buffer {
  return packr.pack(keyFields(key))
}

export function decodeKey(row: Uint8Array): ApiKey {
  return keyOf(packr.unpack(row) as KeyFields)
}

export function userFields({ name, role, passwordHash, ...times }: User): UserFields {
  return [name, ROLES.indexOf(role), passwordHash, times.createdAt, times.updatedAt, times.changedIndex]
}

export function userOf([name, role, passwordHash, createdAt, updatedAt, changedIndex]: UserFields): User {
  return { name, role: roleAt(role), passwordHash, createdAt, updatedAt, changedIndex }
}

export function keyFields(key: ApiKey): KeyFields {
  const { id, description, role, secretHash, scope, createdBy, createdAt, expiresAt, changedIndex } = key
  const scopeFields: KeyFields[4] = scope && [scope.networks, scope.tags]
  const head = [id, description, ROLES.indexOf(role), secretHash, scopeFields] as const
  return [...head, createdBy, createdAt, expiresAt, changedIndex]
}

export function keyOf(fields: KeyFields): ApiKey {
  const [id, description, role, secretHash, scope, createdBy, createdAt, expiresAt, changedIndex] = fields
  return {
    id,
    description,
    role: roleAt(role),
    secretHash,
    scope: scope && { networks: scope[0], tags: scope[1] },
    createdBy,
    createdAt,
    expiresAt,
    changedIndex,
  }
}

function roleAt(place: number): Role {
  const role = ROLES[place]
  if (role === undefined) throw new CorruptStateError(`no role has the number ${place}`)
  return role
}
