/** Changes of users and keys. Secrets are hashed before they become a command: the log never sees them. */
import type { ApiKey, Role, Scope, User } from './access.ts'
import type { SeenIndex } from './records.ts'

export interface CreateUser {
  readonly type: 'createUser'
  readonly name: string
  readonly role: Role
  readonly passwordHash: string
  /** Refused if there is an admin already. */
  readonly isFirst: boolean
}

export interface UpdateUser {
  readonly type: 'updateUser'
  readonly name: string
  /** Null: as it is. */
  readonly role: Role | null
  readonly passwordHash: string | null
  readonly ifChangedIndex: SeenIndex
}

export interface DeleteUser {
  readonly type: 'deleteUser'
  readonly name: string
  readonly ifChangedIndex: SeenIndex
}

export interface CreateKey {
  readonly type: 'createKey'
  readonly id: string
  readonly description: string
  readonly role: Role
  readonly secretHash: string
  readonly scope: Scope | null
  /** Null: until it is revoked. */
  readonly ttlMs: number | null
}

export interface RevokeKey {
  readonly type: 'revokeKey'
  readonly id: string
  readonly ifChangedIndex: SeenIndex
}

/** Log-ins that failed, counted by whom they were tried as and from where. */
export interface NoteLoginFailures {
  readonly type: 'noteLoginFailures'
  readonly failures: readonly LoginFailures[]
}

export interface LoginFailures {
  /** An existing user's name or key's id as audit rows call it; null for what nobody is called. */
  readonly user: string | null
  /** Null: these are all others, whoever they were tried as and from wherever; `user` is null then, too. */
  readonly address: string | null
  readonly count: number
}

/** Somebody is given a copy of everything, hashes of passwords and keys included. */
export interface NoteSnapshot {
  readonly type: 'noteSnapshot'
  /** Which node it is read from. */
  readonly nodeId: number
}

export type AccessCommand =
  | CreateUser
  | UpdateUser
  | DeleteUser
  | CreateKey
  | RevokeKey
  | NoteLoginFailures
  | NoteSnapshot

export interface AccessResults {
  createUser: User
  updateUser: User
  deleteUser: null
  createKey: ApiKey
  revokeKey: null
  noteLoginFailures: null
  noteSnapshot: null
}

export type AccessRefusalReason =
  | 'user_not_found'
  | 'user_exists'
  | 'too_many_users'
  | 'last_admin'
  /** There is an admin already. */
  | 'already_initialized'
  | 'key_not_found'
  | 'too_many_keys'
