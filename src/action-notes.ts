/** Puts on record what was done beside the log: once it was done, and without being in its way. */
import type { Clock, Log } from '../raft/index.ts'
import type { ClusterCommand } from './ipam/cluster-command.ts'
import type { CommandContext } from './ipam/command.ts'

/** A log that works takes some milliseconds. Who acts because it does not is not kept waiting for it. */
export const NOTE_WAIT_MS_MAX = 1_000

/** As `IpamService.execute`. */
type Execute = (command: ClusterCommand, context: CommandContext) => Promise<{ readonly index: number }>

export class ActionNotes {
  readonly #execute: Execute
  readonly #clock: Pick<Clock, 'setTimer'>
  readonly #logger: Pick<Log, 'warn'>

  constructor(options: {
    execute: Execute
    clock: Pick<Clock, 'setTimer'>
    logger: Pick<Log, 'warn'>
  }) {
    this.#execute = options.execute
    this.#clock = options.clock
    this.#logger = options.logger
  }

  /**
   * Never rejects: what it is about has happened. After `NOTE_WAIT_MS_MAX` it is still tried for as long as any other write;
   * what fails then is in the node's own log.
   *
   * @returns The log index of the note; null if it is not on record by then.
   */
  write(note: ClusterCommand, { user, requestId }: CommandContext): Promise<number | null> {
    return new Promise((resolve) => {
      const stopTimer = this.#clock.setTimer(NOTE_WAIT_MS_MAX, () => resolve(null))
      const end = (index: number | null): void => {
        stopTimer()
        resolve(index)
      }
      this.#execute(note, { user, requestId }).then(
        ({ index }) => end(index),
        (error: unknown) => {
          this.#logger.warn(
            { note, user, requestId, err: error },
            'a change of the cluster could not be audited',
          )
          end(null)
        },
      )
    })
  }
}
