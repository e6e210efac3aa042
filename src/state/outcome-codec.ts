/** What a command returned: for the node that forwarded it, and for a copy of the command. */
import { Packr } from 'msgpackr'
import { AssertionError } from '../../raft/assert.ts'
import type { CommandResults, ImportFailure } from '../ipam/command.ts'
import type { Outcome, Refusal, RefusalDetail, RefusalReason, SessionRefusalReason } from '../ipam/outcome.ts'
import type { Allocation, Network, PlacedNetwork } from '../ipam/records.ts'
import { type KeyFields, keyFields, keyOf, type UserFields, userFields, userOf } from './access-codec.ts'
import { type RecordFields, recordFields, recordOf, writeAllocation } from './record-codec.ts'
import { rowWriter } from './row-writer.ts'

type PlacedFields = [fields: RecordFields, parentId: string | null]

type ValueFields =
  | [tag: 'nothing']
  | [tag: 'allocation', fields: RecordFields]
  | [tag: 'allocations', ...fields: RecordFields[]]
  | [tag: 'network', ...fields: PlacedFields]
  | [tag: 'networks', ...fields: PlacedFields[]]
  | [tag: 'expired', expired: number, cooled: number]
  | [tag: 'pruned', pruned: number, isDone: boolean]
  | [tag: 'imported', created: number, skipped: number, ...failures: FailureFields[]]
  | [tag: 'session', sessionId: number]
  | [tag: 'user', fields: UserFields]
  | [tag: 'key', fields: KeyFields]

type FailureFields = [item: number, reason: RefusalReason, message: string]

type OutcomeFields =
  | [tag: 'ok', isReplay: boolean, ...value: ValueFields]
  | [
      tag: 'refused',
      isReplay: boolean,
      reason: RefusalReason | SessionRefusalReason,
      message: string,
      ...details: [field: string, message: string][],
    ]

const packr = new Packr({ useRecords: false })

export function encodeOutcome(outcome: Outcome): Uint8Array {
  // A copy, since msgpackr's own buffer is shared by all that is packed around the same time.
  return new Uint8Array(encodeOutcomeRow(outcome))
}

export function encodeOutcomeRow(outcome: Outcome): Buffer {
  rowWriter.begin()
  writeOutcome(outcome)
  return rowWriter.end()
}

/** Into the row that `rowWriter` is at. */
export function writeOutcome(outcome: Outcome): void {
  const allocation = outcome.ok ? allocationIn(outcome.value as CommandResults[keyof CommandResults]) : null
  if (allocation === null) {
    rowWriter.write(fieldsOf(outcome))
    return
  }
  rowWriter.writeHead(4)
  rowWriter.writeText('ok')
  rowWriter.write(outcome.isReplay)
  rowWriter.writeText('allocation')
  writeAllocation(allocation)
}

/** What most outcomes are. */
function allocationIn(value: CommandResults[keyof CommandResults]): Allocation | null {
  return value !== null && 'ip' in value ? value : null
}

export function decodeOutcome(bytes: Uint8Array): Outcome {
  const fields = packr.unpack(bytes) as OutcomeFields
  if (fields[0] === 'ok') {
    const [, isReplay, ...value] = fields
    return { ok: true, value: resultOf(value), isReplay }
  }
  const [, isReplay, reason, message, ...details] = fields
  const named = details.map(([field, text]): RefusalDetail => ({ field, message: text }))
  return { ok: false, refusal: { reason, message, details: named } as Refusal, isReplay }
}

function resultOf(fields: ValueFields): CommandResults[keyof CommandResults] {
  switch (fields[0]) {
    case 'nothing':
      return null
    case 'allocation':
      return recordOf(fields[1]) as Allocation
    case 'allocations':
      return fields.slice(1).map((record) => recordOf(record as RecordFields) as Allocation)
    case 'network':
      return placedOf([fields[1], fields[2]])
    case 'networks':
      return fields.slice(1).map((placed) => placedOf(placed as PlacedFields))
    case 'expired':
      return { expired: fields[1], cooled: fields[2] }
    case 'pruned':
      return { pruned: fields[1], isDone: fields[2] }
    case 'imported': {
      const [, created, skipped, ...failures] = fields
      const named = failures.map(([item, reason, message]): ImportFailure => ({ item, reason, message }))
      return { created, skipped, failures: named }
    }
    case 'session':
      return { sessionId: fields[1] }
    case 'user':
      return userOf(fields[1])
    case 'key':
      return keyOf(fields[1])
    default:
      throw new AssertionError(`not an outcome: ${JSON.stringify(fields)}`)
  }
}

function placedOf([fields, parentId]: PlacedFields): PlacedNetwork {
  return { ...(recordOf(fields) as Network), parentId }
}

function fieldsOf(outcome: Outcome): OutcomeFields {
  if (outcome.ok) {
    const value = outcome.value as CommandResults[keyof CommandResults]
    return ['ok', outcome.isReplay, ...valueFields(value)]
  }
  const { reason, message, details } = outcome.refusal
  const named = details.map(({ field, message: text }): [string, string] => [field, text])
  return ['refused', outcome.isReplay, reason, message, ...named]
}

function valueFields(value: CommandResults[keyof CommandResults]): ValueFields {
  if (value === null) return ['nothing']
  if (isList(value)) {
    // Of an empty list nobody can tell, and no command returns one.
    const isNetworks = value.some((record) => 'cidr' in record)
    if (isNetworks) return ['networks', ...(value as PlacedNetwork[]).map(placedFields)]
    return ['allocations', ...(value as Allocation[]).map(recordFields)]
  }
  if ('expired' in value) return ['expired', value.expired, value.cooled]
  if ('pruned' in value) return ['pruned', value.pruned, value.isDone]
  if ('failures' in value) {
    const failures = value.failures.map(({ item, reason, message }): FailureFields => [item, reason, message])
    return ['imported', value.created, value.skipped, ...failures]
  }
  if ('sessionId' in value) return ['session', value.sessionId]
  if ('passwordHash' in value) return ['user', userFields(value)]
  if ('secretHash' in value) return ['key', keyFields(value)]
  return 'cidr' in value ? ['network', ...placedFields(value)] : ['allocation', recordFields(value)]
}

function placedFields(network: PlacedNetwork): PlacedFields {
  return [recordFields(network), network.parentId]
}

function isList(
  value: CommandResults[keyof CommandResults],
): value is readonly Allocation[] | readonly PlacedNetwork[] {
  return Array.isArray(value)
}
