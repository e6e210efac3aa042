/** CSV (RFC 4180) from chunks of text, cut anywhere. */
import { cut } from '../show.ts'
import { BulkSyntaxError } from './bulk-error.ts'
import { CsvHead, type Delimiter } from './csv-head.ts'

export const COLUMNS_MAX = 256
export const FIELD_CHARS_MAX = 64 * 1_024
export const RECORD_CHARS_MAX = 1_024 * 1_024

export interface CsvRecord {
  /** As a spreadsheet counts: the first record of the file is row 1, and an empty line is a row too. */
  readonly row: number
  /** The line of the text on which it begins, from 1; other than the row once a field has had line breaks. */
  readonly line: number
  readonly fields: readonly string[]
}

/**
 * Where the next character stands: at the start of a field, in a bare or in a quoted one, behind a quote inside a quoted one (its end, or half
 * of an escaped quote), or behind the carriage return of a line end.
 */
type State = 'start' | 'bare' | 'quoted' | 'quote' | 'return'

/**
 * Gives records as soon as they are whole. A byte order mark at the start is left out, and so are empty lines. What comes after an error
 * cannot be told apart from what is quoted, so nothing more may be read then.
 */
export class CsvReader {
  #state: State = 'start'
  /** Null until the header line is whole. */
  #delimiter: Delimiter | null
  readonly #head = new CsvHead()
  #isFirstChunk = true
  #field = ''
  #isQuoted = false
  #fields: string[] = []
  #recordChars = 0
  /** The first record, to name columns in errors. */
  #header: readonly string[] = []
  #row = 1
  /** Of the next character. */
  #line = 1
  #recordLine = 1
  /** Whole, and not handed on yet. */
  #record: CsvRecord | null = null

  /** @param delimiter Null: what the first line has most of, outside of quotes. */
  constructor({ delimiter }: { delimiter: Delimiter | null }) {
    this.#delimiter = delimiter
  }

  /**
   * The records that end in this chunk, to be read to the end before the next call; those in front of an error come before it,
   * however the text is cut.
   *
   * @throws {BulkSyntaxError}
   */
  *push(chunk: string): Generator<CsvRecord, void> {
    const text = this.#withoutMark(chunk)
    if (this.#delimiter !== null) {
      yield* this.#read(text, this.#delimiter)
      return
    }
    const isWhole = this.#head.push(text)
    if (isWhole || this.#head.text.length > RECORD_CHARS_MAX) yield* this.#readHead()
  }

  /**
   * The last record, if the text does not end with a line end.
   *
   * @throws {BulkSyntaxError}
   */
  *end(): Generator<CsvRecord, void> {
    if (this.#delimiter === null) yield* this.#readHead()
    if (this.#state === 'quoted') throw this.#error('a quote is not closed')
    if (this.#state === 'return') throw this.#error(LONE_RETURN)
    if (this.#state !== 'start' || this.#fields.length > 0) this.#endRecord()
    yield* this.#take()
  }

  #withoutMark(chunk: string): string {
    if (!this.#isFirstChunk || chunk === '') return chunk
    this.#isFirstChunk = false
    return chunk.startsWith('\ufeff') ? chunk.slice(1) : chunk
  }

  #readHead(): Generator<CsvRecord, void> {
    const text = this.#head.text
    this.#head.text = ''
    this.#delimiter = this.#head.delimiter
    return this.#read(text, this.#delimiter)
  }

  *#read(text: string, delimiter: Delimiter): Generator<CsvRecord, void> {
    let offset = 0
    while (offset < text.length) {
      offset = this.#readOn(text, offset, delimiter)
      if (this.#record !== null) yield* this.#take()
    }
  }

  *#take(): Generator<CsvRecord, void> {
    if (this.#record !== null) yield this.#record
    this.#record = null
  }

  /** Reads up to the next character that means something; returns the offset behind it. */
  #readOn(text: string, offset: number, delimiter: Delimiter): number {
    switch (this.#state) {
      case 'start':
        this.#isQuoted = text[offset] === '"'
        this.#state = this.#isQuoted ? 'quoted' : 'bare'
        return this.#isQuoted ? offset + 1 : offset
      case 'bare':
        return this.#readBare(text, offset, delimiter)
      case 'quoted':
        return this.#readQuoted(text, offset)
      case 'quote':
        if (text[offset] !== '"') return this.#readEnd(text, offset, delimiter)
        this.#append('"')
        this.#state = 'quoted'
        return offset + 1
      case 'return':
        if (text[offset] !== '\n') throw this.#error(LONE_RETURN)
        return this.#readEnd(text, offset, delimiter)
    }
  }

  #readBare(text: string, start: number, delimiter: Delimiter): number {
    let end = start
    while (end < text.length && !endsBare(text.charCodeAt(end), delimiter)) end += 1
    this.#append(text.slice(start, end))
    if (end === text.length) return end
    if (text[end] === '"') {
      throw this.#error('a quote inside of a field that does not begin with one; write "…""…"')
    }
    return this.#readEnd(text, end, delimiter)
  }

  #readQuoted(text: string, start: number): number {
    const quote = text.indexOf('"', start)
    const end = quote < 0 ? text.length : quote
    const part = text.slice(start, end)
    this.#append(part)
    this.#line += part.split('\n').length - 1
    if (quote < 0) return end
    this.#state = 'quote'
    return quote + 1
  }

  #readEnd(text: string, offset: number, delimiter: Delimiter): number {
    const character = text[offset]
    if (character === delimiter) this.#endField()
    else if (character === '\n') this.#endRecord()
    else if (character === '\r') this.#state = 'return'
    else throw this.#error(`${JSON.stringify(character)} behind the closing quote`)
    return offset + 1
  }

  #append(text: string): void {
    if (this.#field.length + text.length > FIELD_CHARS_MAX) {
      const cause = this.#isQuoted ? '; is a quote not closed?' : ''
      throw this.#error(`above ${FIELD_CHARS_MAX} characters${cause}`)
    }
    this.#recordChars += text.length
    if (this.#recordChars > RECORD_CHARS_MAX) throw this.#rowError(`above ${RECORD_CHARS_MAX} characters`)
    this.#field += text
  }

  #endField(): void {
    if (this.#fields.length === COLUMNS_MAX) throw this.#rowError(`above ${COLUMNS_MAX} columns`)
    this.#fields.push(this.#field)
    this.#field = ''
    this.#state = 'start'
  }

  #endRecord(): void {
    const isEmptyLine = this.#fields.length === 0 && this.#field === '' && !this.#isQuoted
    this.#endField()
    const record = { row: this.#row, line: this.#recordLine, fields: this.#fields }
    if (!isEmptyLine) {
      if (this.#header.length === 0) this.#header = record.fields
      this.#record = record
    }
    this.#fields = []
    this.#recordChars = 0
    this.#isQuoted = false
    this.#row += 1
    this.#line += 1
    this.#recordLine = this.#line
  }

  #error(reason: string): BulkSyntaxError {
    const name = this.#header[this.#fields.length] ?? ''
    const column = name === '' ? String(this.#fields.length + 1) : JSON.stringify(cut(name))
    return new BulkSyntaxError(reason, { row: this.#row, column })
  }

  #rowError(reason: string): BulkSyntaxError {
    return new BulkSyntaxError(reason, { row: this.#row, column: null })
  }
}

const LONE_RETURN =
  'a carriage return that ends no line; quote the field, or save the file with other line ends'

function endsBare(code: number, delimiter: Delimiter): boolean {
  // Line feed, carriage return, quote.
  return code === 0x0a || code === 0x0d || code === 0x22 || code === delimiter.charCodeAt(0)
}
