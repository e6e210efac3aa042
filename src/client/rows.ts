/** A list of the API, read page by page as it is gone through. */
import type { Answer } from './answer.ts'
import { nextQuery, type Params } from './query.ts'

/** Nothing is read before it is gone through; each time anew. Any read may reject as a call does. */
export class Rows<Row> implements AsyncIterable<Row> {
  readonly #read: (query: Params) => Promise<Answer<readonly Row[]>>
  readonly #query: Params

  constructor(query: Params, read: (query: Params) => Promise<Answer<readonly Row[]>>) {
    this.#query = query
    this.#read = read
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void> {
    for await (const { value } of this.pages()) yield* value
  }

  /** With their headers. A page may be short, or empty, before the end. */
  async *pages(): AsyncGenerator<Answer<readonly Row[]>, void> {
    let query: Params | null = this.#query
    while (query !== null) {
      const page: Answer<readonly Row[]> = await this.#read(query)
      yield page
      query = nextQuery(page.headers.get('link'))
    }
  }

  /** The first page alone. */
  firstPage(): Promise<Answer<readonly Row[]>> {
    return this.#read(this.#query)
  }

  /** @param max Rows; those after it are not read. */
  async toArray(max = Number.POSITIVE_INFINITY): Promise<Row[]> {
    const rows: Row[] = []
    for await (const row of this) {
      if (rows.length >= max) break
      rows.push(row)
    }
    return rows
  }
}
