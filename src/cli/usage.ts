/** What `--help` prints. */

/** Null if no help is asked for. */
export function usageFor(command: string, argv: readonly string[]): string | null {
  if (command === 'help' || command === '--help' || command === '-h') return usageOf(argv[0])
  return argv.includes('--help') || argv.includes('-h') ? usageOf(command) : null
}

function usageOf(command: string | undefined): string {
  if (command === 'server') return SERVER_USAGE
  return command === 'local-cluster' ? LOCAL_CLUSTER_USAGE : USAGE
}

const USAGE = `IP address management on a Raft-replicated cluster.

Usage: ipam <command> [flags]

Commands:
  server           run a node: standalone, or a member of a cluster
  local-cluster    run all nodes of a cluster file on this machine, to try it out

  --help           print this; with a command, print its flags
  --version        print the version

Example:
  ipam server
  curl -X POST http://127.0.0.1:8080/api/v1/networks \\
    -H 'Content-Type: application/json' -d '{"cidr": "10.0.0.0/24"}'
`

const SERVER_USAGE = `Runs a node. Without --config it is standalone: one node that serves http://127.0.0.1:8080/api/v1.

Usage: ipam server [flags]

  --config FILE       the cluster file (see cluster.example.yaml)
  --node-id N         which node of that file this is
  --join              a new node: wait for what the cluster sends. Tell the cluster first:
                      POST /api/v1/cluster/nodes {"node_id": 4, "addr": "host:5004"}
  --data-dir DIR      node N keeps its files in DIR/node-N (default: data_dir of the file, else ./data/standalone)
  --listen HOST:PORT  where the API listens (default: api of the node in the file, else 127.0.0.1:8080)
  --log-level LEVEL   debug, info, warn or error (default: log.level of the file, else info)
  --help              print this

Each flag can also be given as an environment variable: IPAM_CONFIG, IPAM_NODE_ID, IPAM_JOIN, IPAM_DATA_DIR,
IPAM_LISTEN, IPAM_LOG_LEVEL. A flag wins over the variable, the variable over the file.

Logs go to standard error, one JSON line each. SIGTERM or Ctrl-C stops the node cleanly; a second one at once.
Exit codes: 0 stopped, 1 failed, 2 wrong flags or cluster file.
`

const LOCAL_CLUSTER_USAGE = `Runs all nodes of a cluster file on this machine, until Ctrl-C.

Usage: ipam local-cluster [--config FILE]

  --config FILE       the cluster file (default: cluster.example.yaml of this installation)
  --help              print this
`
