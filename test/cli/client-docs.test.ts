/** docs/cli.md is complete; `test/cluster/guide.test.ts` runs it. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { COMMANDS, flagsOf } from '../../src/cli/client/commands.ts'
import { stepsOf } from '../cluster/page.ts'

const PAGE = readFileSync('docs/cli.md', 'utf8')
const SCRIPT = stepsOf('docs/cli.md')
  .map(({ script }) => script)
  .join('')

describe('docs/cli.md', () => {
  test.each(COMMANDS.map(({ name }) => name))('shows %s and each of its flags', (name) => {
    const command = COMMANDS.find((each) => each.name === name)
    const flags = command === undefined ? [] : flagsOf(command)

    expect(SCRIPT).toMatch(new RegExp(`(^|\\$\\()ipam ${name}\\b`, 'm'))
    expect(flags.map((flag) => flag.name).filter((flag) => !PAGE.includes(`--${flag}`))).toEqual([])
  })
})
