/** How a trace says things. Only what a scenario is about is printed, so that a new field changes no trace. */

import type { Effects, PersistBatch } from '../../../raft/core/effects.ts'
import { currentMembership } from '../../../raft/core/membership.ts'
import { decodeMembership } from '../../../raft/core/membership-entry.ts'
import type { Raft } from '../../../raft/core/state.ts'
import type {
  AppendEntries,
  AppendEntriesReply,
  Entry,
  InstallSnapshotReply,
  Membership,
  RaftMessage,
} from '../../../raft/types.ts'

/** What most scenarios are better off without. */
export interface Shown {
  /** A column with the configuration in force. */
  readonly isConfigShown: boolean
  /** Replication sessions in the messages that carry one. */
  readonly isSessionShown: boolean
}

export function formatMessage(message: RaftMessage, shown: Shown): string {
  const fields = fieldsOf(message)
  if (shown.isSessionShown && 'session' in message) fields.push(`session ${message.session}`)
  return `${nameOf(message)}(term ${message.term}${fields.map((field) => `, ${field}`).join('')})`
}

function nameOf(message: RaftMessage): string {
  const isPreVote = 'isPreVote' in message && message.isPreVote
  return isPreVote ? message.type.replace('RequestVote', 'PreVote') : message.type
}

function fieldsOf(message: RaftMessage): string[] {
  switch (message.type) {
    case 'RequestVote':
      return [
        `log ${message.lastLogIndex}:${message.lastLogTerm}`,
        ...(message.isTransfer ? ['transfer'] : []),
      ]
    case 'RequestVoteReply':
      return [message.voteGranted ? 'granted' : 'rejected']
    case 'AppendEntries':
      return appendFields(message)
    case 'AppendEntriesReply':
      return [appendOutcome(message), ...roundField(message)]
    case 'InstallSnapshot':
      return [message.lastIndex === 0 ? 'to come' : `through ${message.lastIndex}`, ...roundField(message)]
    case 'InstallSnapshotReply':
      return [installOutcome(message), ...roundField(message)]
    case 'ReadIndexRequest':
      return [`read ${message.requestId}`]
    case 'ReadIndexReply':
      return [
        `read ${message.requestId}`,
        message.readIndex === null ? 'ask again' : `at ${message.readIndex}`,
      ]
    default:
      return []
  }
}

function appendFields(message: AppendEntries): string[] {
  const entries = message.entries.map(formatEntry).join(', ')
  return [
    `after ${message.prevLogIndex}:${message.prevLogTerm}`,
    `[${entries}]`,
    `commit ${message.leaderCommit}`,
    ...roundField(message),
  ]
}

function appendOutcome(reply: AppendEntriesReply): string {
  if (reply.success) return `match ${reply.matchIndex}`
  // A leader of an earlier term is told nothing but the term.
  if (reply.rejectedIndex === 0) return 'rejected'
  return `rejected after ${reply.rejectedIndex}, try ${reply.conflictIndex}:${reply.conflictTerm}`
}

function installOutcome({ success, lastIndex }: InstallSnapshotReply): string {
  if (success) return `through ${lastIndex}`
  return lastIndex === 0 ? 'not here' : `installing ${lastIndex}`
}

function roundField({ readRound }: { readRound: number }): string[] {
  return readRound === 0 ? [] : [`round ${readRound}`]
}

function formatEntry({ index, term, type, payload }: Entry): string {
  if (type === 'noop') return `${index}:${term} no-op`
  if (type === 'command') return `${index}:${term}`
  return `${index}:${term} {${formatMembership(decodeMembership(payload).membership)}}`
}

/** Voters, then learners with a `?`, then removed ids with a `-`. */
export function formatMembership({ members, removed }: Membership): string {
  const voters = members.filter(({ voter }) => voter).map(({ id }) => `${id}`)
  const learners = members.filter(({ voter }) => !voter).map(({ id }) => `${id}?`)
  return [...voters, ...learners, ...removed.map((id) => `-${id}`)].join(' ')
}

export function formatConfig(raft: Raft): string {
  return formatMembership(currentMembership(raft))
}

/**
 * The terms of the log, one an entry. `[3:1]` in front: a snapshot through index 3, of term 1. `m`: a configuration.
 * `|`: what follows is not on this node's disk.
 */
export function formatLog({ log }: Raft): string {
  const { base, lastIndex, durableIndex } = log
  const words: string[] = base.lastIndex > 0 ? [`[${base.lastIndex}:${base.lastTerm}]`] : []
  for (let index = base.lastIndex + 1; index <= lastIndex; index++) {
    if (index === durableIndex + 1) words.push('|')
    const run = log.terms.findLast(({ firstIndex }) => firstIndex <= index)
    const isConfig = log.memberships.some((at) => at.index === index)
    words.push(`${run?.term ?? '?'}${isConfig ? 'm' : ''}`)
  }
  return words.length === 0 ? '-' : words.join(' ')
}

/** `term 2, vote 1, entries 3:2, 4:2`; null if it writes nothing. */
export function formatBatch({ hardState, entries }: PersistBatch): string | null {
  const parts: string[] = []
  if (hardState !== null) parts.push(`term ${hardState.currentTerm}, vote ${hardState.votedFor ?? 'none'}`)
  if (entries.length > 0) parts.push(entries.map(formatEntry).join(', '))
  return parts.length === 0 ? null : parts.join('; ')
}

/** All effects but messages, batches and installs, in the order of the fields. */
export function formatOutcomes(effects: Effects): string[] {
  const fate = (what: string, one: { index: number; term: number } | { refusal: string }): string => {
    return 'refusal' in one ? `${what} refused: ${one.refusal}` : `${what} is entry ${one.index}:${one.term}`
  }
  return [
    ...effects.proposals.map((one) => fate('proposal', one)),
    ...effects.memberships.map((one) => fate('change', one)),
    ...(effects.committed.length > 0 ? [`applies ${effects.committed.map(formatEntry).join(', ')}`] : []),
    ...effects.transfers.map(({ refusal }) => `transfer ${refusal === null ? 'done' : `failed: ${refusal}`}`),
    ...effects.reads.map(({ id, readIndex }) => {
      return `read ${id} ${readIndex === null ? 'failed: ask again' : `is good at ${readIndex}`}`
    }),
    ...effects.snapshots.map(({ to }) => `wants to send a snapshot to ${to}`),
    ...effects.lostEntries.map(({ peer, matchIndex }) => {
      return `ALARM: ${peer} has lost entries up to ${matchIndex}`
    }),
  ]
}
