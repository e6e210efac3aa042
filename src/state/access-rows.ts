/** Users and keys: their rows, and all of them in memory, where each request looks. */
import type { AccessStore, AccessView, ApiKey, User } from '../ipam/access.ts'
import { decodeKey, decodeUser, encodeKey, encodeUser } from './access-codec.ts'
import { API_KEYS, apiKeyKey, USERS, userKey } from './key-space.ts'
import type { StagedRows } from './staged-rows.ts'
import type { StateDatabase } from './storage.ts'
import { tripsThrough } from './trips.ts'

export class AccessTable implements AccessView {
  /** By name. */
  readonly users = new Map<string, User>()
  /** By id. */
  readonly keys = new Map<string, ApiKey>()
  #adminCount = 0

  get userCount(): number {
    return this.users.size
  }

  get keyCount(): number {
    return this.keys.size
  }

  get hasAdmin(): boolean {
    return this.#adminCount > 0
  }

  user(name: string): User | null {
    return this.users.get(name) ?? null
  }

  key(id: string): ApiKey | null {
    return this.keys.get(id) ?? null
  }

  /** @param user Null removes it. */
  setUser(name: string, user: User | null): void {
    if (this.users.get(name)?.role === 'admin') this.#adminCount -= 1
    if (user?.role === 'admin') this.#adminCount += 1
    if (user === null) this.users.delete(name)
    else this.users.set(name, user)
  }

  /** @param key Null removes it. */
  setKey(id: string, key: ApiKey | null): void {
    if (key === null) this.keys.delete(id)
    else this.keys.set(id, key)
  }
}

export class AccessRows implements AccessStore {
  readonly #rows: StagedRows
  readonly #table: AccessTable

  constructor(options: { rows: StagedRows; table: AccessTable }) {
    this.#rows = options.rows
    this.#table = options.table
  }

  get userCount(): number {
    return this.#table.userCount
  }

  get keyCount(): number {
    return this.#table.keyCount
  }

  get hasAdmin(): boolean {
    return this.#table.hasAdmin
  }

  user(name: string): User | null {
    return this.#table.user(name)
  }

  key(id: string): ApiKey | null {
    return this.#table.key(id)
  }

  users(): Iterable<User> {
    return this.#table.users.values()
  }

  keys(): Iterable<ApiKey> {
    return this.#table.keys.values()
  }

  putUser(user: User): void {
    this.#setUser(user.name, user)
  }

  removeUser(name: string): void {
    this.#setUser(name, null)
  }

  putKey(key: ApiKey): void {
    this.#setKey(key.id, key)
  }

  removeKey(id: string): void {
    this.#setKey(id, null)
  }

  #setUser(name: string, user: User | null): void {
    const before = this.#table.user(name)
    this.#table.setUser(name, user)
    this.#rows.undoLater(() => this.#table.setUser(name, before))
    this.#rows.put(userKey(name), user && encodeUser(user))
  }

  #setKey(id: string, key: ApiKey | null): void {
    const before = this.#table.key(id)
    this.#table.setKey(id, key)
    this.#rows.undoLater(() => this.#table.setKey(id, before))
    this.#rows.put(apiKeyKey(id), key && encodeKey(key))
  }
}

export async function loadAccess(database: StateDatabase): Promise<AccessTable> {
  const table = new AccessTable()
  for await (const rows of tripsThrough(database, USERS)) {
    for (const [, row] of rows) {
      const user = decodeUser(row)
      table.setUser(user.name, user)
    }
  }
  for await (const rows of tripsThrough(database, API_KEYS)) {
    for (const [, row] of rows) {
      const key = decodeKey(row)
      table.setKey(key.id, key)
    }
  }
  return table
}
