/** Every error as a response, in one place. */
import { STATUS_CODES } from 'node:http'
import * as raft from '../../raft/errors.ts'
import { RaftError } from '../../raft/errors.ts'
import { AuthError, type AuthFailure } from '../auth/auth-error.ts'
import { IpamError, type RefusalReason } from '../ipam/outcome.ts'
import { InvalidCursorError } from '../ipam/query.ts'
import type { TextAnswer } from './answer.ts'

/** One thing that is wrong with the input. */
export interface Detail {
  readonly field: string
  readonly message: string
}

export interface Problem {
  readonly status: number
  /** Stable machine word. */
  readonly reason: string
  /** For people: what is wrong with which value, and the way out. */
  readonly message: string
  /** Which fields or items are meant; mostly empty. */
  readonly details: readonly Detail[]
  /** Whether the change was made; null on a 400, which never gets that far. */
  readonly applied: 'no' | 'unknown' | null
  /** Null where trying again does not help. */
  readonly retryAfterS: number | null
  readonly headers: Readonly<Record<string, string>>
  /** Why a node is not ready; null for every other problem. */
  readonly reasons: readonly string[] | null
}

type ProblemInit = Pick<Problem, 'status' | 'reason' | 'message'> & Partial<Problem>

/** A request that is answered with a problem before it reaches the service, or because it found nothing. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem

  constructor(init: ProblemInit) {
    super(init.message)
    this.problem = problem(init)
  }
}

/** @param details At least one. */
export function invalidRequest(details: readonly Detail[]): ProblemError {
  const message = details.map((detail) => `${detail.field || '""'}: ${detail.message}`).join('; ')
  return new ProblemError({ status: 400, reason: 'invalid_request', message, details })
}

export const REFUSAL_STATUS: Record<RefusalReason, number> = {
  network_not_found: 404,
  network_exists: 409,
  network_has_allocations: 409,
  network_exhausted: 409,
  addresses_in_use: 409,
  no_free_block: 409,
  allocation_not_found: 404,
  allocation_ended: 409,
  address_not_in_network: 400,
  address_taken: 409,
  address_reserved: 409,
  address_cooling: 409,
  address_not_usable: 409,
  precondition_failed: 412,
  invalid_value: 400,
  batch_refused: 409,
  idempotency_key_reused: 422,
  id_in_use: 409,
  // The cluster still has members of an older version.
  unsupported_command: 503,
  out_of_scope: 403,
  user_not_found: 404,
  user_exists: 409,
  too_many_users: 409,
  last_admin: 409,
  already_initialized: 409,
  key_not_found: 404,
  too_many_keys: 409,
}

/** RFC 9110 §11.6.1. */
const CHALLENGES = 'Bearer realm="ipam", Basic realm="ipam", charset="UTF-8"'

const AUTH_STATUS: Record<AuthFailure, number> = { unauthenticated: 401, throttled: 429, unavailable: 503 }

type RaftProblem = Pick<Problem, 'status' | 'reason' | 'retryAfterS'>

/** A retry helps once there is a leader or room again, which is a matter of about a second. */
const RAFT_PROBLEMS = new Map<string, RaftProblem>(
  Object.entries({
    RAFT_NOT_LEADER: { status: 503, reason: 'no_leader', retryAfterS: 1 },
    // Without an idempotency key a blind retry could do it twice: the client has to look first.
    RAFT_PROPOSAL_UNCERTAIN: { status: 504, reason: 'outcome_unknown', retryAfterS: null },
    RAFT_PROPOSAL_DROPPED: { status: 503, reason: 'proposal_dropped', retryAfterS: 1 },
    RAFT_OVERLOADED: { status: 429, reason: 'overloaded', retryAfterS: 1 },
    // Somebody has to make room, or remove the node: no matter of a second.
    RAFT_DISK_LOW: { status: 507, reason: 'disk_low', retryAfterS: 10 },
    RAFT_READ_TIMEOUT: { status: 503, reason: 'read_timeout', retryAfterS: 1 },
    RAFT_INDEX_NOT_REACHED: { status: 503, reason: 'index_not_reached', retryAfterS: 1 },
    RAFT_COMMAND_TOO_LARGE: { status: 413, reason: 'command_too_large', retryAfterS: null },
    // Here it never helps.
    RAFT_STATE_DIVERGED: { status: 503, reason: 'state_diverged', retryAfterS: null },
    RAFT_CLOSED: { status: 503, reason: 'shutting_down', retryAfterS: 1 },
  } satisfies Record<KnownRaftCode, RaftProblem>),
)

