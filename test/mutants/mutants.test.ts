import { existsSync, readFileSync } from 'node:fs'
import { transformSync } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { MUTANTS } from './list.ts'
import { type Mutant, plant, SIMULATOR } from './mutant.ts'

describe('the list of planted bugs is in step with the code', () => {
  test.each(MUTANTS)('$name', (mutant) => {
    const planted = plant(mutant, readFileSync(mutant.file, 'utf8'))

    expect(() => transformSync(planted, { loader: 'ts', sourcefile: mutant.file })).not.toThrow()
    if (mutant.caughtBy.by === 'test') expect(existsSync(mutant.caughtBy.file)).toBe(true)
  })

  test('no two have the same name', () => {
    const names = MUTANTS.map(({ name }) => name)

    expect(names).toEqual([...new Set(names)])
  })
})

describe('a mutant', () => {
  const mutant: Mutant = {
    name: 'x',
    source: '§1',
    file: 'raft/a.ts',
    find: 'ab',
    replace: '$&',
    caughtBy: SIMULATOR,
  }

  test('is the file with one place replaced, by exactly what it says', () => {
    expect(plant(mutant, 'ab cd')).toBe('$& cd')
  })

  test.each([
    { why: 'the code has changed', text: 'cd', count: 0 },
    { why: 'it could be either place', text: 'ab ab', count: 2 },
  ])('whose place is there $count times is an error: $why', ({ text, count }) => {
    expect(() => plant(mutant, text)).toThrow(`mutant "x": its text is ${count} times in raft/a.ts, not once`)
  })

  test('that changes nothing is an error', () => {
    expect(() => plant({ ...mutant, replace: 'ab' }, 'ab')).toThrow('changes nothing')
  })
})
