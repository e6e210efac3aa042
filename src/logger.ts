/** Structured logs: one JSON line each, on standard error. */
import { type DestinationStream, destination, type LevelWithSilent, type Logger as Pino, pino } from 'pino'
import type { Log } from '../raft/ports.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** What could not be written because nobody reads standard error; beyond it lines are dropped. */
const UNWRITTEN_BYTES_MAX = 4 << 20

/** A write to standard error for each request costs as much as a twentieth of the request. */
const GATHERED_BYTES = 8 << 10
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
  const stderr = destination({
    dest: 2,
    sync: isSync,
    maxLength: UNWRITTEN_BYTES_MAX,
    minLength: isSync ? 0 : GATHERED_BYTES,
  })
  // A full disk behind standard error costs lines, not the node; and `flushSync`, at exit, would try for ever.
  stderr.on('error', () => {
    stderr.flushSync = () => {}
  })
  return isSync ? stderr : gatherRequests(stderr)
}

/** Lines about requests are as many as these, and wait for each other; whatever else is said leaves at once, with them. */
function gatherRequests(stream: {
  write(line: string): unknown
  flush(done: () => void): void
}): DestinationStream {
  let timer: NodeJS.Timeout | null = null
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    // With a callback: without one, it does nothing while something is being written.
    stream.flush(() => {})
  }
  return {
    write(line) {
      stream.write(line)
      if (!line.endsWith(REQUEST_END)) flush()
      else timer ??= setTimeout(flush, GATHERED_MS).unref()
    },
  }
}
