import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BulkSyntaxError } from '../../src/bulk/bulk-error.ts'
import {
  COLUMNS_MAX,
  CsvReader,
  type CsvRecord,
  FIELD_CHARS_MAX,
  RECORD_CHARS_MAX,
} from '../../src/bulk/csv-reader.ts'
import { armFormula, defuseFormula, formatCsvRecord } from '../../src/bulk/csv-writer.ts'

/** What was read up to the end or to an error, and the error. */
function read(...chunks: string[]): { records: CsvRecord[]; error: string | null } {
  const reader = new CsvReader({ delimiter: null })
  const records: CsvRecord[] = []
  try {
    for (const chunk of chunks) for (const record of reader.push(chunk)) records.push(record)
    for (const record of reader.end()) records.push(record)
    return { records, error: null }
  } catch (error) {
    if (!(error instanceof BulkSyntaxError)) throw error
    return { records, error: error.message }
  }
}

function fieldsOf(text: string): readonly (readonly string[])[] {
  const { records, error } = read(text)
  expect(error).toBeNull()
  return records.map(({ fields }) => fields)
}

/** Text in which everything that CSV cares about is frequent. */
const text = fc.string({ unit: fc.constantFrom(...'",;\t\r\n\ufeff\'=@ab\u{1f4a9}'), maxLength: 12 })
const table = fc.array(fc.array(text, { minLength: 1, maxLength: 5 }), { maxLength: 6 })
/** What is CSV now and then, or nearly. */
const scrap = fc.string({ unit: fc.constantFrom(...'",;\r\n\ufeffab'), maxLength: 40 })

function cutAt(whole: string, cuts: readonly number[]): string[] {
  const offsets = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length]
  return offsets.slice(1).map((end, i) => whole.slice(offsets[i], end))
}

