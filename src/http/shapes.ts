/** What the API answers, as schemas. Its description is made of them, and tests hold answers against them; a node never does. */
import { z } from 'zod'
import { ROLES } from '../ipam/access.ts'
import { ADDRESS_HISTORY_MAX } from '../ipam/query.ts'
import { ALLOCATION_STATUSES, AUDIT_ACTIONS } from '../ipam/records.ts'

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC.', examples: ['2024-01-15T10:30:00Z'] })
const whole = z.int().min(0)
const role = z.enum(ROLES).meta({ description: 'Each may do what those before it may.' })
const metadata = z.record(z.string(), z.string()).meta({ description: 'Your own keys and values.' })
const address = z.string().meta({ examples: ['10.0.0.5', '2001:db8::5'] })
const prefix = z.string().meta({ examples: ['10.0.0.0/24', '2001:db8::/64'] })
/** Above 2^53 − 1, JSON readers would round it. */
const count = z
  .union([whole, z.string().regex(/^[0-9]+$/)])
  .meta({ description: 'A number up to 2^53 − 1; decimal text above.' })

function listOf<Member extends z.ZodType>(member: Member) {
  return z.array(member).readonly()
}

const networkFields = {
  id: z.string().meta({ description: 'net-…' }),
  cidr: prefix,
  description: z.string(),
  tags: listOf(z.string()),
  created_at: time,
  namespace: z.string().meta({ description: 'The address space (VRF).' }),
  parent_id: z
    .string()
    .nullable()
    .meta({ description: 'The smallest network of its namespace around it; null if there is none.' }),
  gateway: address.nullable().meta({ description: 'Never handed out.' }),
  reserved: listOf(z.string()).meta({ description: 'Never handed out: addresses, ranges and prefixes.' }),
  cooldown_seconds: z
    .number()
    .min(0)
    .meta({ description: 'How long a released address rests before it is handed out again.' }),
  strategy: z.enum(['lowest', 'next', 'random']).meta({ description: 'Which free address comes next.' }),
  updated_at: time,
  metadata,
}

export const Network = z
  .strictObject(networkFields)
  .meta({ description: 'A range of addresses under management.' })
export type Network = z.output<typeof Network>

const { parent_id: _, ...recordedNetworkFields } = networkFields
export const RecordedNetwork = z
  .strictObject(recordedNetworkFields)
  .meta({ description: 'A network as the audit log has it: where it lay at that time is not on record.' })

export const NetworkStats = z
  .strictObject({
    network_id: z.string(),
    total_ips: count,
    allocated_ips: count,
    available_ips: count,
    utilization_percent: z
      .number()
      .min(0)
      .max(100)
      .meta({ description: 'Allocated, or in children, of all usable ones; to one decimal.' }),
    first_available: address.nullable().meta({ description: 'The lowest free address; null when full.' }),
    last_allocated: address
      .nullable()
      .meta({ description: 'Of the allocation made last that is still active; null when there is none.' }),
    reserved_ips: count,
    cooling_ips: count,
    delegated_ips: count,
    largest_free_block: prefix
      .nullable()
      .meta({ description: 'The largest aligned block that is free; null when none is left.' }),
    size: count,
  })
  .meta({
    description:
      'Counts of usable addresses: each is allocated, reserved, cooling, delegated to a child, or available. size counts the whole prefix.',
  })
export type NetworkStats = z.output<typeof NetworkStats>

export const Allocation = z
  .strictObject({
    id: z.string().meta({ description: 'alloc-…' }),
    network_id: z.string(),
    ip: address.meta({ description: 'The first address.' }),
    end_ip: address
      .nullable()
      .meta({ description: 'The last address of a range; null when there is one only.' }),
    hostname: z.string().nullable(),
    description: z.string(),
    status: z.enum(ALLOCATION_STATUSES),
    allocated_at: time,
    expires_at: time.nullable().meta({ description: 'Null: until it is released.' }),
    released_at: time.nullable().meta({ description: 'When it was released, or had expired.' }),
    tags: listOf(z.string()),
    mac: z.string().nullable(),
    metadata,
  })
  .meta({
    description: 'An address, or a contiguous range of them, given to somebody. Ended ones stay on record.',
  })
export type Allocation = z.output<typeof Allocation>

export const Address = z
  .strictObject({
    ip: address,
    namespace: z.string(),
    state: z
      .enum(['allocated', 'available', 'reserved', 'cooling', 'not_usable', 'unmanaged'])
      .meta({ description: 'not_usable: the network or broadcast address. unmanaged: in no network.' }),
    cooling_until: time
      .nullable()
      .meta({ description: 'Until when it rests after its release; null unless the state is cooling.' }),
    reserved_by: z.string().nullable().meta({
      description:
        'Why the smallest network never hands it out, whatever the state: gateway, or the entry of its reserved list that has the address.',
    }),
    networks: listOf(Network).meta({ description: 'Those around it, the smallest last.' }),
    allocation: Allocation.nullable().meta({ description: 'Who has it, or had it then.' }),
    history: listOf(Allocation).meta({
      description: `Who had it, the newest first, at most ${ADDRESS_HISTORY_MAX}. All of them: GET /allocations with ip and all=true.`,
    }),
  })
  .meta({ description: 'All there is to know about an address.' })
export type Address = z.output<typeof Address>

export const User = z
  .strictObject({ name: z.string(), role, created_at: time, updated_at: time })
  .meta({ description: 'Somebody who logs in with a password.' })
export type User = z.output<typeof User>

export const Scope = z
  .strictObject({ networks: listOf(z.string()), tags: listOf(z.string()) })
  .meta({ description: 'Networks that are listed or have one of the tags, and all inside of those.' })

