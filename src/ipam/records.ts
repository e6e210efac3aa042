/** What the replicated state holds. Absent is null; times are ms since 1970 of log time. */

/** A managed range of addresses. */
export interface Network {
  readonly id: string
  /** Canonical (RFC 5952, no host bits): "10.0.0.0/24", "2001:db8::/64". */
  readonly cidr: string
  readonly description: string
  readonly tags: readonly string[]
  readonly createdAt: number
  readonly updatedAt: number
  /** Log index of the last change; the ETag. */
  readonly changedIndex: number
}

export type AllocationStatus = 'allocated' | 'released' | 'expired'

/** An address, or a contiguous range of them, given to a client. Released ones stay on record. */
export interface Allocation {
  readonly id: string
  readonly networkId: string
  /** Canonical text of the first address. */
  readonly ip: string
  /** Canonical text of the last address; null when there is one address only. */
  readonly endIp: string | null
  readonly hostname: string | null
  readonly description: string
  readonly status: AllocationStatus
  readonly allocatedAt: number
  readonly expiresAt: number | null
  /** When it was released or had expired. */
  readonly releasedAt: number | null
  readonly changedIndex: number
}

export type AuditAction =
  | 'network_created'
  | 'network_deleted'
  | 'ip_allocated'
  | 'ip_released'
  | 'ip_expired'
  | 'node_added'
  | 'node_promoted'
  | 'node_removed'
  | 'node_rolled_back'
  | 'schema_raised'

/** One change, written in the same atomic step as the change itself. */
export interface AuditEntry {
  /** Log index; several entries of one index are told apart by `sequence`, from 0. */
  readonly index: number
  readonly sequence: number
  readonly timestamp: number
  readonly action: AuditAction
  /** Id of what changed: `net-…`, `alloc-…`, `node-4`. */
  readonly resource: string
  readonly details: string
  readonly user: string
  readonly requestId: string | null
  /** The record before and after, null where there was or is none. */
  readonly before: Network | Allocation | null
  readonly after: Network | Allocation | null
}

/**
 * Counts are of usable addresses: a /24 has 254, a /31 or /127 has 2, a /32 or /128 has 1
 * (RFC 3021, RFC 6164, RFC 4291 §2.6.1).
 */
export interface NetworkStats {
  readonly networkId: string
  readonly total: bigint
  readonly allocated: bigint
  readonly available: bigint
  /** Lowest free address, null when full. */
  readonly firstAvailable: string | null
  /** Last address of the allocation made last that is still active, null when there is none. */
  readonly lastAllocated: string | null
}
