/** What a command returned, on its way to the node that forwarded it. */
import { Packr } from 'msgpackr'
import { AssertionError } from '../../raft/assert.ts'
import type { CommandResults, Outcome, RefusalReason } from '../ipam/command.ts'
import { type RecordFields, recordFields, recordOf } from './row-codec.ts'

type OutcomeFields =
  | [tag: 'nothing']
  | [tag: 'record', fields: RecordFields]
  | [tag: 'expired', expired: number]
  | [tag: 'refused', reason: RefusalReason, message: string]

const packr = new Packr({ useRecords: false })

export function encodeOutcome(outcome: Outcome): Uint8Array {
  // A copy, since msgpackr's own buffer is shared by all that is packed around the same time.
  return Uint8Array.from(packr.pack(fieldsOf(outcome)))
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
    case 'refused':
      return { ok: false, refusal: { reason: fields[1], message: fields[2] } }
    default:
      throw new AssertionError(`not an outcome: ${JSON.stringify(fields)}`)
  }
}

function fieldsOf(outcome: Outcome): OutcomeFields {
  if (!outcome.ok) return ['refused', outcome.refusal.reason, outcome.refusal.message]
  const value = outcome.value as CommandResults[keyof CommandResults]
  if (value === null) return ['nothing']
  return 'expired' in value ? ['expired', value.expired] : ['record', recordFields(value)]
}
