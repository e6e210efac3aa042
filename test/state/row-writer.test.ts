import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { RowWriter } from '../../src/state/row-writer.ts'
import { Random } from '../sim/random.ts'

const packr = new Packr({ useRecords: false })

const EDGES = [0, 1, 15, 16, 31, 32, 63, 64, 255, 256, 65_535, 65_536]
const TEXTS = EDGES.flatMap((length) => ['a', 'é', '漢', '\u{1f600}'].map((char) => char.repeat(length)))
const NUMBERS = [7, 8, 15, 16, 31, 32, 53].flatMap((bits) => {
  return [-1, 0, 1].flatMap((step) => [2 ** bits + step, -(2 ** bits) + step])
})
const SCALARS = [...TEXTS, ...NUMBERS, 0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, null, true, false]
const MIXED = ['plain, then é', `${'a'.repeat(62)}é`, `${'a'.repeat(30)}é`]
const LISTS = EDGES.map((length) => Array.from({ length }, (_, i) => i))
const NESTED = [
  [['a'], [], [1, ['b', null]]],
  [{ user: ['alice', 2] }, 'x'],
  [undefined, 'x'],
]

function typeOf(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 40 ? `${text.slice(0, 40)}… of ${text.length}` : text
}

describe('a row writer', () => {
  const values = [...SCALARS, ...MIXED, ...LISTS, ...NESTED]

  test.each(values.map((value) => ({ name: typeOf(value), value })))(
    'writes $name as msgpackr does',
    ({ value }) => {
      const expected = Buffer.from(packr.pack([value, value])).toString('hex')

      expect(new RowWriter().pack([value, value]).toString('hex')).toBe(expected)
    },
  )

  test('writes rows one behind the other that stay what they are', () => {
    const writer = new RowWriter()
    const random = new Random(1)
    const pick = (): unknown => values[Math.floor(random.next() * values.length)]
    const rows = Array.from({ length: 500 }, () => {
      const fields = Array.from({ length: Math.floor(random.next() * 18) }, pick)
      return { row: writer.pack(fields), fields }
    })

    for (const { row, fields } of rows) expect(Buffer.compare(row, packr.pack(fields))).toBe(0)
  })

  test('writes a record that it has just written by a copy, in every slab', () => {
    const writer = new RowWriter()
    const write = ({ id }: { id: string }): void => writer.writeText(id)
    for (let i = 0; i < 5_000; i++) {
      const record = { id: `alloc-${i}` }
      const rows = [1, 2, 3].map((head) => {
        writer.begin()
        writer.writeHead(2)
        writer.writeNumber(head)
        writer.writeOnce(record, write)
        return writer.end()
      })

      const expected = [1, 2, 3].map((head) => packr.pack([head, record.id]).toString('hex'))
      expect(rows.map((row) => row.toString('hex'))).toEqual(expected)
    }
  })

  test('begins a row anew after one that was not ended', () => {
    const writer = new RowWriter()
    const record = { id: 'alloc-1' }
    const write = ({ id }: { id: string }): void => writer.writeText(id)
    writer.begin()
    writer.writeText('lost')
    writer.writeOnce(record, write)

    expect(writer.pack('kept, and longer')).toEqual(Buffer.from(packr.pack('kept, and longer')))

    writer.begin()
    writer.writeOnce(record, write)
    expect(writer.end()).toEqual(Buffer.from(packr.pack('alloc-1')))
  })
})
