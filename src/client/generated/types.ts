// Made from the description of the API by scripts/generate-client.ts; a test keeps it in step.
/** A range of addresses under management. */
export interface Network {
  /** net-… */
  id: string
  /** Such as "10.0.0.0/24", "2001:db8::/64". */
  cidr: string
  description: string
  tags: readonly string[]
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  created_at: string
  /** The address space (VRF). */
  namespace: string
  /** The smallest network of its namespace around it; null if there is none. */
  parent_id: string | null
  /** Never handed out. */
  gateway: string | null
  /** Never handed out: addresses, ranges and prefixes. */
  reserved: readonly string[]
  /** How long a released address rests before it is handed out again. */
  cooldown_seconds: number
  /** Which free address comes next. */
  strategy: 'lowest' | 'next' | 'random'
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  updated_at: string
  /** Your own keys and values. */
  metadata: Record<string, string>
}

/** A network as the audit log has it: where it lay at that time is not on record. */
export interface RecordedNetwork {
  /** net-… */
  id: string
  /** Such as "10.0.0.0/24", "2001:db8::/64". */
  cidr: string
  description: string
  tags: readonly string[]
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  created_at: string
  /** The address space (VRF). */
  namespace: string
  /** Never handed out. */
  gateway: string | null
  /** Never handed out: addresses, ranges and prefixes. */
  reserved: readonly string[]
  /** How long a released address rests before it is handed out again. */
  cooldown_seconds: number
  /** Which free address comes next. */
  strategy: 'lowest' | 'next' | 'random'
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  updated_at: string
  /** Your own keys and values. */
  metadata: Record<string, string>
}

/** Counts of usable addresses: each is allocated, reserved, cooling, delegated to a child, or available. size counts the whole prefix. */
export interface NetworkStats {
  network_id: string
  /** A number up to 2^53 − 1; decimal text above. */
  total_ips: number | string
  /** A number up to 2^53 − 1; decimal text above. */
  allocated_ips: number | string
  /** A number up to 2^53 − 1; decimal text above. */
  available_ips: number | string
  /** Allocated, or in children, of all usable ones; to one decimal. */
  utilization_percent: number
  /** The lowest free address; null when full. */
  first_available: string | null
  /** Of the allocation made last that is still active; null when there is none. */
  last_allocated: string | null
  /** A number up to 2^53 − 1; decimal text above. */
  reserved_ips: number | string
  /** A number up to 2^53 − 1; decimal text above. */
  cooling_ips: number | string
  /** A number up to 2^53 − 1; decimal text above. */
  delegated_ips: number | string
  /** The largest aligned block that is free; null when none is left. */
  largest_free_block: string | null
  /** A number up to 2^53 − 1; decimal text above. */
  size: number | string
}

/** An address, or a contiguous range of them, given to somebody. Ended ones stay on record. */
export interface Allocation {
  /** alloc-… */
  id: string
  network_id: string
  /** The first address. Such as "10.0.0.5", "2001:db8::5". */
  ip: string
  /** The last address of a range; null when there is one only. */
  end_ip: string | null
  hostname: string | null
  description: string
  status: 'allocated' | 'released' | 'expired'
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  allocated_at: string
  /** Null: until it is released. */
  expires_at: string | null
  /** When it was released, or had expired. */
  released_at: string | null
  tags: readonly string[]
  mac: string | null
  /** Your own keys and values. */
  metadata: Record<string, string>
}

/** All there is to know about an address. */
export interface Address {
  /** Such as "10.0.0.5", "2001:db8::5". */
  ip: string
  namespace: string
  /** not_usable: the network or broadcast address. unmanaged: in no network. */
  state: 'allocated' | 'available' | 'reserved' | 'cooling' | 'not_usable' | 'unmanaged'
  /** Until when it rests after its release; null unless the state is cooling. */
  cooling_until: string | null
  /** Why the smallest network never hands it out, whatever the state: gateway, or the entry of its reserved list that has the address. */
  reserved_by: string | null
  /** Those around it, the smallest last. */
  networks: readonly Network[]
  /** Who has it, or had it then. */
  allocation: Allocation | null
  /** Who had it, the newest first, at most 100. All of them: GET /allocations with ip and all=true. */
  history: readonly Allocation[]
}

