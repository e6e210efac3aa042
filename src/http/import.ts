/** Networks and allocations from a file. */
import { Hono } from 'hono'
import { z } from 'zod'
import { BulkSyntaxError } from '../bulk/bulk-error.ts'
import { decodeUtf8 } from '../bulk/decode-utf8.ts'
import { FORMATS } from '../bulk/formats.ts'
import { readBulk } from '../bulk/read-bulk.ts'
import type { AllocationRow, NetworkRow, Row } from '../bulk/rows.ts'
import type { Scope } from '../ipam/access.ts'
import { parseAddress } from '../ipam/address.ts'
import type { ImportItem, ImportItems, ImportReport, NetworkRef } from '../ipam/command.ts'
import { ALLOCATION_DEFAULTS, DEFAULT_NAMESPACE, NETWORK_DEFAULTS } from '../ipam/defaults.ts'
import { sortedMetadata } from '../ipam/metadata.ts'
import { IpamError, type Refusal } from '../ipam/outcome.ts'
import type { IpamService } from '../service.ts'
import { SCOPED_OPERATOR } from './access.ts'
import { json, positionHeaders } from './answer.ts'
import { expected } from './fields.ts'
import type { Handle } from './handle.ts'
import { readQuery, readRawBody } from './input.ts'
import { booleanParam } from './params.ts'
import { invalidRequest, ProblemError } from './problem.ts'
import type * as shapes from './shapes.ts'
import { write } from './write.ts'

const ROWS_MAX = 1_000

export const ImportParams = z.strictObject({
  format: z
    .enum(FORMATS, { error: (issue) => expected(`one of ${FORMATS.join(', ')}`, issue.input) })
    .optional()
    .meta({ description: 'What the file is; found out from its first lines if left out.' }),
  dry_run: booleanParam.default(false).meta({ description: 'Says what would be, and changes nothing.' }),
  atomic: booleanParam.default(false).meta({ description: 'All rows or none.' }),
  on_conflict: z
    .enum(['error', 'skip'], { error: (issue) => expected('error or skip', issue.input) })
    .default('error')
    .meta({ description: 'skip leaves alone what is there as the row has it.' }),
})

interface RowError {
  readonly row: number
  readonly line: number
  /** As the file calls it; null where the row as a whole is meant. */
  readonly field: string | null
  readonly message: string
}

interface ReadFile {
  readonly format: string
  readonly rows: readonly { readonly row: number; readonly line: number; readonly value: Row }[]
  readonly errors: readonly RowError[]
  /** Rows of which nothing is to be imported. */
  readonly skipped: number
}

export function importRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono().post(
    '/import',
    handle(SCOPED_OPERATOR, async (c, caller) => {
      const params = readQuery(c, ImportParams)
      const bytes = await readRawBody(c)
      const file = await readFile(bytes, params.format ?? null)
      if (params.atomic && file.errors.length > 0) throw refuseWrongRows(file.errors)
      const command = importCommand(service, file, params)
      const body = [params, Buffer.from(bytes).toString('base64')]
      // Nothing to write is nothing for the log, and is answered as of now all the same.
      const asked =
        params.dry_run || command.items.length === 0
          ? tryImport(service, command, caller.identity?.scope ?? null)
          : imported(write(service, { c, caller, body }, command))
      const { report, headers } = await asked.catch((error: unknown) => {
        throw inRows(error, file)
      })
      return json(200, reportBody(file, report, params.dry_run), headers)
    }),
  )
}

async function imported(
  written: Promise<{ readonly value: ImportReport; readonly headers: Record<string, string> }>,
): Promise<{ report: ImportReport; headers: Record<string, string> }> {
  const { value, headers } = await written
  return { report: value, headers }
}

/** An import that is refused as a whole counts items; whoever sent a file counts its rows. */
function inRows(error: unknown, { rows }: ReadFile): unknown {
  if (!(error instanceof IpamError && error.reason === 'batch_refused')) return error
  const details = error.details.map(({ field, message }) => {
    const [, item] = /^items\[([0-9]+)\]$/.exec(field) ?? []
    const row = item === undefined ? undefined : rows[Number(item)]?.row
    return { field: row === undefined ? field : `row ${row}`, message }
  })
  const [first] = details
  const message = error.message.replace(/items\[[0-9]+\]/, first?.field ?? '$&')
  return new IpamError({ reason: error.reason, message, details }, error)
}

