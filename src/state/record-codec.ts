/** The records of people: networks, allocations, audit rows. MessagePack arrays with fixed positions; a change of any is a new `FORMAT`. */
import { Packr } from 'msgpackr'
import {
  ALLOCATION_STATUSES,
  type Allocation,
  AUDIT_ACTIONS,
  type AuditEntry,
  type AuditRecord,
  type Metadata,
  type Network,
  type Strategy,
} from '../ipam/records.ts'
import type { AuditDraft } from '../ipam/store.ts'
import { CorruptStateError } from './errors.ts'
import { type Position, parsePosition } from './key-encoding.ts'
import { rowWriter } from './row-writer.ts'
import { type TaggedFields, taggedFields, taggedOf } from './tagged-codec.ts'

const STRATEGIES: readonly Strategy[] = ['lowest', 'next', 'random']

const packr = new Packr({ useRecords: false })

export function encodeNetwork(network: Network): Buffer {
  return rowWriter.pack(networkFields(network))
}

export function decodeNetwork(row: Uint8Array): Network {
  return networkOf(packr.unpack(row) as NetworkFields)
}

/** @param ordinal How many were created before it. */
export function encodeAllocation(allocation: Allocation, ordinal: number): Buffer {
  rowWriter.begin()
  rowWriter.writeHead(ORDINAL + 1)
  rowWriter.writeOnce(allocation, writeFields)
  rowWriter.writeNumber(ordinal)
  return rowWriter.end()
}

export function decodeAllocation(row: Uint8Array): Allocation {
  return allocationOf(packr.unpack(row) as AllocationFields)
}

export function decodeNumberedAllocation(row: Uint8Array): { allocation: Allocation; ordinal: number } {
  const fields = packr.unpack(row) as NumberedAllocationFields
  return { allocation: allocationOf(fields), ordinal: fields[ORDINAL] }
}

/** What the index of host names needs of an allocation's row. */
export function decodeNamed(row: Uint8Array): { hostname: string | null; ordinal: number } {
  const fields = packr.unpack(row) as NumberedAllocationFields
  return { hostname: fields[4], ordinal: fields[ORDINAL] }
}

/**
 * `before` and `after` are of one kind. Index and sequence are in the key.
 *
 * Of a network or allocation that changes, only those fields of `before` are written that differ: of one that ended three of fourteen.
 */
export function encodeAudit(draft: AuditDraft): Buffer {
  const { timestamp, action, resource, details, user, requestId, before, after } = draft
  rowWriter.begin()
  rowWriter.writeHead(8)
  rowWriter.writeNumber(timestamp)
  rowWriter.writeNumber(AUDIT_ACTIONS.indexOf(action))
  rowWriter.writeText(resource)
  rowWriter.writeText(details)
  rowWriter.writeText(user)
  rowWriter.writeText(requestId)
  rowWriter.write(before && writtenBefore(auditedFields(before), after && auditedFields(after)))
  writeAudited(after)
  return rowWriter.end()
}

export function decodeAudit(position: Position, row: Uint8Array): AuditEntry {
  const [timestamp, action, resource, details, user, requestId, before, after] = packr.unpack(
    row,
  ) as AuditFields
  return {
    ...parsePosition(position),
    timestamp,
    action: listed(AUDIT_ACTIONS, action),
    resource,
    details,
    user,
    requestId,
    before:
      before && auditedOf(isTagged(before) || !isChanged(before) ? before : restoreFields(before, after)),
    after: after && auditedOf(after),
  }
}

/** As `recordFields` has it. */
export function writeAllocation(allocation: Allocation): void {
  rowWriter.writeHead(ORDINAL)
  rowWriter.writeOnce(allocation, writeFields)
}

export function recordFields(record: Network | Allocation): RecordFields {
  return 'cidr' in record ? networkFields(record) : allocationFields(record)
}

export function recordOf(fields: RecordFields): Network | Allocation {
  return isNetworkFields(fields) ? networkOf(fields) : allocationOf(fields)
}

type NetworkFields = [
  id: string,
  cidr: string,
  namespace: string,
  tags: readonly string[],
  description: string,
  gateway: string | null,
  reserved: readonly string[],
  cooldownMs: number,
  strategy: number,
  metadata: MetadataFields,
  createdAt: number,
  updatedAt: number,
  changedIndex: number,
]

/** Keys and values in turn. */
type MetadataFields = readonly string[]

type AllocationFields = [
  id: string,
  networkId: string,
  ip: string,
  endIp: string | null,
  hostname: string | null,
  description: string,
  tags: readonly string[],
  mac: string | null,
  metadata: MetadataFields,
  status: number,
  allocatedAt: number,
  expiresAt: number | null,
  releasedAt: number | null,
  changedIndex: number,
]

type NumberedAllocationFields = [...AllocationFields, ordinal: number]
const ORDINAL = 14

export type RecordFields = NetworkFields | AllocationFields

type AuditedFields = RecordFields | TaggedFields

type AuditFields = [
  timestamp: number,
  action: number,
  resource: string,
  details: string,
  user: string,
  requestId: string | null,
  before: AuditedFields | ChangedFields | null,
  after: AuditedFields | null,
]

/** Places in the fields, and what was there before, in turn. */
type ChangedFields = readonly unknown[]

function changedFields(before: RecordFields, after: RecordFields): ChangedFields {
  const changed: unknown[] = []
  for (let place = 0; place < before.length; place++) {
    const value = before[place]
    if (!isSameField(value, after[place])) changed.push(place, value)
  }
  return changed
}

