/** What there is to do with the cluster and its backups. */
import { type CommandSpec, flag, operand, optionalOperand, toggle } from '../specs.ts'

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

export const CLUSTER_COMMANDS = [
  {
    name: 'cluster status',
    operands: [],
    flags: [],
    about: 'the members, as the leader sees them if it is one of the servers',
    notes: 'Else as the first that answers does: only the leader knows how its followers are.',
  },
  {
    name: 'cluster add',
    operands: [operand('ID'), operand('ADDR')],
    flags: [],
    about: 'add a node; then start it there with: ipam server --config FILE --node-id ID --join',
    notes:
      'ADDR is where the other nodes reach it: host:port. Its cluster file names it, too. It votes once it has caught up.',
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
] as const satisfies readonly CommandSpec[]
