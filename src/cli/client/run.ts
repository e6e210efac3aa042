/** Runs a command of the client: arguments, one or a few requests, output, exit code. */
import { SecretRefusedError } from '../ask-secret.ts'
import { type ClientShell, type ExitCode, OutputClosedError, OutputFailedError } from '../shell.ts'
import { Api } from './api.ts'
import { type Arguments, parseArguments } from './arguments.ts'
import { ClientError } from './client-error.ts'
import type { CommandName } from './commands.ts'
import type { Run } from './invocation.ts'
import { Output } from './output.ts'
import { Secrets } from './secrets.ts'
import { fetchOf } from './secure-fetch.ts'
import { serversOf, timeoutMsOf } from './servers.ts'

/** Loaded when needed. A command without its line here does not compile. */
const RUNS: Record<CommandName, () => Promise<Run>> = {
  'network add': async () => (await import('./network.ts')).addNetwork,
  'network list': async () => (await import('./network.ts')).listNetworks,
  'network show': async () => (await import('./network.ts')).showNetwork,
  'network set': async () => (await import('./network.ts')).setNetwork,
  'network delete': async () => (await import('./network.ts')).deleteNetwork,
  'network stats': async () => (await import('./network.ts')).showStats,
  'network carve': async () => (await import('./network.ts')).carveNetworks,
  'network free': async () => (await import('./network.ts')).showFree,
  allocate: async () => (await import('./allocation.ts')).allocate,
  release: async () => (await import('./allocation.ts')).release,
  renew: async () => (await import('./allocation.ts')).renew,
  set: async () => (await import('./allocation.ts')).setAllocation,
  list: async () => (await import('./allocation.ts')).listAllocations,
  show: async () => (await import('./allocation.ts')).showAllocation,
  find: async () => (await import('./find.ts')).find,
  audit: async () => (await import('./audit.ts')).listAudit,
  'export networks': async () => (await import('./export.ts')).exportNetworks,
  'export allocations': async () => (await import('./export.ts')).exportAllocations,
  import: async () => (await import('./import.ts')).importFile,
  'cluster status': async () => (await import('./cluster.ts')).showCluster,
  'cluster add': async () => (await import('./cluster.ts')).addNode,
  'cluster remove': async () => (await import('./cluster.ts')).removeNode,
  'cluster transfer': async () => (await import('./cluster.ts')).transferLeader,
  'cluster drain': async () => (await import('./cluster.ts')).drain,
  'cluster undrain': async () => (await import('./cluster.ts')).undrain,
  'cluster recover': async () => (await import('./recover.ts')).recoverCluster,
  'snapshot save': async () => (await import('./snapshot.ts')).saveSnapshot,
  'snapshot verify': async () => (await import('./snapshot.ts')).verifySnapshot,
  'snapshot inspect': async () => (await import('./snapshot.ts')).inspectSnapshot,
  'snapshot restore': async () => (await import('./snapshot.ts')).restoreNode,
  'auth init': async () => (await import('./access.ts')).initAuth,
  'auth hash': async () => (await import('./access.ts')).hashForConfig,
  'auth whoami': async () => (await import('./access.ts')).whoAmI,
  'user add': async () => (await import('./access.ts')).addUser,
  'user list': async () => (await import('./access.ts')).listUsers,
  'user set': async () => (await import('./access.ts')).setUser,
  'user passwd': async () => (await import('./access.ts')).changePassword,
  'user remove': async () => (await import('./access.ts')).removeUser,
  'key create': async () => (await import('./access.ts')).createKey,
  'key list': async () => (await import('./access.ts')).listKeys,
  'key revoke': async () => (await import('./access.ts')).revokeKey,
  completion: async () => (await import('./completion.ts')).printCompletion,
}

/** @param words From the name of the command on. */
export async function runClient(words: readonly string[], shell: ClientShell): Promise<ExitCode> {
  try {
    const args = parseArguments(words)
    const secrets = new Secrets(args, shell)
    const api = new Api(
      {
        servers: serversOf(args, shell.env),
        timeoutMs: timeoutMsOf(args),
        fetch: fetchOf(args, shell.env),
        authorization: () => secrets.authorization(),
      },
      shell,
    )
    const output = new Output({ isJson: args.has('json') }, shell)
    const run = await RUNS[args.command]()
    return await orStopped(run({ api, args, output, secrets, shell }), { args, api, shell })
  } catch (error) {
    // Whoever read our output has seen enough, as `head` does.
    if (error instanceof OutputClosedError) return 0
    const isExpected =
      error instanceof ClientError ||
      error instanceof OutputFailedError ||
      error instanceof SecretRefusedError
    if (!isExpected) throw error
    shell.complain(error.message)
    return error instanceof ClientError ? error.exitCode : 1
  }
}

/** These stop by themselves, where nothing half-done is left. */
const STOPPING_THEMSELVES: readonly CommandName[] = [
  'import',
  'snapshot save',
  'snapshot restore',
  'cluster recover',
]

async function orStopped(
  running: Promise<ExitCode>,
  { args, api, shell }: { args: Arguments; api: Api; shell: ClientShell },
): Promise<ExitCode> {
  if (STOPPING_THEMSELVES.includes(args.command)) return await running
  const stopped = shell.stopped.then(() => {
    if (!api.isWriting) throw new ClientError('stopped', 1)
    throw new ClientError('stopped before the answer came: it may have been done', 5)
  })
  return await Promise.race([running, stopped])
}
