/** The one table of what the client can do. */
import { FORMATS } from '../../bulk/formats.ts'
import { ROLES } from '../../ipam/access.ts'
import {
  type CommandSpec,
  choice,
  type FlagSpec,
  flag,
  operand,
  optionalOperand,
  repeated,
  toggle,
} from './specs.ts'

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

/** Which node's data directory is meant, as for `ipam server`. */
const NODE_FLAGS = [
  flag('config', 'FILE', 'the cluster file; without one a standalone node is meant (default: IPAM_CONFIG)'),
  flag('node-id', 'N', 'which node of that file this is (default: IPAM_NODE_ID)'),
  flag(
    'data-dir',
    'DIR',
    'its files are in DIR/node-N (default: data_dir of the file, else ./data/standalone)',
  ),
]

const KEY = flag('idempotency-key', 'KEY', 'a key of your own: done once, however often it is run')
const NAMESPACE = flag(
  'namespace',
  'NAME',
  'the address space (VRF) that a CIDR or address is in (default: default)',
)
const ANY_NAMESPACE = flag('namespace', 'NAME', 'in this address space (VRF) only')
const LIMIT = flag('limit', 'N', 'at most N rows (default: all)')
const IF_MATCH = flag('if-match', 'N', 'only if its ETag, which show prints, is still N')
const DESCRIPTION = flag('description', 'TEXT', 'for people')
const TAG = repeated('tag', 'TAG', 'a label; may be repeated')
const META = repeated('meta', 'KEY=VALUE', 'metadata; may be repeated')
const TAG_FILTER = flag('tag', 'TAG', 'that have this tag')
const QUERY = flag('query', 'WORDS', 'that have all these words in their texts')

const NETWORK_SETTINGS = [
  DESCRIPTION,
  TAG,
  flag('gateway', 'IP', 'never handed out'),
  repeated('reserved', 'RANGE', 'address, range A-B or CIDR that is never handed out; may be repeated'),
  flag('cooldown', 'DURATION', 'how long an address rests after its release, such as 1h'),
  choice('strategy', ['lowest', 'next', 'random'], 'which free address is next'),
  META,
]

const ALLOCATION_SETTINGS = [
  flag('hostname', 'NAME', 'who has it'),
  DESCRIPTION,
  TAG,
  flag('mac', 'MAC', 'hardware address, in any notation'),
  META,
]

const ALLOCATION_FILTERS = [
  flag('network', 'REF', 'of one network, by id or CIDR'),
  toggle('all', 'released and expired ones too'),
  choice('status', ['allocated', 'released', 'expired'], 'with this status only'),
  flag('hostname', 'TEXT', 'that have this in their host name'),
  TAG_FILTER,
  flag('mac', 'MAC', 'of this hardware address'),
  flag('expires-before', 'TIME', 'that expire before a time, or within a duration, such as 24h'),
  QUERY,
]

const ROLE = choice('role', ROLES, 'what it may do (default: viewer)')
const NEW_PASSWORD_NOTE =
  'The new password is IPAM_NEW_PASSWORD, or asked for, or the next line of standard input.'

const REF_NOTE = 'REF names a network by its id or its CIDR.'
const CLEAR_NOTE =
  'What is not named stays. --tag and --reserved replace the whole list; an empty value ("--tag=") clears, and --meta KEY= removes a key.'
const HOLDER_NOTE = 'An address stands for the allocation that has it now.'

