/** What happened, as a hash of all of it and as the last lines for people. */

import type { Effects } from '../../raft/core/effects.ts'
import type { Raft } from '../../raft/core/state.ts'
import { crc32c } from '../../raft/storage/crc32c.ts'
import type { NodeId } from '../../raft/types.ts'

const LINES_KEPT = 50

export class Trace {
  #hash = 0
  #count = 0
  #lines: string[][] = []
  /** How many were installed. */
  snapshotCount = 0

  /** Same hash, same run. */
  get hash(): string {
    return `${this.#count}:${this.#hash.toString(16)}`
  }

  /** Something that is done to the cluster, or that it says. */
  note(now: number, node: NodeId | null, what: string): void {
    this.#add([now.toFixed(1), node === null ? '' : String(node), '', '', '', '', what])
  }

  step(now: number, raft: Raft, effects: Effects): void {
    const what = describe(effects)
    if (effects.install !== null) this.snapshotCount += 1
    const { log } = raft
    const columns = [
      now.toFixed(1),
      String(raft.id),
      raft.role,
      `term ${raft.currentTerm}`,
      `commit ${raft.commitIndex}`,
      `log ${log.base.lastIndex}..${log.durableIndex}/${log.lastIndex}`,
      what,
    ]
    this.#add(columns, what !== '')
  }

  toString(): string {
    const widths = Array.from({ length: 6 }, (_, i) =>
      Math.max(...this.#lines.map((line) => line[i]?.length ?? 0)),
    )
    return this.#lines
      .map((line) => line.map((column, i) => column.padEnd(widths[i] ?? 0)).join('  '))
      .join('\n')
  }

  #add(columns: string[], isKept = true): void {
    const bytes = Buffer.from(columns.join(' '))
    this.#hash = crc32c(bytes, 0, bytes.length, this.#hash)
    this.#count += 1
    if (!isKept) return
    this.#lines.push(columns)
    if (this.#lines.length > LINES_KEPT) this.#lines.shift()
  }
}

function describe({ messages, batch, install, committed, transfers, snapshots, fetches }: Effects): string {
  const parts: string[] = []
  for (const message of [...messages, ...(batch?.messages ?? [])]) {
    if (message.type === 'AppendEntries' && message.entries.length === 0) continue
    if (message.type === 'AppendEntriesReply' && message.success) continue
    const count = message.type === 'AppendEntries' ? `×${message.entries.length}@${message.prevLogIndex}` : ''
    const isPre = 'isPreVote' in message && message.isPreVote ? 'Pre' : ''
    const verdict = 'voteGranted' in message ? (message.voteGranted ? '+' : '-') : ''
    parts.push(`${isPre}${message.type}${verdict}${count}→${message.to}`)
  }
  const hardState = batch?.hardState
  if (hardState) parts.push(`save(term ${hardState.currentTerm}, vote ${hardState.votedFor})`)
  const [first] = batch?.entries ?? []
  if (first !== undefined) parts.push(`write(${first.index}..${batch?.entries.at(-1)?.index} ${first.type})`)
  if (install !== null) parts.push(`install(${install.lastIndex})`)
  if (committed.length > 0) parts.push(`apply(${committed[0]?.index}..${committed.at(-1)?.index})`)
  for (const { refusal } of transfers) parts.push(`transfer(${refusal ?? 'done'})`)
  for (const { to } of snapshots) parts.push(`snapshot→${to}`)
  for (const { to, first: from, last } of fetches) parts.push(`fetch(${from}..${last})→${to}`)
  return parts.join(' ')
}