/** One change, with the network, allocation, user, key or member before and after: null where there was or is none. */
export interface AuditEntry {
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  timestamp: string
  action: 'network_created' | 'network_deleted' | 'ip_allocated' | 'ip_released' | 'ip_expired' | 'node_added' | 'node_promoted' | 'node_removed' | 'node_rolled_back' | 'schema_raised' | 'network_updated' | 'ip_updated' | 'ip_renewed' | 'audit_pruned' | 'user_created' | 'user_updated' | 'user_deleted' | 'key_created' | 'key_revoked' | 'login_failed' | 'snapshot_taken' | 'leader_transferred' | 'node_drained' | 'node_undrained'
  /** Id of what changed: net-…, alloc-…, node-4, user-alice, key-…. */
  resource: string
  details: string
  /** Who asked; key-… for an API key, system for the cluster itself. */
  user: string
  /** Log index of the change. */
  index: number
  request_id: string | null
  before: RecordedNetwork | Allocation | User | ApiKey | RecordedMember | null
  after: RecordedNetwork | Allocation | User | ApiKey | RecordedMember | null
}

/** A member as it was at that time. */
export interface RecordedMember {
  node_id: number
  addr: string
  voter: boolean
  /** Its data directory is older than what it had acknowledged. */
  rolled_back: boolean
}

/** What came of the rows of a file. Rows and lines count from 1. */
export interface ImportReport {
  format: string
  dry_run: boolean
  created: number
  skipped: number
  failed: number
  errors: readonly { row: number; line: number; field: string | null; message: string }[]
}

/** A member, as the node that is asked sees it. */
export interface Member {
  node_id: number
  addr: string
  role: 'leader' | 'follower' | 'candidate' | 'learner'
  voter: boolean
  /** Versions of commands that its program reads; null until a leader has seen it. */
  schemas: { min: number; max: number } | null
  /** Known to the leader only, like the two below. */
  healthy: boolean | null
  /** Up to where it has the log. */
  match_index: number | null
  last_contact_ms: number | null
  /** Why it is not healthy. */
  reasons: readonly string[]
}

/** The cluster, as the node that is asked sees it. */
export interface ClusterStatus {
  /** Of the node that answers. */
  node_id: number
  cluster_id: number
  role: 'leader' | 'follower' | 'candidate' | 'learner'
  raft_state: 'StateLeader' | 'StateFollower' | 'StateCandidate' | 'StateLearner'
  members: readonly Member[]
  leader_id: number | null
  leader_addr: string | null
  term: number
  commit_index: number
  applied_index: number
  /** In which commands are written. */
  schema_version: number
  version: string
}

/** The process serves. */
export interface Health {
  status: 'healthy'
  service: 'ipam'
  cluster_mode: boolean
  version: string
  /** Such as "2h30m15s". */
  uptime: string
}

/** A request would succeed here. */
export interface Readiness {
  status: 'ready'
  reasons: readonly string[]
}

/** This node leads. */
export interface Leadership {
  status: 'leader'
  node_id: number
}

/** Somebody who logs in with a password. */
export interface User {
  name: string
  /** Each may do what those before it may. */
  role: 'viewer' | 'operator' | 'admin'
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  created_at: string
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  updated_at: string
}

/** Networks that are listed or have one of the tags, and all inside of those. */
export interface Scope {
  networks: readonly string[]
  tags: readonly string[]
}

/** What a program logs in with; its secret is on no record. */
export interface ApiKey {
  id: string
  description: string
  /** Each may do what those before it may. */
  role: 'viewer' | 'operator' | 'admin'
  /** Null: everything that the role may. */
  scope: Scope | null
  created_by: string
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  created_at: string
  /** Null: until it is revoked. */
  expires_at: string | null
}

