/** The fields of notes about the cluster, in the order in which they lie in a log entry. */
import type { ClusterCommand, NoteDrain, NoteTransfer } from './cluster-command.ts'
import { isCount } from './field-values.ts'
import type { FieldsOf } from './fields-of.ts'

export const CLUSTER_FIELDS: FieldsOf<ClusterCommand> = {
  noteTransfer: {
    number: 22,
    encode: ({ from, to }) => [from, to],
    decode: (fields): NoteTransfer | null => {
      const [from, to] = fields
      return fields.length === 2 && isCount(from) && isCount(to) ? { type: 'noteTransfer', from, to } : null
    },
  },
  noteDrain: {
    number: 23,
    encode: ({ nodeId, isDrained }) => [nodeId, isDrained],
    decode: (fields): NoteDrain | null => {
      const [nodeId, isDrained] = fields
      if (fields.length !== 2 || !isCount(nodeId) || typeof isDrained !== 'boolean') return null
      return { type: 'noteDrain', nodeId, isDrained }
    },
  },
}
