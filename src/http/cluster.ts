import { Hono } from 'hono'
import { z } from 'zod'
import type { ClusterStatus, IpamService, MemberStatus } from '../service.ts'
import { show } from '../show.ts'
import { ADMIN, DIAGNOSIS } from './access.ts'
import { type Answer, json, noContent, positionHeaders } from './answer.ts'
import { addr, flag, wholeNumber } from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readQuery } from './input.ts'
import { booleanParam, NO_PARAMS } from './params.ts'
import { invalidRequest } from './problem.ts'
import type * as shapes from './shapes.ts'
import { refuseKey } from './write.ts'

export const nodeId = wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER })

export const AddNodeBody = z.strictObject({ node_id: nodeId, addr })
/** Without a node the cluster chooses one. */
export const TransferLeaderBody = z.strictObject({ node_id: nodeId.nullish().transform((id) => id ?? null) })
export const DrainBody = z.strictObject({ drain: flag })
export const RemoveNodeParams = z.strictObject({
  force: booleanParam
    .default(false)
    .meta({ description: 'Also where fewer healthy members would be left than a quorum needs.' }),
})

/** Also standalone, which is a cluster of one. */
export function clusterRoutes(
  service: IpamService,
  { version, handle }: { version: string; handle: Handle },
): Hono {
  return (
    new Hono()
      .get(
        '/cluster/status',
        handle(DIAGNOSIS, (c) => {
          readQuery(c, NO_PARAMS)
          const status = service.status()
          return json(200, statusBody(status, version), { 'X-Raft-Index': String(status.appliedIndex) })
        }),
      )
      .post(
        '/cluster/nodes',
        handle(ADMIN, async (c, caller) => {
          readQuery(c, NO_PARAMS)
          refuseKey(c, 'a member that is added again with its own address is 204, and changes nothing')
          const body = await readBody(c, AddNodeBody)
          return changed(await service.addNode({ nodeId: body.node_id, addr: body.addr }, caller))
        }),
      )
      .delete(
        '/cluster/nodes/:id',
        handle(ADMIN, async (c, caller) => {
          const { force } = readQuery(c, RemoveNodeParams)
          refuseKey(c, 'a member that is removed again is 204, and changes nothing')
          const nodeId = parseNodeId(c.req.param('id') ?? '')
          return changed(await service.removeNode({ nodeId, isForced: force }, caller))
        }),
      )
      .post(
        '/cluster/transfer-leader',
        handle(ADMIN, async (c, caller) => {
          readQuery(c, NO_PARAMS)
          refuseKey(c, 'a transfer to the node that leads is 204, and changes nothing; name the node')
          const body = await readBody(c, TransferLeaderBody, { isOptional: true })
          return changed(await service.transferLeader({ nodeId: body.node_id }, caller))
        }),
      )
      // Of the node that is asked: what its operator does before it is stopped.
      .post(
        '/cluster/drain',
        handle(ADMIN, async (c, caller) => {
          readQuery(c, NO_PARAMS)
          refuseKey(c, 'a node that is drained again is 204, and changes nothing')
          const { drain } = await readBody(c, DrainBody)
          return changed(await service.setDraining(drain, caller))
        }),
      )
  )
}

function changed({ index }: { index: number }): Answer {
  return noContent(positionHeaders({ index, lastContactMs: null }))
}

function parseNodeId(text: string): number {
  const id = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(id)) return id
  throw invalidRequest([{ field: 'node_id', message: `must be a whole number from 1, not ${show(text)}` }])
}

/** The names that clients of the documented API know. */
const RAFT_STATES: Record<ClusterStatus['role'], shapes.ClusterStatus['raft_state']> = {
  leader: 'StateLeader',
  follower: 'StateFollower',
  candidate: 'StateCandidate',
  learner: 'StateLearner',
}

function statusBody(status: ClusterStatus, version: string): shapes.ClusterStatus {
  return {
    node_id: status.nodeId,
    cluster_id: status.clusterId,
    role: status.role,
    raft_state: RAFT_STATES[status.role],
    members: status.members.map(memberBody),
    leader_id: status.leaderId,
    leader_addr: status.leaderAddr,
    term: status.term,
    commit_index: status.commitIndex,
    applied_index: status.appliedIndex,
    schema_version: status.schemaVersion,
    version,
  }
}

function memberBody(member: MemberStatus) {
  return {
    node_id: member.nodeId,
    addr: member.addr,
    role: member.role,
    voter: member.voter,
    schemas: member.schemas,
    healthy: member.healthy,
    match_index: member.matchIndex,
    last_contact_ms: member.lastContactMs,
    reasons: member.reasons,
  }
}
