/** Lines from chunks of text, cut anywhere. */

export const LINE_CHARS_MAX = 64 * 1_024

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its line end (LF or CRLF); null where it is above `LINE_CHARS_MAX`. */
  readonly text: string | null
}

/** A line that is too long is given as null and costs no memory; the next one is read as ever. */
export class LineReader {
  #rest = ''
  #isTooLong = false
  #number = 1
  #isFirstChunk = true

  /** The lines that end in this chunk. */
  push(chunk: string): readonly Line[] {
    const parts = this.#withoutMark(chunk).split('\n')
    const lines: Line[] = []
    for (const [i, part] of parts.entries()) {
      this.#append(part)
      if (i < parts.length - 1) lines.push(this.#take())
    }
    return lines
  }

  /** The last line, if the text does not end with a line end. */
  end(): readonly Line[] {
    return this.#rest === '' && !this.#isTooLong ? [] : [this.#take()]
  }

  #withoutMark(chunk: string): string {
    if (!this.#isFirstChunk || chunk === '') return chunk
    this.#isFirstChunk = false
    return chunk.startsWith('\ufeff') ? chunk.slice(1) : chunk
  }

  #append(part: string): void {
    // One more for the carriage return of the line end.
    if (this.#rest.length + part.length > LINE_CHARS_MAX + 1) this.#isTooLong = true
    this.#rest = this.#isTooLong ? '' : this.#rest + part
  }

  #take(): Line {
    const text = this.#rest.endsWith('\r') ? this.#rest.slice(0, -1) : this.#rest
    const line = {
      number: this.#number,
      text: this.#isTooLong || text.length > LINE_CHARS_MAX ? null : text,
    }
    this.#rest = ''
    this.#isTooLong = false
    this.#number += 1
    return line
  }
}
