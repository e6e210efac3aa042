/** Failed log-ins on their way into the audit log: counted, and told now and then, so that no attacker can fill it. */
import type { Clock } from '../../raft/ports.ts'
import type { LoginFailures, NoteLoginFailures } from '../ipam/access-command.ts'

/** What has just begun is told soon; then at most so often. */
const FIRST_MS = 100
const PACE_MS = 15_000
/** Rows each time; the last one is for all others. With the pace, 80 a minute and node. */
const ROWS_MAX = 20

export class LoginFailureLog {
  readonly #clock: Pick<Clock, 'now' | 'setTimer'>
  readonly #report: (command: NoteLoginFailures) => Promise<void>
  #counted = new Map<string, LoginFailures>()
  #others = 0
  #total = 0
  #toldAt = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | null = null

  /** @param options.report Never rejects: what it cannot tell is lost. */
  constructor(options: {
    clock: Pick<Clock, 'now' | 'setTimer'>
    report: (command: NoteLoginFailures) => Promise<void>
  }) {
    this.#clock = options.clock
    this.#report = options.report
  }

  /** Since the process began. */
  get total(): number {
    return this.#total
  }

  /** @param user As audit rows call it; null for a name that nobody has: people type passwords there. */
  note(user: string | null, address: string): void {
    this.#total += 1
    const key = `${user ?? ''} ${address}`
    const counted = this.#counted.get(key)
    if (counted !== undefined) this.#counted.set(key, { ...counted, count: counted.count + 1 })
    else if (this.#counted.size < ROWS_MAX - 1) this.#counted.set(key, { user, address, count: 1 })
    else this.#others += 1
    this.#cancel ??= this.#clock.setTimer(
      Math.max(FIRST_MS, this.#toldAt + PACE_MS - this.#clock.now()),
      () => this.#tell(),
    )
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #tell(): void {
    this.#cancel = null
    this.#toldAt = this.#clock.now()
    const failures = [...this.#counted.values()]
    if (this.#others > 0) failures.push({ user: null, address: null, count: this.#others })
    this.#counted = new Map()
    this.#others = 0
    void this.#report({ type: 'noteLoginFailures', failures })
  }
}
