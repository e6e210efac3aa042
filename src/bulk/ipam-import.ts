/** Our own files, CSV and JSON lines: the fields of the API, and no others. */
import { nearest } from '../nearest.ts'
import { cut, show } from '../show.ts'
import { buildAllocation, buildNetwork, type Found, Mistakes } from './build-row.ts'
import { BulkSyntaxError } from './bulk-error.ts'
import { armFormula } from './csv-writer.ts'
import type { Header } from './header.ts'
import { checkList, checkMap, parseList, parseMap } from './ipam-cells.ts'
import { ALLOCATION_FIELDS, type IpamFields, NETWORK_FIELDS } from './ipam-records.ts'
import type { JsonObject } from './jsonl.ts'
import type { RowOutcome } from './rows.ts'
import { ValueError } from './values.ts'

/** One row, whatever it is written in; each throws `ValueError`. What is not there is empty or null. */
interface FieldSource {
  text(name: string): string
  list(name: string): readonly string[]
  map(name: string): Readonly<Record<string, string>>
  count(name: string): number | null
}

/** @throws {BulkSyntaxError} for a column that is not ours. */
export function openIpamNetworksCsv(header: Header): (fields: readonly string[]) => RowOutcome {
  const columns = checkColumns(header, NETWORK_FIELDS)
  return (fields) => readNetwork(new CsvCells(columns, fields), new Mistakes())
}

/** @throws {BulkSyntaxError} for a column that is not ours. */
export function openIpamAllocationsCsv(header: Header): (fields: readonly string[]) => RowOutcome {
  const columns = checkColumns(header, ALLOCATION_FIELDS)
  return (fields) => readAllocation(new CsvCells(columns, fields), new Mistakes())
}

export function readNetworkObject(object: JsonObject): RowOutcome {
  return readNetwork(new JsonFields(object), unknownKeys(object, NETWORK_FIELDS))
}

export function readAllocationObject(object: JsonObject): RowOutcome {
  return readAllocation(new JsonFields(object), unknownKeys(object, ALLOCATION_FIELDS))
}

function readNetwork(source: FieldSource, mistakes: Mistakes): RowOutcome {
  const { text, list, map, count } = drafting(source, mistakes)
  return buildNetwork(
    {
      cidr: text('cidr'),
      namespace: text('namespace'),
      description: text('description'),
      tags: list('tags'),
      gateway: text('gateway'),
      reserved: list('reserved'),
      cooldown_seconds: count('cooldown_seconds'),
      strategy: text('strategy'),
      metadata: map('metadata'),
    },
    mistakes,
  )
}

/** Released and expired ones are in an export for the record; what is over is not made again. */
function readAllocation(source: FieldSource, mistakes: Mistakes): RowOutcome {
  const { text, list, map } = drafting(source, mistakes)
  const status = text('status').value
  if (status === 'released' || status === 'expired') {
    return { type: 'skipped', reason: `${cut(text('ip').value)} is ${status}` }
  }
  if (status !== '' && status !== 'allocated') {
    mistakes.add('status', `must be allocated, released or expired, not ${show(status)}`)
  }
  const cidr = text('cidr')
  return buildAllocation(
    {
      ip: text('ip'),
      end_ip: text('end_ip'),
      network: cidr.value === '' ? text('network_id') : cidr,
      namespace: text('namespace'),
      hostname: text('hostname'),
      description: text('description'),
      tags: list('tags'),
      mac: text('mac'),
      metadata: map('metadata'),
      expires_at: text('expires_at'),
    },
    mistakes,
  )
}

/** The fields of a source under their names, with what is wrong with their form on record. */
function drafting(source: FieldSource, mistakes: Mistakes) {
  function find<T>(field: string, read: () => T, otherwise: T): Found<T> {
    return { field, value: mistakes.catch(field, read, otherwise) }
  }
  return {
    text: (name: string) => find(name, () => source.text(name), ''),
    list: (name: string) => find(name, () => source.list(name), []),
    map: (name: string) => find(name, () => source.map(name), {}),
    count: (name: string) => find(name, () => source.count(name), null),
  }
}

class CsvCells implements FieldSource {
  readonly #columns: ReadonlyMap<string, number>
  readonly #fields: readonly string[]

  constructor(columns: ReadonlyMap<string, number>, fields: readonly string[]) {
    this.#columns = columns
    this.#fields = fields
  }

  text(name: string): string {
    const index = this.#columns.get(name)
    return index === undefined ? '' : armFormula(this.#fields[index] ?? '')
  }

  list(name: string): readonly string[] {
    return parseList(this.text(name))
  }

  map(name: string): Readonly<Record<string, string>> {
    return parseMap(this.text(name))
  }

  count(name: string): number | null {
    const text = this.text(name)
    if (text === '') return null
    if (!/^[0-9]{1,15}$/.test(text)) throw new ValueError(`must be a whole number, not ${show(text)}`)
    return Number(text)
  }
}

class JsonFields implements FieldSource {
  readonly #object: JsonObject

  constructor(object: JsonObject) {
    this.#object = object
  }

  text(name: string): string {
    const value = this.#valueOf(name)
    if (value === null) return ''
    if (typeof value !== 'string') throw new ValueError(`must be text, not ${show(value)}`)
    return value
  }

  list(name: string): readonly string[] {
    const value = this.#valueOf(name)
    return value === null ? [] : checkList(value)
  }

  map(name: string): Readonly<Record<string, string>> {
    const value = this.#valueOf(name)
    return value === null ? {} : checkMap(value)
  }

  count(name: string): number | null {
    const value = this.#valueOf(name)
    if (value === null || typeof value === 'number') return value
    throw new ValueError(`must be a whole number, not ${show(value)}`)
  }

  #valueOf(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? (this.#object[name] ?? null) : null
  }
}

function checkColumns(header: Header, fields: IpamFields): ReadonlyMap<string, number> {
  const known = Object.keys(fields)
  for (const { label } of header.columns) {
    if (known.includes(label)) continue
    const place = { row: header.row, column: JSON.stringify(cut(label)) }
    throw new BulkSyntaxError(`unknown column; ${wayOut(label, known)}`, place)
  }
  return new Map(header.columns.map(({ label, index }) => [label, index]))
}

function unknownKeys(object: JsonObject, fields: IpamFields): Mistakes {
  const known = Object.keys(fields)
  const mistakes = new Mistakes()
  for (const key of Object.keys(object)
    .filter((name) => !known.includes(name))
    .slice(0, UNKNOWN_KEYS_MAX)) {
    mistakes.add(cut(key), `unknown field; ${wayOut(key, known)}`)
  }
  return mistakes
}

const UNKNOWN_KEYS_MAX = 20

function wayOut(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  return meant !== null ? `did you mean ${meant}?` : `known are ${known.join(', ')}`
}
