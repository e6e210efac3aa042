/** The API over the real state machine, with a log of one node that is an array: what is proposed is applied at once. */
import { encodeMembership } from '../../raft/core/membership-entry.ts'
import { MembershipRefusedError } from '../../raft/errors.ts'
import type { StateImage } from '../../raft/ports.ts'
import { systemClock } from '../../raft/system-clock.ts'
import type { EntryType, Member, SnapshotMeta } from '../../raft/types.ts'
import { AccessControl } from '../../src/auth/access-control.ts'
import type { AuthMode } from '../../src/auth/authenticator.ts'
import type { PasswordCost } from '../../src/auth/password.ts'
import { HTTP_DEFAULTS, type HttpConfig } from '../../src/config-http.ts'
import { createApi, type DeclaredRoute } from '../../src/http/app.ts'
import { ClientAddresses } from '../../src/http/client-address.ts'
import { type HttpsCredentials, type Listener, listen } from '../../src/http/listen.ts'
import { createRateLimiter } from '../../src/http/rate-limiter.ts'
import { RefusalCounts } from '../../src/http/refusal-counts.ts'
import type { AccessSource, AccessView } from '../../src/ipam/access.ts'
import type { Command, CommandContext, ResultOf } from '../../src/ipam/command.ts'
import { encodeCommand } from '../../src/ipam/command-codec.ts'
import type { IdempotencyStamp } from '../../src/ipam/idempotency.ts'
import { IpamError, type Outcome, type Refusal } from '../../src/ipam/outcome.ts'
import type { AnswerTo, Query } from '../../src/ipam/query.ts'
import type { Logger } from '../../src/logger.ts'
import type { ClusterStatus, Consistency, IpamService, Readiness, SnapshotStream } from '../../src/service.ts'
import { SnapshotStreams } from '../../src/snapshot-streams.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import type { Tracer } from '../../src/tracing/tracer.ts'
import { ManualClock } from '../state/harness.ts'
import { MemoryStorage } from '../state/memory-storage.ts'

/** 2024-01-15T10:30:00Z, as in the API document. */
export const START = Date.UTC(2024, 0, 15, 10, 30)

const TOKEN = 'V1StGXR8Z5jd'

/** Of the allocation that the entry at that index makes. */
export function allocationIdAt(index: number): string {
  return `alloc-${TOKEN}${index.toString(36)}`
}

