/** The formats that have columns. */
import { cut } from '../show.ts'
import { BulkSyntaxError } from './bulk-error.ts'
import { CsvReader, type CsvRecord } from './csv-reader.ts'
import { type CsvFormat, detectCsvFormat, FORMATS, type Format, isLineFormat } from './formats.ts'
import { Header } from './header.ts'
import { openIpamAllocationsCsv, openIpamNetworksCsv } from './ipam-import.ts'
import { openNetboxIpAddresses, openNetboxPrefixes } from './netbox.ts'
import { openPhpipamAddresses, openPhpipamSubnets } from './phpipam.ts'
import type { RowOutcome, RowResult } from './rows.ts'

interface CsvOpener {
  readonly open: (header: Header) => (fields: readonly string[]) => RowOutcome
  /** One of them has to be there. */
  readonly required: readonly [string, ...string[]]
}

const CSV_OPENERS: Record<CsvFormat, CsvOpener> = {
  'ipam-networks-csv': { open: openIpamNetworksCsv, required: ['cidr'] },
  'ipam-allocations-csv': { open: openIpamAllocationsCsv, required: ['ip'] },
  'netbox-prefixes': { open: openNetboxPrefixes, required: ['prefix'] },
  'netbox-ip-addresses': { open: openNetboxIpAddresses, required: ['address', 'ip_address'] },
  'phpipam-subnets': { open: openPhpipamSubnets, required: ['subnet'] },
  'phpipam-addresses': { open: openPhpipamAddresses, required: ['ip_address', 'ip_addr'] },
}

export interface OpenedCsv {
  readonly format: CsvFormat
  readonly results: AsyncGenerator<RowResult>
}

/**
 * @param asked Null: detected from the names of the columns.
 * @throws {BulkSyntaxError}
 */
export async function openCsv(chunks: AsyncGenerator<string>, asked: Format | null): Promise<OpenedCsv> {
  const records = recordsOf(chunks)
  const { done, value } = await records.next()
  if (done) throw new BulkSyntaxError('the file is empty; its first line has to name the columns')
  const header = new Header(value)
  const format = checkCsvFormat(header, asked ?? detectCsvFormat(header))
  return { format, results: readRecords(records, header, CSV_OPENERS[format].open(header)) }
}

function checkCsvFormat(header: Header, format: Format | null): CsvFormat {
  const labels = header.labels.slice(0, LABELS_SHOWN_MAX).map((label) => JSON.stringify(cut(label)))
  if (format === null || isLineFormat(format)) {
    const known = FORMATS.join(', ')
    throw new BulkSyntaxError(`the columns ${labels.join(', ')} tell no format; name it: one of ${known}`)
  }
  const { required } = CSV_OPENERS[format]
  if (!required.some((name) => header.has(name))) {
    throw new BulkSyntaxError(`${format} has a column ${required[0]}, and this file has ${labels.join(', ')}`)
  }
  return format
}

const LABELS_SHOWN_MAX = 16

async function* recordsOf(chunks: AsyncGenerator<string>): AsyncGenerator<CsvRecord, void> {
  const reader = new CsvReader({ delimiter: null })
  for await (const chunk of chunks) yield* reader.push(chunk)
  yield* reader.end()
}

async function* readRecords(
  records: AsyncGenerator<CsvRecord>,
  header: Header,
  read: (fields: readonly string[]) => RowOutcome,
): AsyncGenerator<RowResult> {
  for await (const { row, line, fields } of records) yield { ...readRecord(fields, header, read), row, line }
}

function readRecord(
  fields: readonly string[],
  header: Header,
  read: (fields: readonly string[]) => RowOutcome,
): RowOutcome {
  // Spreadsheets keep rows that are formatted and empty.
  if (fields.every((field) => field.trim() === '')) return { type: 'skipped', reason: 'the row is empty' }
  const mistake = header.countMistake(fields)
  if (mistake !== null) return { type: 'errors', errors: [{ field: null, message: mistake }] }
  const nameless = header.namelessValue(fields)
  if (nameless === null) return read(fields)
  const message = 'has a value, and the header has no name for it'
  return { type: 'errors', errors: [{ field: `column ${nameless}`, message }] }
}
