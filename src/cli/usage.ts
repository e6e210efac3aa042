/** What `--help` prints. */
import { nearest } from '../nearest.ts'
import { firstWords, OWN_WORDS } from './client/commands.ts'
import { clientUsage, commandLines, EXIT_CODES } from './client/help.ts'

/** Null if no help is asked for. */
export function usageFor(command: string, argv: readonly string[]): string | null {
  if (command === 'help' || command === '--help' || command === '-h') return usageOf(argv)
  const ownWords = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  return ownWords.includes('--help') || ownWords.includes('-h') ? usageOf([command, ...ownWords]) : null
}

/** The command that was meant by a misspelt one; null when nothing is close. */
export function nearestWord(word: string): string | null {
  return nearest(word, [...OWN_WORDS, ...firstWords()])
}

function usageOf(words: readonly string[]): string {
  const [command] = words
  if (command === 'server') return SERVER_USAGE
  if (command === 'log') return LOG_USAGE
  if (command === 'local-cluster') return LOCAL_CLUSTER_USAGE
  return clientUsage(words) ?? USAGE
}

const USAGE = `IP address management on a Raft-replicated cluster.

Usage: ipam <command> [flags]

Nodes:
  server           run a node: standalone, or a member of a cluster
  local-cluster    run all nodes of a cluster file on this machine, to try it out
  log              look into the data directory of a node that does not run

Through the API of any node (--server URL[,URL…] or IPAM_SERVER; default http://127.0.0.1:8080):
${commandLines()}
  --help           print this; with a command, print its flags
  --version        print the version

REF is a network by id or CIDR; ID|IP an allocation by its id or an address. Tables are for people; --json prints what
the API answers. Data goes to standard output, messages to standard error.

Example:
  ipam server &
  ipam network add 10.0.0.0/24 --description Office
  ipam allocate 10.0.0.0/24 --hostname web-1

${EXIT_CODES}`

const SERVER_USAGE = `Runs a node. Without --config it is standalone: one node that serves http://127.0.0.1:8080/api/v1.

Usage: ipam server [flags]

  --config FILE       the cluster file (see cluster.example.yaml)
  --node-id N         which node of that file this is
  --join              a new node: wait for what the cluster sends. Tell the cluster first:
                      POST /api/v1/cluster/nodes {"node_id": 4, "addr": "host:5004"}
  --data-dir DIR      node N keeps its files in DIR/node-N (default: data_dir of the file, else ./data/standalone)
  --listen HOST:PORT  where the API listens (default: api of the node in the file, else 127.0.0.1:8080)
  --auth MODE         required: who asks has to log in; open: everybody may do everything (default: auth.mode of
                      the file, else everybody on this machine). See docs/security.md
  --log-level LEVEL   debug, info, warn or error (default: log.level of the file, else info)
  --help              print this

Each flag can also be given as an environment variable: IPAM_CONFIG, IPAM_NODE_ID, IPAM_JOIN, IPAM_DATA_DIR,
IPAM_LISTEN, IPAM_AUTH, IPAM_LOG_LEVEL. A flag wins over the variable, the variable over the file. IPAM_CLUSTER_SECRET
stands for cluster_secret of the file; there is no flag for it, which others on the machine could see.

SIGHUP has the node look for new certificates now, which it does every 10 seconds anyway; wrong ones are not used.
Logs go to standard error, one JSON line each. SIGTERM or Ctrl-C stops the node cleanly, a member after
http.shutdown_delay_ms, in which load balancers notice; a second one at once.
Exit codes: 0 stopped, 1 failed, 2 wrong flags or cluster file.
`

const LOCAL_CLUSTER_USAGE = `Runs all nodes of a cluster file on this machine, until Ctrl-C.

Usage: ipam local-cluster [--config FILE]

  --config FILE       the cluster file (default: cluster.example.yaml of this installation)
  --help              print this
`

const LOG_USAGE = `Reads the data directory of a node that does not run, and changes nothing in it.

Usage: ipam log verify DIR [--json] [--force]
       ipam log dump DIR [--from N] [--to N] [--all] [--json] [--force]

DIR is a node's directory (as data/node-1), the one above it if it holds one node, or a log folder.

verify reads log, snapshots and node.json, checks every checksum, and ends with a verdict. A write that a crash cut
short is no damage. What is in state/ is not looked at: LevelDB checks it when the node starts.

dump prints a line for each entry: index, term, time, type, bytes, and what was asked.

  --from N, --to N    only entries with these indexes, both included
  --all               every record as it lies in the files, with offsets; also entries that were replaced
  --json              verify: one JSON object; dump: one on each line
  --force             read although a node runs on the directory: what is shown may be in motion
  --help              print this

Exit codes: 0 intact, 1 damaged or not readable, 2 wrong flags or directory.
`
