/**
 * Clients that let others in and shut them out: users and API keys. Each node is also asked what it takes people for, which is
 * what it looks at with every request. All that is seen is judged by the log (`access-ledger.ts`).
 */
import { createHash } from 'node:crypto'
import type { NodeId } from '../../raft/types.ts'
import { hashToken } from '../../src/auth/token.ts'
import { keyUser, ROLES, type Scope, USERS_MAX } from '../../src/ipam/access.ts'
import type { AccessCommand, CreateKey, LoginFailures } from '../../src/ipam/access-command.ts'
import { type Answer, type Calls, check } from './calls.ts'
import { keepAsking } from './client.ts'
import type { Cluster, Machine } from './cluster.ts'
import { TAGS } from './estate-requests.ts'
import type { Random } from './random.ts'
import type { Retries } from './retries.ts'

/** Few, so that they are taken, missing, and made again all the time. */
const NAMES = ['root', 'alice', 'bob', 'carl']
const PAUSE_MS = 25
const KEYS_KNOWN_MAX = 16
/** What a key is for may exist or not; the first of them always does. */
const NETWORKS = ['net-0', 'net-estate-1', 'net-estate-4', 'net-estate-9']

export type AccessQuestion =
  | { readonly type: 'user'; readonly name: string }
  | { readonly type: 'key'; readonly id: string }
  | { readonly type: 'counts' }

/** What a node said about users or keys. */
export interface Seen {
  readonly nodeId: NodeId
  readonly question: AccessQuestion
  readonly value: unknown
  /** It must have been so at one of these log indexes. */
  readonly from: number
  readonly until: number
}

interface KnownKey {
  readonly id: string
  readonly changedIndex: number
}

export class Admins {
  readonly seen: Seen[] = []
  readonly #cluster: Cluster
  readonly #calls: Calls
  readonly #retries: Retries
  readonly #random: Random
  /** Of every key that was ever asked for, by id. */
  readonly #tokens = new Map<string, string>()
  readonly #known: KnownKey[] = []
  /** Somebody asked for their end, whatever came of it. */
  readonly #doomed = new Set<string>()
  /** Their end was acknowledged. */
  readonly #revoked = new Set<string>()
  /** Where in the log the newest change of a user was that was acknowledged. */
  readonly #changes = new Map<string, number>()
  #nextNumber = 1
  #isOver = false

  constructor(options: { cluster: Cluster; calls: Calls; retries: Retries; random: Random }) {
    this.#cluster = options.cluster
    this.#calls = options.calls
    this.#retries = options.retries
    this.#random = options.random
  }

  end(): void {
    this.#isOver = true
  }

