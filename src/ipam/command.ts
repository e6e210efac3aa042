/** What goes into the log: intents, never records. The address is chosen when a command is applied. */
import type { Scope } from './access.ts'
import type { AccessCommand, AccessResults } from './access-command.ts'
import type { ClusterCommand, ClusterResults } from './cluster-command.ts'
import type { RefusalReason } from './outcome.ts'
import type { Allocation, Metadata, PlacedNetwork, SeenIndex, Strategy } from './records.ts'

/** Who asked, for the audit row. */
export interface CommandContext {
  readonly user: string
  readonly requestId: string | null
}

/** What a client can say about a network, and change later. */
export interface NetworkSettings {
  readonly description: string
  readonly tags: readonly string[]
  /** Canonical address inside the network. */
  readonly gateway: string | null
  /** Canonical addresses, ranges and prefixes inside the network. */
  readonly reserved: readonly string[]
  readonly cooldownMs: number
  readonly strategy: Strategy
  readonly metadata: Metadata
}

export interface CreateNetwork extends NetworkSettings {
  readonly type: 'createNetwork'
  /** Generated before the log. */
  readonly id: string
  /** Canonical. */
  readonly cidr: string
  readonly namespace: string
}

/** Of metadata, null removes a key, and keys that are not named stay (RFC 7396). */
export type MetadataChanges = Readonly<Record<string, string | null>>

/** Only what is named changes. */
export type NetworkChanges = Partial<Omit<NetworkSettings, 'metadata'>> & {
  readonly metadata?: MetadataChanges
}

export interface UpdateNetwork {
  readonly type: 'updateNetwork'
  readonly id: string
  readonly changes: NetworkChanges
  /** Refused if the network was changed since. */
  readonly ifChangedIndex: SeenIndex
}

/** Refused while the network has active allocations. Its children move up to its parent. */
export interface DeleteNetwork {
  readonly type: 'deleteNetwork'
  readonly id: string
  readonly ifChangedIndex: SeenIndex
}

/** Children in the smallest free blocks that hold them, the lowest first; all or none. */
export interface CarveNetworks {
  readonly type: 'carveNetworks'
  readonly parentId: string
  /** One for each network, 1 to 256. */
  readonly ids: readonly string[]
  readonly prefixLength: number
  readonly description: string
  readonly tags: readonly string[]
  readonly metadata: Metadata
}

/** By id, or by CIDR in a namespace; or the smallest network of a namespace around the wanted address. */
export type NetworkRef =
  | { readonly id: string }
  | { readonly cidr: string; readonly namespace: string }
  | { readonly namespace: string }

/** What a client can say about an allocation, and change later. */
export interface AllocationSettings {
  readonly hostname: string | null
  readonly description: string
  readonly tags: readonly string[]
  readonly mac: string | null
  readonly metadata: Metadata
}

/** `count` contiguous free addresses, chosen by the network's strategy unless one is named. */
export interface AllocationRequest extends AllocationSettings {
  /** The random part of the id: the rest is where the allocation lies; see `allocation-id.ts`. */
  readonly token: string
  readonly network: NetworkRef
  /** 1 to 2^53 - 1. */
  readonly count: number
  /** The first address, and no other. */
  readonly ip: string | null
  /** The first address, if it is free. */
  readonly preferredIp: string | null
  /** The first address is a multiple of it, unless one is named: a power of two. */
  readonly alignment: number
  /** Null: until released. */
  readonly ttlMs: number | null
  /** Instead of `ttlMs`. */
  readonly expiresAt: number | null
}

export interface AllocateAddresses extends AllocationRequest {
  readonly type: 'allocateAddresses'
}

/** All or none. At most 1,000. */
export interface AllocateBatch {
  readonly type: 'allocateBatch'
  readonly items: readonly AllocationRequest[]
}

export type AllocationChanges = Partial<Omit<AllocationSettings, 'metadata'>> & {
  readonly metadata?: MetadataChanges
}

export interface UpdateAllocation {
  readonly type: 'updateAllocation'
  readonly id: string
  readonly changes: AllocationChanges
  readonly ifChangedIndex: SeenIndex
}

/** Counts anew from now. Refused when the allocation has ended: somebody else may have the address. */
export interface RenewAllocation {
  readonly type: 'renewAllocation'
  readonly id: string
  /** Null: until released. */
  readonly ttlMs: number | null
  readonly ifChangedIndex: SeenIndex
}

/** Releases that allocation, never whoever holds its address now. Releasing twice is no error. */
export interface ReleaseAllocation {
  readonly type: 'releaseAllocation'
  readonly id: string
  readonly ifChangedIndex: SeenIndex
}

/**
 * Ends allocations whose time is up by the log's clock, oldest expiry first, then the rest of released addresses; at most
 * `limit` in one entry.
 */
export interface ExpireAllocations {
  readonly type: 'expireAllocations'
  readonly limit: number
}

/** Forgets audit rows of before `before`, oldest first; looks at most at `limit` log indexes. */
export interface PruneAudit {
  readonly type: 'pruneAudit'
  readonly before: number
  readonly limit: number
}

export type ImportItem =
  | ({ readonly kind: 'network' } & Omit<CreateNetwork, 'type'>)
  | ({ readonly kind: 'allocation' } & AllocationRequest)

/** Networks and allocations as they come from a file, in its order. At most 1,000. */
export interface ImportItems {
  readonly type: 'importItems'
  readonly items: readonly ImportItem[]
  /** All or none; else what can be created is. */
  readonly isAtomic: boolean
  /** What exists already, as it is asked for, is left as it is; else it is an error. */
  readonly skipsExisting: boolean
}

/** For a gateway, before its first write; see `session.ts`. */
export interface OpenSession {
  readonly type: 'openSession'
}

/** What a key with a scope may do within it. */
export type ScopedCommand =
  | CreateNetwork
  | UpdateNetwork
  | DeleteNetwork
  | CarveNetworks
  | AllocateAddresses
  | AllocateBatch
  | UpdateAllocation
  | RenewAllocation
  | ReleaseAllocation
  | ImportItems

/** Refused as a whole where it would touch any other network. */
export interface WithinScope {
  readonly type: 'withinScope'
  readonly scope: Scope
  readonly command: ScopedCommand
}

export type Command =
  | ScopedCommand
  | WithinScope
  | ExpireAllocations
  | PruneAudit
  | OpenSession
  | AccessCommand
  | ClusterCommand

/** What each command returns when it is not refused. */
export interface CommandResults extends AccessResults, ClusterResults {
  createNetwork: PlacedNetwork
  updateNetwork: PlacedNetwork
  deleteNetwork: null
  carveNetworks: readonly PlacedNetwork[]
  allocateAddresses: Allocation
  allocateBatch: readonly Allocation[]
  updateAllocation: Allocation
  renewAllocation: Allocation
  releaseAllocation: Allocation
  expireAllocations: { readonly expired: number; readonly cooled: number }
  pruneAudit: { readonly pruned: number; readonly isDone: boolean }
  importItems: ImportReport
  openSession: { readonly sessionId: number }
  withinScope: CommandResults[ScopedCommand['type']]
}

export interface ImportReport {
  readonly created: number
  /** They existed already. */
  readonly skipped: number
  /** In the order of items. With any of them, an atomic import has created nothing. */
  readonly failures: readonly ImportFailure[]
}

export interface ImportFailure {
  /** From 0. */
  readonly item: number
  readonly reason: RefusalReason
  readonly message: string
}

export type ResultOf<C extends Command> = CommandResults[C['type']]
