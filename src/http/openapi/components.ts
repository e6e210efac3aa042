/** The schemas that have a name in the description. */
import type { z } from 'zod'
import { AllocateBody, RenewBody, UpdateAllocationBody } from '../allocation-body.ts'
import { BatchBody, ReleaseBody } from '../allocations.ts'
import { AddNodeBody, DrainBody, TransferLeaderBody } from '../cluster.ts'
import { CreateNetworkBody, UpdateNetworkBody } from '../network-body.ts'
import { CarveBody } from '../network-space.ts'
import * as shapes from '../shapes.ts'
import { CreateKeyBody, CreateUserBody, FirstAdminBody, PasswordBody, UpdateUserBody } from '../user-body.ts'

/** Of answers. */
export const ANSWERS = {
  Network: shapes.Network,
  RecordedNetwork: shapes.RecordedNetwork,
  NetworkStats: shapes.NetworkStats,
  Allocation: shapes.Allocation,
  Address: shapes.Address,
  AuditEntry: shapes.AuditEntry,
  RecordedMember: shapes.RecordedMember,
  ImportReport: shapes.ImportReport,
  Member: shapes.Member,
  ClusterStatus: shapes.ClusterStatus,
  Health: shapes.Health,
  Readiness: shapes.Readiness,
  Leadership: shapes.Leadership,
  User: shapes.User,
  Scope: shapes.Scope,
  ApiKey: shapes.ApiKey,
  NewApiKey: shapes.NewApiKey,
  Whoami: shapes.Whoami,
  Problem: shapes.Problem,
  ProblemDetails: shapes.ProblemDetails,
} as const satisfies Record<string, z.ZodType>

/** Of requests: the very ones that validate them. */
export const REQUESTS = {
  CreateNetwork: CreateNetworkBody,
  UpdateNetwork: UpdateNetworkBody,
  CarveNetworks: CarveBody,
  AllocateAddresses: AllocateBody,
  AllocateBatch: BatchBody,
  UpdateAllocation: UpdateAllocationBody,
  RenewAllocation: RenewBody,
  ReleaseAllocation: ReleaseBody,
  AddNode: AddNodeBody,
  TransferLeader: TransferLeaderBody,
  Drain: DrainBody,
  FirstAdmin: FirstAdminBody,
  CreateUser: CreateUserBody,
  UpdateUser: UpdateUserBody,
  ChangePassword: PasswordBody,
  CreateApiKey: CreateKeyBody,
} as const satisfies Record<string, z.ZodType>
