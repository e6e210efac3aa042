/** The claims that compare, in the order of the report. */
import { claim as addressByEtcd } from '../address-by-etcd.ts'
import { claim as addressByPostgres } from '../address-by-postgres.ts'
import { claim as addressByRedis } from '../address-by-redis.ts'
import { claim as catchUp } from '../catch-up.ts'
import { claim as growth } from '../growth.ts'
import { claim as linearizableReads } from '../linearizable-reads.ts'
import { claim as oneClient } from '../one-client.ts'
import { claim as putOverGateway } from '../put-over-gateway.ts'
import { claim as putOverGrpc } from '../put-over-grpc.ts'
import { claim as replicationFloor } from '../replication-floor.ts'
import { claim as throughFollowers } from '../through-followers.ts'
import { claim as workloads } from '../workloads.ts'
import type { Claim } from './claim.ts'

export const CLAIMS: readonly Claim[] = [
  putOverGrpc,
  putOverGateway,
  addressByEtcd,
  addressByPostgres,
  addressByRedis,
  oneClient,
  throughFollowers,
  linearizableReads,
  growth,
  catchUp,
  replicationFloor,
  workloads,
]
