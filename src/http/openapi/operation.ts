/** What the description of the API says of a route. */
import type { z } from 'zod'
import type { RefusalReason } from '../../ipam/outcome.ts'
import type { HeaderName } from './headers.ts'

export const TAGS = {
  Networks: 'Ranges of addresses under management.',
  Allocations: 'Addresses, and ranges of them, given to somebody.',
  Addresses: 'All there is to know about one address.',
  Files: 'Networks and allocations as files, in and out.',
  Audit: 'Who changed what, when, by which request.',
  Access: 'Users, API keys, and who asks.',
  Cluster: 'Members, and which of them leads.',
  Node: 'The node that is asked: its health, its figures, and this description.',
} as const

export type Tag = keyof typeof TAGS

/** What is thrown before the service is asked, beside what every route of its kind has. */
export type OwnReason =
  | 'invalid_cursor'
  | 'too_many_rows'
  | 'not_local'
  | 'not_ready'
  | 'not_leader'
  | 'state_diverged'
  | MembershipReason

/** Refusals of changes of the cluster. */
export type MembershipReason =
  | 'addr_in_use'
  | 'change_in_flight'
  | 'draining'
  | 'is_leader'
  | 'last_voter'
  | 'leader_not_ready'
  | 'no_target'
  | 'node_exists'
  | 'node_not_found'
  | 'node_removed'
  | 'not_healthy'
  | 'not_voter'
  | 'standalone'
  | 'too_many_nodes'
  | 'transfer_failed'
  | 'transfer_in_flight'
  | 'transfer_timeout'
  | 'would_lose_quorum'

/**
 * `local`: of the node that is asked. `read`: of the replicated state. `write`: a change of it. `membership`: a change of the
 * cluster.
 */
export type Kind = 'local' | 'read' | 'write' | 'membership'

export interface RequestBody {
  /** Of JSON; null for a file. */
  readonly schema: z.ZodObject | null
  readonly mediaType: string
  readonly isRequired: boolean
}

export interface Success {
  readonly status: 200 | 201 | 204
  readonly description: string
  /** By media type; null for text of that type. */
  readonly content: Readonly<Record<string, z.ZodType | null>>
  /** Beside those of its kind. */
  readonly headers: readonly HeaderName[]
}

/** One call that works once what the examples before it make is there. */
export interface Example {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | number>>
  /** JSON, or text as it is. */
  readonly body: unknown
  readonly answer: unknown
}

export interface Operation {
  /** Unique; the method of the client. */
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** As the router has it. */
  readonly path: string
  readonly tag: Tag
  readonly summary: string
  readonly description: string
  readonly kind: Kind
  /** The parts of the path that are not fixed. */
  readonly params: Readonly<Record<string, z.ZodType>>
  /** What the handler validates with. */
  readonly query: z.ZodObject
  readonly body: RequestBody | null
  readonly success: Success
  readonly reasons: readonly (RefusalReason | OwnReason)[]
  /** Takes an `Idempotency-Key`. */
  readonly isIdempotent: boolean
  /** Takes `If-Match`. */
  readonly hasPrecondition: boolean
  readonly example: Example
}

export const NO_EXAMPLE: Example = { params: {}, query: {}, body: null, answer: null }

export function jsonBody(schema: z.ZodObject, { isRequired = true } = {}): RequestBody {
  return { schema, mediaType: 'application/json', isRequired }
}

export function jsonAnswer(
  status: 200 | 201,
  shape: z.ZodType,
  description: string,
  headers: readonly HeaderName[] = [],
): Success {
  return { status, description, content: { 'application/json': shape }, headers }
}

export const DONE: Success = { status: 204, description: 'Done.', content: {}, headers: [] }

/** What most reads have in common. */
export const READ = {
  method: 'GET',
  kind: 'read',
  body: null,
  params: {},
  reasons: [],
  isIdempotent: false,
  hasPrecondition: false,
} as const

/** What most changes have in common. */
export const WRITE = {
  kind: 'write',
  params: {},
  reasons: [],
  isIdempotent: true,
  hasPrecondition: false,
} as const