/** A key, and the token to send. */
export interface NewApiKey {
  id: string
  description: string
  /** Each may do what those before it may. */
  role: 'viewer' | 'operator' | 'admin'
  /** Null: everything that the role may. */
  scope: Scope | null
  created_by: string
  /** RFC 3339, UTC. Such as "2024-01-15T10:30:00Z". */
  created_at: string
  /** Null: until it is revoked. */
  expires_at: string | null
  /** Shown this once. Null in the answer to a repeated request. */
  token: string | null
}

/** Who asks, as this node sees it. */
export interface Whoami {
  user: string
  /** Each may do what those before it may. */
  role: 'viewer' | 'operator' | 'admin'
  scope: Scope | null
  key: ApiKey | null
}

/** Why a request failed. */
export interface Problem {
  /** For people: what is wrong, with which value, and the way out. */
  error: string
  /** The HTTP status. */
  code: number
  /** A stable word for programs. */
  reason: string
  request_id: string
  /** Which fields, parameters or items are meant. */
  details?: readonly { field: string; message: string }[] | undefined
  /** Whether the change may have been made. On every problem but 400. */
  applied?: 'no' | 'unknown' | undefined
  /** Why a node is not ready. */
  reasons?: readonly string[] | undefined
}

/** The same as RFC 9457 has it: for those who accept application/problem+json. */
export interface ProblemDetails {
  type: 'about:blank'
  title: string
  status: number
  detail: string
  /** The HTTP status. */
  code: number
  /** A stable word for programs. */
  reason: string
  request_id: string
  /** Which fields, parameters or items are meant. */
  details?: readonly { field: string; message: string }[] | undefined
  /** Whether the change may have been made. On every problem but 400. */
  applied?: 'no' | 'unknown' | undefined
  /** Why a node is not ready. */
  reasons?: readonly string[] | undefined
}

export interface CreateNetwork {
  /** A prefix in CIDR notation, without host bits. Such as "10.0.0.0/24", "2001:db8::/64". */
  cidr: string
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". */
  namespace?: string | null | undefined
  /** For people. */
  description?: string | null | undefined
  tags?: readonly string[] | null | undefined
  /** Never handed out. */
  gateway?: string | null | undefined
  /** Addresses that are never handed out: addresses, ranges and prefixes. */
  reserved?: readonly string[] | null | undefined
  /** How long an address rests after its release before it is handed out again. */
  cooldown_seconds?: number | null | undefined
  /** Which free address comes next: the lowest, the one after the last that was handed out, or any. */
  strategy?: 'lowest' | 'next' | 'random' | null | undefined
  /** Your own keys and values, all text. */
  metadata?: Record<string, string> | null | undefined
}

export interface UpdateNetwork {
  description?: string | null | undefined
  tags?: readonly string[] | null | undefined
  /** An IPv4 or IPv6 address. */
  gateway?: string | null | undefined
  /** Addresses that are never handed out: addresses, ranges and prefixes. */
  reserved?: readonly string[] | null | undefined
  /** How long an address rests after its release before it is handed out again. */
  cooldown_seconds?: number | null | undefined
  /** Which free address comes next: the lowest, the one after the last that was handed out, or any. */
  strategy?: 'lowest' | 'next' | 'random' | null | undefined
  /** Keys to set; null removes one, and those that are not named stay (RFC 7396). */
  metadata?: Record<string, string | null> | undefined
}

export interface CarveNetworks {
  prefix_length: number
  count?: number | null | undefined
  /** For people. */
  description?: string | null | undefined
  tags?: readonly string[] | null | undefined
  /** Your own keys and values, all text. */
  metadata?: Record<string, string> | null | undefined
}

