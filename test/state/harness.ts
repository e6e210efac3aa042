import type { Clock, Log } from '../../raft/ports.ts'
import type { Entry, Membership, SnapshotMeta } from '../../raft/types.ts'
import type {
  Command,
  CommandContext,
  Outcome,
  Refusal,
  SessionRefusalReason,
} from '../../src/ipam/command.ts'
import { encodeCommand } from '../../src/ipam/command-codec.ts'
import type { Allocation, AuditEntry, Network } from '../../src/ipam/records.ts'
import type { SessionStamp } from '../../src/ipam/session.ts'
import type { FlushLimits } from '../../src/state/flush.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import type { StateStorage } from '../../src/state/storage.ts'
import { MemoryStorage } from './memory-storage.ts'

/** A log time that reads well in failures: 2023-11-14T22:13:20Z. */
export const START = 1_700_000_000_000
export const ALICE: CommandContext = { user: 'alice', requestId: 'req-1' }

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** Timers run when the test says so; turns of the event loop are real. */
export class ManualClock implements Pick<Clock, 'setTimer' | 'setSoon'> {
  readonly #callbacks = new Set<() => void>()

  get timers(): number {
    return this.#callbacks.size
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
  { clock = new ManualClock(), limits = {} }: { clock?: ManualClock; limits?: Partial<FlushLimits> } = {},
): Promise<IpamStateMachine> {
  return IpamStateMachine.open({ storage, clock, logger: silentLog, limits })
}

/** A state machine and the log that feeds it. */
export class Harness {
  readonly machine: IpamStateMachine
  readonly log: Entry[] = []
  time = START

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

  apply(command: Command, context: CommandContext = ALICE, session: SessionStamp | null = null): Outcome {
    const outcome = this.machine.apply(
      this.append('command', encodeCommand({ command, context, session }, 1)),
    )
    if (outcome === null) throw new Error(`no outcome of ${command.type}`)
    return outcome
  }

  applyMembership(membership: Membership, note = ''): void {
    this.machine.apply(this.append('membership', Buffer.from(JSON.stringify({ membership, note }))))
  }

  createNetwork(id: string, cidr: string): Network {
    return accepted(this.apply({ type: 'createNetwork', id, cidr, description: '', tags: [] }))
  }

  allocate(
    id: string,
    networkId: string,
    options: { count?: number; hostname?: string | null; ttlMs?: number | null } = {},
  ): Allocation {
    const { count = 1, hostname = null, ttlMs = null } = options
    const description = ''
    return accepted(
      this.apply({ type: 'allocateAddresses', id, networkId, count, hostname, description, ttlMs }),
    )
  }

  release(id: string): Allocation {
    return accepted(this.apply({ type: 'releaseAllocation', id }))
  }

  expire(limit = 1000): number {
    return accepted<{ expired: number }>(this.apply({ type: 'expireAllocations', limit })).expired
  }

  openSession(): number {
    return accepted<{ sessionId: number }>(this.apply({ type: 'openSession' })).sessionId
  }

  audit(limit = 10_000): Promise<readonly AuditEntry[]> {
    return this.machine.query({ type: 'audit', limit })
  }
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
