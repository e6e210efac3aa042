/** The first admin of the config file: made by the leader, once, when the cluster has none. */
import type { Clock, Log } from '../../raft/ports.ts'
import type { AccessSource } from '../ipam/access.ts'
import type { CreateUser } from '../ipam/access-command.ts'
import { SYSTEM_USER } from '../ipam/audit.ts'
import type { CommandContext } from '../ipam/command.ts'
import type { IpamError } from '../ipam/outcome.ts'

const CHECK_MS = 200

export interface FirstAdmin {
  readonly name: string
  readonly passwordHash: string
}

export class FirstAdminMaker {
  readonly #admin: FirstAdmin
  readonly #source: Pick<AccessSource, 'access'>
  readonly #isLeader: () => boolean
  readonly #execute: (command: CreateUser, context: CommandContext) => Promise<unknown>
  readonly #clock: Pick<Clock, 'setTimer'>
  readonly #logger: Log
  #cancel: () => void = () => {}

  constructor(options: {
    admin: FirstAdmin
    source: Pick<AccessSource, 'access'>
    isLeader: () => boolean
    /** @throws {RaftError | IpamError} */
    execute: (command: CreateUser, context: CommandContext) => Promise<unknown>
    clock: Pick<Clock, 'setTimer'>
    logger: Log
  }) {
    this.#admin = options.admin
    this.#source = options.source
    this.#isLeader = options.isLeader
    this.#execute = options.execute
    this.#clock = options.clock
    this.#logger = options.logger
  }

  /** Looks until there is an admin, whoever made it. */
  start(): void {
    this.#cancel = this.#clock.setTimer(CHECK_MS, () => void this.#check())
  }

  stop(): void {
    this.#cancel()
  }

  async #check(): Promise<void> {
    const { access } = this.#source
    if (access?.hasAdmin === true) return
    if (access !== null && this.#isLeader()) await this.#make()
    this.start()
  }

  /** Should two leaders in a row try, the second one is refused. */
  async #make(): Promise<void> {
    const { name, passwordHash } = this.#admin
    const command: CreateUser = { type: 'createUser', name, role: 'admin', passwordHash, isFirst: true }
    try {
      await this.#execute(command, { user: SYSTEM_USER, requestId: null })
      this.#logger.info({ user: name }, 'first admin made')
    } catch (error) {
      const { message } = error as IpamError
      this.#logger.warn({ user: name, reason: message }, 'the first admin could not be made')
    }
  }
}
