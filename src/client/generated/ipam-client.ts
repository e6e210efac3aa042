// Made from the description of the API by scripts/generate-client.ts; a test keeps it in step.
import type { Answer } from '../answer.ts'
import { Caller, type CallOptions, type ClientOptions, type WriteOptions } from '../caller.ts'
import type { Rows } from '../rows.ts'
import type {
  AddNode,
  Address,
  AllocateAddresses,
  AllocateBatch,
  Allocation,
  ApiKey,
  AuditEntry,
  CarveNetworks,
  ChangePassword,
  ClusterStatus,
  CreateApiKey,
  CreateNetwork,
  CreateUser,
  Drain,
  ExportAllocationsQuery,
  ExportNetworksQuery,
  FirstAdmin,
  GetAddressQuery,
  GetAllocationQuery,
  GetApiKeyQuery,
  GetNetworkQuery,
  GetNetworkStatsQuery,
  GetUserQuery,
  Health,
  ImportFileQuery,
  ImportReport,
  Leadership,
  ListAllocationsQuery,
  ListApiKeysQuery,
  ListAuditQuery,
  ListAvailableAddressesQuery,
  ListAvailableNetworksQuery,
  ListNetworksQuery,
  ListUsersQuery,
  Network,
  NetworkStats,
  NewApiKey,
  Readiness,
  ReleaseAllocation,
  RemoveNodeQuery,
  RenewAllocation,
  TransferLeader,
  UpdateAllocation,
  UpdateNetwork,
  UpdateUser,
  User,
  Whoami,
} from './types.ts'

/** The API of a cluster, a method for each operation. */
export class IpamClient {
  readonly #caller: Caller

  constructor(options: ClientOptions) {
    this.#caller = new Caller(options)
  }

  /** List networks. In the order of their namespace and address. Filters narrow it down together. */
  listNetworks(query: ListNetworksQuery = {}, options: CallOptions = {}): Rows<Network> {
    return this.#caller.rows({ method: 'GET', path: '/api/v1/networks', answers: 'json', isIdempotent: false }, { ...query }, options)
  }

