/** What sections of the cluster file have in common. */
import { z } from 'zod'
import { show } from './show.ts'

export function wholeNumber(max: number, min = 1) {
  const error = (issue: { input?: unknown }) => expected(`a whole number from ${min} to ${max}`, issue.input)
  return z.int({ error }).min(min, { error }).max(max, { error })
}

export function section(issue: { input?: unknown }): string {
  return expected('a section of keys', issue.input)
}

export function expected(what: string, input: unknown): string {
  return input === undefined ? `is missing: ${what}` : `must be ${what}, not ${show(input)}`
}
