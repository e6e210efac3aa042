/** The words after `ipam`, read by the table of commands. */
import { parseArgs } from 'node:util'
import { nearest } from '../../nearest.ts'
import { show } from '../../show.ts'
import { UsageError } from './client-error.ts'
import { COMMANDS, type CommandName, flagsOf, subcommandsOf } from './commands.ts'
import { synopsis } from './help.ts'
import type { CommandSpec, FlagSpec } from './specs.ts'

/** What one call of a command says. */
export class Arguments {
  readonly command: CommandName
  readonly #operands: readonly string[]
  readonly #flags: ReadonlyMap<string, readonly string[]>

  constructor(
    command: CommandName,
    operands: readonly string[],
    flags: ReadonlyMap<string, readonly string[]>,
  ) {
    this.command = command
    this.#operands = operands
    this.#flags = flags
  }

  /** @param place From 0. Null where an optional one is left out. */
  operand(place: number): string | null {
    return this.#operands[place] ?? null
  }

  has(flag: string): boolean {
    return this.#flags.has(flag)
  }

  /** Null if it is not given. */
  text(flag: string): string | null {
    return this.#flags.get(flag)?.at(-1) ?? null
  }

  /** Of one that may be repeated. An empty text clears: `--tag=` is no tags. */
  texts(flag: string): readonly string[] | null {
    return this.#flags.get(flag)?.filter((text) => text !== '') ?? null
  }

  /** A whole number from 0; null if it is not given. @throws {UsageError} */
  count(flag: string): number | null {
    const text = this.text(flag)
    if (text === null) return null
    if (/^[0-9]{1,15}$/.test(text)) return Number(text)
    throw new UsageError(`--${flag} takes a whole number, not ${show(text)}`)
  }
}

/** @throws {UsageError} */
export function parseArguments(words: readonly string[]): Arguments {
  const { command, rest } = findCommand(words)
  const known = flagsOf(command)
  const { tokens } = parseArgs({
    args: [...rest],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      known.map(({ name, value, isRepeatable }) => {
        return [name, { type: value === null ? 'boolean' : 'string', multiple: isRepeatable }] as const
      }),
    ),
  })
  const operands: string[] = []
  const flags = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const flag = known.find(({ name }) => name === token.name)
    if (flag === undefined || !token.rawName.startsWith('--')) {
      throw unknownFlag(token.rawName, { command, known })
    }
    const values = flags.get(flag.name) ?? []
    if (values.length > 0 && !flag.isRepeatable)
      throw new UsageError(`--${flag.name} is given more than once`)
    flags.set(flag.name, [...values, checkValue(flag, token)])
  }
  checkOperands(operands, command)
  return new Arguments(command.name as CommandName, operands, flags)
}

function findCommand([first = '', second = '', ...rest]: readonly string[]): {
  command: CommandSpec
  rest: readonly string[]
} {
  const short = COMMANDS.find(({ name }) => name === first)
  if (short !== undefined) return { command: short, rest: second === '' ? rest : [second, ...rest] }
  const long = COMMANDS.find(({ name }) => name === `${first} ${second}`)
  if (long !== undefined) return { command: long, rest }
  const known = subcommandsOf(first).map(({ name }) => name.slice(first.length + 1))
  if (second === '' || second.startsWith('-')) {
    throw new UsageError(`what to do is missing: ipam ${first} ${known.join('|')} (see ipam ${first} --help)`)
  }
  const meant = nearest(second, known)
  const wayOut = meant !== null ? `did you mean ipam ${first} ${meant}?` : `known are ${known.join(', ')}`
  throw new UsageError(`unknown command ${show(`${first} ${second}`)}; ${wayOut}`)
}

function unknownFlag(
  rawName: string,
  { command, known }: { command: CommandSpec; known: readonly FlagSpec[] },
): UsageError {
  const names = known.map(({ name }) => name)
  const meant = nearest(rawName.replace(/^-+/, ''), names)
  const wayOut = meant !== null ? `did you mean --${meant}?` : `see ipam ${command.name} --help`
  return new UsageError(`unknown flag ${rawName.slice(0, 64)}; ${wayOut}`)
}

function checkValue(
  { name, value, choices }: FlagSpec,
  token: { value?: string | undefined; inlineValue?: boolean | undefined },
): string {
  const given = token.value
  if (value === null) {
    if (given === undefined) return ''
    throw new UsageError(`--${name} takes no value, but has ${show(given)}`)
  }
  if (given === undefined) throw new UsageError(`--${name} needs a value: --${name} ${value}`)
  if (given.startsWith('-') && given !== '-' && token.inlineValue !== true) {
    throw new UsageError(`--${name} needs a value; if ${show(given)} is it, write --${name}=${given}`)
  }
  if (choices.length > 0 && !choices.includes(given)) {
    const meant = nearest(given, choices)
    const wayOut = meant !== null ? `did you mean ${meant}?` : `known are ${choices.join(', ')}`
    throw new UsageError(`--${name} cannot be ${show(given)}; ${wayOut}`)
  }
  return given
}

function checkOperands(operands: readonly string[], command: CommandSpec): void {
  const missing = command.operands[operands.length]
  if (missing?.isRequired) throw new UsageError(`${missing.name} is missing: ipam ${synopsis(command)}`)
  const extra = operands[command.operands.length]
  if (extra !== undefined) throw new UsageError(`${show(extra)} is one too many: ipam ${synopsis(command)}`)
  for (const [i, { name, choices }] of command.operands.entries()) {
    const given = operands[i]
    if (given === '') throw new UsageError(`${name} is empty: ipam ${synopsis(command)}`)
    if (given !== undefined && choices.length > 0 && !choices.includes(given)) {
      throw new UsageError(`${name} cannot be ${show(given)}: ipam ${synopsis(command)}`)
    }
  }
}
