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

const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 forbids them in strings.
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))/y

/** `key`: a name, or `}` if nothing precedes; `value` likewise with `]`; `after`: a comma or what closes. */
type Expected = 'key' | 'keyOrClose' | 'colon' | 'value' | 'valueOrClose' | 'after'

/**
 * Where the first character stands that no JSON text (RFC 8259) could have there. V8 names the position only for some
 * mistakes. Linear in the text, and flat: nesting is a list, not the call stack.
 */
function errorOffset(text: string): number {
  const closers: ('}' | ']')[] = []
  let expected: Expected = 'value'
  let end = 0
  for (;;) {
    TOKEN.lastIndex = end
    const token = TOKEN.exec(text)
    const start = skipSpace(text, end)
    if (expected === 'after' && closers.length === 0) return start
    if (token === null) return start + brokenTokenLength(text, start)
    const next = after(expected, token, closers)
    if (next === null) return start
    expected = next
    end = TOKEN.lastIndex
  }
}

/** What may follow `token` where `expected` was due; null if it may not stand there. Keeps `closers`. */
function after(expected: Expected, token: RegExpExecArray, closers: ('}' | ']')[]): Expected | null {
  const [, mark, string] = token
  const isValueDue = expected === 'value' || expected === 'valueOrClose'
  if (mark === undefined) {
    if (expected === 'key' || expected === 'keyOrClose') return string === undefined ? null : 'colon'
    return isValueDue ? 'after' : null
  }
  if (mark === '{' || mark === '[') {
    if (!isValueDue) return null
    closers.push(mark === '{' ? '}' : ']')
    return mark === '{' ? 'keyOrClose' : 'valueOrClose'
  }
  if (mark === ':') return expected === 'colon' ? 'value' : null
  if (mark === ',') {
    if (expected !== 'after') return null
    return closers.at(-1) === '}' ? 'key' : 'value'
  }
  const mayClose = expected === 'after' || expected === 'keyOrClose' || expected === 'valueOrClose'
  return mayClose && closers.pop() === mark ? 'after' : null
}

function skipSpace(text: string, from: number): number {
  let offset = from
  while (offset < text.length && ' \t\n\r'.includes(text.charAt(offset))) offset += 1
  return offset
}

/** How much of a string or word at `start` is still right. */
function brokenTokenLength(text: string, start: number): number {
  if (text[start] !== '"') return 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 §7 forbids them in strings.
  const sound = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y
  sound.lastIndex = start
  return sound.exec(text)?.[0].length ?? 0
}
