/** Checks passwords, which is slow on purpose: few at a time, and what was right a moment ago is not asked again. */
import { createHmac, randomBytes } from 'node:crypto'
import type { User } from '../ipam/access.ts'
import { AuthError } from './auth-error.ts'
import { verifyPassword } from './password.ts'

export interface CheckerLimits {
  /** Each takes 32 MiB and one of the threads that also sync the log. */
  readonly checksMax: number
  readonly waitingMax: number
  /** Passwords that were right. */
  readonly knownMax: number
  readonly knownMs: number
}

export const CHECKER_LIMITS: CheckerLimits = {
  checksMax: 2,
  waitingMax: 64,
  knownMax: 1_000,
  knownMs: 5 * 60 * 1_000,
}

/** Of nobody's password: a name that nobody has takes as long as one that somebody has. */
const NOBODYS_HASH = `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$${'A'.repeat(43)}`

export class PasswordChecker {
  readonly #now: () => number
  readonly #limits: CheckerLimits
  /** Only this process can make the names of what it knows. */
  readonly #secret = randomBytes(32)
  /** When it is no longer known, monotonic; the oldest first. */
  readonly #known = new Map<string, number>()
  readonly #underway = new Map<string, Promise<boolean>>()
  readonly #waiting: (() => void)[] = []
  #checks = 0

  /** @param options.now Monotonic milliseconds. */
  constructor({ now, limits = {} }: { now: () => number; limits?: Partial<CheckerLimits> }) {
    this.#now = now
    this.#limits = { ...CHECKER_LIMITS, ...limits }
  }

  get figures(): { readonly checks: number; readonly waiting: number; readonly known: number } {
    return { checks: this.#checks, waiting: this.#waiting.length, known: this.#known.size }
  }

  /** Whether this very password was right for this very user a moment ago; else it takes `check` to know. */
  isKnown(user: User, password: string): boolean {
    const name = this.#nameOf(user, password)
    const knownUntil = this.#known.get(name)
    if (knownUntil === undefined) return false
    if (this.#now() < knownUntil) return true
    this.#known.delete(name)
    return false
  }

  /**
   * @param user Null for a name that nobody has: false, but no sooner.
   * @throws {AuthError} when too many wait.
   */
  async check(user: User | null, password: string): Promise<boolean> {
    const name = this.#nameOf(user, password)
    const underway = this.#underway.get(name)
    if (underway !== undefined) return await underway
    const checking = this.#checkInTurn(user, password, name)
    this.#underway.set(name, checking)
    try {
      return await checking
    } finally {
      this.#underway.delete(name)
    }
  }

  async #checkInTurn(user: User | null, password: string, name: string): Promise<boolean> {
    await this.#turn()
    try {
      const isRight = await verifyPassword(password, user?.passwordHash ?? NOBODYS_HASH)
      if (user === null || !isRight) return false
      this.#remember(name)
      return true
    } finally {
      this.#endTurn()
    }
  }

  async #turn(): Promise<void> {
    if (this.#checks < this.#limits.checksMax) {
      this.#checks += 1
      return
    }
    if (this.#waiting.length >= this.#limits.waitingMax) {
      const message = 'too many passwords are to be checked at once; try again, or use an API key'
      throw new AuthError('throttled', { reason: 'too_many_logins', message, retryAfterS: 1 })
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** The turn goes to whoever waits longest. */
  #endTurn(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#checks -= 1
    else next()
  }

  #remember(name: string): void {
    this.#known.delete(name)
    this.#known.set(name, this.#now() + this.#limits.knownMs)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#limits.knownMax) return
      this.#known.delete(oldest)
    }
  }

  /** Another one whenever the user changes: what was known of the former is of no use then. */
  #nameOf(user: User | null, password: string): string {
    const identity = user === null ? 'nobody' : `${user.name} ${user.changedIndex}`
    return createHmac('sha256', this.#secret).update(`${identity}\0${password}`).digest('base64url')
  }
}
