/** JSON lines: one object a line, each as wrong or right as it is by itself. */
import { JsonSyntaxError, parseJson } from '../json.ts'
import { show } from '../show.ts'
import { LINE_CHARS_MAX, type Line } from './line-reader.ts'
import { ValueError } from './values.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/**
 * The object on a line; null where the line is empty.
 *
 * @throws {ValueError} with the column, from 1, where there is one.
 */
export function parseJsonLine({ text }: Line): JsonObject | null {
  if (text === null) throw new ValueError(`the line is above ${LINE_CHARS_MAX} characters`)
  if (text.trim() === '') return null
  const value = parseLine(text)
  if (!isObject(value)) throw new ValueError(`must be a JSON object, not ${show(value)}`)
  return value
}

function parseLine(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new ValueError(
      `column ${error.offset + 1}: ${error.message.replace(/ at line 1, column \d+$/, '')}`,
    )
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
