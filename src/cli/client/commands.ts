/** The one table of what the client can do, in the order of its usage texts; `commands/` has the parts. */
import { ACCESS_COMMANDS } from './commands/access.ts'
import { ALLOCATION_COMMANDS } from './commands/allocations.ts'
import { CLUSTER_COMMANDS } from './commands/cluster.ts'
import { NETWORK_COMMANDS } from './commands/networks.ts'
import { RECORD_COMMANDS } from './commands/records.ts'
import { type CommandSpec, type FlagSpec, flag, operand, toggle } from './specs.ts'

/** First words of the program that are no commands of the client. */
export const OWN_WORDS: readonly string[] = ['server', 'local-cluster', 'log', 'help']

/** Every command of the client takes these. */
export const COMMON_FLAGS: readonly FlagSpec[] = [
  flag(
    'server',
    'URL[,URL…]',
    'nodes of the cluster, tried in turn (default: IPAM_SERVER, else http://127.0.0.1:8080)',
  ),
  flag(
    'token',
    'TOKEN',
    'an API key to log in with (default: IPAM_TOKEN, which others on this machine cannot see)',
  ),
  flag(
    'user',
    'NAME',
    'log in as this user (default: IPAM_USER); the password is IPAM_PASSWORD, or asked for',
  ),
  flag(
    'ca',
    'FILE',
    'the authority of https servers, in PEM (default: IPAM_CA, else those that Node.js knows)',
  ),
  flag('cert', 'FILE', 'a certificate of your own to show, with --key (default: IPAM_CERT)'),
  flag('key', 'FILE', 'its key (default: IPAM_KEY)'),
  flag('timeout', 'DURATION', 'how long to try one request, on all nodes together (default: 30s)'),
  toggle('json', 'print what the API answers, as one JSON value'),
  toggle('help', 'print this'),
]

export const COMMANDS = [
  ...NETWORK_COMMANDS,
  ...ALLOCATION_COMMANDS,
  ...RECORD_COMMANDS,
  ...CLUSTER_COMMANDS,
  ...ACCESS_COMMANDS,
  {
    name: 'completion',
    operands: [operand('SHELL', ['bash', 'zsh', 'fish'])],
    flags: [],
    about: 'print a completion script',
    notes: `bash: source <(ipam completion bash)
zsh:  ipam completion zsh > ~/.zfunc/_ipam, with ~/.zfunc in fpath
fish: ipam completion fish > ~/.config/fish/completions/ipam.fish`,
  },
] as const satisfies readonly CommandSpec[]

export type CommandName = (typeof COMMANDS)[number]['name']

/** First words that have more than one command behind them. */
export function subcommandsOf(word: string): readonly CommandSpec[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${word} `))
}

/** Distinct, in the order of the table. */
export function firstWords(): readonly string[] {
  return [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? ''))]
}

export function isClientWord(word: string): boolean {
  return firstWords().includes(word)
}

export function flagsOf(command: CommandSpec): readonly FlagSpec[] {
  return [...command.flags, ...COMMON_FLAGS]
}
