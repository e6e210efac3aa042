/** Structured logs: one JSON line each, on standard error. */
import { type DestinationStream, destination, type LevelWithSilent, type Logger as Pino, pino } from 'pino'
import type { Log } from '../raft/ports.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** What could not be written because nobody reads standard error; beyond it lines are dropped. */
const UNWRITTEN_BYTES_MAX = 4 << 20

/** Also the `Log` that `raft/` wants. The message is a constant, what varies is in the fields. */
export interface Logger extends Log {
  debug(fields: object, message: string): void
}

/**
 * Lines are written in the background, in order, and the rest when the process exits.
 *
 * @param isSync For the last words of a process that is about to exit: the line is out when the call returns.
 */
export function createLogger({
  level,
  isSync = false,
  stream = standardError(isSync),
}: {
  level: LevelWithSilent
  isSync?: boolean
  stream?: DestinationStream
}): Logger {
  const logger: Pino = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Else an error is a record of its own fields, which its message is not.
      serializers: { error: pino.stdSerializers.err },
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  return logger
}

function standardError(isSync: boolean): DestinationStream {
  const stderr = destination({ dest: 2, sync: isSync, maxLength: UNWRITTEN_BYTES_MAX })
  // A full disk behind standard error costs lines, not the node; and `flushSync`, at exit, would try for ever.
  stderr.on('error', () => {
    stderr.flushSync = () => {}
  })
  return stderr
}
