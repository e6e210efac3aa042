/** The claims that compare, in the order of the report. */
import type { Claim } from './claim.ts'
import { claim as putOverGrpc } from './put-over-grpc.ts'

export const CLAIMS: readonly Claim[] = [putOverGrpc]