const DISK_LOW_ADVICE =
  'reads, releases, deletes and changes of the cluster still work. Free space where the data directories of these nodes are, or replace the nodes; it is noticed within seconds'

/** A code without a row above is a compile error; `MembershipRefusedError` brings its own reason. */
type KnownRaftCode = Exclude<
  {
    [Name in keyof typeof raft]: (typeof raft)[Name] extends new (
      ...args: never
    ) => RaftError & {
      readonly code: infer Code extends string
    }
      ? Code
      : never
  }[keyof typeof raft],
  'RAFT_MEMBERSHIP_REFUSED'
>

/** Whatever is not in the tables is our own bug: 500, and the log has the rest. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  if (error instanceof IpamError) {
    const { reason, message, details, isReplay } = error
    const headers: Record<string, string> = isReplay ? { 'Idempotency-Replayed': 'true' } : {}
    return problem({ status: REFUSAL_STATUS[reason], reason, message, details, headers })
  }
  if (error instanceof AuthError) {
    const { failure, reason, message, retryAfterS } = error
    const headers: Record<string, string> =
      failure === 'unauthenticated' ? { 'WWW-Authenticate': CHALLENGES } : {}
    return problem({ status: AUTH_STATUS[failure], reason, message, retryAfterS, headers })
  }
  if (error instanceof InvalidCursorError) {
    const message = `${error.message}; leave it out to start from the beginning`
    return invalidRequestAs('invalid_cursor', { field: 'cursor', message })
  }
  if (error instanceof raft.MembershipRefusedError) {
    const status = error.reason === 'node_not_found' ? 404 : 409
    return problem({ status, reason: error.reason, message: error.message })
  }
  if (error instanceof RaftError) {
    const known = RAFT_PROBLEMS.get(error.code) ?? { status: 503, reason: 'unavailable', retryAfterS: 1 }
    const message =
      error instanceof raft.DiskLowError ? `${error.message}; ${DISK_LOW_ADVICE}` : error.message
    return problem({ ...known, message, applied: error.applied })
  }
  return problem({
    status: 500,
    reason: 'internal_error',
    message: 'see the log of this node',
    applied: 'unknown',
  })
}

/** @param isRfc9457 If the client asked for `application/problem+json`. */
export function formatProblem(
  problem: Problem,
  { requestId, isRfc9457 }: { requestId: string; isRfc9457: boolean },
): TextAnswer {
  const { status, reason, message, details, applied, retryAfterS, reasons } = problem
  const fields = {
    code: status,
    reason,
    request_id: requestId,
    ...(details.length > 0 && { details }),
    ...(applied !== null && { applied }),
    ...(reasons !== null && { reasons }),
  }
  const body = isRfc9457
    ? { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail: message, ...fields }
    : { error: message, ...fields }
  return {
    status,
    body: JSON.stringify(body),
    headers: {
      'Content-Type': isRfc9457 ? 'application/problem+json' : 'application/json',
      'Cache-Control': 'no-store',
      ...(retryAfterS !== null && { 'Retry-After': String(retryAfterS) }),
      ...problem.headers,
    },
  }
}

function problem(init: ProblemInit): Problem {
  const applied = init.status === 400 ? null : 'no'
  return { details: [], applied, retryAfterS: null, headers: {}, reasons: null, ...init }
}

function invalidRequestAs(reason: string, detail: Detail): Problem {
  return { ...invalidRequest([detail]).problem, reason }
}
