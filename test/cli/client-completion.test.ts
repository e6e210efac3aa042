import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { COMMANDS, COMMON_FLAGS, flagsOf } from '../../src/cli/client/commands.ts'
import { completionScript } from '../../src/cli/client/completion.ts'
import { nearestWord, usageFor } from '../../src/cli/usage.ts'

describe('usage', () => {
  test('the first page lists every command, and the exit codes', () => {
    const usage = usageFor('--help', []) ?? ''

    for (const { name } of COMMANDS) expect(usage).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
    expect(usage).toContain('5 outcome unknown')
  })

  test.each(COMMANDS.map(({ name }) => name))(
    'ipam %s --help has every flag, on lines of at most 110',
    (name) => {
      const command = COMMANDS.find((each) => each.name === name)
      const [first = '', ...rest] = name.split(' ')

      const usage = usageFor(first, [...rest, '--help']) ?? ''
      const asked = usageFor('help', name.split(' '))

      expect(asked).toBe(usage)
      expect(usage).toContain(`Usage: ipam ${name}`)
      for (const flag of command === undefined ? [] : flagsOf(command))
        expect(usage).toContain(`\n  --${flag.name}`)
      expect(usage).toContain('Exit codes: 0 done')
      expect(usage.split('\n').filter((line) => line.length > 110)).toEqual([])
    },
  )

  test('a group of commands lists its own', () => {
    const usage = usageFor('cluster', ['--help']) ?? ''

    expect(usage).toContain('cluster drain')
    expect(usage).not.toContain('network add')
  })

  test('--help as the value of something after -- is no question', () => {
    expect(usageFor('find', ['--', '--help'])).toBeNull()
  })

  test('a misspelt command finds its neighbour, of the client or not', () => {
    expect([nearestWord('netwrok'), nearestWord('sever'), nearestWord('frobnicate')]).toEqual([
      'network',
      'server',
      null,
    ])
  })
})

describe('completion scripts', () => {
  test.each(['bash', 'zsh', 'fish'])('%s knows every command and flag', (shell) => {
    const script = completionScript(shell)

    for (const command of COMMANDS) {
      for (const word of command.name.split(' ')) expect(script).toContain(word)
      for (const { name } of flagsOf(command)) {
        expect(script).toContain(shell === 'fish' ? `-l ${name}` : `--${name}`)
      }
    }
  })

  test.each([
    { line: 'ipam ne', words: ['network'] },
    { line: 'ipam network a', words: ['add'] },
    { line: 'ipam network set net-1 --st', words: ['--strategy'] },
    { line: 'ipam network set net-1 --strategy l', words: ['lowest'] },
    { line: 'ipam export n', words: ['networks'] },
    {
      line: 'ipam completion ',
      words: ['bash', 'zsh', 'fish', ...COMMON_FLAGS.map(({ name }) => `--${name}`)],
    },
    { line: 'ipam import --format hos', words: ['hosts'] },
    { line: 'ipam import pack', words: ['package.json', 'package-lock.json'] },
    { line: 'ipam list --status ', words: ['allocated', 'released', 'expired'] },
  ])('bash completes "$line"', ({ line, words }) => {
    const typed = line.split(' ')
    const quoted = typed.map((word) => `'${word}'`).join(' ')
    const run = `COMP_WORDS=(${quoted}); COMP_CWORD=${typed.length - 1}; _ipam; printf '%s\\n' "\${COMPREPLY[@]}"`

    const completed = execFileSync('bash', ['-c', `${completionScript('bash')}\n${run}`], {
      encoding: 'utf8',
    })

    expect(completed.trim().split('\n').toSorted()).toEqual(words.toSorted())
  })
})