async function tryImport(
  service: IpamService,
  command: ImportItems,
  scope: Scope | null,
): Promise<{ report: ImportReport; headers: Record<string, string> }> {
  const { value, ...position } = await service.read(
    { type: 'tryImport', command, scope },
    { type: 'linearizable' },
  )
  if (value.ok) return { report: value.value, headers: positionHeaders(position) }
  throw new IpamError(value.refusal as Refusal, { isReplay: false })
}

/** @throws {ProblemError} */
async function readFile(bytes: Uint8Array, format: string | null): Promise<ReadFile> {
  const rows: ReadFile['rows'][number][] = []
  const errors: RowError[] = []
  let skipped = 0
  try {
    const reading = await readBulk(decodeUtf8([bytes]), { format })
    for await (const result of reading.results) {
      const { row, line } = result
      if (result.type === 'row') rows.push({ row, line, value: result.value })
      else if (result.type === 'skipped') skipped += 1
      else for (const error of result.errors) errors.push({ row, line, ...error })
      if (rows.length + errors.length > ROWS_MAX) throw tooManyRows()
    }
    return { format: reading.format, rows, errors, skipped }
  } catch (error) {
    if (!(error instanceof BulkSyntaxError)) throw error
    throw invalidRequest([{ field: 'body', message: error.message }])
  }
}

function tooManyRows(): ProblemError {
  const message = `more than ${ROWS_MAX} rows; send them in several requests, or use "ipam import", which does`
  return new ProblemError({ status: 413, reason: 'too_many_rows', message })
}

function importCommand(
  service: IpamService,
  { rows }: ReadFile,
  { atomic, on_conflict: onConflict }: z.output<typeof ImportParams>,
): ImportItems {
  const items = rows.map(({ value }) => itemOf(service, value))
  return { type: 'importItems', items, isAtomic: atomic, skipsExisting: onConflict === 'skip' }
}

function itemOf(service: IpamService, row: Row): ImportItem {
  return row.kind === 'network'
    ? networkItem(service.newNetworkId(), row)
    : allocationItem(service.newAllocationToken(), row)
}

function networkItem(id: string, row: NetworkRow): ImportItem {
  const { cidr, namespace, description, tags, gateway, reserved, metadata } = row
  return {
    kind: 'network',
    id,
    cidr,
    namespace: namespace ?? DEFAULT_NAMESPACE,
    description,
    tags,
    gateway,
    reserved,
    cooldownMs: (row.cooldown_seconds ?? 0) * 1_000,
    strategy: row.strategy ?? NETWORK_DEFAULTS.strategy,
    metadata: sortedMetadata(Object.entries(metadata)),
  }
}

function allocationItem(token: string, row: AllocationRow): ImportItem {
  const { ip, end_ip: endIp, hostname, description, tags, mac, metadata, expires_at: expiresAt } = row
  const first = parseAddress(ip).value
  const last = endIp === null ? first : parseAddress(endIp).value
  return {
    kind: 'allocation',
    ...ALLOCATION_DEFAULTS,
    token,
    network: networkRef(row),
    count: Number(last - first + 1n),
    ip,
    hostname,
    description,
    tags,
    mac,
    metadata: sortedMetadata(Object.entries(metadata)),
    expiresAt: expiresAt === null ? null : Date.parse(expiresAt),
  }
}

function networkRef({ network, namespace }: AllocationRow): NetworkRef {
  const space = namespace ?? DEFAULT_NAMESPACE
  if (network === null) return { namespace: space }
  return network.includes('/') ? { cidr: network, namespace: space } : { id: network }
}

function refuseWrongRows(errors: readonly RowError[]): ProblemError {
  return invalidRequest(errors.map((error) => ({ field: `row ${error.row}`, message: textOf(error) })))
}

function textOf({ field, message }: Pick<RowError, 'field' | 'message'>): string {
  return field === null ? message : `${field}: ${message}`
}

function reportBody(
  file: ReadFile,
  { created, skipped, failures }: ImportReport,
  isDryRun: boolean,
): shapes.ImportReport {
  const refused = failures.map(({ item, message }): RowError => {
    const { row, line } = file.rows[item] ?? { row: 0, line: 0 }
    return { row, line, field: null, message }
  })
  const errors = [...file.errors, ...refused].toSorted((a, b) => a.line - b.line)
  return {
    format: file.format,
    dry_run: isDryRun,
    created,
    skipped: skipped + file.skipped,
    failed: new Set(errors.map(({ row }) => row)).size,
    errors: errors.map((error) => ({ ...error, message: `row ${error.row}: ${textOf(error)}` })),
  }
}
