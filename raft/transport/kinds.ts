/** The u8 in front of each frame's body. Numbers are wire format: never reuse one. */

/** How two nodes get to know each other; then what keeps a quiet connection alive. */
export const HELLO = 1
export const WELCOME = 2
export const REFUSAL = 3
export const START = 4
export const PING = 5
export const HEARD = 6
export const PROOF = 7
export const ADMITTED = 8

/** On a connection for a snapshot. */
export const OFFER = 16
export const OFFSET = 17
export const CHUNK = 18
export const END = 19
export const DONE = 20

/** On a connection for messages: one kind for each type. */
export const MESSAGE_KINDS = {
  RequestVote: 32,
  RequestVoteReply: 33,
  AppendEntries: 34,
  AppendEntriesReply: 35,
  InstallSnapshot: 36,
  InstallSnapshotReply: 37,
  TimeoutNow: 38,
  ReadIndexRequest: 39,
  ReadIndexReply: 40,
  ForwardRequests: 41,
  ForwardReplies: 42,
  StateHashes: 43,
} as const
