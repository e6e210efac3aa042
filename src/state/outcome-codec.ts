/** What a command returned: for the node that forwarded it, and for a copy of the command. */
import { Packr } from 'msgpackr'
import { AssertionError } from '../../raft/assert.ts'
import type {
  CommandResults,
  Outcome,
  Refusal,
  RefusalReason,
  SessionRefusalReason,
} from '../ipam/command.ts'
import { type RecordFields, recordFields, recordOf } from './row-codec.ts'

type OutcomeFields =
  | [tag: 'nothing']
  | [tag: 'record', fields: RecordFields]
  | [tag: 'expired', expired: number]
  | [tag: 'session', sessionId: number]
  | [tag: 'refused', reason: RefusalReason | SessionRefusalReason, message: string]

const packr = new Packr({ useRecords: false })

export function encodeOutcome(outcome: Outcome): Uint8Array {
  // A copy, since msgpackr's own buffer is shared by all that is packed around the same time.
  return new Uint8Array(encodeOutcomeRow(outcome))
}

export function encodeOutcomeRow(outcome: Outcome): Buffer {
  return packr.pack(fieldsOf(outcome))
}

export function decodeOutcome(bytes: Uint8Array): Outcome {
  const fields = packr.unpack(bytes) as OutcomeFields
  switch (fields[0]) {
    case 'nothing':
      return { ok: true, value: null }
    case 'record':
      return { ok: true, value: recordOf(fields[1]) }
    case 'expired':
      return { ok: true, value: { expired: fields[1] } }
    case 'session':
      return { ok: true, value: { sessionId: fields[1] } }
    case 'refused':
      return { ok: false, refusal: { reason: fields[1], message: fields[2] } as Refusal }
    default:
      throw new AssertionError(`not an outcome: ${JSON.stringify(fields)}`)
  }
}

function fieldsOf(outcome: Outcome): OutcomeFields {
  if (!outcome.ok) return ['refused', outcome.refusal.reason, outcome.refusal.message]
  const value = outcome.value as CommandResults[keyof CommandResults]
  if (value === null) return ['nothing']
  if ('expired' in value) return ['expired', value.expired]
  return 'sessionId' in value ? ['session', value.sessionId] : ['record', recordFields(value)]
}