export interface AllocateAddresses {
  /** The network; or name it by cidr, or by an ip inside it. */
  network_id?: string | null | undefined
  /** Of the network, instead of network_id. */
  cidr?: string | null | undefined
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". */
  namespace?: string | null | undefined
  /** How many addresses: one contiguous range. 1 if left out. */
  count?: number | null | undefined
  /** This address, or none. */
  ip?: string | null | undefined
  /** This address if it is free, else the next. */
  preferred_ip?: string | null | undefined
  /** A power of two: the first address is a multiple of it. */
  alignment?: number | null | undefined
  /** Without spaces. Such as "web-01.example.com". */
  hostname?: string | null | undefined
  /** For people. */
  description?: string | null | undefined
  tags?: readonly string[] | null | undefined
  /** A MAC address in any notation. */
  mac?: string | null | undefined
  /** Your own keys and values, all text. */
  metadata?: Record<string, string> | null | undefined
  /** How long it lasts; fractions count. Null or left out: until it is ended. */
  ttl_hours?: number | null | undefined
  /** How long it lasts; fractions count. Null or left out: until it is ended. */
  ttl_seconds?: number | null | undefined
}

export interface AllocateBatch {
  items: readonly AllocateAddresses[]
}

export interface UpdateAllocation {
  /** Without spaces. Such as "web-01.example.com". */
  hostname?: string | null | undefined
  description?: string | null | undefined
  tags?: readonly string[] | null | undefined
  /** A MAC address in any notation. */
  mac?: string | null | undefined
  /** Keys to set; null removes one, and those that are not named stay (RFC 7396). */
  metadata?: Record<string, string | null> | undefined
}

export interface RenewAllocation {
  /** How long it lasts; fractions count. Null or left out: until it is ended. */
  ttl_hours?: number | null | undefined
  /** How long it lasts; fractions count. Null or left out: until it is ended. */
  ttl_seconds?: number | null | undefined
}

export type ReleaseAllocation = Record<string, never>

export interface AddNode {
  node_id: number
  /** Such as "10.0.0.4:5004", "node4.example.com:5004", "[2001:db8::4]:5004". */
  addr: string
}

export interface TransferLeader {
  node_id?: number | null | undefined
}

export interface Drain {
  drain: boolean
}

export interface FirstAdmin {
  name: string
  password: string
}

export interface CreateUser {
  name: string
  role: 'viewer' | 'operator' | 'admin'
  password: string
}

export interface UpdateUser {
  role?: 'viewer' | 'operator' | 'admin' | null | undefined
  password?: string | null | undefined
}

export interface ChangePassword {
  password: string
}

export interface CreateApiKey {
  role: 'viewer' | 'operator' | 'admin'
  /** For people. */
  description?: string | null | undefined
  scope?: { networks?: readonly string[] | null | undefined; tags?: readonly string[] | null | undefined } | null | undefined
  /** How long it lasts; fractions count. Null or left out: until it is ended. */
  ttl_hours?: number | null | undefined
  /** How long it lasts; fractions count. Null or left out: until it is ended. */
  ttl_seconds?: number | null | undefined
}

