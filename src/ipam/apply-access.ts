/** What becomes of users and keys. Times are the log's; hashes come with the command. */
import { unreachable } from '../../raft/assert.ts'
import { API_KEYS_MAX, type ApiKey, keyUser, type Scope, USERS_MAX, type User } from './access.ts'
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
import type { Applying } from './apply.ts'
import { SYSTEM_USER } from './audit.ts'
import type { Outcome } from './outcome.ts'
import type { AccessRecord, AuditAction } from './records.ts'
import { accept, refuse, refuseChanged, refuseValue } from './refuse.ts'

/** Keys that have expired are listed for so long, by the log's time. */
const EXPIRED_KEPT_MS = 7 * 24 * 60 * 60 * 1_000
/** With each new key, so that no entry has much to do. */
const FORGOTTEN_PER_KEY_MAX = 16
export const LOGIN_FAILURES_PER_ENTRY_MAX = 20

export function applyAccess(command: AccessCommand, applying: Applying): Outcome {
  switch (command.type) {
    case 'createUser':
      return createUser(command, applying)
    case 'updateUser':
      return updateUser(command, applying)
    case 'deleteUser':
      return deleteUser(command, applying)
    case 'createKey':
      return createKey(command, applying)
    case 'revokeKey':
      return revokeKey(command, applying)
    case 'noteLoginFailures':
      return noteLoginFailures(command, applying)
    case 'noteSnapshot':
      return noteSnapshot(command, applying)
    default:
      return unreachable(command)
  }
}

function createUser({ name, role, passwordHash, isFirst }: CreateUser, applying: Applying): Outcome {
  const { store, at } = applying
  const { access } = store
  if (isFirst && access.hasAdmin) {
    const message = 'There is an admin already: have one create the user, with ipam user add'
    return refuse('already_initialized', message)
  }
  if (access.user(name) !== null) {
    return refuse('user_exists', `User ${name} exists already: change it, or choose another name`)
  }
  if (access.userCount >= USERS_MAX) {
    return refuse('too_many_users', `There are ${USERS_MAX} users, and no more fit: delete some`)
  }
  const times = { createdAt: at.time, updatedAt: at.time, changedIndex: at.index }
  const user: User = { name, role, passwordHash, ...times }
  access.putUser(user)
  audit(applying, {
    action: 'user_created',
    resource: userResource(name),
    details: `Created ${role} ${name}`,
    after: recordOfUser(user),
  })
  return accept(user)
}

function updateUser(command: UpdateUser, applying: Applying): Outcome {
  const { name, role, passwordHash, ifChangedIndex } = command
  const { store, at } = applying
  const before = store.access.user(name)
  if (before === null) return refuseMissingUser(name)
  const changed = refuseChanged({ id: name, changedIndex: before.changedIndex }, ifChangedIndex)
  if (changed !== null) return changed
  // A password is never known to be the same: its hash has a salt.
  if ((role ?? before.role) === before.role && passwordHash === null) return accept(before)
  const after: User = {
    ...before,
    role: role ?? before.role,
    passwordHash: passwordHash ?? before.passwordHash,
    updatedAt: at.time,
    changedIndex: at.index,
  }
  if (after.role !== 'admin' && isLastAdmin(applying, before)) return refuseLastAdmin(before)
  store.access.putUser(after)
  const changes = [
    ...(after.role === before.role ? [] : [`${before.role} is now ${after.role}`]),
    ...(passwordHash === null ? [] : ['another password']),
  ]
  const details = `Updated user ${name}: ${changes.join(', ')}`
  const records = { before: recordOfUser(before), after: recordOfUser(after) }
  audit(applying, { action: 'user_updated', resource: userResource(name), details, ...records })
  return accept(after)
}

function deleteUser({ name, ifChangedIndex }: DeleteUser, applying: Applying): Outcome {
  const { access } = applying.store
  const user = access.user(name)
  if (user === null) return refuseMissingUser(name)
  const changed = refuseChanged({ id: name, changedIndex: user.changedIndex }, ifChangedIndex)
  if (changed !== null) return changed
  if (isLastAdmin(applying, user)) return refuseLastAdmin(user)
  access.removeUser(name)
  const details = `Deleted ${user.role} ${name}`
  const record = recordOfUser(user)
  audit(applying, { action: 'user_deleted', resource: userResource(name), details, before: record })
  return accept(null)
}

