/** Who may use the API: users and API keys, as the replicated state holds them. No secret is among it, only hashes. */

/** Each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const

/** `viewer` reads, `operator` changes networks and allocations, `admin` changes everything, members, users and keys included. */
export type Role = (typeof ROLES)[number]

/** All of them are in memory, on every node. */
export const USERS_MAX = 1_000
export const API_KEYS_MAX = 5_000
export const SCOPE_NETWORKS_MAX = 64
export const SCOPE_TAGS_MAX = 16

/** What a key may touch: networks that are listed or have one of the tags, and all inside of those. */
export interface Scope {
  /** Ids. */
  readonly networks: readonly string[]
  readonly tags: readonly string[]
}

export interface User {
  readonly name: string
  readonly role: Role
  /** As `isPasswordHash` wants it. */
  readonly passwordHash: string
  /** Log time, ms since 1970, like all times here. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly changedIndex: number
}

export interface ApiKey {
  readonly id: string
  readonly description: string
  readonly role: Role
  /** SHA-256 of the whole token, which has 256 random bits: nothing slower is needed. */
  readonly secretHash: string
  /** Null: everything that the role may. */
  readonly scope: Scope | null
  readonly createdBy: string
  readonly createdAt: number
  /** Null: until it is revoked. */
  readonly expiresAt: number | null
  readonly changedIndex: number
}

/** What a node looks at with each request: the state as it has applied it. */
export interface AccessView {
  readonly userCount: number
  readonly keyCount: number
  /** False until the first admin is made: then nobody can log in. */
  readonly hasAdmin: boolean
  user(name: string): User | null
  key(id: string): ApiKey | null
}

export interface AccessStore extends AccessView {
  users(): Iterable<User>
  keys(): Iterable<ApiKey>
  putUser(user: User): void
  removeUser(name: string): void
  putKey(key: ApiKey): void
  removeKey(id: string): void
}

/** How a key is called where a user is named: in audit rows, and beside idempotency keys. */
export function keyUser(id: string): string {
  return `key-${id}`
}

export function includesRole(role: Role, required: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(required)
}

/** Lower case, so that nobody passes for somebody else; they are parts of keys. */
const USER_NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/
/** What audit rows call others than users. */
const RESERVED_NAME = /^(?:system|anonymous|key-.*)$/

export function isUserName(text: string): boolean {
  return USER_NAME.test(text) && !RESERVED_NAME.test(text)
}

const KEY_ID = /^[a-z0-9]{16}$/

export function isKeyId(text: string): boolean {
  return KEY_ID.test(text)
}

const SECRET_HASH = /^[A-Za-z0-9_-]{43}$/

/** Base64url of a SHA-256. */
export function isSecretHash(text: string): boolean {
  return SECRET_HASH.test(text)
}

/** Costs that would take a node's memory or time for one log-in are none. */
const PASSWORD_HASH = /^\$scrypt\$ln=(?:[4-9]|1[0-7]),r=8,p=[1-8]\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/

/** "$scrypt$ln=15,r=8,p=3$salt$hash", with 16 and 32 bytes in Base64. */
export function isPasswordHash(text: string): boolean {
  return PASSWORD_HASH.test(text)
}

/** What a node knows of who may do what, and how it can know better. */
export interface AccessSource {
  /** As this node has applied it; null while that is being replaced. */
  readonly access: AccessView | null
  /** How long ago the leader was heard; null if not in this term. */
  readonly leaderContactMs: number | null
  /** Resolves when what was committed before the call is applied here. @throws {RaftError} */
  catchUp(): Promise<void>
}
