/** What there is to do with users and keys. */
import { ROLES } from '../../../ipam/access.ts'
import { type CommandSpec, choice, flag, operand, optionalOperand, repeated } from '../specs.ts'
import { DESCRIPTION } from './flags.ts'

const ROLE = choice('role', ROLES, 'what it may do (default: viewer)')
const NEW_PASSWORD_NOTE =
  'The new password is IPAM_NEW_PASSWORD, or asked for, or the next line of standard input.'

export const ACCESS_COMMANDS = [
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
] as const satisfies readonly CommandSpec[]
