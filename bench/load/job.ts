/** What a driver is asked to run, and what it reports: plain records, they cross a process boundary. */
import type { EtcdOperation } from './etcd-operations.ts'
import type { FloorOperation } from './floor-operation.ts'
import type { IpamOperation } from './ipam-operations.ts'
import type { PostgresOperation } from './postgres-operations.ts'
import type { RedisOperation } from './redis-operation.ts'

export type Operation = EtcdOperation | FloorOperation | IpamOperation | PostgresOperation | RedisOperation

export interface Job {
  readonly operation: Operation
  /** Each repeats the operation, one request after the other. */
  readonly clients: number
  /** Of all clients together; null for as many as there are answers. */
  readonly perSecondMax: number | null
  /** Loopback ports; client i uses port i modulo their number. */
  readonly ports: readonly number[]
  readonly warmUpMs: number
  readonly measureMs: number
  /** Operations after which the window ends before its time; null for none. */
  readonly enough: number | null
}

export interface JobResult {
  /** Operations that ended within the window, each with the answer it should have. */
  readonly count: number
  /** Added by all operations that were acknowledged, in the window or not: what the final state must show. */
  readonly rows: number
  readonly windowMs: number
  readonly latency: Latency
  readonly cpu: CpuUse
  /** Requests that an operation had to repeat, within the window. */
  readonly retries: number
}

/** Milliseconds, of the operations that ended within the window. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** Processor time within the window, in ms. */
export interface CpuUse {
  readonly driverMs: number
  readonly serversMs: number
  /** The whole machine, everything that is not idle; `driver` and `servers` are part of it. */
  readonly machineMs: number
}
