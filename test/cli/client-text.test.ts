import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../src/cli/client/arguments.ts'
import { serversOf } from '../../src/cli/client/servers.ts'
import { column, Table } from '../../src/cli/client/table.ts'
import { cutToWidth, printable, textWidth } from '../../src/cli/client/text-width.ts'
import { parseDuration, timeOf } from '../../src/cli/client/values.ts'

describe('text on a terminal', () => {
  test.each([
    { text: 'web', width: 3, why: 'ASCII' },
    { text: 'Zürich', width: 6, why: 'one letter, one column' },
    { text: 'Zu\u0308rich', width: 6, why: 'a combining mark takes none' },
    { text: '東京', width: 4, why: 'wide letters take two' },
    { text: '한국', width: 4, why: 'so do syllables of Hangul' },
    { text: '🖨', width: 1, why: 'an emoji that is shown as text' },
    { text: '🚀', width: 2, why: 'an emoji that is shown as a picture' },
  ])('"$text" takes $width columns: $why', ({ text, width }) => {
    expect(textWidth(text)).toBe(width)
  })

  test.each([
    { text: 'printer', max: 7, cut: 'printer', why: 'it fits' },
    { text: 'printer', max: 5, cut: 'prin…', why: 'the ellipsis needs a column' },
    { text: '東京都庁', max: 6, cut: '東京…', why: 'a wide letter is not halved' },
    { text: 'x', max: 0, cut: '', why: 'no room at all' },
  ])('"$text" in $max columns is "$cut": $why', ({ text, max, cut }) => {
    expect(cutToWidth(text, max)).toBe(cut)
  })

  test.each([
    { text: 'a\nb\tc', shown: 'a b c', why: 'a cell is one line' },
    { text: '\u001b[31mred', shown: '\ufffd[31mred', why: 'no escape sequences' },
    { text: '\u009b31m', shown: '\ufffd31m', why: 'also not those of one byte' },
    { text: 'a\u202eb', shown: 'a\ufffdb', why: 'nothing is turned around' },
  ])('$why', ({ text, shown }) => {
    expect(printable(text)).toBe(shown)
  })

  test('columns stay aligned under wide letters, and on the next page', () => {
    const table = new Table<{ name: string; n: number }>(
      [column('NAME', ({ name }) => name), column('N', ({ n }) => String(n), { isRight: true })],
      { widthMax: null, isColored: false },
    )

    const text = table.add([{ name: '東京', n: 1 }]) + table.add([{ name: 'a', n: 22 }])

    expect(text).toBe('NAME  N\n東京  1\na     22\n')
  })
})

describe('values', () => {
  test.each([
    { text: '90s', ms: 90_000 },
    { text: '1h30m', ms: 5_400_000 },
    { text: '1.5d', ms: 129_600_000 },
    { text: '2w', ms: 1_209_600_000 },
    { text: '250ms', ms: 250 },
    { text: '5', ms: null },
    { text: '5 h', ms: null },
    { text: '-5h', ms: null },
    { text: 'h', ms: null },
    { text: '', ms: null },
  ])('"$text" is $ms ms', ({ text, ms }) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each([
    { text: '2026-01-31T12:00:00+01:00', time: '2026-01-31T12:00:00+01:00', why: 'as it is' },
    { text: '2026-01-31', time: '2026-01-31T00:00:00Z', why: 'the start of the day' },
    { text: '2h', time: '1970-01-01T10:00:00.000Z', why: 'before now' },
  ])('--since $text is $time: $why', ({ text, time }) => {
    const args = parseArguments(['audit', '--since', text])

    expect(timeOf(args, 'since', { now: 12 * 3_600_000, direction: -1 })).toBe(time)
  })

  test.each(['2026-01-31T12:00:00', '2026-02-31', 'yesterday', '2026-13-01T00:00:00Z'])(
    '%s is no time',
    (text) => {
      const args = parseArguments(['audit', '--since', text])

      expect(() => timeOf(args, 'since', { now: 0, direction: -1 })).toThrow('--since takes a time such as')
    },
  )

  test.each([
    { text: 'node1:8080', servers: ['http://node1:8080'] },
    { text: 'node1:8080, http://node2:8080/', servers: ['http://node1:8080', 'http://node2:8080'] },
    { text: 'https://ipam.example.com/base/api/v1', servers: ['https://ipam.example.com/base'] },
    { text: '[::1]:8080', servers: ['http://[::1]:8080'] },
    { text: 'node1:8080,node1:8080', servers: ['http://node1:8080'] },
  ])('--server $text', ({ text, servers }) => {
    expect(serversOf(parseArguments(['list', '--server', text]), {})).toEqual(servers)
  })

  test.each(['', 'node1,', 'ftp://node1', 'http://user:secret@node1', 'http://node1?x=1'])(
    '--server %s is refused',
    (text) => {
      expect(() => serversOf(parseArguments(['list', `--server=${text}`]), {})).toThrow('--server takes URLs')
    },
  )
})
