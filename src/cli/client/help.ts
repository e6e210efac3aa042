/** Usage texts, made of the table of commands. */
import { COMMANDS, COMMON_FLAGS, flagsOf, isClientWord, subcommandsOf } from './commands.ts'
import type { CommandSpec, FlagSpec, OperandSpec } from './specs.ts'

const WIDTH = 110
const INDENT = 2

export const EXIT_CODES = `Exit codes: 0 done, 1 failed (refused, unreachable), 2 called the wrong way, 3 not found,
4 conflict with what is there, 5 outcome unknown: look before you try again.
`

/** Null if the words name no command of the client. */
export function clientUsage(words: readonly string[]): string | null {
  const [first, second] = words
  if (first === undefined || !isClientWord(first)) return null
  const command =
    COMMANDS.find(({ name }) => name === first) ?? COMMANDS.find(({ name }) => name === `${first} ${second}`)
  return command !== undefined ? commandUsage(command) : groupUsage(first)
}

/** "  network add CIDR   create a network", a line a command. */
export function commandLines(commands: readonly CommandSpec[] = COMMANDS): string {
  return rows(commands.map((command) => [synopsis(command), command.about]))
}

function commandUsage(command: CommandSpec): string {
  const title = command.about.charAt(0).toUpperCase() + command.about.slice(1)
  const notes =
    command.notes === ''
      ? ''
      : `\n${command.notes
          .split('\n')
          .map((line) => wrap(line))
          .join('\n')}\n`
  const flags = rows(flagsOf(command).map((flag) => [flagText(flag), flag.about]))
  return `${title}.\n\nUsage: ipam ${synopsis(command)} [flags]\n\n${flags}${notes}\n${EXIT_CODES}`
}

function groupUsage(word: string): string {
  return `Usage: ipam ${word} <command> [flags]

${commandLines(subcommandsOf(word))}
With a command, --help prints its flags. Every one takes ${COMMON_FLAGS.map(({ name }) => `--${name}`).join(', ')}.

${EXIT_CODES}`
}

export function synopsis({ name, operands }: CommandSpec): string {
  return [name, ...operands.map(operandText)].join(' ')
}

function operandText({ name, isRequired, choices }: OperandSpec): string {
  const text = choices.length > 0 ? choices.join('|') : name
  return isRequired ? text : `[${text}]`
}

function flagText({ name, value, choices }: FlagSpec): string {
  if (value === null) return `--${name}`
  return `--${name} ${choices.length > 4 ? 'NAME' : value}`
}

/** Two columns; what is too long for its line goes on below, in its column. */
function rows(pairs: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...pairs.map(([left]) => left.length))
  const start = INDENT + width + INDENT
  return pairs
    .map(([left, right]) => {
      const [head = '', ...rest] = wrap(right, WIDTH - start).split('\n')
      const lines = [`${' '.repeat(INDENT)}${left.padEnd(width)}${' '.repeat(INDENT)}${head}`]
      return [...lines, ...rest.map((line) => ' '.repeat(start) + line)].join('\n')
    })
    .join('\n')
    .concat('\n')
}

function wrap(text: string, width: number = WIDTH): string {
  const lines: string[] = []
  let line = ''
  // Spaces that align, as in a list of commands, stay.
  for (const word of text.split(/(?<=\S) (?=\S)/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}
