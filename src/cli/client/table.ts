/** Rows in aligned columns. */
import { cutToWidth, printable, textWidth } from './text-width.ts'

export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  readonly isRight: boolean
  /** How one of its cells is shown on a terminal; null: plainly. */
  readonly color: ((text: string) => Color | null) | null
}

export type Color = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

const CODES: Record<Color, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }
const GAP = '  '
/** To this a column may be cut before the others are. */
const COLUMN_WIDTH_MIN = 8

export function column<Row>(
  title: string,
  text: (row: Row) => string,
  { isRight = false, color = null }: Partial<Pick<Column<Row>, 'isRight' | 'color'>> = {},
): Column<Row> {
  return { title, text, isRight, color }
}

export interface Look {
  /** Lines are cut to it; null: never. */
  readonly widthMax: number | null
  readonly isColored: boolean
}

/** Page after page: the widths are those of what has been seen, so that a long list need not be in memory. */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #look: Look
  #widths: readonly number[]
  #hasHead = false

  constructor(columns: readonly Column<Row>[], look: Look) {
    this.#columns = columns
    this.#look = look
    this.#widths = columns.map(({ title }) => textWidth(title))
  }

  /** These rows, under the head if they are the first. Each line has its end. */
  add(rows: readonly Row[]): string {
    if (rows.length === 0) return ''
    const cells = rows.map((row) => this.#columns.map(({ text }) => printable(text(row))))
    this.#widths = this.#widths.map((width, i) => {
      return cells.reduce((widest, line) => Math.max(widest, textWidth(line[i] ?? '')), width)
    })
    const widths = this.#look.widthMax === null ? this.#widths : fitted(this.#widths, this.#look.widthMax)
    const lines = cells.map((line) => this.#line(line, widths, false))
    if (!this.#hasHead)
      lines.unshift(
        this.#line(
          this.#columns.map(({ title }) => title),
          widths,
          true,
        ),
      )
    this.#hasHead = true
    return lines.join('')
  }

  #line(cells: readonly string[], widths: readonly number[], isHead: boolean): string {
    const last = cells.length - 1
    const padded = cells.map((cell, i) => {
      const width = widths[i] ?? 0
      const text = this.#look.widthMax === null ? cell : cutToWidth(cell, width)
      const color = isHead ? 'bold' : (this.#columns[i]?.color?.(cell) ?? null)
      const spaces = ' '.repeat(Math.max(0, width - textWidth(text)))
      const shown = paint(text, color, this.#look)
      if (this.#columns[i]?.isRight) return spaces + shown
      return i === last ? shown : shown + spaces
    })
    return `${padded.join(GAP).trimEnd()}\n`
  }
}

/** The widest gives first. */
function fitted(widths: readonly number[], widthMax: number): readonly number[] {
  const cut = [...widths]
  let excess = cut.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - widthMax
  while (excess > 0) {
    const widest = cut.indexOf(Math.max(...cut))
    if ((cut[widest] ?? 0) <= COLUMN_WIDTH_MIN) break
    cut[widest] = (cut[widest] ?? 0) - 1
    excess -= 1
  }
  return cut
}

/** One record: a line a field, names on the left. Never cut: this is where the whole text is. */
export function formatRecord(fields: readonly (readonly [name: string, text: string])[], look: Look): string {
  const width = Math.max(...fields.map(([name]) => name.length))
  return fields
    .map(([name, text]) => {
      const spaces = ' '.repeat(width - name.length)
      return `${paint(name, 'bold', look)}${spaces}${GAP}${printable(text)}`.trimEnd().concat('\n')
    })
    .join('')
}

function paint(text: string, color: Color | null, { isColored }: Look): string {
  return color === null || !isColored || text === '' ? text : `\u001b[${CODES[color]}m${text}\u001b[0m`
}
