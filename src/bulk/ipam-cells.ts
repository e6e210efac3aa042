/** Lists and maps in one cell of a CSV file, both ways. */
import { JsonSyntaxError, parseJson } from '../json.ts'
import { show } from '../show.ts'
import { isObject } from './jsonl.ts'
import { ValueError } from './values.ts'

/** "prod,web" where that is unmistakable, else a JSON array. */
export function formatList(texts: readonly string[]): string {
  const joined = texts.join(',')
  return isPlainList(texts) ? joined : JSON.stringify(texts)
}

/** Spaces around the entries do not count; what begins with `[` is JSON. */
export function parseList(cell: string): readonly string[] {
  if (cell.trimStart().startsWith('[')) return checkList(parseCell(cell))
  return cell.trim() === '' ? [] : cell.split(',').map((text) => text.trim())
}

export function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map).length === 0 ? '' : JSON.stringify(map)
}

export function parseMap(cell: string): Readonly<Record<string, string>> {
  return cell.trim() === '' ? {} : checkMap(parseCell(cell))
}

/** @throws {ValueError} */
export function checkList(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new ValueError(`must be a list of texts, not ${show(value)}`)
  const texts: string[] = []
  for (const text of value) {
    if (typeof text !== 'string') throw new ValueError(`must be a list of texts, not of ${show(text)}`)
    texts.push(text)
  }
  return texts
}

/** @throws {ValueError} */
export function checkMap(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value))
    throw new ValueError(`must be an object of texts such as {"owner":"net"}, not ${show(value)}`)
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== 'string') throw new ValueError(`${show(key)} must be text, not ${show(text)}`)
    return [key, text]
  })
  return Object.fromEntries(entries)
}

function isPlainList(texts: readonly string[]): boolean {
  return (
    texts.every((text) => text !== '' && !text.includes(',') && text.trim() === text) &&
    !texts[0]?.startsWith('[')
  )
}

function parseCell(cell: string): unknown {
  try {
    return parseJson(cell)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new ValueError(`is not valid JSON: ${error.message}`)
  }
}
