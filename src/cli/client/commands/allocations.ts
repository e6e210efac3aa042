/** What there is to do with allocations and addresses. */
import { type CommandSpec, flag, operand, optionalOperand } from '../specs.ts'
import {
  ALLOCATION_FILTERS,
  ANY_NAMESPACE,
  CLEAR_NOTE,
  DESCRIPTION,
  IF_MATCH,
  KEY,
  LIMIT,
  META,
  NAMESPACE,
  REF_NOTE,
  TAG,
} from './flags.ts'

const ALLOCATION_SETTINGS = [
  flag('hostname', 'NAME', 'who has it'),
  DESCRIPTION,
  TAG,
  flag('mac', 'MAC', 'hardware address, in any notation'),
  META,
]
const HOLDER_NOTE = 'An address stands for the allocation that has it now.'

export const ALLOCATION_COMMANDS = [
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
] as const satisfies readonly CommandSpec[]