export const COMMANDS = [
  {
    name: 'network add',
    operands: [operand('CIDR')],
    flags: [NAMESPACE, ...NETWORK_SETTINGS, KEY],
    about: 'create a network',
    notes: 'Inside another network it becomes its child, whose addresses the parent does not hand out.',
  },
  {
    name: 'network list',
    operands: [],
    flags: [
      ANY_NAMESPACE,
      flag('within', 'CIDR', 'inside of this one, or this one itself'),
      flag('contains', 'IP', 'that have this address'),
      flag('parent', 'REF', 'children of a network'),
      TAG_FILTER,
      QUERY,
      LIMIT,
    ],
    about: 'list networks',
    notes: '',
  },
  {
    name: 'network show',
    operands: [operand('REF')],
    flags: [NAMESPACE],
    about: 'show one network',
    notes: REF_NOTE,
  },
  {
    name: 'network set',
    operands: [operand('REF')],
    flags: [NAMESPACE, ...NETWORK_SETTINGS, IF_MATCH, KEY],
    about: 'change a network',
    notes: `${REF_NOTE} ${CLEAR_NOTE}`,
  },
  {
    name: 'network delete',
    operands: [operand('REF')],
    flags: [NAMESPACE, IF_MATCH, KEY],
    about: 'delete a network without allocations',
    notes: REF_NOTE,
  },
  {
    name: 'network stats',
    operands: [operand('REF')],
    flags: [NAMESPACE],
    about: 'how full a network is',
    notes: REF_NOTE,
  },
  {
    name: 'network carve',
    operands: [operand('REF')],
    flags: [
      NAMESPACE,
      flag('length', 'N', 'prefix length of the new networks; required'),
      flag('count', 'N', 'how many (default: 1), all or none'),
      DESCRIPTION,
      TAG,
      META,
      KEY,
    ],
    about: 'create child networks where there is room',
    notes: `${REF_NOTE} Each is cut from the smallest free block that holds it, the lowest first.`,
  },
  {
    name: 'network free',
    operands: [operand('REF')],
    flags: [
      NAMESPACE,
      flag('length', 'N', 'networks of this prefix length, as carve would create them'),
      flag('count', 'N', 'how many'),
    ],
    about: 'show free blocks; with --count, the next addresses; with --length, the next networks',
    notes: `${REF_NOTE} Nothing is taken.`,
  },
  {
    name: 'allocate',
    operands: [optionalOperand('REF')],
    flags: [
      NAMESPACE,
      flag('ip', 'IP', 'this address or none; without REF, in the smallest network that has it'),
      flag('prefer', 'IP', 'this address if it is free, else another'),
      flag('count', 'N', 'a range of N addresses side by side (default: 1)'),
      flag('align', 'N', 'begin at a multiple of N, a power of two'),
      ...ALLOCATION_SETTINGS,
      flag('ttl', 'DURATION', 'ends by itself after that time, such as 24h; never (default)'),
      KEY,
    ],
    about: 'allocate an address, or a range of them',
    notes: REF_NOTE,
  },
  {
    name: 'release',
    operands: [operand('ID|IP')],
    flags: [NAMESPACE, IF_MATCH, KEY],
    about: 'release an allocation, a range as a whole',
    notes: `${HOLDER_NOTE} A range is named by its id or its first address. To release what has been released is fine.`,
  },
  {
    name: 'renew',
    operands: [operand('ID|IP')],
    flags: [
      NAMESPACE,
      flag('ttl', 'DURATION', 'from now on, such as 24h; never for no end; required'),
      IF_MATCH,
      KEY,
    ],
    about: 'set when an allocation ends',
    notes: HOLDER_NOTE,
  },
  {
    name: 'set',
    operands: [operand('ID|IP')],
    flags: [NAMESPACE, ...ALLOCATION_SETTINGS, IF_MATCH, KEY],
    about: 'change what is said of an allocation',
    notes: `${HOLDER_NOTE} ${CLEAR_NOTE}`,
  },
  {
    name: 'list',
    operands: [],
    flags: [ANY_NAMESPACE, ...ALLOCATION_FILTERS, LIMIT],
    about: 'list allocations',
    notes: '',
  },
  {
    name: 'show',
    operands: [operand('ID|IP')],
    flags: [NAMESPACE],
    about: 'show one allocation',
    notes: HOLDER_NOTE,
  },
  {
    name: 'find',
    operands: [operand('IP|NAME')],
    flags: [NAMESPACE, flag('at', 'TIME', 'who had the address then, or that long ago')],
    about: 'everything about an address; or who has a name',
    notes:
      'A name is looked for in host names, and if there is none, in all texts of allocations. Without --namespace, names are found in every one.',
  },
  {
    name: 'audit',
    operands: [],
    flags: [
      ANY_NAMESPACE,
      flag('resource', 'ID', 'changes of one network, allocation or node-N'),
      flag('action', 'ACTION', 'such as ip_allocated or network_deleted'),
      flag('by', 'NAME', 'changes by this user'),
      flag('ip', 'IP', 'changes of allocations that had this address'),
      flag('request-id', 'ID', 'changes of one request'),
      flag('since', 'TIME', 'from a time on, or from that long ago, such as 2h'),
      flag('until', 'TIME', 'up to a time'),
      flag('limit', 'N', 'the newest N (default: 100)'),
    ],
    about: 'who changed what, when: oldest first',
    notes: '',
  },
  {
    name: 'export networks',
    operands: [],
    flags: [
      choice('format', ['csv', 'jsonl'], 'default: csv'),
      flag('output', 'FILE', 'where to (default: standard output)'),
      ANY_NAMESPACE,
      flag('within', 'CIDR', 'inside of this one, or this one itself'),
      flag('contains', 'IP', 'that have this address'),
      flag('parent', 'REF', 'children of a network'),
      TAG_FILTER,
      QUERY,
    ],
    about: 'write networks as a file that import reads',
    notes: 'FILE is there when all of it is, or not at all.',
  },
  {
    name: 'export allocations',
    operands: [],
    flags: [
      choice('format', ['csv', 'jsonl'], 'default: csv'),
      flag('output', 'FILE', 'where to (default: standard output)'),
      ANY_NAMESPACE,
      ...ALLOCATION_FILTERS,
    ],
    about: 'write allocations as a file that import reads',
    notes: 'FILE is there when all of it is, or not at all.',
  },
  {
    name: 'import',
    operands: [operand('FILE|-')],
    flags: [
      choice('format', FORMATS, 'what the file is (default: seen from its first line)'),
      toggle('dry-run', 'change nothing; say what would happen'),
      toggle('atomic', 'all rows or none: at most 1,000, in 1 MiB'),
      toggle('skip-existing', 'what is there already is no error'),
      toggle('again', 'send also what an earlier run of the same file has done in the last 24 hours'),
    ],
    about: 'create the networks or allocations of a file; - is standard input',
    notes:
      'Rows that are wrong are named and left out, and the exit code is 1. After a failure, run the same command again: it goes on where it was.\n\nFormats: ' +
      `${FORMATS.join(', ')}.`,
  },
  {
    name: 'cluster status',
    operands: [],
    flags: [],
    about: 'the members, as the node that answers sees them',
    notes: 'Only the leader knows how its followers are.',
  },
  {
    name: 'cluster add',
    operands: [operand('ID'), operand('ADDR')],
    flags: [],
    about: 'add a node; then start it there with: ipam server --join',
    notes: 'ADDR is where the other nodes reach it: host:port. It votes once it has caught up.',
  },
  {
    name: 'cluster remove',
    operands: [operand('ID')],
    flags: [toggle('force', 'even if it is healthy nodes that are missed then')],
    about: 'remove a node for good; its id never returns',
    notes: '',
  },
  {
    name: 'cluster transfer',
    operands: [optionalOperand('ID')],
    flags: [],
    about: 'hand leadership over, to node ID or the best one',
    notes: '',
  },
  {
    name: 'cluster drain',
    operands: [],
    flags: [],
    about: 'the node that is asked hands over, and is not ready until undrain or a restart',
    notes: 'For one node: --server names it alone.',
  },
  {
    name: 'cluster undrain',
    operands: [],
    flags: [],
    about: 'the node that is asked takes part again',
    notes: 'For one node: --server names it alone.',
  },
  {
    name: 'cluster recover',
    operands: [],
    flags: [...NODE_FLAGS, toggle('force-new', 'do it, after everything else has been tried')],
    about: 'majority lost for good: make a new cluster of what this machine has of the old one',
    notes: `For a node that does not run; nothing is sent. The cluster file names the new cluster_id. Without --force-new it says what would be done.
What only the lost nodes had is gone, also if it was acknowledged: see docs/backup.md.`,
  },
  {
    name: 'snapshot save',
    operands: [operand('FILE')],
    flags: [],
    about: 'back everything up into a file, while the cluster goes on',
    notes:
      'Takes an admin: hashes of passwords and keys are in it. FILE is there only once all of it is, and is verified.',
  },
  {
    name: 'snapshot verify',
    operands: [operand('FILE')],
    flags: [],
    about: 'check every byte of a backup; nothing is sent',
    notes: '',
  },
  {
    name: 'snapshot inspect',
    operands: [operand('FILE')],
    flags: [],
    about: 'check a backup and print what is in it; nothing is sent',
    notes: '',
  },
  {
    name: 'snapshot restore',
    operands: [operand('FILE')],
    flags: NODE_FLAGS,
    about: "make a node's data directory of a backup, to found a new cluster; nothing is sent",
    notes: `Run it for each node of the cluster file, with the same backup and the same file, which has a cluster_id of its own. Then start them.`,
  },
  {
    name: 'auth init',
    operands: [optionalOperand('NAME')],
    flags: [],
    about: 'make the first admin of a cluster (default: admin), on the machine of a node',
    notes: NEW_PASSWORD_NOTE,
  },
  {
    name: 'auth hash',
    operands: [],
    flags: [],
    about: 'print the hash of a password, for auth.first_admin of the config file',
    notes: `Nothing is sent. ${NEW_PASSWORD_NOTE}`,
  },
  {
    name: 'auth whoami',
    operands: [],
    flags: [],
    about: 'who asks, and what that one may do',
    notes: '',
  },
  {
    name: 'user add',
    operands: [operand('NAME')],
    flags: [ROLE],
    about: 'create a user',
    notes: NEW_PASSWORD_NOTE,
  },
  {
    name: 'user list',
    operands: [],
    flags: [],
    about: 'list users',
    notes: '',
  },
  {
    name: 'user set',
    operands: [operand('NAME')],
    flags: [choice('role', ROLES, 'what the user may do from now on; required')],
    about: 'change the role of a user',
    notes: '',
  },
  {
    name: 'user passwd',
    operands: [operand('NAME')],
    flags: [],
    about: 'change the password of a user: your own, or anybody as an admin',
    notes: NEW_PASSWORD_NOTE,
  },
  {
    name: 'user remove',
    operands: [operand('NAME')],
    flags: [],
    about: 'delete a user',
    notes: 'Keys that this user created stay.',
  },
  {
    name: 'key create',
    operands: [],
    flags: [
      ROLE,
      DESCRIPTION,
      flag('ttl', 'DURATION', 'ends by itself after that time, such as 90d; never (default)'),
      repeated('network', 'ID', 'for this network, and all inside it, alone; may be repeated'),
      repeated('tag', 'TAG', 'for networks with this tag, and all inside them, alone; may be repeated'),
    ],
    about: 'create an API key, and print its token, once',
    notes: '',
  },
  {
    name: 'key list',
    operands: [],
    flags: [],
    about: 'list API keys',
    notes: '',
  },
  {
    name: 'key revoke',
    operands: [operand('ID|DESCRIPTION')],
    flags: [],
    about: 'end an API key',
    notes: '',
  },
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
