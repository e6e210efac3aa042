/** `ipam import`: a file, row by row checked here, and sent in chunks that each happen once. */
import { createHash } from 'node:crypto'
import { nanoid } from 'nanoid'
import { BulkSyntaxError } from '../../bulk/bulk-error.ts'
import { decodeUtf8 } from '../../bulk/decode-utf8.ts'
import { type BulkReading, readBulk } from '../../bulk/read-bulk.ts'
import type { ClientShell, ExitCode } from '../shell.ts'
import type { Arguments } from './arguments.ts'
import { ClientError } from './client-error.ts'
import { CHUNK_LIMITS, chunksOf, REQUEST_LIMITS, type Survey, surveyRows } from './import-chunks.ts'
import { ImportSender, type ImportTotals } from './import-sender.ts'
import { openSource, type Source } from './import-source.ts'
import type { Invocation } from './invocation.ts'
import { Progress } from './progress.ts'

/** Requests of another form get other keys. */
const KEY_FORM = 1

export async function importFile(invocation: Invocation): Promise<ExitCode> {
  const { api, args, shell } = invocation
  const source = await openSource(args.operand(0) ?? '', shell)
  const { reading, survey, sha256 } = await lookThrough(source, invocation)
  const isAtomic = args.has('atomic')
  if (isAtomic) checkFitsOne(survey)
  const options = {
    isDryRun: args.has('dry-run'),
    isAtomic,
    skipsExisting: args.has('skip-existing'),
  }
  const sender = new ImportSender({
    api,
    options,
    keyStart: keyStart(args, { sha256, format: reading.format }),
  })
  const progress = new Progress(survey.rowCount, shell)
  const stop = watchStop(shell)
  try {
    const { results } = await open(source, args)
    for await (const chunk of chunksOf(results, isAtomic ? REQUEST_LIMITS : CHUNK_LIMITS)) {
      await sender.send(chunk)
      progress.advance(sender.totals.rowCount)
      // What has been sent is done; the next run goes on here.
      if (stop.isAsked) throw new ClientError('stopped', 1)
    }
  } catch (error) {
    progress.end()
    if (error instanceof ClientError) throw interrupted(error, sender.totals, survey)
    throw error
  }
  progress.end()
  await conclude(invocation, { survey, totals: sender.totals, format: reading.format })
  return survey.wrongCount + sender.totals.failed > 0 ? 1 : 0
}

/** Reads it to its end, so that nothing is sent of a file that cannot be read. @throws {ClientError} */
async function lookThrough(
  source: Source,
  { args, output }: Invocation,
): Promise<{ reading: BulkReading; survey: Survey; sha256: string }> {
  const hash = createHash('sha256')
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source()) {
      hash.update(chunk)
      yield chunk
    }
  }
  const reading = await open(hashed, args)
  try {
    const survey = await surveyRows(reading.results, (line) => output.note(line))
    return { reading, survey, sha256: hash.digest('hex') }
  } catch (error) {
    throw unreadable(error)
  }
}

async function open(source: Source, args: Arguments): Promise<BulkReading> {
  try {
    return await readBulk(decodeUtf8(source()), { format: args.text('format') })
  } catch (error) {
    throw unreadable(error)
  }
}

function unreadable(error: unknown): unknown {
  if (!(error instanceof BulkSyntaxError)) return error
  return new ClientError(`${error.message}; nothing was imported`, 1, { cause: error })
}

/** @throws {ClientError} */
function checkFitsOne({ rowCount, byteCount, wrongCount }: Survey): void {
  if (wrongCount > 0) {
    const rows = wrongCount === 1 ? '1 row is' : `${wrongCount} rows are`
    throw new ClientError(`${rows} wrong, and --atomic is all or none: nothing was imported`, 1)
  }
  const { rowsMax, bytesMax } = REQUEST_LIMITS
  if (rowCount <= rowsMax && byteCount <= bytesMax) return
  const has = rowCount > rowsMax ? `${rowCount} rows` : `${byteCount} bytes`
  throw new ClientError(
    `--atomic takes at most ${rowsMax} rows in ${bytesMax >> 20} MiB, and this has ${has}; leave it out, or split the file`,
    1,
  )
}

/** The same for the same file and options: what an earlier run has sent is not done again. */
function keyStart(args: Arguments, { sha256, format }: { sha256: string; format: string }): string {
  const options = ['atomic', 'skip-existing'].filter((flag) => args.has(flag))
  const run = args.has('again') ? nanoid() : KEY_FORM
  return ['import', run, sha256, format, ...options].join('.')
}

function watchStop(shell: ClientShell): { readonly isAsked: boolean } {
  const stop = { isAsked: false }
  shell.stopped
    .then(() => {
      stop.isAsked = true
      shell.complain('stopping after the rows at hand; once more to stop at once')
    })
    .catch(() => {})
  return stop
}

function interrupted(error: ClientError, totals: ImportTotals, { rowCount }: Survey): ClientError {
  const { rowCount: done, lastRow } = totals
  if (done === 0 && error.exitCode !== 5) return error
  const far = done === 0 ? '' : `${done} of ${rowCount} rows are done, up to row ${lastRow}: `
  const message = `${error.message}; ${far}to go on, run the same command again, which does nothing twice`
  return new ClientError(message, error.exitCode, { cause: error })
}

async function conclude(
  { args, output }: Invocation,
  { survey, totals, format }: { survey: Survey; totals: ImportTotals; format: string },
): Promise<void> {
  const { created, failed, errors } = totals
  const skipped = totals.skipped + survey.skippedCount
  const wrong = failed + survey.wrongCount
  for (const { row, reason } of survey.skipped) output.done(`row ${row}: skipped: ${reason}`)
  for (const { row, field, message } of errors) {
    output.note(`row ${row}: ${field === null ? '' : `${field}: `}${message}`)
  }
  if (failed > errors.length) output.note(`… and ${failed - errors.length} more`)
  if (failed > 0 && args.has('atomic')) output.note('nothing was imported: --atomic is all or none')
  if (totals.repeatedRows > 0) {
    output.note(
      `${totals.repeatedRows} rows had been imported by an earlier run, so it went on after them; to send them again: --again`,
    )
  }
  if (output.isJson) {
    const isDryRun = args.has('dry-run')
    await output.json(JSON.stringify({ format, dry_run: isDryRun, created, skipped, failed: wrong, errors }))
    return
  }
  const verb = args.has('dry-run') ? 'would be created' : 'created'
  await output.text(`${created} ${verb}, ${skipped} skipped, ${wrong} failed (${format})\n`)
}