export interface ListNetworksQuery {
  /** This very prefix. Such as "10.0.0.0/24", "2001:db8::/64". */
  cidr?: string | undefined
  /** Around this address. Such as "10.0.0.5", "2001:db8::5". */
  contains?: string | undefined
  /** Inside this prefix, or the prefix itself. Such as "10.0.0.0/24", "2001:db8::/64". */
  within?: string | undefined
  /** Children of this network. */
  parent_id?: string | undefined
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". */
  namespace?: string | undefined
  /** With this tag. */
  tag?: string | undefined
  /** With these words in CIDR, description, tags or metadata. */
  q?: string | undefined
  /** Rows in a page, at most. Default: 1000. */
  limit?: number | undefined
  /** Where the page begins: from the Link header of the page before. */
  cursor?: string | undefined
  /** Rows to leave out. A cursor is quicker, and neither skips nor repeats rows. Default: 0. */
  offset?: number | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface GetNetworkQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface GetNetworkStatsQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ListAvailableAddressesQuery {
  /** How many addresses, at most. Default: 1. */
  count?: number | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ListAvailableNetworksQuery {
  /** Prefixes of this length, as they would be carved; without it, the free blocks. */
  prefix_length?: number | undefined
  /** How many prefixes, at most: 1 of a length, all free blocks. */
  count?: number | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ListAllocationsQuery {
  /** In this network. */
  network_id?: string | undefined
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". */
  namespace?: string | undefined
  /** With those that were released or have expired. */
  all?: true | false | undefined
  /** With this address, alone or inside a range. Such as "10.0.0.5", "2001:db8::5". */
  ip?: string | undefined
  /** With this as a part of the host name. */
  hostname?: string | undefined
  /** A MAC address in any notation. Such as "00:00:5e:00:53:01", "0000.5e00.5301", "00-00-5E-00-53-01". */
  mac?: string | undefined
  /** With this tag. */
  tag?: string | undefined
  /** With this status; without it, what is allocated. */
  status?: 'allocated' | 'released' | 'expired' | undefined
  /** Expiring before this time. Such as "2026-01-31T12:00:00Z". */
  expires_before?: string | undefined
  /** Words of any field, and parts of host names. */
  q?: string | undefined
  /** Rows in a page, at most. Default: 1000. */
  limit?: number | undefined
  /** Where the page begins: from the Link header of the page before. */
  cursor?: string | undefined
  /** Rows to leave out. A cursor is quicker, and neither skips nor repeats rows. Default: 0. */
  offset?: number | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface GetAllocationQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface GetAddressQuery {
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". Default: "default". */
  namespace?: string | undefined
  /** Who had it at this time, of the 20000 who had it last. Such as "2026-01-31T12:00:00Z". */
  at?: string | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ExportNetworksQuery {
  /** A table with a header, or an object on each line. Default: "csv". */
  format?: 'csv' | 'jsonl' | undefined
  /** This very prefix. Such as "10.0.0.0/24", "2001:db8::/64". */
  cidr?: string | undefined
  /** Around this address. Such as "10.0.0.5", "2001:db8::5". */
  contains?: string | undefined
  /** Inside this prefix, or the prefix itself. Such as "10.0.0.0/24", "2001:db8::/64". */
  within?: string | undefined
  /** Children of this network. */
  parent_id?: string | undefined
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". */
  namespace?: string | undefined
  /** With this tag. */
  tag?: string | undefined
  /** With these words in CIDR, description, tags or metadata. */
  q?: string | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ExportAllocationsQuery {
  /** A table with a header, or an object on each line. Default: "csv". */
  format?: 'csv' | 'jsonl' | undefined
  /** In this network. */
  network_id?: string | undefined
  /** Name of an address space (VRF): letters, digits, "-", "_" and ".". */
  namespace?: string | undefined
  /** With those that were released or have expired. */
  all?: true | false | undefined
  /** With this address, alone or inside a range. Such as "10.0.0.5", "2001:db8::5". */
  ip?: string | undefined
  /** With this as a part of the host name. */
  hostname?: string | undefined
  /** A MAC address in any notation. Such as "00:00:5e:00:53:01", "0000.5e00.5301", "00-00-5E-00-53-01". */
  mac?: string | undefined
  /** With this tag. */
  tag?: string | undefined
  /** With this status; without it, what is allocated. */
  status?: 'allocated' | 'released' | 'expired' | undefined
  /** Expiring before this time. Such as "2026-01-31T12:00:00Z". */
  expires_before?: string | undefined
  /** Words of any field, and parts of host names. */
  q?: string | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ImportFileQuery {
  /** What the file is; found out from its first lines if left out. */
  format?: 'ipam-networks-csv' | 'ipam-allocations-csv' | 'ipam-networks-jsonl' | 'ipam-allocations-jsonl' | 'netbox-prefixes' | 'netbox-ip-addresses' | 'phpipam-subnets' | 'phpipam-addresses' | 'hosts' | undefined
  /** Says what would be, and changes nothing. Default: false. */
  dry_run?: true | false | undefined
  /** All rows or none. Default: false. */
  atomic?: true | false | undefined
  /** skip leaves alone what is there as the row has it. Default: "error". */
  on_conflict?: 'error' | 'skip' | undefined
}

export interface ListAuditQuery {
  /** Rows in a page, at most: the newest, in the order of their making. Default: 100. */
  limit?: number | undefined
  /** Where the page begins: from the Link header of the page before. */
  cursor?: string | undefined
  /** Rows to leave out. A cursor is quicker, and neither skips nor repeats rows. Default: 0. */
  offset?: number | undefined
  /** Of this kind. */
  action?: 'network_created' | 'network_deleted' | 'ip_allocated' | 'ip_released' | 'ip_expired' | 'node_added' | 'node_promoted' | 'node_removed' | 'node_rolled_back' | 'schema_raised' | 'network_updated' | 'ip_updated' | 'ip_renewed' | 'audit_pruned' | 'user_created' | 'user_updated' | 'user_deleted' | 'key_created' | 'key_revoked' | 'login_failed' | 'snapshot_taken' | 'leader_transferred' | 'node_drained' | 'node_undrained' | undefined
  /** Of this id: net-…, alloc-…, node-4, user-alice, key-…. */
  resource?: string | undefined
  /** By this user, or key-…. */
  user?: string | undefined
  /** Of the request with this X-Request-Id. */
  request_id?: string | undefined
  /** Of allocations with this address. Such as "10.0.0.5", "2001:db8::5". */
  ip?: string | undefined
  /** Where the address of ip lies; default when left out. Only with ip. */
  namespace?: string | undefined
  /** From this time on. Such as "2026-01-31T12:00:00Z". */
  since?: string | undefined
  /** Before this time. Such as "2026-01-31T12:00:00Z". */
  until?: string | undefined
  /** After this log index, the oldest first: for those who follow the log. */
  after_index?: number | undefined
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ListUsersQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface GetUserQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface ListApiKeysQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface GetApiKeyQuery {
  /** linearizable, the default: shows every write that was answered before. stale: what this node has, without asking the others. */
  consistency?: 'linearizable' | 'stale' | undefined
  /** Answers once this node has applied the log up to there: the X-Raft-Index of an earlier answer. Does not go with consistency=linearizable. */
  min_index?: number | undefined
}

export interface RemoveNodeQuery {
  /** Also where fewer healthy members would be left than a quorum needs. Default: false. */
  force?: true | false | undefined
}

/** Why a request failed, in words for programs. */
export type Reason =
  | 'addr_in_use'
  | 'address_cooling'
  | 'address_not_in_network'
  | 'address_not_usable'
  | 'address_reserved'
  | 'address_taken'
  | 'addresses_in_use'
  | 'allocation_ended'
  | 'allocation_not_found'
  | 'already_initialized'
  | 'batch_refused'
  | 'body_incomplete'
  | 'body_too_large'
  | 'change_in_flight'
  | 'command_too_large'
  | 'disk_low'
  | 'draining'
  | 'idempotency_key_reused'
  | 'index_not_reached'
  | 'internal_error'
  | 'invalid_cursor'
  | 'invalid_json'
  | 'invalid_query'
  | 'invalid_request'
  | 'invalid_value'
  | 'key_not_found'
  | 'last_admin'
  | 'last_voter'
  | 'leader_not_ready'
  | 'network_exhausted'
  | 'network_exists'
  | 'network_has_allocations'
  | 'network_not_found'
  | 'no_free_block'
  | 'no_leader'
  | 'no_target'
  | 'node_exists'
  | 'node_not_found'
  | 'node_removed'
  | 'not_healthy'
  | 'not_leader'
  | 'not_local'
  | 'not_ready'
  | 'not_voter'
  | 'outcome_unknown'
  | 'overloaded'
  | 'precondition_failed'
  | 'proposal_dropped'
  | 'read_timeout'
  | 'shutting_down'
  | 'standalone'
  | 'state_diverged'
  | 'too_many_keys'
  | 'too_many_nodes'
  | 'too_many_rows'
  | 'too_many_users'
  | 'transfer_failed'
  | 'transfer_in_flight'
  | 'transfer_timeout'
  | 'unsupported_command'
  | 'unsupported_media_type'
  | 'user_exists'
  | 'user_not_found'
  | 'would_lose_quorum'
