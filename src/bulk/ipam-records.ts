/** What our own files hold: every field that the API answers, in the order of the columns. */

type FieldKind = 'text' | 'list' | 'count' | 'map'

/** `cidr` of an allocation is its network's: an id means nothing in another cluster. */
export const NETWORK_FIELDS = {
  id: 'text',
  cidr: 'text',
  namespace: 'text',
  parent_id: 'text',
  description: 'text',
  tags: 'list',
  gateway: 'text',
  reserved: 'list',
  cooldown_seconds: 'count',
  strategy: 'text',
  metadata: 'map',
  created_at: 'text',
  updated_at: 'text',
} as const satisfies Record<string, FieldKind>

export const ALLOCATION_FIELDS = {
  id: 'text',
  network_id: 'text',
  cidr: 'text',
  namespace: 'text',
  ip: 'text',
  end_ip: 'text',
  hostname: 'text',
  description: 'text',
  tags: 'list',
  mac: 'text',
  metadata: 'map',
  status: 'text',
  allocated_at: 'text',
  expires_at: 'text',
  released_at: 'text',
} as const satisfies Record<string, FieldKind>

export type IpamFields = typeof NETWORK_FIELDS | typeof ALLOCATION_FIELDS

interface ValueOf {
  text: string | null
  list: readonly string[]
  count: number | null
  map: Readonly<Record<string, string>>
}

type RecordOf<Fields extends Record<string, FieldKind>> = {
  readonly [Name in keyof Fields]: ValueOf[Fields[Name]]
}

/** As the API answers it. */
export type NetworkRecord = RecordOf<typeof NETWORK_FIELDS>

/** As the API answers it, with the CIDR and the namespace of its network. */
export type AllocationRecord = RecordOf<typeof ALLOCATION_FIELDS>
