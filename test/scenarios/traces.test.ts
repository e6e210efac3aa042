/** Nothing on file that no scenario writes, nothing that the README does not explain. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const FOLDER = new URL('./', import.meta.url)

function namesIn(file: string, pattern: RegExp): string[] {
  const text = readFileSync(new URL(file, FOLDER), 'utf8')
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '')
}

const TRACES = readdirSync(new URL('traces/', FOLDER)).map((name) => name.replace(/\.trace$/, ''))

test('every trace on file is that of one scenario', () => {
  const tests = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts'))
  const scenarios = tests.flatMap((file) => namesIn(file, /\bscenario\(\s*'([^']+)'/g))

  expect(scenarios.toSorted()).toEqual(TRACES.toSorted())
})

test('the README names every trace once', () => {
  const rows = namesIn('README.md', /^\| \[`([^`]+)`\]\(traces\/\1\.trace\)/gm)

  expect(rows.toSorted()).toEqual(TRACES.toSorted())
})
