/** What a command has to say: for people as tables, for scripts as the API said it. */

import type { ApiAnswer } from '../../client/attempt.ts'
import type { ClientShell } from '../shell.ts'
import type { ListPage } from './pages.ts'
import { type Column, formatRecord, type Look, Table } from './table.ts'

type Fields = readonly (readonly [name: string, text: string])[]

export class Output {
  readonly isJson: boolean
  readonly look: Look
  readonly #shell: ClientShell

  constructor({ isJson }: { isJson: boolean }, shell: ClientShell) {
    this.isJson = isJson
    this.#shell = shell
    const isTerminal = shell.columns !== null
    // https://no-color.org: "when present and not an empty string".
    this.look = { widthMax: shell.columns, isColored: isTerminal && !shell.env['NO_COLOR'] }
  }

  /** One answer of the API. */
  async record({ text }: ApiAnswer, fields: () => Fields): Promise<void> {
    await this.#shell.write(this.isJson ? `${text}\n` : formatRecord(fields(), this.look))
  }

  async table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Promise<void> {
    await this.#shell.write(new Table(columns, this.look).add(rows))
  }

  /** @returns How many rows there were. */
  async pages<Row>(columns: readonly Column<Row>[], pages: AsyncIterable<ListPage<Row>>): Promise<number> {
    let count = 0
    const table = new Table(columns, this.look)
    for await (const page of pages) {
      const text = this.isJson ? arrayPart(page, count === 0) : table.add(page.rows)
      count += page.rows.length
      await this.#shell.write(text)
    }
    if (this.isJson) await this.#shell.write(count === 0 ? '[]\n' : ']\n')
    return count
  }

  async json(text: string): Promise<void> {
    await this.#shell.write(`${text}\n`)
  }

  async text(text: string): Promise<void> {
    await this.#shell.write(text)
  }

  /** What was done, for people alone. */
  done(line: string): void {
    if (!this.isJson) this.#shell.complain(line)
  }

  /** What everybody should know. */
  note(line: string): void {
    this.#shell.complain(line)
  }
}

/** Several arrays as one: without the brackets, and with a comma between them. */
function arrayPart({ text, rows }: ListPage<unknown>, isFirst: boolean): string {
  if (rows.length === 0) return ''
  const inner = text.trim().slice(1, -1)
  return isFirst ? `[${inner}` : `,${inner}`
}
