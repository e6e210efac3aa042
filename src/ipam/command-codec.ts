/** A command and who sent it, as the bytes of a log entry: a schema version, then a MessagePack array. */
import { Packr } from 'msgpackr'
import { assert, unreachable } from '../../raft/assert.ts'
import type { Command, CommandContext } from './command.ts'
import type { SessionStamp } from './session.ts'

/**
 * The versions of the first byte that this program reads and writes. A change of any command's fields is a new one, and so
 * is one of what a command writes, down to the text of a refusal or an audit row: nodes compare that, and two releases that
 * differ would stop the minority. It is written once the cluster's version says that every member reads it.
 *
 * The lowest is given up only when no log can hold it any more: a node that joins replays what was written before it.
 */
export const COMMAND_SCHEMAS = { min: 1, max: 1 } as const

/** Ids end up in keys, whose order in memory (UTF-16) and on disk (bytes) is the same only for ASCII. */
const ID_PATTERN = /^[!-~]{1,64}$/

/** On the wire and on disk: a number is never used again for another command. */
const TYPE_NUMBERS = {
  createNetwork: 1,
  deleteNetwork: 2,
  allocateAddresses: 3,
  releaseAllocation: 4,
  expireAllocations: 5,
  openSession: 6,
} as const satisfies Record<Command['type'], number>

/** Without records, so that no state is shared between encoder and decoder. */
const packr = new Packr({ useRecords: false })

export interface CommandEnvelope {
  readonly command: Command
  readonly context: CommandContext
  /** Null for what may take effect more than once without harm. */
  readonly session: SessionStamp | null
}

/** @param version The cluster's, so that every member can read it. */
export function encodeCommand({ command, context, session }: CommandEnvelope, version: number): Uint8Array {
  assert(isSupported(version), `command schema ${version} is none of ours`)
  const { user, requestId } = context
  const head = [
    TYPE_NUMBERS[command.type],
    wellFormed(user),
    requestId === null ? null : wellFormed(requestId),
    session === null ? null : [session.sessionId, session.sequence, session.floor],
  ]
  const body = packr.pack([...head, ...fieldsOf(command)])
  const bytes = Buffer.allocUnsafe(1 + body.length)
  bytes[0] = version
  bytes.set(body, 1)
  return bytes
}

/**
 * Never throws: what one replica cannot read, none can, and all must go on.
 *
 * @returns Null for an unknown version or type, or fields that do not fit it.
 */
export function decodeCommand(bytes: Uint8Array): CommandEnvelope | null {
  if (!isSupported(bytes[0] ?? 0)) return null
  const array = unpackArray(bytes.subarray(1))
  if (array === null) return null
  const [type, user, requestId, stamp, ...fields] = array
  if (!isText(user) || !isTextOrNull(requestId)) return null
  const session = stamp === null ? null : stampOf(stamp)
  const command = commandOf(type, fields)
  return command === null || session === undefined ? null : { command, context: { user, requestId }, session }
}

/** Undefined if it is none. */
function stampOf(value: unknown): SessionStamp | undefined {
  if (!Array.isArray(value) || value.length !== 3 || !value.every(isCount)) return undefined
  const [sessionId, sequence, floor] = value as [number, number, number]
  return floor <= sequence ? { sessionId, sequence, floor } : undefined
}

function isSupported(version: number): boolean {
  return version >= COMMAND_SCHEMAS.min && version <= COMMAND_SCHEMAS.max
}

/** In the order in which `commandOf` reads them; a change of either is a new schema version. */
function fieldsOf(command: Command): unknown[] {
  switch (command.type) {
    case 'createNetwork':
      return [command.id, command.cidr, wellFormed(command.description), command.tags.map(wellFormed)]
    case 'allocateAddresses': {
      const { id, networkId, count, hostname, description, ttlMs } = command
      return [id, networkId, count, hostname && wellFormed(hostname), wellFormed(description), ttlMs]
    }
    case 'deleteNetwork':
    case 'releaseAllocation':
      return [command.id]
    case 'expireAllocations':
      return [command.limit]
    case 'openSession':
      return []
    default:
      return unreachable(command)
  }
}

function commandOf(type: unknown, fields: readonly unknown[]): Command | null {
  switch (type) {
    case TYPE_NUMBERS.createNetwork: {
      const [id, cidr, description, tags] = fields
      if (fields.length !== 4 || !isId(id) || !isText(cidr) || !isText(description) || !isTexts(tags))
        return null
      return { type: 'createNetwork', id, cidr, description, tags }
    }
    case TYPE_NUMBERS.allocateAddresses: {
      const [id, networkId, count, hostname, description, ttlMs] = fields
      if (fields.length !== 6 || !isId(id) || !isId(networkId) || !isCount(count)) return null
      if (!isTextOrNull(hostname) || !isText(description) || !isDurationOrNull(ttlMs)) return null
      return { type: 'allocateAddresses', id, networkId, count, hostname, description, ttlMs }
    }
    case TYPE_NUMBERS.deleteNetwork: {
      const [id] = fields
      return fields.length === 1 && isId(id) ? { type: 'deleteNetwork', id } : null
    }
    case TYPE_NUMBERS.releaseAllocation: {
      const [id] = fields
      return fields.length === 1 && isId(id) ? { type: 'releaseAllocation', id } : null
    }
    case TYPE_NUMBERS.expireAllocations: {
      const [limit] = fields
      return fields.length === 1 && isCount(limit) ? { type: 'expireAllocations', limit } : null
    }
    case TYPE_NUMBERS.openSession:
      return fields.length === 0 ? { type: 'openSession' } : null
    default:
      return null
  }
}

function unpackArray(bytes: Uint8Array): unknown[] | null {
  try {
    const value: unknown = packr.unpack(bytes)
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/**
 * Lone surrogates become U+FFFD before they enter the log: how a decoder reads their bytes differs between
 * msgpackr's native and its JavaScript half, and so could differ between two nodes.
 */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID_PATTERN.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
}

function isDurationOrNull(value: unknown): value is number | null {
  return value === null || (typeof value === 'number' && Number.isFinite(value) && value > 0)
}
