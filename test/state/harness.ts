import type { Clock, Log } from '../../raft/ports.ts'
import type { Entry, Membership, SnapshotMeta } from '../../raft/types.ts'
import { TOKEN_CHARS } from '../../src/ipam/allocation-id.ts'
import type {
  AllocateAddresses,
  AllocationRequest,
  Command,
  CommandContext,
  NetworkSettings,
} from '../../src/ipam/command.ts'
import { encodeCommand } from '../../src/ipam/command-codec.ts'
import { ALLOCATION_DEFAULTS, NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import type { Outcome, Refusal, SessionRefusalReason } from '../../src/ipam/outcome.ts'
import type { AllocationFilter, AuditFilter, NetworkFilter, Page, PageRequest } from '../../src/ipam/query.ts'
import {
  ALLOCATION_STATUSES,
  type Allocation,
  type AllocationStatus,
  type AuditEntry,
  type PlacedNetwork,
} from '../../src/ipam/records.ts'
import type { SessionStamp } from '../../src/ipam/session.ts'
import type { FlushLimits } from '../../src/state/flush.ts'
import type { CheckpointLimits } from '../../src/state/space-checkpoints.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import type { StateStorage } from '../../src/state/storage.ts'
import { MemoryStorage } from './memory-storage.ts'
import { NO_ALLOCATION_FILTER, NO_AUDIT_FILTER, NO_NETWORK_FILTER } from './no-filter.ts'

/** A log time that reads well in failures: 2023-11-14T22:13:20Z. */
export const START = 1_700_000_000_000
export const ALICE: CommandContext = { user: 'alice', requestId: 'req-1' }

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** Timers run when the test says so; turns of the event loop are real. */
export class ManualClock implements Pick<Clock, 'now' | 'setTimer' | 'setSoon'> {
  readonly #callbacks = new Set<() => void>()

  get timers(): number {
    return this.#callbacks.size
  }

  now(): number {
    return 0
  }

  setTimer(_delayMs: number, callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  setSoon(callback: () => void): void {
    setImmediate(callback)
  }

  runTimers(): void {
    for (const callback of [...this.#callbacks]) {
      this.#callbacks.delete(callback)
      callback()
    }
  }
}

export function openMachine(
  storage: StateStorage,
  {
    clock = new ManualClock(),
    limits = {},
    checkpointLimits = {},
  }: {
    clock?: ManualClock
    limits?: Partial<FlushLimits>
    checkpointLimits?: Partial<CheckpointLimits>
  } = {},
): Promise<IpamStateMachine> {
  return IpamStateMachine.open({ storage, clock, logger: silentLog, limits, checkpointLimits })
}

/** A state machine and the log that feeds it. */
export class Harness {
  readonly machine: IpamStateMachine
  readonly log: Entry[] = []
  time = START
  /** Of the allocations that were made here, by token. */
  readonly #ids = new Map<string, string>()

  constructor(machine: IpamStateMachine) {
    this.machine = machine
  }

  static async open(storage: StateStorage = new MemoryStorage()): Promise<Harness> {
    return new Harness(await openMachine(storage))
  }

  append(type: Entry['type'], payload: Uint8Array): Entry {
    const entry: Entry = { index: this.machine.appliedIndex + 1, term: 1, time: this.time, type, payload }
    this.log.push(entry)
    return entry
  }

  /** @param named Calls allocations as the test does, or by id. */
  apply(
    named: Command,
    context: CommandContext = ALICE,
    session: SessionStamp | null = null,
    idempotency: IdempotencyStamp | null = null,
  ): Outcome {
    const command = this.#withId(named)
    const payload = encodeCommand({ command, context, session, idempotency }, 1)
    const outcome = this.machine.apply(this.append('command', payload))
    if (outcome === null) throw new Error(`no outcome of ${command.type}`)
    for (const record of outcome.ok ? [outcome.value].flat() : []) this.#learn(record)
    return outcome
  }

  applyMembership(membership: Membership, note = ''): void {
    this.machine.apply(this.append('membership', Buffer.from(JSON.stringify({ membership, note }))))
  }

  createNetwork(
    id: string,
    cidr: string,
    settings: Partial<NetworkSettings & { namespace: string }> = {},
  ): PlacedNetwork {
    return accepted(this.apply({ ...NETWORK_DEFAULTS, ...settings, type: 'createNetwork', id, cidr }))
  }

  /** @param name What the test calls it: "alloc-1". */
  allocate(
    name: string,
    networkId: string,
    options: Partial<Omit<AllocationRequest, 'token' | 'network'>> = {},
  ): Allocation {
    return accepted(this.apply(allocateCommand(name, networkId, options)))
  }

  release(name: string): Allocation {
    return accepted(this.apply({ type: 'releaseAllocation', id: name, ifChangedIndex: null }))
  }

  /** The id of the allocation that a test calls so, the newest of equal names; itself if there is none. */
  idOf(name: string): string {
    return this.#ids.get(tokenOf(name)) ?? name
  }

  expire(limit = 1000): number {
    return accepted<{ expired: number }>(this.apply({ type: 'expireAllocations', limit })).expired
  }

  openSession(): number {
    return accepted<{ sessionId: number }>(this.apply({ type: 'openSession' })).sessionId
  }

  #withId(command: Command): Command {
    switch (command.type) {
      case 'updateAllocation':
      case 'renewAllocation':
      case 'releaseAllocation':
        return { ...command, id: this.idOf(command.id) }
      default:
        return command
    }
  }

  #learn(record: unknown): void {
    if (typeof record !== 'object' || record === null || !('networkId' in record)) return
    const { id } = record as Allocation
    this.#ids.set(tokenIn(id), id)
  }

  /** The newest rows. */
  async audit(limit = 10_000): Promise<readonly AuditEntry[]> {
    return (await listAudit(this.machine, {}, page(limit))).rows
  }
}

export function allocateCommand(
  name: string,
  networkId: string,
  options: Partial<Omit<AllocationRequest, 'token' | 'network'>> = {},
): AllocateAddresses {
  const token = tokenOf(name)
  return { ...ALLOCATION_DEFAULTS, ...options, type: 'allocateAddresses', token, network: { id: networkId } }
}

/** A token in which a name of at most twelve characters can be read, so that failures can. */
export function tokenOf(name: string): string {
  return name.replaceAll('-', 'Z').padStart(TOKEN_CHARS, '0')
}

/** What a test calls it; of a network, the id. */
export function nameOf({ id }: { readonly id: string }): string {
  return id.startsWith('alloc-') ? tokenIn(id).replace(/^0+/, '').replaceAll('Z', '-') : id
}

export function tokenIn(id: string): string {
  return id.slice('alloc-'.length, 'alloc-'.length + TOKEN_CHARS)
}

export function page(limit = 10_000, cursor: string | null = null): PageRequest {
  return { limit, cursor, offset: 0 }
}

/** Active and ended allocations. */
export const EVERY_STATUS: readonly AllocationStatus[] = ALLOCATION_STATUSES

type Asked = Pick<IpamStateMachine, 'query'>

export function listNetworks(
  machine: Asked,
  filter: Partial<NetworkFilter> = {},
  asked = page(),
): Promise<Page<PlacedNetwork>> {
  return machine.query({ type: 'networks', filter: { ...NO_NETWORK_FILTER, ...filter }, page: asked })
}

/** The active ones, unless the filter says otherwise. */
export function listAllocations(
  machine: Asked,
  filter: Partial<AllocationFilter> = {},
  asked = page(),
): Promise<Page<Allocation>> {
  return machine.query({ type: 'allocations', filter: { ...NO_ALLOCATION_FILTER, ...filter }, page: asked })
}

export function listAudit(
  machine: Asked,
  filter: Partial<AuditFilter> = {},
  asked = page(),
): Promise<Page<AuditEntry>> {
  return machine.query({ type: 'audit', filter: { ...NO_AUDIT_FILTER, ...filter }, page: asked })
}

export function accepted<T>(outcome: Outcome): T {
  if (!outcome.ok) throw new Error(`${outcome.refusal.reason}: ${outcome.refusal.message}`)
  return outcome.value as T
}

export function refusal(outcome: Outcome): Refusal | Refusal<SessionRefusalReason> {
  if (outcome.ok) throw new Error(`not refused: ${JSON.stringify(outcome.value)}`)
  return outcome.refusal
}

export function metaAt(lastIndex: number): SnapshotMeta {
  const membership = { members: [], removed: [], schemaVersion: 1 }
  return { lastIndex, lastTerm: 1, lastTime: START, membership, membershipIndex: 0 }
}

export async function imageOf(
  machine: IpamStateMachine,
): Promise<{ appliedIndex: number; chunks: Buffer[] }> {
  const image = await machine.snapshot()
  const chunks: Buffer[] = []
  for await (const chunk of image.chunks()) chunks.push(Buffer.from(chunk))
  await image.release()
  return { appliedIndex: image.appliedIndex, chunks }
}

export async function* streamOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}
