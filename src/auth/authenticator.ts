/** Who a request is from: tokens and passwords against what this node knows of users and keys. */
import { timingSafeEqual } from 'node:crypto'
import {
  type AccessSource,
  type AccessView,
  type ApiKey,
  isUserName,
  keyUser,
  type Role,
  type Scope,
  type User,
} from '../ipam/access.ts'
import { SYSTEM_USER } from '../ipam/audit.ts'
import { AuthError } from './auth-error.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import type { FailureBuckets } from './failure-buckets.ts'
import type { LoginFailureLog } from './login-failures.ts'
import type { PasswordChecker } from './password-checker.ts'
import { hashToken, idOfToken } from './token.ts'

/** `required`: nothing is answered to who does not say who it is. `open`: everybody may do everything. */
export type AuthMode = 'required' | 'open'

export interface Identity {
  /** As audit rows call it. */
  readonly user: string
  readonly role: Role
  readonly scope: Scope | null
  /** Null for whoever has no password. */
  readonly account: string | null
  readonly keyId: string | null
}

/** Where a request comes from. */
export interface Origin {
  /** For the audit log. */
  readonly address: string
  /** What is counted together: the address, or all those that one host may have. */
  readonly client: string
}

export interface Presented extends Origin {
  readonly authorization: string | null
  readonly apiKey: string | null
  /** The common name of a client certificate that was verified. Credentials come before it. */
  readonly certificateName: string | null
  /** It may be answered although this node has not heard from the leader for long. */
  readonly toleratesStale: boolean
}

const ANYBODY: Identity = { user: SYSTEM_USER, role: 'admin', scope: null, account: null, keyId: null }

export class Authenticator {
  readonly #mode: AuthMode
  readonly #source: AccessSource
  readonly #checker: PasswordChecker
  readonly #buckets: FailureBuckets
  readonly #failures: Pick<LoginFailureLog, 'note'>
  readonly #now: () => number
  readonly #wallTime: () => number
  readonly #staleMsMax: number
  #heardAt = Number.NEGATIVE_INFINITY
  #throttledCount = 0

  constructor(options: {
    mode: AuthMode
    source: AccessSource
    checker: PasswordChecker
    buckets: FailureBuckets
    failures: Pick<LoginFailureLog, 'note'>
    /** Monotonic milliseconds. */
    now: () => number
    /** Ms since 1970. */
    wallTime: () => number
    /** A node that has not heard from a leader for longer may not know who was shut out. */
    staleMsMax: number
  }) {
    this.#mode = options.mode
    this.#source = options.source
    this.#checker = options.checker
    this.#buckets = options.buckets
    this.#failures = options.failures
    this.#now = options.now
    this.#wallTime = options.wallTime
    this.#staleMsMax = options.staleMsMax
  }

  get mode(): AuthMode {
    return this.#mode
  }

  /** Log-ins that were turned away unlooked at. */
  get throttledCount(): number {
    return this.#throttledCount
  }

  /**
   * At once for tokens and known passwords. In mode `open`, who says who it is is held to it.
   *
   * @throws {AuthError}
   * @throws {RaftError} when the credentials are unknown here, and the cluster cannot be asked.
   */
  authenticate(presented: Presented): Identity | Promise<Identity> {
    const { authorization, apiKey, certificateName, toleratesStale } = presented
    const credentials = readCredentials(authorization, apiKey)
    if (this.#mode === 'required' && !toleratesStale) this.#checkFreshness()
    switch (credentials.type) {
      case 'none':
        if (certificateName !== null) return this.#byCertificate(certificateName)
        if (this.#mode === 'open') return ANYBODY
        throw this.#noCredentials()
      case 'senseless':
        throw unauthenticated(credentials.message)
      case 'token':
        return this.#byToken(credentials.token, presented)
      case 'password':
        return this.#byPassword(credentials, presented)
    }
  }

  /** The authority has vouched for the name already; that of a user who is gone is nobody's. */
  #byCertificate(name: string): Identity | Promise<Identity> {
    const user = this.#view().user(name)
    return user === null ? this.#unknownName(name) : identityOf(user)
  }

  async #unknownName(name: string): Promise<Identity> {
    await this.#source.catchUp()
    const user = this.#view().user(name)
    if (user !== null) return identityOf(user)
    if (this.#mode === 'open') return ANYBODY
    throw unauthenticated(
      `your certificate is of ${JSON.stringify(name)}, and no user is called so: have an admin create one`,
    )
  }

  #byToken(token: string, origin: Origin): Identity | Promise<Identity> {
    const id = idOfToken(token)
    const key = id === null ? null : this.#view().key(id)
    if (key === null || !isTokenOf(token, key)) return this.#unknownToken(token, { id, origin })
    return this.#ofKey(key)
  }

