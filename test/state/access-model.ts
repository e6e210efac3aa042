/** The slow, obvious version of users and keys: two arrays, and every question goes through all of one. */
import type { AccessView, ApiKey, Scope, User } from '../../src/ipam/access.ts'
import type { AccessCommand, CreateKey, CreateUser, UpdateUser } from '../../src/ipam/access-command.ts'
import type { CommandContext } from '../../src/ipam/command.ts'
import type { RefusalReason } from '../../src/ipam/outcome.ts'
import type { AccessRecord, AuditAction, SeenIndex } from '../../src/ipam/records.ts'

const USERS_MAX = 1_000
const KEYS_MAX = 5_000
const WEEK_MS = 7 * 24 * 60 * 60 * 1_000
/** Of keys that expired more than a week ago, with each new key. */
const FORGOTTEN_AT_ONCE = 16
const FAILURES_AT_ONCE = 20

export interface AccessRow {
  readonly action: AuditAction
  readonly resource: string
  readonly user: string
  readonly requestId: string | null
  readonly before: AccessRecord | null
  readonly after: AccessRecord | null
}

export type AccessExpected =
  | { readonly ok: true; readonly value: unknown; readonly rows: readonly AccessRow[] }
  | { readonly ok: false; readonly reason: RefusalReason }

interface At {
  readonly index: number
  readonly time: number
}

export class AccessModel implements AccessView {
  /** In the order of creation. */
  users: readonly User[] = []
  keys: readonly ApiKey[] = []
  readonly #hasNetwork: (id: string) => boolean
  #at: At = { index: 0, time: 0 }
  #context: CommandContext = { user: '', requestId: null }

  constructor(hasNetwork: (id: string) => boolean) {
    this.#hasNetwork = hasNetwork
  }

  get userCount(): number {
    return this.users.length
  }

  get keyCount(): number {
    return this.keys.length
  }

  get hasAdmin(): boolean {
    return this.users.some(({ role }) => role === 'admin')
  }

  user(name: string): User | null {
    return this.users.find((user) => user.name === name) ?? null
  }

  key(id: string): ApiKey | null {
    return this.keys.find((key) => key.id === id) ?? null
  }

