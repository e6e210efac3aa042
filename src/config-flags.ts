/** What the command line and the environment say of a node, before it is known what that means. */
import { parseArgs } from 'node:util'
import { parseAddr } from '../raft/transport/addr.ts'
import { AUTH_MODES } from './config-auth.ts'
import { ConfigError } from './config-error.ts'
import { LOG_LEVELS, type LogLevel } from './logger.ts'
import { nearest } from './nearest.ts'
import { show } from './show.ts'

/** Each can also be given as `IPAM_` and its name in capitals, `IPAM_NODE_ID`; the flag wins. */
const FLAGS = {
  config: { type: 'string' },
  'node-id': { type: 'string' },
  join: { type: 'boolean' },
  'data-dir': { type: 'string' },
  listen: { type: 'string' },
  auth: { type: 'string' },
  'log-level': { type: 'string' },
} as const

type Flag = keyof typeof FLAGS

/** A value, and where it was given: errors name it. */
interface Setting {
  readonly text: string
  readonly source: string
}

export type Settings = Partial<Record<Flag, Setting>>

export function settingsOfFlags(argv: readonly string[]): Settings {
  const { tokens } = parseArgs({
    args: [...argv],
    options: FLAGS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const settings: Settings = {}
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') throw usageError(`unexpected argument ${show(token.value)}`)
    if (!isFlag(token.name)) throw usageError(`unknown flag ${token.rawName}${didYouMean(token.name)}`)
    if (settings[token.name] !== undefined) throw usageError(`${token.rawName} is given twice`)
    settings[token.name] = { text: flagValue(token), source: token.rawName }
  }
  return settings
}

function flagValue(token: { name: string; rawName: string; value?: string | undefined }): string {
  const takesValue = FLAGS[token.name as Flag].type === 'string'
  if (!takesValue && token.value !== undefined) throw usageError(`${token.rawName} takes no value`)
  // What looks like the next flag is no value: `--config --join`.
  if (takesValue && (token.value === undefined || token.value === '' || token.value.startsWith('--'))) {
    throw usageError(`${token.rawName} needs a value`)
  }
  return token.value ?? 'true'
}

function isFlag(name: string): name is Flag {
  return Object.hasOwn(FLAGS, name)
}

function didYouMean(name: string): string {
  const meant = nearest(name, Object.keys(FLAGS))
  return meant === null ? '' : `; did you mean --${meant}?`
}

export function usageError(message: string): ConfigError {
  return new ConfigError(`${message} (see ipam server --help)`)
}

/** An empty variable counts as none. Others that start with `IPAM_` are not ours: Kubernetes makes some for a service of that name. */
export function settingsOfEnvironment(env: Readonly<Record<string, string | undefined>>): Settings {
  const settings: Settings = {}
  for (const flag of Object.keys(FLAGS) as Flag[]) {
    const source = `IPAM_${flag.toUpperCase().replaceAll('-', '_')}`
    const text = env[source]
    if (text !== undefined && text !== '') settings[flag] = { text, source }
  }
  return settings
}

export function parseBoolean({ text, source }: Setting): boolean {
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw new ConfigError(`${source} must be true or false, not ${show(text)}`)
}

export function parseListen({ text, source }: Setting): { host: string; port: number } {
  try {
    return parseAddr(text)
  } catch (cause) {
    throw new ConfigError(`${source}: ${(cause as TypeError).message}`, { cause })
  }
}

export function parseAuthMode({ text, source }: Setting): (typeof AUTH_MODES)[number] {
  const mode = AUTH_MODES.find((known) => known === text)
  if (mode !== undefined) return mode
  throw new ConfigError(`${source} must be one of ${AUTH_MODES.join(', ')}, not ${show(text)}`)
}

export function nonEmpty({ text, source }: Setting): string {
  if (text.trim() === '') throw new ConfigError(`${source} must not be empty`)
  return text
}

export function parseLogLevel({ text, source }: Setting): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text)
  if (level !== undefined) return level
  throw new ConfigError(`${source} must be one of ${LOG_LEVELS.join(', ')}, not ${show(text)}`)
}
