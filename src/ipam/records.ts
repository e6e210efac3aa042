/** What the replicated state holds. Absent is null; times are ms since 1970 of log time. */
import type { ApiKey, User } from './access.ts'

/** Which free address a network gives next. */
export type Strategy = 'lowest' | 'next' | 'random'

/** Keys ascend, so that equal maps are equal bytes. */
export type Metadata = Readonly<Record<string, string>>

/** A managed range of addresses. */
export interface Network {
  readonly id: string
  /** Canonical (RFC 5952, no host bits): "10.0.0.0/24", "2001:db8::/64". */
  readonly cidr: string
  /** An address space of its own: a VRF. */
  readonly namespace: string
  readonly description: string
  readonly tags: readonly string[]
  /** Never handed out. */
  readonly gateway: string | null
  /** Never handed out: canonical addresses, ranges "10.0.0.1-10.0.0.9", prefixes. */
  readonly reserved: readonly string[]
  /** How long an address rests after its release before it is handed out again. */
  readonly cooldownMs: number
  readonly strategy: Strategy
  readonly metadata: Metadata
  readonly createdAt: number
  readonly updatedAt: number
  /** Log index of the last change; the ETag. */
  readonly changedIndex: number
}

/** A network and where it lies among the others. */
export interface PlacedNetwork extends Network {
  /** The smallest network of its namespace around it. */
  readonly parentId: string | null
}

/** A stored number is the place in this list, so the list only ever grows at its end. */
export const ALLOCATION_STATUSES = ['allocated', 'released', 'expired'] as const

export type AllocationStatus = (typeof ALLOCATION_STATUSES)[number]

/** An address, or a contiguous range of them, given to a client. Ended ones stay on record. */
export interface Allocation {
  readonly id: string
  readonly networkId: string
  /** Canonical text of the first address. */
  readonly ip: string
  /** Canonical text of the last address; null when there is one address only. */
  readonly endIp: string | null
  readonly hostname: string | null
  readonly description: string
  readonly tags: readonly string[]
  /** Canonical: lower case, colons between the bytes. */
  readonly mac: string | null
  readonly metadata: Metadata
  readonly status: AllocationStatus
  readonly allocatedAt: number
  readonly expiresAt: number | null
  /** When it was released or had expired. */
  readonly releasedAt: number | null
  readonly changedIndex: number
}

/** A stored number is the place in this list, so the list only ever grows at its end. */
export const AUDIT_ACTIONS = [
  'network_created',
  'network_deleted',
  'ip_allocated',
  'ip_released',
  'ip_expired',
  'node_added',
  'node_promoted',
  'node_removed',
  'node_rolled_back',
  'schema_raised',
  'network_updated',
  'ip_updated',
  'ip_renewed',
  'audit_pruned',
  'user_created',
  'user_updated',
  'user_deleted',
  'key_created',
  'key_revoked',
  'login_failed',
  'snapshot_taken',
  'leader_transferred',
  'node_drained',
  'node_undrained',
] as const

export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/**
 * One change, written in the same atomic step as the change itself. In the order of the log, with the record before and
 * after: whoever follows these rows from an index on sees every change once.
 */
export interface AuditEntry {
  /** Log index; several entries of one index are told apart by `sequence`, from 0. */
  readonly index: number
  readonly sequence: number
  readonly timestamp: number
  readonly action: AuditAction
  /** Id of what changed: `net-…`, `alloc-…`, `node-4`, `user-alice`, `key-…`. */
  readonly resource: string
  readonly details: string
  readonly user: string
  readonly requestId: string | null
  /** The record before and after, null where there was or is none. */
  readonly before: AuditRecord | null
  readonly after: AuditRecord | null
}

export type AuditRecord = Network | Allocation | TaggedRecord

/** Those that networks and allocations are told from by their `kind`. */
export type TaggedRecord = AccessRecord | MemberRecord

/** A user or key as audit rows show it: to whoever may read them, and so without what it logs in with. */
export type AccessRecord =
  | ({ readonly kind: 'user' } & Omit<User, 'passwordHash'>)
  | ({ readonly kind: 'key' } & Omit<ApiKey, 'secretHash'>)

export interface MemberRecord {
  readonly kind: 'member'
  readonly nodeId: number
  readonly addr: string
  readonly voter: boolean
  /** Its data directory is older than what it had acknowledged. */
  readonly isRolledBack: boolean
}

/**
 * Counts are of usable addresses: a /24 has 254, a /31 or /127 has 2, a /32 or /128 has 1
 * (RFC 3021, RFC 6164, RFC 4291 §2.6.1). Each belongs to exactly one of `allocated`, `reserved`, `cooling`, `delegated` and
 * `available`.
 */
export interface NetworkStats {
  readonly networkId: string
  readonly total: bigint
  readonly allocated: bigint
  readonly available: bigint
  /** Never handed out. */
  readonly reserved: bigint
  /** Released, and resting. */
  readonly cooling: bigint
  /** Those of child networks. */
  readonly delegated: bigint
  /** All addresses of the prefix, usable or not. */
  readonly size: bigint
  /** Lowest free address, null when full. */
  readonly firstAvailable: string | null
  /** Last address of the allocation made last that is still active, null when there is none. */
  readonly lastAllocated: string | null
  /** The largest aligned block that is free, the lowest of equals: the network itself while it is empty. Null when none is left. */
  readonly largestFreeBlock: string | null
}

/** The `changedIndex` that the client has seen, or several, one of which it must still be; null: whatever it is. */
export type SeenIndex = number | readonly number[] | null
