/** Structured logs: one JSON line each, on standard error. */
import { type DestinationStream, destination, type LevelWithSilent, type Logger as Pino, pino } from 'pino'
import type { Log } from '../raft/ports.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** What could not be written because nobody reads standard error; beyond it lines are dropped. */
const UNWRITTEN_BYTES_MAX = 4 << 20

/** A write to standard error for each request costs as much as a twentieth of the request. */
const GATHERED_CHARS = 8 << 10
const GATHERED_MS = 100
/** How `http/handle.ts` calls them. */
const REQUEST_END = '"msg":"request"}\n'

/** Also the `Log` that `raft/` wants. The message is a constant, what varies is in the fields. */
export interface Logger extends Log {
  debug(fields: object, message: string): void
}

/**
 * Lines are written in the background, in order, and the rest when the process exits. Those about requests may be a tenth
 * of a second late, and are lost with a process that is killed.
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
  const gathered = isSync ? stderr : gatherRequests(stderr)
  // A full disk behind standard error costs lines, not the node; and `flushSync`, at exit, would try for ever.
  stderr.on('error', () => {
    stderr.flushSync = () => {}
  })
  return gathered
}

/** What a stream has to have for `gatherRequests`: pino calls `flushSync` when the process exits. */
interface Gathering {
  write(lines: string): unknown
  flushSync(): void
}

/**
 * Lines about requests are as many as these, and wait for each other; whatever else is said leaves at once, behind those that wait.
 *
 * @param later Calls back after a tenth of a second.
 */
export function gatherRequests(stream: Gathering, later = afterAMoment): DestinationStream {
  let lines = ''
  let isExpected = false
  const give = (): void => {
    if (lines !== '') stream.write(lines)
    lines = ''
  }
  const flushSync = stream.flushSync.bind(stream)
  stream.flushSync = () => {
    give()
    flushSync()
  }
  return {
    write(line) {
      lines += line
      if (!line.endsWith(REQUEST_END) || lines.length >= GATHERED_CHARS) give()
      if (lines === '' || isExpected) return
      isExpected = true
      later(() => {
        isExpected = false
        give()
      })
    },
  }
}

function afterAMoment(callback: () => void): void {
  setTimeout(callback, GATHERED_MS).unref()
}
