/** Answers of the examples. A test holds them against the schemas, and calls every example. */
import type * as shapes from '../shapes.ts'

const TIME = '2024-01-15T10:30:00Z'
const LATER = '2024-01-16T10:30:00Z'

export const NETWORK: shapes.Network = {
  id: 'net-V1StGXR8_Z5jdHi6B-myT',
  cidr: '10.0.0.0/16',
  description: 'Main office',
  tags: ['prod'],
  created_at: TIME,
  namespace: 'default',
  parent_id: null,
  gateway: '10.0.0.1',
  reserved: ['10.0.0.2-10.0.0.9'],
  cooldown_seconds: 3600,
  strategy: 'lowest',
  updated_at: TIME,
  metadata: { site: 'berlin' },
}

export const FLOOR: shapes.Network = {
  ...NETWORK,
  id: 'net-9Wq0sT2nQxKd7LmB3vZcE',
  cidr: '10.0.1.0/24',
  description: 'First floor',
  tags: [],
  parent_id: NETWORK.id,
  gateway: null,
  reserved: [],
  cooldown_seconds: 0,
  metadata: {},
}

export const STATS: shapes.NetworkStats = {
  network_id: NETWORK.id,
  total_ips: 65534,
  allocated_ips: 0,
  available_ips: 65270,
  utilization_percent: 0.4,
  first_available: '10.0.0.10',
  last_allocated: null,
  reserved_ips: 9,
  cooling_ips: 0,
  delegated_ips: 255,
  largest_free_block: '10.0.128.0/17',
  size: 65536,
}

export const ALLOCATION: shapes.Allocation = {
  id: 'alloc-V1StGXR8Z5jd2',
  network_id: NETWORK.id,
  ip: '10.0.0.10',
  end_ip: null,
  hostname: 'web-01.example.com',
  description: 'Web server',
  status: 'allocated',
  allocated_at: TIME,
  expires_at: LATER,
  released_at: null,
  tags: ['web'],
  mac: '00:00:5e:00:53:01',
  metadata: {},
}

export const MEMBERS: shapes.Allocation[] = ['db-01', 'db-02'].map((hostname, i) => ({
  ...ALLOCATION,
  id: `alloc-V1StGXR8Z5jd${3 + i}`,
  ip: `10.0.0.${11 + i}`,
  hostname,
  description: '',
  expires_at: null,
  tags: [],
  mac: null,
}))

export const USER: shapes.User = { name: 'alice', role: 'operator', created_at: TIME, updated_at: TIME }

export const KEY: shapes.ApiKey = {
  id: 'k3v9x2m7q1w8e5r4',
  description: 'Terraform',
  role: 'operator',
  scope: { networks: [], tags: ['prod'] },
  created_by: 'alice',
  created_at: TIME,
  expires_at: LATER,
}

export const CLUSTER: shapes.ClusterStatus = {
  node_id: 1,
  cluster_id: 100,
  role: 'leader',
  raft_state: 'StateLeader',
  members: [
    {
      node_id: 1,
      addr: 'node1.example.com:5001',
      role: 'leader',
      voter: true,
      schemas: { min: 1, max: 1 },
      healthy: true,
      match_index: 42,
      last_contact_ms: 0,
      reasons: [],
    },
  ],
  leader_id: 1,
  leader_addr: 'node1.example.com:5001',
  term: 1,
  commit_index: 42,
  applied_index: 42,
  schema_version: 1,
  version: '1.0.0',
}

export const AUDIT_ENTRY: shapes.AuditEntry = {
  timestamp: TIME,
  action: 'ip_allocated',
  resource: ALLOCATION.id,
  details: 'Allocated 10.0.0.10 to web-01.example.com',
  user: 'alice',
  index: 42,
  request_id: 'deploy-4711',
  before: null,
  after: ALLOCATION,
}