  apply(command: AccessCommand, { at, context }: { at: At; context: CommandContext }): AccessExpected {
    this.#at = at
    this.#context = context
    switch (command.type) {
      case 'createUser':
        return this.#createUser(command)
      case 'updateUser':
        return this.#updateUser(command)
      case 'deleteUser': {
        const { name, ifChangedIndex } = command
        const before = this.user(name)
        const refusal = this.#refuseChange(before, ifChangedIndex, 'user_not_found')
        if (refusal !== null) return refusal
        const rest = this.users.filter((user) => user.name !== name)
        if (this.hasAdmin && !hasAdmin(rest)) return refuse('last_admin')
        this.users = rest
        return accept(null, this.#row('user_deleted', `user-${name}`, { before: told(before) }))
      }
      case 'createKey':
        return this.#createKey(command)
      case 'revokeKey': {
        const { id, ifChangedIndex } = command
        const before = this.key(id)
        const refusal = this.#refuseChange(before, ifChangedIndex, 'key_not_found')
        if (refusal !== null) return refusal
        this.keys = this.keys.filter((key) => key.id !== id)
        return accept(null, this.#row('key_revoked', `key-${id}`, { before: told(before) }))
      }
      case 'noteLoginFailures': {
        const rows = command.failures.slice(0, FAILURES_AT_ONCE).map(({ user }): AccessRow => {
          const resource = user === null ? 'auth' : user.startsWith('key-') ? user : `user-${user}`
          const records = { before: null, after: null }
          return { action: 'login_failed', resource, user: 'system', requestId: null, ...records }
        })
        return accept(null, ...rows)
      }
      case 'noteSnapshot':
        return accept(null, this.#row('snapshot_taken', 'cluster'))
    }
  }

  #createUser({ name, role, passwordHash, isFirst }: CreateUser): AccessExpected {
    if (isFirst && this.hasAdmin) return refuse('already_initialized')
    if (this.user(name) !== null) return refuse('user_exists')
    if (this.users.length >= USERS_MAX) return refuse('too_many_users')
    const { index: changedIndex, time } = this.#at
    const user: User = { name, role, passwordHash, createdAt: time, updatedAt: time, changedIndex }
    this.users = [...this.users, user]
    return accept(user, this.#row('user_created', `user-${name}`, { after: told(user) }))
  }

  #updateUser({ name, role, passwordHash, ifChangedIndex }: UpdateUser): AccessExpected {
    const before = this.user(name)
    const refusal = this.#refuseChange(before, ifChangedIndex, 'user_not_found')
    if (refusal !== null || before === null) return refusal ?? refuse('user_not_found')
    const { index: changedIndex, time: updatedAt } = this.#at
    const after: User = { ...before, updatedAt, changedIndex }
    const changed = {
      ...after,
      ...(role === null ? {} : { role }),
      ...(passwordHash === null ? {} : { passwordHash }),
    }
    if (changed.role === before.role && passwordHash === null) return accept(before)
    const users = this.users.map((user) => (user === before ? changed : user))
    if (this.hasAdmin && !hasAdmin(users)) return refuse('last_admin')
    this.users = users
    const records = { before: told(before), after: told(changed) }
    return accept(changed, this.#row('user_updated', `user-${name}`, records))
  }

  #createKey({ ttlMs, type: _, ...asked }: CreateKey): AccessExpected {
    if (this.key(asked.id) !== null) return refuse('id_in_use')
    if (!this.#exists(asked.scope)) return refuse('invalid_value')
    const { index: changedIndex, time } = this.#at
    const old = this.keys.filter(({ expiresAt }) => expiresAt !== null && expiresAt + WEEK_MS < time)
    const forgotten = old.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, FORGOTTEN_AT_ONCE)
    const kept = this.keys.filter((key) => !forgotten.includes(key))
    if (kept.length >= KEYS_MAX) return refuse('too_many_keys')
    const expiresAt = ttlMs === null ? null : time + ttlMs
    const key: ApiKey = { ...asked, createdBy: this.#context.user, createdAt: time, expiresAt, changedIndex }
    this.keys = [...kept, key]
    const rows = forgotten.map((old) => this.#row('key_revoked', `key-${old.id}`, { before: told(old) }))
    return accept(key, ...rows, this.#row('key_created', `key-${key.id}`, { after: told(key) }))
  }

  #exists(scope: Scope | null): boolean {
    return scope === null || scope.networks.every((id) => this.#hasNetwork(id))
  }

  #refuseChange(
    record: { readonly changedIndex: number } | null,
    ifChangedIndex: SeenIndex,
    missing: RefusalReason,
  ): AccessExpected | null {
    if (record === null) return refuse(missing)
    const isAsSeen = ifChangedIndex === null || [ifChangedIndex].flat().includes(record.changedIndex)
    return isAsSeen ? null : refuse('precondition_failed')
  }

  #row(
    action: AuditAction,
    resource: string,
    { before = null, after = null }: Partial<Pick<AccessRow, 'before' | 'after'>> = {},
  ): AccessRow {
    return { action, resource, ...this.#context, before, after }
  }
}

/** All of it but the hash. */
function told(record: User | ApiKey | null): AccessRecord | null {
  if (record === null) return null
  if ('passwordHash' in record) {
    const { passwordHash: _, ...user } = record
    return { kind: 'user', ...user }
  }
  const { secretHash: _, ...key } = record
  return { kind: 'key', ...key }
}

function hasAdmin(users: readonly User[]): boolean {
  return users.some(({ role }) => role === 'admin')
}

function accept(value: unknown, ...rows: AccessRow[]): AccessExpected {
  return { ok: true, value, rows }
}

function refuse(reason: RefusalReason): AccessExpected {
  return { ok: false, reason }
}

/** Of a password or a token, as records have them: nothing that others read may have one. */
export const HASH = /\$scrypt\$|[A-Za-z0-9_-]{43}/