/** A service of one node. Its fields are what a test turns. */
export class OneNodeService implements IpamService {
  isClusterMode = true
  /** Log time. */
  time = START
  role: ClusterStatus['role'] = 'leader'
  term = 1
  ready: Readiness = { ready: true, reasons: [] }
  /** What every call rejects with; null to work. */
  failure: Error | null = null
  /** A command is about to be carried out. */
  onExecute = (): void => {}
  leaderContactMs: number | null = 0
  isRestoring = false
  catchUpCount = 0
  /** Entries that this node has not seen before. */
  onCatchUp = (): void => {}
  /** The consistency that each read asked for. */
  readonly consistencies: Consistency[] = []
  /** What snapshots wait for runs when a test says so. */
  readonly snapshotTimers = new ManualClock()
  readonly snapshots: SnapshotStreams
  readonly #state: IpamStateMachine
  #members: Member[] = [
    { id: 1, addr: '127.0.0.1:5001', voter: true, incarnation: null, schemas: null, isRolledBack: false },
  ]
  #removed: number[] = []
  #idCount = 0

  private constructor(state: IpamStateMachine) {
    this.#state = state
    this.snapshots = new SnapshotStreams({
      node: { image: () => this.#imageOfAll() },
      clock: {
        wallTime: () => this.time,
        setTimer: (ms, callback) => this.snapshotTimers.setTimer(ms, callback),
      },
      origin: { clusterId: 100, nodeId: 1, program: '1.0.0' },
    })
  }

  static async open(): Promise<OneNodeService> {
    const storage = new MemoryStorage()
    return new OneNodeService(await IpamStateMachine.open({ storage, clock: systemClock, logger: SILENT }))
  }

  get appliedIndex(): number {
    return this.#state.appliedIndex
  }

  async execute<C extends Command>(
    command: C,
    context: CommandContext,
    idempotency: IdempotencyStamp | null = null,
  ): Promise<{ value: ResultOf<C>; index: number; isReplay: boolean }> {
    this.#checkFailure()
    this.onExecute()
    const payload = encodeCommand({ command, context, session: null, idempotency }, 1)
    const outcome = this.#append('command', payload) as Outcome
    const { isReplay } = outcome
    if (!outcome.ok) throw new IpamError(outcome.refusal as Refusal, { isReplay })
    return { value: outcome.value as ResultOf<C>, index: this.#state.appliedIndex, isReplay }
  }

  async read<Q extends Query>(
    query: Q,
    consistency: Consistency,
  ): Promise<{ value: AnswerTo<Q>; index: number; lastContactMs: number | null }> {
    this.#checkFailure()
    this.consistencies.push(consistency)
    const index = this.#state.appliedIndex
    const value = await this.#state.query(query)
    return { value, index, lastContactMs: consistency.type === 'stale' ? 12 : null }
  }

  status(): ClusterStatus {
    const { addr = null } = this.#members.find((member) => member.id === 1) ?? {}
    const isLeader = this.role === 'leader'
    return {
      nodeId: 1,
      clusterId: 100,
      role: this.role,
      members: this.#members.map((member) => ({
        nodeId: member.id,
        addr: member.addr,
        role: member.id === 1 ? this.role : member.voter ? 'follower' : 'learner',
        voter: member.voter,
        schemas: { min: 1, max: 1 },
        healthy: isLeader ? true : null,
        matchIndex: isLeader ? this.#state.appliedIndex : null,
        lastContactMs: isLeader ? 0 : null,
        reasons: [],
      })),
      schemaVersion: 1,
      leaderId: isLeader ? 1 : null,
      leaderAddr: isLeader ? addr : null,
      term: this.term,
      commitIndex: this.#state.appliedIndex,
      appliedIndex: this.#state.appliedIndex,
    }
  }

  readiness(): Readiness {
    return this.ready
  }

  async addNode(
    { nodeId, addr }: { nodeId: number; addr: string },
    context: CommandContext,
  ): Promise<{ index: number }> {
    this.#checkFailure()
    if (!this.isClusterMode) throw new MembershipRefusedError('standalone', 'this node runs standalone')
    const member = this.#members.find(({ id }) => id === nodeId)
    if (member?.addr === addr) return { index: this.#state.appliedIndex }
    if (member !== undefined) {
      throw new MembershipRefusedError('node_exists', `node ${nodeId} is a member already`)
    }
    if (this.#removed.includes(nodeId)) {
      throw new MembershipRefusedError('node_removed', `node ${nodeId} was removed`)
    }
    const added = { id: nodeId, addr, voter: false, incarnation: null, schemas: null, isRolledBack: false }
    this.#members = [...this.#members, added]
    return this.#appendMembership(context)
  }

  async removeNode(
    { nodeId }: { nodeId: number; isForced: boolean },
    context: CommandContext,
  ): Promise<{ index: number }> {
    this.#checkFailure()
    if (this.#removed.includes(nodeId)) return { index: this.#state.appliedIndex }
    const member = this.#members.find(({ id }) => id === nodeId)
    if (member === undefined) {
      throw new MembershipRefusedError('node_not_found', `node ${nodeId} is not a member`)
    }
    if (member.voter) throw new MembershipRefusedError('last_voter', `node ${nodeId} is the only voter`)
    this.#members = this.#members.filter(({ id }) => id !== nodeId)
    this.#removed = [...this.#removed, nodeId]
    return this.#appendMembership(context)
  }

  /** Nobody else votes, so that nobody can take over. */
  async transferLeader({ nodeId }: { nodeId: number | null }): Promise<{ index: number }> {
    this.#checkFailure()
    if (nodeId === null) throw noTarget()
    if (nodeId === 1) return { index: this.#state.appliedIndex }
    throw new MembershipRefusedError('not_voter', `node ${nodeId} is not a voter`)
  }

  async setDraining(isDraining: boolean, context: CommandContext): Promise<{ index: number }> {
    this.#checkFailure()
    if (isDraining && this.role === 'leader') throw noTarget()
    const isChange = isDraining === this.ready.ready
    this.ready = isDraining ? { ready: false, reasons: ['draining'] } : { ready: true, reasons: [] }
    if (isChange) await this.execute({ type: 'noteDrain', nodeId: 1, isDrained: isDraining }, context)
    return { index: this.#state.appliedIndex }
  }

  /** Null: as during a restore. */
  get access(): AccessView | null {
    return this.isRestoring ? null : this.#state.access
  }

  async catchUp(): Promise<void> {
    this.#checkFailure()
    this.catchUpCount += 1
    this.onCatchUp()
  }

  /** What was proposed and applied, as bytes. */
  image(): Promise<StateImage> {
    return this.#state.snapshot()
  }

  takeSnapshot(context: CommandContext): Promise<SnapshotStream> {
    return this.snapshots.open(async () => {
      await this.execute({ type: 'noteSnapshot', nodeId: 1 }, context)
    })
  }

  async #imageOfAll(): Promise<{ meta: SnapshotMeta; image: StateImage }> {
    const membership = { members: this.#members, removed: this.#removed, schemaVersion: 1 }
    const image = await this.image()
    const { appliedIndex: lastIndex } = image
    const meta = { lastIndex, lastTerm: 1, lastTime: this.time, membership, membershipIndex: 0 }
    return { meta, image }
  }

  get stateHash(): string {
    return this.#state.stateHash
  }

  stateDigest(): Promise<string> {
    return this.#state.stateDigest()
  }

  newNetworkId(): string {
    return `net-${++this.#idCount}`
  }

  /** Always the same: by the log index alone, ids are different. */
  newAllocationToken(): string {
    this.#idCount += 1
    return TOKEN
  }

  close(): Promise<void> {
    return this.#state.close()
  }

  #checkFailure(): void {
    if (this.failure !== null) throw this.failure
  }

  #appendMembership(context: CommandContext): { index: number } {
    const membership = { members: this.#members, removed: this.#removed, schemaVersion: 1 }
    this.#append('membership', encodeMembership({ membership, note: JSON.stringify(context) }))
    return { index: this.#state.appliedIndex }
  }

  #append(type: EntryType, payload: Uint8Array): unknown {
    return this.#state.apply({ index: this.#state.appliedIndex + 1, term: 1, time: this.time, type, payload })
  }
}

function noTarget(): MembershipRefusedError {
  return new MembershipRefusedError('no_target', 'no other voter could take over')
}

/** What was logged, for tests that care. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export function createMemoryLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as LogLine['fields'], message })
  }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const SILENT: Logger = createMemoryLogger()

export interface Api<S = OneNodeService> {
  readonly service: S
  readonly host: string
  readonly port: number
  readonly lines: readonly LogLine[]
  readonly routes: readonly DeclaredRoute[]
  readonly refusals: RefusalCounts
  readonly listener: Pick<Listener, 'figures'>
  /** What authentication waits for runs when a test says so. */
  readonly timers: ManualClock
  /** Milliseconds on the clock of the app; a test moves it. */
  readonly clock: { ms: number }
  /** A path below `/api/v1`. A body that is no text is sent as JSON. */
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ApiResponse>
  close(): Promise<void>
}

export interface ApiResponse {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape.
  readonly body: any
}

/** Quick, and of the form of any other. */
export const CHEAP: PasswordCost = { ln: 4, p: 1 }

/** Whoever comes may do everything, unless told otherwise. */
export function openControl(
  service: IpamService & AccessSource,
  {
    mode = 'open',
    now = systemClock.now,
    wallTime = () => START,
    timers = new ManualClock(),
  }: {
    mode?: AuthMode
    now?: () => number
    wallTime?: () => number
    timers?: ManualClock
  } = {},
): AccessControl {
  return new AccessControl({
    mode,
    source: service,
    clock: {
      now,
      wallTime,
      setTimer: (delayMs, callback) => timers.setTimer(delayMs, callback),
    },
    staleMsMax: 10_000,
    report: async (command) => {
      await service.execute(command, { user: 'system', requestId: null })
    },
  })
}

export interface ApiOptions {
  readonly mode?: AuthMode
  readonly tls?: HttpsCredentials | null
  readonly http?: Partial<HttpConfig>
  readonly tracer?: Tracer | null
}

/** The API on a free port of the loopback interface. */
export async function openApi(options: ApiOptions = {}): Promise<Api> {
  const service = await OneNodeService.open()
  const close = (): Promise<void> => service.close()
  return serveApi(service, { ...options, wallTime: () => service.time, close })
}

/** @param close Ends the service. */
export async function serveApi<S extends IpamService & AccessSource>(
  service: S,
  {
    mode = 'open',
    tls = null,
    http = {},
    tracer = null,
    wallTime,
    close,
  }: ApiOptions & { wallTime: () => number; close: () => Promise<void> },
): Promise<Api<S>> {
  const { limits, rates, trust, bodyBytesMax } = { ...HTTP_DEFAULTS, ...http }
  const logger = createMemoryLogger()
  const clock = { ms: 0 }
  let requestCount = 0
  const timers = new ManualClock()
  const control = openControl(service, { mode, now: () => clock.ms, wallTime, timers })
  const refusals = new RefusalCounts()
  const addresses = new ClientAddresses(trust)
  const { app, routes } = createApi({
    refusals,
    addresses,
    limiter: createRateLimiter({ limits: rates, refusals, now: () => clock.ms }),
    bodyBytesMax,
    service,
    authenticator: control.authenticator,
    passwordCost: CHEAP,
    scrape: async () => 'scraped\n',
    tracer,
    logger,
    version: '1.0.0',
    now: () => clock.ms,
    newRequestId: () => `request-${++requestCount}`,
  })
  const host = '127.0.0.1'
  const listener = await listen(app, { host, port: 0, logger, tls, limits, addresses, refusals })
  return {
    service,
    host,
    port: listener.port,
    lines: logger.lines,
    routes,
    refusals,
    listener,
    clock,
    timers,
    request: (method, path, body, headers) =>
      request(`http://${host}:${listener.port}/api/v1${path}`, { method, body, headers }),
    close: async () => {
      control.stop()
      await listener.close()
      await close()
    },
  }
}

async function request(
  url: string,
  { method, body, headers }: { method: string; body: unknown; headers: Record<string, string> | undefined },
): Promise<ApiResponse> {
  const response = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
}