  /** Create a network. Inside another network of its namespace it becomes its child, and the parent does not hand out its addresses. */
  createNetwork(body: CreateNetwork, options: WriteOptions = {}): Promise<Answer<Network>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/networks', body, answers: 'json', isIdempotent: true }, options)
  }

  /** Read a network. With its ETag. */
  getNetwork(id: string, query: GetNetworkQuery = {}, options: CallOptions = {}): Promise<Answer<Network>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/networks/${encodeURIComponent(id)}`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Change a network. What is left out stays. Null is the same as at the creation; metadata is merged, key by key. */
  updateNetwork(id: string, body: UpdateNetwork, options: WriteOptions = {}): Promise<Answer<Network>> {
    return this.#caller.call({ method: 'PATCH', path: `/api/v1/networks/${encodeURIComponent(id)}`, body, answers: 'json', isIdempotent: true }, options)
  }

  /** Carve child networks. The next free ones: each in the smallest free block that holds it, the lowest first. All are made or none. */
  carveNetworks(id: string, body: CarveNetworks, options: WriteOptions = {}): Promise<Answer<readonly Network[]>> {
    return this.#caller.call({ method: 'POST', path: `/api/v1/networks/${encodeURIComponent(id)}/subnets`, body, answers: 'json', isIdempotent: true }, options)
  }

  /** Read how full a network is. Counts of usable addresses: a /24 has 254. */
  getNetworkStats(id: string, query: GetNetworkStatsQuery = {}, options: CallOptions = {}): Promise<Answer<NetworkStats>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/networks/${encodeURIComponent(id)}/stats`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Preview the next addresses. Without taking them: somebody else may be quicker. */
  listAvailableAddresses(id: string, query: ListAvailableAddressesQuery = {}, options: CallOptions = {}): Promise<Answer<readonly string[]>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/networks/${encodeURIComponent(id)}/available`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Preview the next child networks. As they would be carved, or all free blocks. */
  listAvailableNetworks(id: string, query: ListAvailableNetworksQuery = {}, options: CallOptions = {}): Promise<Answer<readonly string[]>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/networks/${encodeURIComponent(id)}/available-subnets`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Delete a network. Not while it has active allocations. Its children move up to its parent. */
  deleteNetwork(id: string, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'DELETE', path: `/api/v1/networks/${encodeURIComponent(id)}`, answers: 'nothing', isIdempotent: true }, options)
  }

  /** List allocations. Active ones, unless all or status says otherwise. In the order of network and address (of age with all=true, unless there is a network_id or namespace), of creation with hostname, of what was found with q and tag, and of expiry with expires_before. */
  listAllocations(query: ListAllocationsQuery = {}, options: CallOptions = {}): Rows<Allocation> {
    return this.#caller.rows({ method: 'GET', path: '/api/v1/allocations', answers: 'json', isIdempotent: false }, { ...query }, options)
  }

  /** Allocate an address. Or a contiguous range. The address is chosen when the request has its place in the log, so that nobody else gets it. */
  allocate(body: AllocateAddresses, options: WriteOptions = {}): Promise<Answer<Allocation>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/allocations', body, answers: 'json', isIdempotent: true }, options)
  }

  /** Allocate many, all or none. One step of the log. When one cannot be had, details name it: items[3]. */
  allocateBatch(body: AllocateBatch, options: WriteOptions = {}): Promise<Answer<readonly Allocation[]>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/allocations/batch', body, answers: 'json', isIdempotent: true }, options)
  }

  /** Read an allocation. Also one that has ended. With its ETag. */
  getAllocation(id: string, query: GetAllocationQuery = {}, options: CallOptions = {}): Promise<Answer<Allocation>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/allocations/${encodeURIComponent(id)}`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Change an allocation. What is left out stays; metadata is merged, key by key. */
  updateAllocation(id: string, body: UpdateAllocation, options: WriteOptions = {}): Promise<Answer<Allocation>> {
    return this.#caller.call({ method: 'PATCH', path: `/api/v1/allocations/${encodeURIComponent(id)}`, body, answers: 'json', isIdempotent: true }, options)
  }

  /** Renew an allocation. It lasts this long from now on; null for no expiry. */
  renewAllocation(id: string, body: RenewAllocation, options: WriteOptions = {}): Promise<Answer<Allocation>> {
    return this.#caller.call({ method: 'POST', path: `/api/v1/allocations/${encodeURIComponent(id)}/renew`, body, answers: 'json', isIdempotent: true }, options)
  }

  /** Release an allocation. This allocation, as a whole, and never whoever has the address by now. Done too when it had ended before. */
  releaseAllocation(id: string, body: ReleaseAllocation = {}, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'POST', path: `/api/v1/allocations/${encodeURIComponent(id)}/release`, body, answers: 'nothing', isIdempotent: true }, options)
  }

  /** Look up an address. The networks around it, who has it, what reserves it, until when it rests, and the last 100 who had it; with at, who had it then. */
  getAddress(ip: string, query: GetAddressQuery = {}, options: CallOptions = {}): Promise<Answer<Address>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/addresses/${encodeURIComponent(ip)}`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Export networks. As CSV or JSON lines, with the filters of the list. */
  exportNetworks(query: ExportNetworksQuery = {}, options: CallOptions = {}): Promise<Answer<AsyncIterable<Uint8Array>>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/networks/export', query: { ...query }, answers: 'stream', isIdempotent: false }, options)
  }

  /** Export allocations. As CSV or JSON lines, with the filters of the list. */
  exportAllocations(query: ExportAllocationsQuery = {}, options: CallOptions = {}): Promise<Answer<AsyncIterable<Uint8Array>>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/allocations/export', query: { ...query }, answers: 'stream', isIdempotent: false }, options)
  }

  /** Import a file. What exports write, CSV of NetBox and phpIPAM, and hosts files: at most 1,000 rows and 1 MiB, in one step of the log. */
  importFile(body: string, query: ImportFileQuery = {}, options: WriteOptions = {}): Promise<Answer<ImportReport>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/import', query: { ...query }, body, answers: 'json', isIdempotent: true }, options)
  }

  /** Read the audit log. The newest rows, in the order of the log; Link leads to older ones. With after_index, the oldest after it, and Link leads to newer ones. */
  listAudit(query: ListAuditQuery = {}, options: CallOptions = {}): Rows<AuditEntry> {
    return this.#caller.rows({ method: 'GET', path: '/api/v1/audit', answers: 'json', isIdempotent: false }, { ...query }, options)
  }

  /** Who asks? Where nobody is asked who it is, whoever comes is an admin. */
  whoAmI(options: CallOptions = {}): Promise<Answer<Whoami>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/auth/whoami', answers: 'json', isIdempotent: false }, options)
  }

  /** Make the first admin. On the machine of a node, without a proxy in between, while there is no admin. An `Idempotency-Key` is refused: sent again, it is 409. */
  createFirstAdmin(body: FirstAdmin, options: WriteOptions = {}): Promise<Answer<User>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/auth/init', body, answers: 'json', isIdempotent: false }, options)
  }

  /** List users. All of them, by name. */
  listUsers(query: ListUsersQuery = {}, options: CallOptions = {}): Promise<Answer<readonly User[]>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/auth/users', query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Create a user. The password is kept as a memory-hard hash only. */
  createUser(body: CreateUser, options: WriteOptions = {}): Promise<Answer<User>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/auth/users', body, answers: 'json', isIdempotent: true }, options)
  }

  /** Read a user. With its ETag. */
  getUser(name: string, query: GetUserQuery = {}, options: CallOptions = {}): Promise<Answer<User>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/auth/users/${encodeURIComponent(name)}`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Change a user. The role, the password, or both. */
  updateUser(name: string, body: UpdateUser, options: WriteOptions = {}): Promise<Answer<User>> {
    return this.#caller.call({ method: 'PATCH', path: `/api/v1/auth/users/${encodeURIComponent(name)}`, body, answers: 'json', isIdempotent: true }, options)
  }

  /** Change a password. Everybody's own; an admin, anybody's. */
  changePassword(name: string, body: ChangePassword, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'POST', path: `/api/v1/auth/users/${encodeURIComponent(name)}/password`, body, answers: 'nothing', isIdempotent: true }, options)
  }

  /** Delete a user. Not the last admin. Keys that the user has created stay. */
  deleteUser(name: string, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'DELETE', path: `/api/v1/auth/users/${encodeURIComponent(name)}`, answers: 'nothing', isIdempotent: true }, options)
  }

  /** List API keys. All of them, without their secrets. */
  listApiKeys(query: ListApiKeysQuery = {}, options: CallOptions = {}): Promise<Answer<readonly ApiKey[]>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/auth/keys', query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Create an API key. Its token is shown this once: sent again with the same `Idempotency-Key`, it is answered with the key and `token: null`. A scope limits it to networks, and what lies inside them. */
  createApiKey(body: CreateApiKey, options: WriteOptions = {}): Promise<Answer<NewApiKey>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/auth/keys', body, answers: 'json', isIdempotent: true }, options)
  }

  /** Read an API key. Without its secret. */
  getApiKey(id: string, query: GetApiKeyQuery = {}, options: CallOptions = {}): Promise<Answer<ApiKey>> {
    return this.#caller.call({ method: 'GET', path: `/api/v1/auth/keys/${encodeURIComponent(id)}`, query: { ...query }, answers: 'json', isIdempotent: false }, options)
  }

  /** Revoke an API key. From the answer on, no node that hears from the leader lets it in. */
  revokeApiKey(id: string, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'DELETE', path: `/api/v1/auth/keys/${encodeURIComponent(id)}`, answers: 'nothing', isIdempotent: true }, options)
  }

  /** Read the state of the cluster. As the node that is asked sees it; how the members are, the leader alone knows. */
  getClusterStatus(options: CallOptions = {}): Promise<Answer<ClusterStatus>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/cluster/status', answers: 'json', isIdempotent: false }, options)
  }

  /** Add a node. It joins as a learner, and becomes a voter by itself once it has caught up. An id that was removed never comes back. Sent again with the same address it is answered with success, and changes nothing; an `Idempotency-Key` is refused. */
  addNode(body: AddNode, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/cluster/nodes', body, answers: 'nothing', isIdempotent: false }, options)
  }

  /** Remove a node. The leader hands leadership over first. Sent again it is answered with success, and changes nothing; an `Idempotency-Key` is refused. */
  removeNode(id: number, query: RemoveNodeQuery = {}, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'DELETE', path: `/api/v1/cluster/nodes/${encodeURIComponent(id)}`, query: { ...query }, answers: 'nothing', isIdempotent: false }, options)
  }

  /** Transfer leadership. To a node, or to the one that is furthest along. Sent again with the same node, which leads by then, it is answered with success, and changes nothing; without a node it is another transfer. An `Idempotency-Key` is refused. */
  transferLeader(body: TransferLeader = {}, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/cluster/transfer-leader', body, answers: 'nothing', isIdempotent: false }, options)
  }

  /** Drain the node that is asked. It serves on, but is not ready and does not lead, until this is undone or it is restarted. Sent again it changes nothing; an `Idempotency-Key` is refused. */
  drain(body: Drain, options: WriteOptions = {}): Promise<Answer<void>> {
    return this.#caller.call({ method: 'POST', path: '/api/v1/cluster/drain', body, answers: 'nothing', isIdempotent: false }, options)
  }

  /** Take a backup. The whole state at one log index as a file, while writes go on. It holds hashes of passwords and keys, and an audit row says who took it. A node that writes two of them takes no more. */
  takeSnapshot(options: WriteOptions = {}): Promise<Answer<AsyncIterable<Uint8Array>>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/cluster/snapshot', answers: 'stream', isIdempotent: false }, options)
  }

  /** Does the process serve? Ask this before restarting it. */
  getHealth(options: CallOptions = {}): Promise<Answer<Health>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/health', answers: 'json', isIdempotent: false }, options)
  }

  /** Would a request succeed here? What a load balancer asks: it knows a leader, has caught up, and does not drain. */
  getReadiness(options: CallOptions = {}): Promise<Answer<Readiness>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/health/ready', answers: 'json', isIdempotent: false }, options)
  }

  /** Does this node lead? Every node takes every request; this is for those who want to know all the same. */
  getLeadership(options: CallOptions = {}): Promise<Answer<Leadership>> {
    return this.#caller.call({ method: 'GET', path: '/api/v1/health/leader', answers: 'json', isIdempotent: false }, options)
  }

  /** Figures for Prometheus. In the text format 0.0.4. It takes any query. */
  getMetrics(options: CallOptions = {}): Promise<Answer<string>> {
    return this.#caller.call({ method: 'GET', path: '/metrics', answers: 'text', isIdempotent: false }, options)
  }

  /** This description. OpenAPI 3.1. */
  getDescription(options: CallOptions = {}): Promise<Answer<{ openapi: string }>> {
    return this.#caller.call({ method: 'GET', path: '/openapi.json', answers: 'json', isIdempotent: false }, options)
  }

  /** This description, to read. One page that needs nothing else. */
  getDocs(options: CallOptions = {}): Promise<Answer<string>> {
    return this.#caller.call({ method: 'GET', path: '/docs', answers: 'text', isIdempotent: false }, options)
  }
}
