import type { Verdict } from './hunt.ts'

const REASON_CHARS_MAX = 140

/** A Markdown table: mutant, what caught it, after how many seeds. */
export function formatTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ mutant, hunt, caughtBy, problem, seedCount, seconds }) => {
    const where = hunt.by === 'test' ? `\`${hunt.file}\`: ` : ''
    const what = caughtBy === null ? `**${problem ?? 'survives'}** ${where}` : `${where}${shorten(caughtBy)}`
    return [mutant.name, mutant.source, what, seedCount ?? '', seconds.toFixed(0)]
  })
  const head = ['mutant', 'breaks', 'caught by', 'seeds', 's']
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map(escapeCell).join(' | ')} |`)
    .join('\n')
}

function shorten(text: string): string {
  return text.length <= REASON_CHARS_MAX ? text : `${text.slice(0, REASON_CHARS_MAX)}…`
}

function escapeCell(cell: string | number): string {
  return String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')
}
