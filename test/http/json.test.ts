import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonSyntaxError, parseJson } from '../../src/json.ts'

function offsetOfError(text: string): number | null {
  try {
    parseJson(text)
    return null
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.offset
    throw error
  }
}

describe('JSON from clients (RFC 8259)', () => {
  test.each([
    { text: '', message: 'unexpected end at line 1, column 1' },
    { text: '{"a":}', message: 'unexpected "}" at line 1, column 6' },
    { text: '{\n  "a": 1,\n}', message: 'unexpected "}" at line 3, column 1' },
    { text: '{"a":1', message: 'unexpected end at line 1, column 7' },
    { text: '["x', message: 'unexpected end at line 1, column 4' },
    { text: '{"a":01}', message: 'unexpected "1" at line 1, column 7' },
    { text: "{'a':1}", message: 'unexpected "\'" at line 1, column 2' },
    { text: '{"a":"\\q"}', message: 'unexpected "\\\\" at line 1, column 7' },
    { text: '{} {}', message: 'unexpected "{" at line 1, column 4' },
    { text: '[1,]', message: 'unexpected "]" at line 1, column 4' },
    { text: '[}', message: 'unexpected "}" at line 1, column 2' },
    { text: '\u{1f4a9}', message: 'unexpected "\u{1f4a9}" at line 1, column 1' },
  ])('$text: $message', ({ text, message }) => {
    expect(() => parseJson(text)).toThrow(new JsonSyntaxError(text, offsetOfError(text) ?? 0))
    expect(() => parseJson(text)).toThrow(message)
  })

  test('what JSON.parse takes is taken, whatever its white space', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t\r '), (text, space) => {
        expect(parseJson(space + text + space)).toEqual(JSON.parse(text))
      }),
    )
  })

  test('the text before the error is the start of some JSON text, and with the character at the error it is not', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom(...'{}[],:"x0-.e\\ ntf'), (text, at, character) => {
        const offset = at % (text.length + 1)
        const broken = text.slice(0, offset) + character + text.slice(offset)

        const errorOffset = offsetOfError(broken)

        if (errorOffset === null) return
        expect(errorOffset).toBeGreaterThanOrEqual(startOfWord(broken, offset))
        expect(errorOffset).toBeLessThanOrEqual(broken.length)
      }),
    )
  })

  test.each([
    { why: 'a bad escape', text: '{"a":"x\\{"}', offset: 7 },
    { why: 'an escape cut short', text: '"\\u12{4"', offset: 1 },
  ])('$why is wrong from its backslash on', ({ text, offset }) => {
    expect(offsetOfError(text)).toBe(offset)
  })

  test('a million tokens, or levels of nesting, are answered with a position and not with a crash', () => {
    expect(offsetOfError('['.repeat(1_000_000))).toBe(1_000_000)
    expect(offsetOfError('{"a":'.repeat(200_000))).toBe(1_000_000)
    expect(offsetOfError(`"${'x'.repeat(1_000_000)}`)).toBe(1_000_001)
    expect(offsetOfError(`[${'1,'.repeat(500_000)}`)).toBe(1_000_001)
  })
})

/** A number, a literal or an escape is wrong from its start on, or not at all. */
function startOfWord(text: string, offset: number): number {
  return offset - (/(?:\\(?:u[0-9a-fA-F]{0,3})?|[-+.\w]*)$/.exec(text.slice(0, offset))?.[0].length ?? 0)
}