  /** One client, until the end. */
  run(): Promise<void> {
    return keepAsking(this.#cluster, {
      random: this.#random,
      pauseMs: PAUSE_MS,
      isOver: () => this.#isOver,
      ask: (machine) => this.#ask(machine),
    })
  }

  #ask(machine: Machine): Promise<void> {
    this.#lookAtView(machine)
    const draw = this.#random.next()
    if (draw < 0.2) return this.#createUser(machine)
    if (draw < 0.35) return this.#updateUser(machine)
    if (draw < 0.45) return this.#deleteUser(machine)
    if (draw < 0.6) return this.#createKey(machine)
    if (draw < 0.72) return this.#revokeKey(machine)
    if (draw < 0.77) return this.#note(machine)
    if (draw < 0.9) return this.#readKey(machine)
    return this.#readUser(machine)
  }

  // Changes.

  #createUser(machine: Machine): Promise<void> {
    return this.#write(machine, () => {
      const [role, isFirst] = [this.#pick(ROLES), this.#random.chance(0.2)]
      return {
        type: 'createUser',
        name: this.#pick(NAMES),
        role: isFirst ? 'admin' : role,
        passwordHash: this.#newPasswordHash(),
        isFirst,
      }
    })
  }

  #updateUser(machine: Machine): Promise<void> {
    return this.#write(machine, () => {
      const name = this.#pick(NAMES)
      const role = this.#random.chance(0.7) ? this.#pick(ROLES) : null
      const passwordHash = this.#random.chance(0.5) ? this.#newPasswordHash() : null
      return { type: 'updateUser', name, role, passwordHash, ifChangedIndex: this.#conditionOf(name) }
    })
  }

  #deleteUser(machine: Machine): Promise<void> {
    return this.#write(machine, () => {
      const name = this.#pick(NAMES)
      return { type: 'deleteUser', name, ifChangedIndex: this.#conditionOf(name) }
    })
  }

  /** Of the newest change that was heard of, which need not be the newest. */
  #conditionOf(name: string): number | null {
    return this.#random.chance(0.3) ? (this.#changes.get(name) ?? null) : null
  }

  /** Each attempt has an id and a secret of its own, as over HTTP. */
  #createKey(machine: Machine): Promise<void> {
    const draw = (): Omit<CreateKey, 'type' | 'id' | 'secretHash'> => ({
      description: this.#random.chance(0.3) ? 'robots' : '',
      role: this.#pick(ROLES),
      scope: this.#random.chance(0.4) ? this.#scope() : null,
      ttlMs: this.#random.chance(0.4) ? this.#random.integer(1, 5_000) : null,
    })
    return this.#writeAs(machine, draw, (asked) => ({ type: 'createKey', ...asked, ...this.#newKey() }))
  }

  /** Also such as were revoked before. */
  #revokeKey(machine: Machine): Promise<void> {
    if (this.#known.length === 0) return Promise.resolve()
    return this.#write(machine, () => {
      const { id, changedIndex } = this.#pick(this.#known)
      this.#doomed.add(id)
      return { type: 'revokeKey', id, ifChangedIndex: this.#random.chance(0.2) ? changedIndex : null }
    })
  }

  #note(machine: Machine): Promise<void> {
    return this.#write(machine, () => {
      if (this.#random.chance(0.3)) return { type: 'noteSnapshot', nodeId: machine.id }
      const failures = Array.from({ length: this.#random.integer(1, 4) }, () => this.#failure())
      return { type: 'noteLoginFailures', failures }
    })
  }

  #failure(): LoginFailures {
    const known = this.#random.pick(this.#known)
    const user = this.#random.pick([null, this.#pick(NAMES), known === null ? null : keyUser(known.id)])
    return { user, address: this.#random.pick([null, '192.0.2.1']), count: this.#random.integer(1, 3) }
  }

  #write(machine: Machine, draw: () => AccessCommand): Promise<void> {
    return this.#writeAs(machine, draw, (command) => command)
  }

  /** @param draw What is asked for. @param make The command for it, with what is new in each attempt. */
  async #writeAs<Asked>(
    machine: Machine,
    draw: () => Asked,
    make: (asked: Asked) => AccessCommand,
  ): Promise<void> {
    const [asked, other] = [draw(), draw()]
    const stamp = this.#retries.drawStamp()
    const same = (): AccessCommand => make(asked)
    const { attempts, answer } = await this.#retries.write(machine, stamp, same)
    const command = attempts.at(-1)?.command
    if (command !== undefined) this.#learn(command, answer)
    const again = await this.#retries.again(stamp, { same, other: () => make(other) })
    const repeated = again?.attempts.at(-1)?.command
    if (again !== null && repeated !== undefined) this.#learn(repeated, again.answer)
  }

  #learn(command: AccessCommand, answer: Answer<AccessCommand>): void {
    if (answer.type !== 'done') return
    const { value } = answer
    if (command.type === 'revokeKey') this.#revoked.add(command.id)
    else if (value !== null && 'secretHash' in value) this.#learnKey(value)
    else if (value !== null) {
      // An answer of before is no news.
      this.#changes.set(value.name, Math.max(this.#changes.get(value.name) ?? 0, value.changedIndex))
    }
  }

  #learnKey({ id, changedIndex }: KnownKey): void {
    check(this.#tokens.has(id), `nobody asked for the key ${id}`)
    if (this.#known.some((known) => known.id === id)) return
    this.#known.push({ id, changedIndex })
    if (this.#known.length > KEYS_KNOWN_MAX) this.#known.shift()
  }

  // Questions.

  /** Who is shut out is shut out for good, and who was let in is not forgotten. */
  async #readKey(machine: Machine): Promise<void> {
    const known = this.#random.pick(this.#known)
    if (known === null) return
    const { id } = known
    const isRevoked = this.#revoked.has(id)
    const seen = await this.#read(machine, { type: 'key', id })
    if (seen === null) return
    const key = seen as { secretHash: string } | null | 'none'
    check(!isRevoked || key === 'none', `the revocation of key ${id} was acknowledged, and a read shows it`)
    check(key !== 'none' || this.#doomed.has(id), `key ${id} was acknowledged, and a read does not show it`)
    if (key === 'none' || key === null) return
    const token = this.#tokens.get(id) ?? ''
    check(key.secretHash === hashToken(token), `key ${id} does not take its token`)
  }

  async #readUser(machine: Machine): Promise<void> {
    const name = this.#pick(NAMES)
    const floor = this.#changes.get(name) ?? 0
    const seen = await this.#read(machine, { type: 'user', name })
    if (seen === null || seen === 'none') return
    const { changedIndex } = seen as { changedIndex: number }
    check(
      changedIndex >= floor,
      `a read shows user ${name} as of ${changedIndex}, and ${floor} was acknowledged`,
    )
  }

  /** @returns Null where nothing was answered; 'none' where there is no such record. */
  async #read(
    machine: Machine,
    question: Exclude<AccessQuestion, { type: 'counts' }>,
  ): Promise<object | 'none' | null> {
    const state = machine.running?.stateMachine
    const answer = await this.#calls.readAt(machine, question)
    if (answer === 'unknown' || state === undefined) return null
    const { value, index: from } = answer
    // A restore may have come in between, and the answer is from after it.
    const until = Math.max(from, state.appliedIndex)
    this.seen.push({ nodeId: machine.id, question, value, from, until })
    return value ?? 'none'
  }

  /** As a node that authenticates does: without asking anybody. */
  #lookAtView({ id: nodeId, running }: Machine): void {
    const view = running?.stateMachine.access ?? null
    if (running === null || view === null) return
    const index = running.stateMachine.appliedIndex
    const see = (question: AccessQuestion, value: unknown): void => {
      this.seen.push({ nodeId, question, value, from: index, until: index })
    }
    const { userCount, keyCount, hasAdmin } = view
    check(userCount <= USERS_MAX, `${userCount} users`)
    see({ type: 'counts' }, { userCount, keyCount, hasAdmin })
    const name = this.#pick(NAMES)
    see({ type: 'user', name }, view.user(name))
    const known = this.#random.pick(this.#known)
    if (known !== null) see({ type: 'key', id: known.id }, view.key(known.id))
  }

  // What is drawn.

  #scope(): Scope {
    const networks = this.#random.chance(0.7) ? [this.#pick(NETWORKS)] : []
    return { networks, tags: this.#random.chance(0.5) ? [this.#pick(TAGS)] : [] }
  }

  #newKey(): { readonly id: string; readonly secretHash: string } {
    const id = (this.#nextNumber++).toString(36).padStart(16, '0')
    const token = `ipam_${id}_${digestOf(`token ${id}`, 'base64url')}`
    this.#tokens.set(id, token)
    return { id, secretHash: hashToken(token) }
  }

  #newPasswordHash(): string {
    const text = digestOf(`password ${this.#nextNumber++}`, 'base64')
    return `$scrypt$ln=4,r=8,p=1$${text.slice(0, 22)}$${text.slice(0, 43)}`
  }

  #pick<T>(values: readonly T[]): T {
    return this.#random.pick(values) as T
  }
}

/** Looks like chance, and is the same each time. */
function digestOf(text: string, encoding: 'base64' | 'base64url'): string {
  return createHash('sha256').update(text).digest(encoding).slice(0, 43)
}
