/** A command and who sent it, as the bytes of a log entry: a schema version, then a MessagePack array. */
import { Packr } from 'msgpackr'
import { assert } from '../../raft/assert.ts'
import type { Command, CommandContext } from './command.ts'
import { COMMAND_FIELDS, commandNumbered } from './command-fields.ts'
import { isCount, isId, isText, wellFormed } from './field-values.ts'
import type { IdempotencyStamp } from './idempotency.ts'
import type { SessionStamp } from './session.ts'

/**
 * The versions of the first byte that this program reads and writes. A change of any command's fields is a new one, and so
 * is one of what a command writes, down to the text of a refusal or an audit row: nodes compare that, and two releases that
 * differ would stop the minority. It is written once the cluster's version says that every member reads it.
 *
 * The lowest is given up only when no log can hold it any more: a node that joins replays what was written before it.
 */
export const COMMAND_SCHEMAS = { min: 1, max: 1 } as const

/** Without records, so that no state is shared between encoder and decoder. */
const packr = new Packr({ useRecords: false })

export interface CommandEnvelope {
  readonly command: Command
  readonly context: CommandContext
  /** Null for what may take effect more than once without harm. */
  readonly session: SessionStamp | null
  /** Null unless the client named a key. */
  readonly idempotency: IdempotencyStamp | null
}

/** @param version The cluster's, so that every member can read it. */
export function encodeCommand(
  { command, context, session, idempotency }: CommandEnvelope,
  version: number,
): Uint8Array {
  assert(isSupported(version), 'command schema {} is none of ours', version)
  const { user, requestId } = context
  const { number, encode } = COMMAND_FIELDS[command.type]
  const head = [
    number,
    wellFormed(user),
    requestId === null ? null : wellFormed(requestId),
    session === null ? null : [session.sessionId, session.sequence, session.floor],
    idempotency === null ? null : [idempotency.keyDigest, idempotency.fingerprint],
  ]
  const body = packr.pack([...head, ...encode(command as never)])
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
  const [type, user, requestId, stamp, key, ...fields] = array
  if (!isText(user) || !(requestId === null || isText(requestId))) return null
  const session = stamp === null ? null : sessionStampOf(stamp)
  const idempotency = key === null ? null : idempotencyStampOf(key)
  const command = commandNumbered(type)?.decode(fields) ?? null
  if (command === null || session === undefined || idempotency === undefined) return null
  return { command, context: { user, requestId }, session, idempotency }
}

/** Undefined if it is none. */
function sessionStampOf(value: unknown): SessionStamp | undefined {
  if (!Array.isArray(value) || value.length !== 3 || !value.every(isCount)) return undefined
  const [sessionId, sequence, floor] = value as [number, number, number]
  return floor <= sequence ? { sessionId, sequence, floor } : undefined
}

/** Undefined if it is none. */
function idempotencyStampOf(value: unknown): IdempotencyStamp | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [keyDigest, fingerprint] = value as unknown[]
  return isId(keyDigest) && isId(fingerprint) ? { keyDigest, fingerprint } : undefined
}

function isSupported(version: number): boolean {
  return version >= COMMAND_SCHEMAS.min && version <= COMMAND_SCHEMAS.max
}

function unpackArray(bytes: Uint8Array): unknown[] | null {
  try {
    const value: unknown = packr.unpack(bytes)
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}
