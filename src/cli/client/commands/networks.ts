/** What there is to do with networks. */
import { type CommandSpec, choice, flag, operand, repeated } from '../specs.ts'
import {
  ANY_NAMESPACE,
  CLEAR_NOTE,
  DESCRIPTION,
  IF_MATCH,
  KEY,
  LIMIT,
  META,
  NAMESPACE,
  QUERY,
  REF_NOTE,
  TAG,
  TAG_FILTER,
} from './flags.ts'

const NETWORK_SETTINGS = [
  DESCRIPTION,
  TAG,
  flag('gateway', 'IP', 'never handed out'),
  repeated('reserved', 'RANGE', 'address, range A-B or CIDR that is never handed out; may be repeated'),
  flag('cooldown', 'DURATION', 'how long an address rests after its release, such as 1h'),
  choice('strategy', ['lowest', 'next', 'random'], 'which free address is next'),
  META,
]

export const NETWORK_COMMANDS = [
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
] as const satisfies readonly CommandSpec[]
