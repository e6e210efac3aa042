/** JSON from clients: what is wrong with it, and where. */

/** `offset` counts characters of the text from 0. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
  readonly offset: number

  constructor(text: string, offset: number) {
    const before = text.slice(0, offset).split('\n')
    const column = (before.at(-1)?.length ?? 0) + 1
    super(`${describe(text, offset)} at line ${before.length}, column ${column}`)
    this.offset = offset
  }
}

/** @throws {JsonSyntaxError} */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new JsonSyntaxError(text, errorOffset(text))
  }
}

function describe(text: string, offset: number): string {
  const character = text.codePointAt(offset)
  if (character === undefined) return 'unexpected end'
  return `unexpected ${JSON.stringify(String.fromCodePoint(character))}`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 forbids them in strings.
const STRING_START = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y
const WORD = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y

const MARKS = '{}[],:'

/** What may stand at the next place, besides white space. */
type Expected = 'key' | 'keyOrClose' | 'colon' | 'value' | 'valueOrClose' | 'after'

/**
 * Where the first token stands that no JSON text (RFC 8259) could have there; inside a string, the first wrong character
 * or escape. V8 names the position only for some mistakes. Linear in the text, and flat: nesting is a list, not the call stack.
 */
function errorOffset(text: string): number {
  const closers: string[] = []
  let expected: Expected = 'value'
  let offset = 0
  for (;;) {
    offset = skipSpace(text, offset)
    const character = text.charAt(offset)
    if (character === '' || (expected === 'after' && closers.length === 0)) return offset
    const next: Expected | null = MARKS.includes(character)
      ? afterMark(expected, character, closers)
      : afterScalar(expected, character)
    if (next === null) return offset
    const end = tokenEnd(text, offset, character)
    if (!end.isWhole) return end.offset
    expected = next
    offset = end.offset
  }
}

/** Null if the mark may not stand there. Keeps `closers`, innermost last. */
function afterMark(expected: Expected, mark: string, closers: string[]): Expected | null {
  switch (mark) {
    case '{':
    case '[':
      if (expected !== 'value' && expected !== 'valueOrClose') return null
      closers.push(mark === '{' ? '}' : ']')
      return mark === '{' ? 'keyOrClose' : 'valueOrClose'
    case ':':
      return expected === 'colon' ? 'value' : null
    case ',':
      if (expected !== 'after') return null
      return closers.at(-1) === '}' ? 'key' : 'value'
    default: {
      const mayClose = expected === 'after' || expected === 'keyOrClose' || expected === 'valueOrClose'
      return mayClose && closers.pop() === mark ? 'after' : null
    }
  }
}

function afterScalar(expected: Expected, firstCharacter: string): Expected | null {
  if (expected === 'value' || expected === 'valueOrClose') return 'after'
  return firstCharacter === '"' && (expected === 'key' || expected === 'keyOrClose') ? 'colon' : null
}

function skipSpace(text: string, from: number): number {
  let offset = from
  for (;;) {
    const code = text.charCodeAt(offset)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return offset
    offset += 1
  }
}

/** Where the token at `from` ends, or the first character in it that is wrong. */
function tokenEnd(text: string, from: number, firstCharacter: string): { offset: number; isWhole: boolean } {
  if (MARKS.includes(firstCharacter)) return { offset: from + 1, isWhole: true }
  if (firstCharacter === '"') {
    const end = endOf(STRING_START, text, from)
    return text.charAt(end) === '"' ? { offset: end + 1, isWhole: true } : { offset: end, isWhole: false }
  }
  const end = endOf(WORD, text, from)
  return { offset: end, isWhole: end > from }
}

/** `from` where there is no match. */
function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex : from
}
