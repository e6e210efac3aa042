/** `ipam log`: looks into a data directory while no node runs on it, and changes nothing there. */
import { parseArgs } from 'node:util'
import { LogFormatError } from '../../raft/errors.ts'
import { FileDisk } from '../../raft/storage/file-disk.ts'
import { show } from '../show.ts'
import { findLogDirectory, type LogDirectory, LogDirectoryError, processOn } from './log-directory.ts'
import { dumpLog, dumpRecords, type IndexRange } from './log-dump.ts'
import { damageMessage, formatReport, verifyDirectory } from './log-verify.ts'
import { type ExitCode, OutputClosedError, OutputFailedError, type Shell } from './shell.ts'

/** Called the wrong way. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

interface Arguments {
  readonly command: 'verify' | 'dump'
  readonly path: string
  readonly range: IndexRange
  readonly isJson: boolean
  readonly isForced: boolean
  readonly showsAll: boolean
}

export async function runLog(argv: readonly string[], shell: Shell): Promise<ExitCode> {
  try {
    const args = parse(argv)
    const directory = await findLogDirectory(args.path)
    const isInMotion = await checkIdle(directory, args, shell)
    return args.command === 'verify'
      ? await verify(directory, args, { shell, isInMotion })
      : await dump(directory, args, shell)
  } catch (error) {
    // Whoever read our output has seen enough, as `head` does.
    if (error instanceof OutputClosedError) return 0
    if (error instanceof UsageError || error instanceof LogDirectoryError) {
      shell.complain(error.message)
      return 2
    }
    if (error instanceof OutputFailedError) {
      shell.complain(error.message)
      return 1
    }
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined || error instanceof TypeError) throw error
    shell.complain(`the files cannot be read: ${message}`)
    return 1
  }
}

function parse(argv: readonly string[]): Arguments {
  const { values, positionals } = parseFlags(argv)
  const [command, path, ...rest] = positionals
  if (command !== 'verify' && command !== 'dump') {
    const what = command === undefined ? 'what to do is missing' : `unknown command ${show(command)}`
    throw new UsageError(`${what}: verify or dump (see ipam log --help)`)
  }
  if (path === undefined) throw new UsageError(`the directory is missing: ipam log ${command} DIR`)
  if (rest.length > 0) throw new UsageError(`one directory at a time; ${show(rest[0])} is one too many`)
  const { from, to, all = false, json = false, force = false } = values
  if (command === 'verify' && (all || from !== undefined || to !== undefined)) {
    throw new UsageError('--from, --to and --all are for dump (see ipam log --help)')
  }
  const range = { first: index('--from', from, 1), last: index('--to', to, Number.MAX_SAFE_INTEGER) }
  if (range.first > range.last) {
    throw new UsageError(`--from ${range.first} is after --to ${range.last}`)
  }
  return { command, path, range, isJson: json, isForced: force, showsAll: all }
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        all: { type: 'boolean' },
        json: { type: 'boolean' },
        force: { type: 'boolean' },
      },
    })
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message} (see ipam log --help)`, { cause })
  }
}

function index(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new UsageError(`${flag} takes a log index, not ${show(text)}`)
  return value
}

/** @returns Whether a node runs on it all the same. */
async function checkIdle(directory: LogDirectory, { isForced }: Arguments, shell: Shell): Promise<boolean> {
  const holder = await processOn(directory)
  if (holder === null) return false
  const what = `${directory.root} is in use by process ${holder || 'unknown'}`
  if (!isForced) throw new LogDirectoryError(`${what}: stop it first, or read on with --force`)
  shell.complain(`${what}: what is shown may be in motion`)
  return true
}

async function verify(
  directory: LogDirectory,
  { isJson }: Arguments,
  { shell, isInMotion }: { shell: Shell; isInMotion: boolean },
): Promise<ExitCode> {
  const report = await verifyDirectory(directory, readOnly(directory))
  // A node may have been started meanwhile.
  const inMotion = isInMotion || (await processOn(directory)) !== null
  await shell.write(
    isJson ? `${JSON.stringify({ ...report, in_motion: inMotion })}\n` : formatReport(report, inMotion),
  )
  return report.verdict === 'damaged' || report.verdict === 'other_format' ? 1 : 0
}

async function dump(
  directory: LogDirectory,
  { range, isJson, showsAll }: Arguments,
  shell: Shell,
): Promise<ExitCode> {
  const dumpAll = showsAll ? dumpRecords : dumpLog
  const { damage, tornBytes } = await dumpAll(readOnly(directory), directory.log, {
    range,
    isJson,
    write: (text) => shell.write(text),
  })
  if (tornBytes > 0) shell.complain(`${tornBytes} bytes of an unfinished write at the end are not shown`)
  if (damage === null) return 0
  const what = damage instanceof LogFormatError ? 'what is of other software' : 'the damage'
  shell.complain(`this is what comes before ${what}; ${damageMessage(damage)}`)
  return 1
}

function readOnly({ root }: LogDirectory): FileDisk {
  return new FileDisk(root, { isReadOnly: true })
}
