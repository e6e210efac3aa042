/** A table of what happened, one row a step of one node. */
import type { Raft } from '../../../raft/core/state.ts'
import { formatConfig, formatLog, type Shown } from './format.ts'

const HEADINGS = ['step', 'ms', 'node', 'role', 'term', 'commit', 'config', 'log', 'what'] as const
type Column = (typeof HEADINGS)[number]
const RIGHT: ReadonlySet<Column> = new Set(['step', 'ms', 'node', 'term', 'commit'])

type Row = Record<Column, string>

const NOTHING: Row = {
  step: '',
  ms: '',
  node: '',
  role: '',
  term: '',
  commit: '',
  config: '',
  log: '',
  what: '',
}

export class Trace {
  readonly #shown: Shown
  readonly #lines: (Row | string)[] = []
  #stepCount = 0
  /** Off while a scenario sets the stage. */
  isRecording = true

  constructor(shown: Shown) {
    this.#shown = shown
  }

  /** What one node did, and how it stands after that. */
  step(raft: Raft, cause: string, effects: readonly string[]): void {
    if (!this.isRecording) return
    this.#stepCount += 1
    this.#lines.push({ ...rowOf(raft), step: `${this.#stepCount}`, what: cause })
    for (const what of effects) this.#lines.push({ ...NOTHING, what: `  ${what}` })
  }

  /** How a node stands, without a step. */
  stand(raft: Raft): void {
    if (this.isRecording) this.#lines.push(rowOf(raft))
  }

  /** What happens between the nodes. */
  event(what: string): void {
    if (this.isRecording) this.#lines.push({ ...NOTHING, what })
  }

  /** What the reader should know. */
  note(text: string): void {
    if (this.isRecording) this.#lines.push(`-- ${text}`)
  }

  /** Without trailing blanks, ending in a newline. */
  toString(): string {
    const columns = HEADINGS.filter((column) => column !== 'config' || this.#shown.isConfigShown)
    const heading = Object.fromEntries(HEADINGS.map((column) => [column, column])) as Row
    const rows = [heading, ...this.#lines.filter((line) => typeof line !== 'string')]
    const widths = new Map(
      columns.map((column) => [column, Math.max(...rows.map((row) => row[column].length))]),
    )
    const cells = (row: Row): string => {
      const padded = columns.map((column) => {
        const width = widths.get(column) ?? 0
        return RIGHT.has(column) ? row[column].padStart(width) : row[column].padEnd(width)
      })
      return padded.join('  ').trimEnd()
    }
    const lines = this.#lines.map((line) => (typeof line === 'string' ? `\n${line}` : cells(line)))
    return `${[cells(heading), ...lines].join('\n')}\n`
  }
}

function rowOf(raft: Raft): Row {
  return {
    step: '',
    ms: `${raft.now}`,
    node: `${raft.id}`,
    role: raft.role,
    term: `${raft.currentTerm}`,
    commit: `${raft.commitIndex}`,
    config: formatConfig(raft),
    log: formatLog(raft),
    what: '',
  }
}