  /** It may be new, and this node behind: looked up once more when it has caught up. */
  async #unknownToken(
    token: string,
    { id, origin }: { readonly id: string | null; readonly origin: Origin },
  ): Promise<Identity> {
    const bucket = `key ${origin.client}`
    this.#takeToken(bucket)
    let key = id === null ? null : this.#view().key(id)
    if (id !== null && key === null) {
      await this.#source.catchUp()
      key = this.#view().key(id)
    }
    if (key !== null && isTokenOf(token, key)) {
      this.#buckets.giveBack(bucket)
      return this.#ofKey(key)
    }
    this.#failures.note(key === null ? null : keyUser(key.id), origin.address)
    throw unauthenticated('the API key is not known: it was revoked, or is not of this cluster')
  }

  #ofKey({ id, role, scope, expiresAt }: ApiKey): Identity {
    if (expiresAt !== null && expiresAt <= this.#wallTime()) {
      throw unauthenticated(`the API key ${id} has expired: have an admin create another one`)
    }
    return { user: keyUser(id), role, scope, account: null, keyId: id }
  }

  #byPassword(
    { name, password }: Extract<Credentials, { type: 'password' }>,
    origin: Origin,
  ): Identity | Promise<Identity> {
    const user = this.#view().user(name)
    if (user !== null && this.#checker.isKnown(user, password)) return identityOf(user)
    return this.#checkPassword({ name, password }, origin)
  }

  async #checkPassword(
    { name, password }: { readonly name: string; readonly password: string },
    origin: Origin,
  ): Promise<Identity> {
    const bucket = `${isUserName(name) ? name : ''} ${origin.client}`
    this.#takeToken(bucket)
    try {
      const user = await this.#userWith(name, password)
      if (user !== null) {
        this.#buckets.giveBack(bucket)
        return identityOf(user)
      }
    } catch (error) {
      // Nobody has looked at it.
      if (error instanceof AuthError) this.#buckets.giveBack(bucket)
      throw error
    }
    this.#failures.note(this.#view().user(name) === null ? null : name, origin.address)
    throw unauthenticated('name or password is wrong')
  }

  /** Null if there is none, also by what the whole cluster knows. */
  async #userWith(name: string, password: string): Promise<User | null> {
    const before = this.#view().user(name)
    if (before !== null && (await this.#checker.check(before, password))) {
      // Changed meanwhile: who was let in by the former password is not.
      if (this.#view().user(name)?.passwordHash === before.passwordHash) return this.#view().user(name)
    }
    await this.#source.catchUp()
    const after = this.#view().user(name)
    if (after === null && before !== null) return null
    if (after !== null && after.passwordHash === before?.passwordHash) return null
    return (await this.#checker.check(after, password)) ? after : null
  }

  #takeToken(bucket: string): void {
    const waitMs = this.#buckets.take(bucket)
    if (waitMs === 0) return
    this.#throttledCount += 1
    const retryAfterS = Math.ceil(waitMs / 1_000)
    const message = `too many failed log-ins from this address; the next is looked at in ${retryAfterS} s`
    throw new AuthError('throttled', { reason: 'too_many_failed_logins', message, retryAfterS })
  }

  #view(): AccessView {
    const { access } = this.#source
    if (access !== null) return access
    const message = 'this node is being given the state, and knows no users and keys until it has it'
    throw new AuthError('unavailable', { reason: 'restoring', message, retryAfterS: 1 })
  }

  /** Within an election nobody is heard in the new term, yet not much can have been missed. */
  #checkFreshness(): void {
    const { leaderContactMs } = this.#source
    const now = this.#now()
    if (leaderContactMs !== null) this.#heardAt = Math.max(this.#heardAt, now - leaderContactMs)
    if (now - this.#heardAt <= this.#staleMsMax) return
    const limit = `${this.#staleMsMax / 1_000} s (auth.stale_max)`
    const isNew = this.#heardAt === Number.NEGATIVE_INFINITY
    const silence = isNew ? 'since it started' : `for more than ${limit}`
    const message = `this node has not heard from a leader ${silence}, and may not know which keys are revoked; ask another node, or try again`
    throw new AuthError('unavailable', { reason: 'auth_stale', message, retryAfterS: 1 })
  }

  #noCredentials(): AuthError {
    const isEmpty = !this.#view().hasAdmin
    const message = isEmpty
      ? 'there is no user yet: make the first admin on the machine of any node, with ipam auth init'
      : 'who asks? Send Authorization: Bearer <API key>, X-API-Key, or Basic with name and password'
    return unauthenticated(message, isEmpty ? 'auth_not_initialized' : 'unauthenticated')
  }
}

function identityOf({ name, role }: User): Identity {
  return { user: name, role, scope: null, account: name, keyId: null }
}

function isTokenOf(token: string, { secretHash }: ApiKey): boolean {
  return timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(secretHash))
}

function unauthenticated(message: string, reason = 'unauthenticated'): AuthError {
  return new AuthError('unauthenticated', { reason, message })
}
