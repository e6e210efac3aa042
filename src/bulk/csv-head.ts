/** Which character separates the columns of a CSV text, from its first line. */

export type Delimiter = ',' | ';' | '\t'

const DELIMITERS: readonly Delimiter[] = [',', ';', '\t']

/** Looks at each character once, however small the chunks. */
export class CsvHead {
  readonly #counts = new Map<string, number>(DELIMITERS.map((delimiter) => [delimiter, 0]))
  #isQuoted = false
  #hasContent = false
  /** What has been read of the text; may go on behind the first line. */
  text = ''

  /** Whether the first line that is not empty ends in this chunk. */
  push(chunk: string): boolean {
    this.text += chunk
    for (let i = 0; i < chunk.length; i++) {
      const character = chunk.charAt(i)
      if (character === '\n' && !this.#isQuoted && this.#hasContent) return true
      this.#read(character)
    }
    return false
  }

  /** What the line has most of, outside of quotes; of equals the first in `DELIMITERS`. */
  get delimiter(): Delimiter {
    const counts = DELIMITERS.map((delimiter) => this.#counts.get(delimiter) ?? 0)
    return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ','
  }

  #read(character: string): void {
    if (character === '"') this.#isQuoted = !this.#isQuoted
    if (character !== '\n' && character !== '\r') this.#hasContent = true
    const count = this.#counts.get(character)
    if (count !== undefined && !this.#isQuoted) this.#counts.set(character, count + 1)
  }
}