describe('CSV (RFC 4180)', () => {
  test.each([
    {
      why: 'records',
      text: 'a,b\r\n1,2\r\n',
      fields: [
        ['a', 'b'],
        ['1', '2'],
      ],
    },
    {
      why: 'no line end at the end',
      text: 'a,b\n1,2',
      fields: [
        ['a', 'b'],
        ['1', '2'],
      ],
    },
    {
      why: 'an empty field at the end',
      text: 'a,b\n1,',
      fields: [
        ['a', 'b'],
        ['1', ''],
      ],
    },
    { why: 'a byte order mark', text: '\ufeffa,b\n', fields: [['a', 'b']] },
    { why: 'a byte order mark before a quote', text: '\ufeff"a",b\n', fields: [['a', 'b']] },
    { why: 'a byte order mark elsewhere is text', text: 'a,\ufeffb\n', fields: [['a', '\ufeffb']] },
    { why: 'quoted delimiters and line ends', text: 'a\n"x,y\r\nz"\n', fields: [['a'], ['x,y\r\nz']] },
    { why: 'quoted quotes', text: 'a\n"say ""hi"""\n', fields: [['a'], ['say "hi"']] },
    { why: 'a quoted empty field is a record', text: 'a\n""\n', fields: [['a'], ['']] },
    { why: 'empty lines are none', text: '\n\r\na\n\n1\n\n', fields: [['a'], ['1']] },
    { why: 'spaces are text', text: 'a, b \n', fields: [['a', ' b ']] },
    {
      why: 'semicolons',
      text: 'a;b\n1,5;2\n',
      fields: [
        ['a', 'b'],
        ['1,5', '2'],
      ],
    },
    {
      why: 'tabs',
      text: 'a\tb\n1;5\t2,5\n',
      fields: [
        ['a', 'b'],
        ['1;5', '2,5'],
      ],
    },
    {
      why: 'a delimiter in quotes does not count',
      text: '"a;b;c",d\n1,2\n',
      fields: [
        ['a;b;c', 'd'],
        ['1', '2'],
      ],
    },
    { why: 'of equals the comma', text: 'a,b;c\n', fields: [['a', 'b;c']] },
    { why: 'one column only', text: 'a\n1\n', fields: [['a'], ['1']] },
    { why: 'nothing', text: '', fields: [] },
    { why: 'nothing but a mark', text: '\ufeff', fields: [] },
  ])('$why', ({ text, fields }) => {
    expect(fieldsOf(text)).toEqual(fields)
  })

  test('a row is counted as a spreadsheet does, a line as an editor does', () => {
    const { records } = read('a,b\n\n"1\n2\n3",x\ny,z\n')

    expect(records.map(({ row, line }) => ({ row, line }))).toEqual([
      { row: 1, line: 1 },
      { row: 3, line: 3 },
      { row: 4, line: 6 },
    ])
  })

  const HEAD = 'ip,hostname\n10.0.0.1,a\n'
  test.each([
    {
      why: 'an open quote',
      text: `${HEAD}10.0.0.2,"web\n10.0.0.3,b\n`,
      message: 'row 3, column "hostname": a quote is not closed',
    },
    {
      why: 'an open quote in a huge file',
      text: `${HEAD}10.0.0.2,"${'x'.repeat(FIELD_CHARS_MAX)}x`,
      message: 'row 3, column "hostname": above 65536 characters; is a quote not closed?',
    },
    {
      why: 'text behind a quote',
      text: `${HEAD}10.0.0.2,"web"1\n`,
      message: 'row 3, column "hostname": "1" behind the closing quote',
    },
    {
      why: 'a quote in a bare field',
      text: `${HEAD}10.0.0.2,web "1"\n`,
      message:
        'row 3, column "hostname": a quote inside of a field that does not begin with one; write "…""…"',
    },
    {
      why: 'line ends of old Macs',
      text: 'ip,hostname\r10.0.0.1,a\r',
      message:
        'row 1, column 2: a carriage return that ends no line; quote the field, or save the file with other line ends',
    },
    {
      why: 'a carriage return at the very end',
      text: `${HEAD}10.0.0.2,b\r`,
      message:
        'row 3, column "hostname": a carriage return that ends no line; quote the field, or save the file with other line ends',
    },
    {
      why: 'a column without a name',
      text: 'ip,,x\n1,"',
      message: 'row 2, column 2: a quote is not closed',
    },
    {
      why: 'a long field',
      text: 'x'.repeat(FIELD_CHARS_MAX + 1),
      message: 'row 1, column 1: above 65536 characters',
    },
    { why: 'many columns', text: ','.repeat(COLUMNS_MAX), message: 'row 1: above 256 columns' },
    {
      why: 'a long record',
      text: `${'x'.repeat(FIELD_CHARS_MAX)},`.repeat(RECORD_CHARS_MAX / FIELD_CHARS_MAX + 1),
      message: 'row 1: above 1048576 characters',
    },
    {
      why: 'a header without an end',
      text: `"${'x,'.repeat(RECORD_CHARS_MAX)}`,
      message: 'row 1, column 1: above 65536 characters; is a quote not closed?',
    },
  ])('is refused: $why', ({ text, message }) => {
    expect(read(text).error).toBe(message)
  })

  test('as much as the limits allow is read', () => {
    expect(fieldsOf('x'.repeat(FIELD_CHARS_MAX))).toEqual([['x'.repeat(FIELD_CHARS_MAX)]])
    expect(fieldsOf(','.repeat(COLUMNS_MAX - 1))[0]).toHaveLength(COLUMNS_MAX)
  })

  test('whatever is written is read back', () => {
    fc.assert(
      fc.property(table, (rows) => {
        expect(fieldsOf(rows.map(formatCsvRecord).join(''))).toEqual(rows)
      }),
    )
  })

  test('records and errors are the same wherever the text is cut', () => {
    fc.assert(
      fc.property(scrap, fc.array(fc.nat(), { maxLength: 8 }), (whole, cuts) => {
        expect(read(...cutAt(whole, cuts))).toEqual(read(whole))
        expect(read(...whole.split(''))).toEqual(read(whole))
      }),
    )
  })

  test('a million quotes, one character at a time, take no more than their length', () => {
    const reader = new CsvReader({ delimiter: null })

    const pieces = `"${'""'.repeat(30_000)}`.split('')
    const records = [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.push('"\n')]

    expect(records.map(({ fields }) => fields[0]?.length)).toEqual([30_000])
  })

  test('only what needs quotes has them', () => {
    const fields = ['a b', "it's", '1.5', 'a,b', 'a;b', 'a\tb', 'a"b', 'a\nb', '\ufeff', '']

    const record = formatCsvRecord(fields)

    expect(record).toBe('a b,it\'s,1.5,"a,b","a;b","a\tb","a""b","a\nb","\ufeff",\r\n')
  })
})

describe('formulas (OWASP, CSV injection)', () => {
  test.each([
    { text: '=1+1', written: "'=1+1", why: 'a formula' },
    { text: '+49 30 1234', written: "'+49 30 1234", why: 'a formula to a spreadsheet' },
    { text: '-', written: "'-", why: 'a formula to a spreadsheet' },
    { text: '@SUM(A1)', written: "'@SUM(A1)", why: 'a formula of Lotus' },
    { text: '\t=1', written: "'\t=1", why: 'white space in front is skipped by some' },
    { text: '＝1', written: "'＝1", why: 'full width' },
    { text: "'=1", written: "''=1", why: 'what looks defused' },
    { text: "'quoted'", written: "'quoted'", why: 'no formula' },
    { text: 'a=b', written: 'a=b', why: 'no formula' },
    { text: '', written: '', why: 'nothing' },
  ])('$text is written as $written ($why)', ({ text, written }) => {
    expect(defuseFormula(text)).toBe(written)
    expect(armFormula(written)).toBe(text)
  })

  test('every text comes back, and none is left that a spreadsheet runs', () => {
    const formula = fc.string({ unit: fc.constantFrom(..."'=+-@\t\r\na＝"), maxLength: 6 })
    fc.assert(
      fc.property(formula, (text) => {
        expect(armFormula(defuseFormula(text))).toBe(text)
        expect(defuseFormula(text)).not.toMatch(/^[=+\-@\t\r\n＝]/)
      }),
    )
  })
})