function createKey({ ttlMs, ...command }: CreateKey, applying: Applying): Outcome {
  const { store, context, at } = applying
  const { id, description, role, secretHash, scope } = command
  if (store.access.key(id) !== null) return refuse('id_in_use', `Id ${id} belongs to another key`)
  const unknown = scope === null ? null : refuseUnknownNetworks(scope, applying)
  if (unknown !== null) return unknown
  forgetExpiredKeys(applying)
  if (store.access.keyCount >= API_KEYS_MAX) {
    return refuse('too_many_keys', `There are ${API_KEYS_MAX} keys, and no more fit: revoke some`)
  }
  const expiresAt = ttlMs === null ? null : at.time + ttlMs
  const times = { createdAt: at.time, expiresAt, changedIndex: at.index }
  const key: ApiKey = { id, description, role, secretHash, scope, createdBy: context.user, ...times }
  store.access.putKey(key)
  const until = expiresAt === null ? '' : ` until ${new Date(expiresAt).toISOString()}`
  const called = description === '' ? '' : ` "${description}"`
  const details = `Created ${role} key ${id}${called}${until}${scope === null ? '' : ' for a part of the networks'}`
  audit(applying, { action: 'key_created', resource: keyUser(id), details, after: recordOfKey(key) })
  return accept(key)
}

function revokeKey({ id, ifChangedIndex }: RevokeKey, applying: Applying): Outcome {
  const key = applying.store.access.key(id)
  if (key === null) return refuse('key_not_found', `Key not found: no key has the id ${id}`)
  const changed = refuseChanged(key, ifChangedIndex)
  if (changed !== null) return changed
  removeKey(key, 'Revoked', applying)
  return accept(null)
}

function noteLoginFailures({ failures }: NoteLoginFailures, applying: Applying): Outcome {
  for (const failure of failures.slice(0, LOGIN_FAILURES_PER_ENTRY_MAX)) {
    const { user } = failure
    const details = describeFailures(failure)
    const isKey = user?.startsWith(keyUser('')) ?? false
    const resource = user === null ? 'auth' : isKey ? user : userResource(user)
    audit(applying, { action: 'login_failed', resource, details })
  }
  return accept(null)
}

function describeFailures({ user, address, count }: LoginFailures): string {
  const times = count === 1 ? '1 failed log-in' : `${count} failed log-ins`
  if (address === null) return `${times} as others, or from other addresses`
  return `${times} as ${user ?? 'somebody unknown'} from ${address}`
}

function noteSnapshot({ nodeId }: NoteSnapshot, applying: Applying): Outcome {
  const details = `Took a snapshot of everything from node ${nodeId}`
  audit(applying, { action: 'snapshot_taken', resource: 'cluster', details })
  return accept(null)
}

/** In the order of their ids: that of the map is another one after a restart. */
function forgetExpiredKeys(applying: Applying): void {
  const before = applying.at.time - EXPIRED_KEPT_MS
  const old = [...applying.store.access.keys()]
    .filter(({ expiresAt }) => expiresAt !== null && expiresAt < before)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (const key of old.slice(0, FORGOTTEN_PER_KEY_MAX)) removeKey(key, 'Forgot the expired', applying)
}

function removeKey(key: ApiKey, what: string, applying: Applying): void {
  const { id, description } = key
  applying.store.access.removeKey(id)
  const details = `${what} key ${id}${description === '' ? '' : ` "${description}"`}`
  audit(applying, { action: 'key_revoked', resource: keyUser(id), details, before: recordOfKey(key) })
}

/** A mistyped id would be a key that can do nothing. */
function refuseUnknownNetworks({ networks }: Scope, { store }: Applying): Outcome | null {
  const place = networks.findIndex((id) => store.network(id) === null)
  if (place < 0) return null
  return refuseValue(`scope.networks[${place}]`, `no network has the id ${networks[place]}`)
}

function isLastAdmin({ store }: Applying, user: User): boolean {
  if (user.role !== 'admin') return false
  for (const { name, role } of store.access.users()) if (role === 'admin' && name !== user.name) return false
  return true
}

function refuseLastAdmin({ name }: User): Outcome {
  return refuse('last_admin', `User ${name} is the last admin: make another one first`)
}

function refuseMissingUser(name: string): Outcome {
  return refuse('user_not_found', `User not found: nobody is called ${name}`)
}

function userResource(name: string): string {
  return `user-${name}`
}

function audit(
  { store, context, at }: Applying,
  {
    before,
    after,
    ...change
  }: {
    readonly action: AuditAction
    readonly resource: string
    readonly details: string
    readonly before?: AccessRecord
    readonly after?: AccessRecord
  },
): void {
  const { user, requestId } = context
  const isOurs = change.action === 'login_failed'
  store.appendAudit({
    timestamp: at.time,
    ...change,
    user: isOurs ? SYSTEM_USER : user,
    requestId: isOurs ? null : requestId,
    before: before ?? null,
    after: after ?? null,
  })
}

/** Field by field, so that a secret that is added one day does not get in by itself. */
function recordOfUser({ name, role, createdAt, updatedAt, changedIndex }: User): AccessRecord {
  return { kind: 'user', name, role, createdAt, updatedAt, changedIndex }
}

function recordOfKey(key: ApiKey): AccessRecord {
  const { id, description, role, scope, createdBy, createdAt, expiresAt, changedIndex } = key
  return { kind: 'key', id, description, role, scope, createdBy, createdAt, expiresAt, changedIndex }
}
