/** What there is to read and write of all of it: the audit log, and files in and out. */
import { FORMATS } from '../../../bulk/formats.ts'
import { type CommandSpec, choice, flag, operand, toggle } from '../specs.ts'
import { ALLOCATION_FILTERS, ANY_NAMESPACE, QUERY, TAG_FILTER } from './flags.ts'

export const RECORD_COMMANDS = [
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
] as const satisfies readonly CommandSpec[]