const keyFields = {
  id: z.string(),
  description: z.string(),
  role,
  scope: Scope.nullable().meta({ description: 'Null: everything that the role may.' }),
  created_by: z.string(),
  created_at: time,
  expires_at: time.nullable().meta({ description: 'Null: until it is revoked.' }),
}
export const ApiKey = z
  .strictObject(keyFields)
  .meta({ description: 'What a program logs in with; its secret is on no record.' })
export type ApiKey = z.output<typeof ApiKey>

export const RecordedMember = z
  .strictObject({
    node_id: whole,
    addr: z.string(),
    voter: z.boolean(),
    rolled_back: z
      .boolean()
      .meta({ description: 'Its data directory is older than what it had acknowledged.' }),
  })
  .meta({ description: 'A member as it was at that time.' })

/** Never with what logs them in. */
const record = z.union([RecordedNetwork, Allocation, User, ApiKey, RecordedMember])

export const AuditEntry = z
  .strictObject({
    timestamp: time,
    action: z.enum(AUDIT_ACTIONS),
    resource: z
      .string()
      .meta({ description: 'Id of what changed: net-…, alloc-…, node-4, user-alice, key-….' }),
    details: z.string(),
    user: z.string().meta({ description: 'Who asked; key-… for an API key, system for the cluster itself.' }),
    index: whole.meta({ description: 'Log index of the change.' }),
    request_id: z.string().nullable(),
    before: record.nullable(),
    after: record.nullable(),
  })
  .meta({
    description:
      'One change, with the network, allocation, user, key or member before and after: null where there was or is none.',
  })
export type AuditEntry = z.output<typeof AuditEntry>

export const ImportReport = z
  .strictObject({
    format: z.string(),
    dry_run: z.boolean(),
    created: whole,
    skipped: whole,
    failed: whole,
    errors: listOf(
      z.strictObject({
        row: whole,
        line: whole,
        field: z.string().nullable().meta({ description: 'Null where the row as a whole is meant.' }),
        message: z.string(),
      }),
    ),
  })
  .meta({ description: 'What came of the rows of a file. Rows and lines count from 1.' })
export type ImportReport = z.output<typeof ImportReport>

const nodeRole = z.enum(['leader', 'follower', 'candidate', 'learner'])

export const Member = z
  .strictObject({
    node_id: whole,
    addr: z.string(),
    role: nodeRole,
    voter: z.boolean(),
    schemas: z
      .strictObject({ min: whole, max: whole })
      .nullable()
      .meta({ description: 'Versions of commands that its program reads; null until a leader has seen it.' }),
    healthy: z.boolean().nullable().meta({ description: 'Known to the leader only, like the two below.' }),
    match_index: whole.nullable().meta({ description: 'Up to where it has the log.' }),
    last_contact_ms: z.number().nullable(),
    reasons: listOf(z.string()).meta({ description: 'Why it is not healthy.' }),
  })
  .meta({ description: 'A member, as the node that is asked sees it.' })

export const ClusterStatus = z
  .strictObject({
    node_id: whole.meta({ description: 'Of the node that answers.' }),
    cluster_id: whole,
    role: nodeRole,
    raft_state: z.enum(['StateLeader', 'StateFollower', 'StateCandidate', 'StateLearner']),
    members: listOf(Member),
    leader_id: whole.nullable(),
    leader_addr: z.string().nullable(),
    term: whole,
    commit_index: whole,
    applied_index: whole,
    schema_version: whole.meta({ description: 'In which commands are written.' }),
    version: z.string(),
  })
  .meta({ description: 'The cluster, as the node that is asked sees it.' })
export type ClusterStatus = z.output<typeof ClusterStatus>

export const Health = z
  .strictObject({
    status: z.literal('healthy'),
    service: z.literal('ipam'),
    cluster_mode: z.boolean(),
    version: z.string(),
    uptime: z.string().meta({ examples: ['2h30m15s'] }),
  })
  .meta({ description: 'The process serves.' })
export const Readiness = z
  .strictObject({ status: z.literal('ready'), reasons: listOf(z.string()) })
  .meta({ description: 'A request would succeed here.' })
export const Leadership = z
  .strictObject({ status: z.literal('leader'), node_id: whole })
  .meta({ description: 'This node leads.' })

export const NewApiKey = z
  .strictObject({
    ...keyFields,
    token: z
      .string()
      .nullable()
      .meta({ description: 'Shown this once. Null in the answer to a repeated request.' }),
  })
  .meta({ description: 'A key, and the token to send.' })

export const Whoami = z
  .strictObject({ user: z.string(), role, scope: Scope.nullable(), key: ApiKey.nullable() })
  .meta({ description: 'Who asks, as this node sees it.' })

const problemFields = {
  code: z.int().min(400).max(599).meta({ description: 'The HTTP status.' }),
  reason: z.string().meta({ description: 'A stable word for programs.' }),
  request_id: z.string(),
  details: listOf(z.strictObject({ field: z.string(), message: z.string() }))
    .optional()
    .meta({ description: 'Which fields, parameters or items are meant.' }),
  applied: z
    .enum(['no', 'unknown'])
    .optional()
    .meta({ description: 'Whether the change may have been made. On every problem but 400.' }),
  reasons: listOf(z.string()).optional().meta({ description: 'Why a node is not ready.' }),
}
export const Problem = z
  .strictObject({
    error: z.string().meta({ description: 'For people: what is wrong, with which value, and the way out.' }),
    ...problemFields,
  })
  .meta({ description: 'Why a request failed.' })
export type Problem = z.output<typeof Problem>
export const ProblemDetails = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    ...problemFields,
  })
  .meta({ description: 'The same as RFC 9457 has it: for those who accept application/problem+json.' })
