/** What the API answers, as far as the client looks into it. */
import type { AddressState } from '../../ipam/query.ts'

export interface NetworkBody {
  readonly id: string
  readonly cidr: string
  readonly namespace: string
  readonly parent_id: string | null
  readonly description: string
  readonly tags: readonly string[]
  readonly gateway: string | null
  readonly reserved: readonly string[]
  readonly cooldown_seconds: number
  readonly strategy: string
  readonly metadata: Readonly<Record<string, string>>
  readonly created_at: string
  readonly updated_at: string
}

export interface AllocationBody {
  readonly id: string
  readonly network_id: string
  readonly ip: string
  readonly end_ip: string | null
  readonly hostname: string | null
  readonly description: string
  readonly status: string
  readonly tags: readonly string[]
  readonly mac: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly allocated_at: string
  readonly expires_at: string | null
  readonly released_at: string | null
}

export interface AddressBody {
  readonly ip: string
  readonly namespace: string
  readonly state: AddressState
  readonly cooling_until: string | null
  readonly reserved_by: string | null
  /** The smallest last. */
  readonly networks: readonly NetworkBody[]
  readonly allocation: AllocationBody | null
  readonly history: readonly AllocationBody[]
}

export interface AuditBody {
  readonly timestamp: string
  readonly action: string
  readonly resource: string
  readonly details: string
  readonly user: string
  readonly index: number
}

export interface MemberBody {
  readonly node_id: number
  readonly addr: string
  readonly role: string
  readonly voter: boolean
  readonly healthy: boolean | null
  readonly match_index: number | null
  readonly last_contact_ms: number | null
  readonly reasons: readonly string[]
}

export interface ClusterBody {
  readonly node_id: number
  readonly cluster_id: number
  readonly role: string
  readonly members: readonly MemberBody[]
  readonly leader_id: number | null
  readonly leader_addr: string | null
  readonly term: number
  readonly commit_index: number
  readonly applied_index: number
  readonly version: string
}

export interface UserBody {
  readonly name: string
  readonly role: string
  readonly created_at: string
  readonly updated_at: string
}

export interface KeyBody {
  readonly id: string
  readonly description: string
  readonly role: string
  readonly scope: { readonly networks: readonly string[]; readonly tags: readonly string[] } | null
  readonly created_by: string
  readonly created_at: string
  readonly expires_at: string | null
}

export interface NewKeyBody extends KeyBody {
  /** Null in the answer to a repeated request. */
  readonly token: string | null
}

export interface WhoamiBody {
  readonly user: string
  readonly role: string
  readonly key: KeyBody | null
}

/** Rows count within the request. */
export interface ImportBody {
  readonly format: string
  readonly dry_run: boolean
  readonly created: number
  readonly skipped: number
  readonly failed: number
  readonly errors: readonly {
    readonly row: number
    readonly line: number
    readonly field: string | null
    readonly message: string
  }[]
}