function writeAudited(record: AuditRecord | null): void {
  if (record === null || 'kind' in record || 'cidr' in record)
    rowWriter.write(record && auditedFields(record))
  else writeAllocation(record)
}

function writtenBefore(before: AuditedFields, after: AuditedFields | null): AuditedFields | ChangedFields {
  if (after === null || isTagged(before) || isTagged(after)) return before
  return changedFields(before, after)
}

function auditedFields(record: AuditRecord): AuditedFields {
  return 'kind' in record ? taggedFields(record) : recordFields(record)
}

function auditedOf(fields: AuditedFields): AuditRecord {
  return isTagged(fields) ? taggedOf(fields) : recordOf(fields)
}

function isTagged(fields: AuditedFields | ChangedFields): fields is TaggedFields {
  return !Array.isArray(fields)
}

/** The first field of a record is its id. */
function isChanged(before: RecordFields | ChangedFields): before is ChangedFields {
  return typeof before[0] !== 'string'
}

function restoreFields(changed: ChangedFields, after: AuditedFields | null): RecordFields {
  if (after === null || isTagged(after)) {
    throw new CorruptStateError('an audit row says what was changed, but not to what')
  }
  const fields: unknown[] = [...after]
  for (let i = 0; i < changed.length; i += 2) fields[changed[i] as number] = changed[i + 1]
  return fields as unknown as RecordFields
}

/** Fields are scalars, or lists of text. */
function isSameField(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((value, i) => value === b[i])
}

function networkFields(network: Network): NetworkFields {
  const { id, cidr, namespace, tags, description, gateway, reserved, cooldownMs, strategy } = network
  const { metadata, createdAt, updatedAt, changedIndex } = network
  const place = STRATEGIES.indexOf(strategy)
  const settings = [gateway, reserved, cooldownMs, place, metadataFields(metadata)] as const
  return [id, cidr, namespace, tags, description, ...settings, createdAt, updatedAt, changedIndex]
}

function networkOf(fields: NetworkFields): Network {
  const [id, cidr, namespace, tags, description, gateway, reserved, cooldownMs, place, ...rest] = fields
  const [metadata, createdAt, updatedAt, changedIndex] = rest
  return {
    id,
    cidr,
    namespace,
    description,
    tags,
    gateway,
    reserved,
    cooldownMs,
    strategy: listed(STRATEGIES, place),
    metadata: metadataOf(metadata),
    createdAt,
    updatedAt,
    changedIndex,
  }
}

function allocationFields(allocation: Allocation): AllocationFields {
  const { id, networkId, ip, endIp, hostname, description, tags, mac, metadata, status } = allocation
  const { allocatedAt, expiresAt, releasedAt, changedIndex } = allocation
  const settings = [hostname, description, tags, mac, metadataFields(metadata)] as const
  const statusNumber = ALLOCATION_STATUSES.indexOf(status)
  return [
    id,
    networkId,
    ip,
    endIp,
    ...settings,
    statusNumber,
    allocatedAt,
    expiresAt,
    releasedAt,
    changedIndex,
  ]
}

/** One after the other, as `allocationFields` has them: an array of them first would be as dear as their bytes. */
function writeFields(allocation: Allocation): void {
  const writer = rowWriter
  writer.writeText(allocation.id)
  writer.writeText(allocation.networkId)
  writer.writeText(allocation.ip)
  writer.writeText(allocation.endIp)
  writer.writeText(allocation.hostname)
  writer.writeText(allocation.description)
  writer.write(allocation.tags)
  writer.writeText(allocation.mac)
  writer.write(metadataFields(allocation.metadata))
  writer.writeNumber(ALLOCATION_STATUSES.indexOf(allocation.status))
  writer.writeNumber(allocation.allocatedAt)
  writer.writeNumber(allocation.expiresAt)
  writer.writeNumber(allocation.releasedAt)
  writer.writeNumber(allocation.changedIndex)
}

function allocationOf(fields: AllocationFields | NumberedAllocationFields): Allocation {
  const [id, networkId, ip, endIp, hostname, description, tags, mac, metadata, status, ...rest] = fields
  const [allocatedAt, expiresAt, releasedAt, changedIndex] = rest
  return {
    id,
    networkId,
    ip,
    endIp,
    hostname,
    description,
    tags,
    mac,
    metadata: metadataOf(metadata),
    status: listed(ALLOCATION_STATUSES, status),
    allocatedAt,
    expiresAt,
    releasedAt,
    changedIndex,
  }
}

function metadataFields(metadata: Metadata): MetadataFields {
  const fields: string[] = []
  for (const [key, value] of Object.entries(metadata)) fields.push(key, value)
  return fields
}

function metadataOf(fields: MetadataFields): Metadata {
  if (fields.length === 0) return {}
  const entries: [string, string][] = []
  for (let i = 0; i + 1 < fields.length; i += 2) entries.push([fields[i] as string, fields[i + 1] as string])
  return Object.fromEntries(entries)
}

/** The fourth field of a network is its list of tags; of an allocation, text or null. */
function isNetworkFields(fields: RecordFields): fields is NetworkFields {
  return Array.isArray(fields[3])
}

function listed<T>(list: readonly T[], place: number): T {
  const found = list[place]
  if (found === undefined) throw new CorruptStateError(`no meaning is known for the number ${place}`)
  return found
}
