/**
 * Host names by their trigrams: three characters that stand side by side. A name that has a part has all trigrams of the
 * part; one that has all of them may have the part, which its record tells.
 *
 * Grams are numbers. Characters of which host names are seldom made count as one and the same, so that there are few.
 */

const PLAIN = 'abcdefghijklmnopqrstuvwxyz0123456789-._'
/** Every character that is not plain. */
const OTHER = PLAIN.length + 1
/** Behind the last character, so that a trigram begins with each but a lone one. */
const END = OTHER + 1
export const BASE = END + 1
/** All grams are less. */
export const GRAMS = BASE ** 3

const SYMBOLS = new Uint8Array(128).fill(OTHER)
for (let i = 0; i < PLAIN.length; i++) SYMBOLS[PLAIN.charCodeAt(i)] = i + 1

/** Calls `visit` with each of its characters alone, for parts of that length, and each of its trigrams, some of them again. */
export function visitGrams(hostname: string, visit: (gram: number) => void): void {
  const text = hostname.toLowerCase()
  let [before, last] = [0, 0]
  for (let at = 0; at < text.length; at++) {
    const symbol = symbolAt(text, at)
    visit(symbol)
    if (before !== 0) visit(trigram(before, last, symbol))
    before = last
    last = symbol
  }
  if (before !== 0) visit(trigram(before, last, END))
}

/** A name with this part has a gram of each list. */
export function gramsOfPart(part: string): readonly (readonly number[])[] {
  const text = part.toLowerCase()
  const symbols = Array.from({ length: text.length }, (_, at) => symbolAt(text, at))
  const [first = 0, second = 0] = symbols
  if (symbols.length === 0) return [EVERY_SYMBOL.filter((symbol) => symbol !== END)]
  if (symbols.length === 1) return [[first]]
  if (symbols.length === 2) return [EVERY_SYMBOL.map((symbol) => trigram(first, second, symbol))]
  const grams = new Set<number>()
  for (let at = 2; at < symbols.length; at++) {
    grams.add(trigram(symbols[at - 2] as number, symbols[at - 1] as number, symbols[at] as number))
  }
  return [...grams].map((gram) => [gram])
}

const EVERY_SYMBOL = Array.from({ length: END }, (_, i) => i + 1)

/** From 1 on. @param text Lower case. */
export function symbolAt(text: string, at: number): number {
  return SYMBOLS[text.charCodeAt(at)] ?? OTHER
}

function trigram(first: number, second: number, third: number): number {
  return (first * BASE + second) * BASE + third
}
