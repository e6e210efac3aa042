/**
 * Users, keys and members as audit rows have them: under their kind, so that they cannot be taken for the arrays of networks and
 * allocations, and whole, as they change rarely. A change is a new `FORMAT`.
 */
import { unreachable } from '../../raft/assert.ts'
import { ROLES, type Role } from '../ipam/access.ts'
import type { TaggedRecord } from '../ipam/records.ts'
import { CorruptStateError } from './errors.ts'

export type TaggedFields =
  | { readonly user: UserFields }
  | { readonly key: KeyFields }
  | { readonly member: MemberFields }

type UserFields = [name: string, role: number, createdAt: number, updatedAt: number, changedIndex: number]

type KeyFields = [
  id: string,
  description: string,
  role: number,
  scope: [networks: readonly string[], tags: readonly string[]] | null,
  createdBy: string,
  createdAt: number,
  expiresAt: number | null,
  changedIndex: number,
]

type MemberFields = [nodeId: number, addr: string, voter: boolean, isRolledBack: boolean]

export function taggedFields(record: TaggedRecord): TaggedFields {
  switch (record.kind) {
    case 'user': {
      const { name, role, createdAt, updatedAt, changedIndex } = record
      return { user: [name, ROLES.indexOf(role), createdAt, updatedAt, changedIndex] }
    }
    case 'key': {
      const { id, description, role, scope, createdBy, createdAt, expiresAt, changedIndex } = record
      const scopeFields: KeyFields[3] = scope && [scope.networks, scope.tags]
      const head = [id, description, ROLES.indexOf(role), scopeFields] as const
      return { key: [...head, createdBy, createdAt, expiresAt, changedIndex] }
    }
    case 'member': {
      const { nodeId, addr, voter, isRolledBack } = record
      return { member: [nodeId, addr, voter, isRolledBack] }
    }
    default:
      return unreachable(record)
  }
}

export function taggedOf(fields: TaggedFields): TaggedRecord {
  if ('user' in fields) {
    const [name, role, createdAt, updatedAt, changedIndex] = fields.user
    return { kind: 'user', name, role: roleAt(role), createdAt, updatedAt, changedIndex }
  }
  if ('key' in fields) {
    const [id, description, role, scope, createdBy, createdAt, expiresAt, changedIndex] = fields.key
    const named = scope && { networks: scope[0], tags: scope[1] }
    const times = { createdAt, expiresAt, changedIndex }
    return { kind: 'key', id, description, role: roleAt(role), scope: named, createdBy, ...times }
  }
  const [nodeId, addr, voter, isRolledBack] = fields.member
  return { kind: 'member', nodeId, addr, voter, isRolledBack }
}

function roleAt(place: number): Role {
  const role = ROLES[place]
  if (role === undefined) throw new CorruptStateError(`no role has the number ${place}`)
  return role
}
