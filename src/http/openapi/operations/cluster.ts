import { AddNodeBody, DrainBody, nodeId, RemoveNodeParams, TransferLeaderBody } from '../../cluster.ts'
import { NO_PARAMS } from '../../params.ts'
import { ClusterStatus } from '../../shapes.ts'
import { CLUSTER } from '../examples.ts'
import {
  DONE,
  jsonAnswer,
  jsonBody,
  type MembershipReason,
  NO_EXAMPLE,
  type Operation,
  READ,
  WRITE,
} from '../operation.ts'

const tag = 'Cluster'
const CHANGE = { ...WRITE, kind: 'membership', tag, isIdempotent: false, success: DONE } as const
const TRANSFER: readonly MembershipReason[] = [
  'draining',
  'no_target',
  'not_healthy',
  'transfer_failed',
  'transfer_in_flight',
  'transfer_timeout',
]

export const CLUSTER_OPERATIONS: readonly Operation[] = [
  {
    ...READ,
    kind: 'local',
    id: 'getClusterStatus',
    path: '/api/v1/cluster/status',
    tag,
    summary: 'Read the state of the cluster',
    description: 'As the node that is asked sees it; how the members are, the leader alone knows.',
    query: NO_PARAMS,
    success: jsonAnswer(200, ClusterStatus, 'The cluster.', ['X-Raft-Index']),
    example: { ...NO_EXAMPLE, answer: CLUSTER },
  },
  {
    ...CHANGE,
    id: 'addNode',
    method: 'POST',
    path: '/api/v1/cluster/nodes',
    summary: 'Add a node',
    description:
      'It joins as a learner, and becomes a voter by itself once it has caught up. An id that was removed never comes back. Sent again with the same address it is answered with success, and changes nothing; an `Idempotency-Key` is refused.',
    query: NO_PARAMS,
    body: jsonBody(AddNodeBody),
    reasons: [
      'node_exists',
      'node_removed',
      'addr_in_use',
      'too_many_nodes',
      'change_in_flight',
      'leader_not_ready',
      'standalone',
    ],
    example: { ...NO_EXAMPLE, body: { node_id: 4, addr: 'node4.example.com:5004' } },
  },
  {
    ...CHANGE,
    id: 'removeNode',
    method: 'DELETE',
    path: '/api/v1/cluster/nodes/:id',
    summary: 'Remove a node',
    description:
      'The leader hands leadership over first. Sent again it is answered with success, and changes nothing; an `Idempotency-Key` is refused.',
    params: { id: nodeId.meta({ description: 'Of the node, as /cluster/status has it.' }) },
    query: RemoveNodeParams,
    body: null,
    reasons: [
      'node_not_found',
      'last_voter',
      'would_lose_quorum',
      'change_in_flight',
      'leader_not_ready',
      'standalone',
      ...TRANSFER,
    ],
    example: { ...NO_EXAMPLE, params: { id: '4' } },
  },
  {
    ...CHANGE,
    id: 'transferLeader',
    method: 'POST',
    path: '/api/v1/cluster/transfer-leader',
    summary: 'Transfer leadership',
    description:
      'To a node, or to the one that is furthest along. Sent again with the same node, which leads by then, it is answered with success, and changes nothing; without a node it is another transfer. An `Idempotency-Key` is refused.',
    query: NO_PARAMS,
    body: jsonBody(TransferLeaderBody, { isRequired: false }),
    reasons: ['not_voter', ...TRANSFER],
    example: { ...NO_EXAMPLE, body: { node_id: 2 } },
  },
  {
    ...CHANGE,
    id: 'drain',
    method: 'POST',
    path: '/api/v1/cluster/drain',
    summary: 'Drain the node that is asked',
    description:
      'It serves on, but is not ready and does not lead, until this is undone or it is restarted. Sent again it changes nothing; an `Idempotency-Key` is refused.',
    query: NO_PARAMS,
    body: jsonBody(DrainBody),
    reasons: TRANSFER,
    example: { ...NO_EXAMPLE, body: { drain: true } },
  },
  {
    ...WRITE,
    id: 'takeSnapshot',
    method: 'GET',
    path: '/api/v1/cluster/snapshot',
    tag,
    summary: 'Take a backup',
    description:
      'The whole state at one log index as a file, while writes go on. It holds hashes of passwords and keys, and an audit row says who took it. A node that writes two of them takes no more.',
    query: NO_PARAMS,
    body: null,
    isIdempotent: false,
    success: {
      status: 200,
      description: 'The file. One without its end was cut: `ipam snapshot verify` tells.',
      content: { 'application/octet-stream': null },
      headers: ['Content-Disposition'],
    },
    example: { ...NO_EXAMPLE, answer: 'RAFTSNAP…' },
  },
]
