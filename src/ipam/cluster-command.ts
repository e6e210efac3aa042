/** What was done to the cluster beside the log, for the audit log: it changes nothing else. */

/** Somebody had leadership handed over, and it was. */
export interface NoteTransfer {
  readonly type: 'noteTransfer'
  readonly from: number
  readonly to: number
}

/** Somebody drained a node, or undid that. */
export interface NoteDrain {
  readonly type: 'noteDrain'
  readonly nodeId: number
  readonly isDrained: boolean
}

export type ClusterCommand = NoteTransfer | NoteDrain

export interface ClusterResults {
  noteTransfer: null
  noteDrain: null
}
