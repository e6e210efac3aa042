/** Which problems a route may answer with. */
import { includesRole } from '../../ipam/access.ts'
import type { Access } from '../access.ts'
import { REFUSAL_STATUS } from '../problem.ts'
import type { Kind, Operation, OwnReason } from './operation.ts'

type Reasons = Readonly<Record<number, readonly string[]>>

/** Other refusals of changes of the cluster are 409. */
const OWN_STATUS: Readonly<Partial<Record<OwnReason, number>>> = {
  invalid_cursor: 400,
  node_not_found: 404,
  too_many_rows: 413,
  not_local: 403,
  not_ready: 503,
  not_leader: 503,
  state_diverged: 503,
}

const ANY: Reasons = { 400: ['invalid_request', 'invalid_query'], 500: ['internal_error'] }

const OF_KIND: Record<Kind, Reasons> = {
  local: {},
  read: {
    429: ['overloaded'],
    503: ['no_leader', 'read_timeout', 'index_not_reached', 'state_diverged', 'shutting_down'],
  },
  write: {
    413: ['command_too_large'],
    429: ['overloaded'],
    503: ['no_leader', 'proposal_dropped', 'state_diverged', 'shutting_down', 'unsupported_command'],
    504: ['outcome_unknown'],
    507: ['disk_low'],
  },
  membership: {
    429: ['overloaded'],
    503: ['no_leader', 'proposal_dropped', 'state_diverged', 'shutting_down'],
    504: ['outcome_unknown'],
    507: ['disk_low'],
  },
}

const OF_LOGIN: Reasons = {
  401: ['unauthenticated', 'auth_not_initialized'],
  429: ['too_many_failed_logins', 'too_many_logins'],
  503: ['restoring', 'auth_stale'],
}

/** Where the node has such limits. */
const OF_RATES: Reasons = { 429: ['rate_limited'] }

const OF_JSON: Reasons = {
  400: ['invalid_json', 'body_incomplete'],
  413: ['body_too_large'],
  415: ['unsupported_media_type'],
}

const OF_FILE: Reasons = {
  400: ['body_incomplete'],
  413: ['body_too_large'],
  415: ['unsupported_media_type'],
}

/** By status, ascending; each word once. */
export function problemsOf(operation: Operation, access: Access): ReadonlyMap<number, readonly string[]> {
  const { kind, body, isIdempotent, hasPrecondition } = operation
  const all = [ANY, OF_KIND[kind], ofAccess(operation, access), ofOwn(operation)]
  if (body !== null) all.push(body.schema === null ? OF_FILE : OF_JSON)
  if (!access.toleratesStale) all.push(OF_RATES)
  if (isIdempotent) all.push({ 422: ['idempotency_key_reused'] })
  if (hasPrecondition) all.push({ 412: ['precondition_failed'] })
  const byStatus = new Map<number, Set<string>>()
  for (const [status, words] of all.flatMap((reasons) => Object.entries(reasons))) {
    const known = byStatus.get(Number(status)) ?? new Set()
    for (const word of words) known.add(word)
    byStatus.set(Number(status), known)
  }
  const ascending = [...byStatus].toSorted(([a], [b]) => a - b)
  return new Map(ascending.map(([status, words]) => [status, [...words]]))
}

function ofAccess({ id }: Operation, { role, keepsScope }: Access): Reasons {
  if (role === null) return {}
  // Nothing is below a viewer; a password is everybody's own.
  const isRoleEnough = !includesRole(role, 'operator') && id !== 'changePassword'
  const denied = isRoleEnough ? [] : ['role_required']
  const isOfNetworks = keepsScope && id !== 'whoAmI' && id !== 'changePassword'
  const outside = keepsScope && !isOfNetworks ? [] : ['out_of_scope']
  const words = [...denied, ...outside]
  return words.length === 0 ? OF_LOGIN : { ...OF_LOGIN, 403: words }
}

function ofOwn({ reasons }: Operation): Reasons {
  const byStatus: Record<number, string[]> = {}
  for (const reason of reasons) {
    const status =
      reason in REFUSAL_STATUS ? REFUSAL_STATUS[reason as never] : (OWN_STATUS[reason as never] ?? 409)
    byStatus[status] = [...(byStatus[status] ?? []), reason]
  }
  return byStatus
}
