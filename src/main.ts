#!/usr/bin/env node
/** The `ipam` command: arguments, environment, signals. The only reader of `process`. */
import { systemClock } from '../raft/system-clock.ts'
import { secretAsker } from './cli/ask-secret.ts'
import { complaintAboutNode } from './cli/node-version.ts'
import { type ClientShell, type ExitCode, type ServerShell, writerTo } from './cli/shell.ts'

process.on('uncaughtException', (error) => void die(error))
main(process.argv.slice(2)).then((code) => process.exit(code), die)

/** Loads only what the command needs, and nothing modern before Node.js is known to be. */
async function main([command = '--help', ...argv]: string[]): Promise<ExitCode> {
  const shell = createShell()
  const complaint = complaintAboutNode(process.versions.node)
  if (complaint !== null) {
    shell.complain(complaint)
    return 1
  }
  if (command === '--version') {
    shell.print((await import('./cli/package.ts')).readVersion())
    return 0
  }
  const { nearestWord, usageFor } = await import('./cli/usage.ts')
  const usage = usageFor(command, argv)
  if (usage !== null) {
    shell.print(usage)
    return 0
  }
  if (command === 'server') return (await import('./cli/server.ts')).runServer(argv, shell)
  if (command === 'local-cluster')
    return (await import('./cli/local-cluster.ts')).runLocalCluster(argv, shell)
  if (command === 'log') return (await import('./cli/log.ts')).runLog(argv, shell)
  const { isClientWord } = await import('./cli/client/commands.ts')
  if (isClientWord(command)) {
    return (await import('./cli/client/run.ts')).runClient([command, ...argv], shell)
  }
  if (command.startsWith('-')) {
    shell.complain(`the command comes first, then its flags: ipam COMMAND ${command} (see ipam --help)`)
    return 2
  }
  const meant = nearestWord(command)
  const wayOut = meant === null ? '(see ipam --help)' : `; did you mean ipam ${meant}?`
  shell.complain(`unknown command ${JSON.stringify(command)}${meant === null ? ' ' : ''}${wayOut}`)
  return 2
}

function createShell(): ClientShell & ServerShell {
  const stopped = new Promise<void>((resolve) => {
    let signalCount = 0
    const stop = () => {
      if (++signalCount > 1) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    // A parent that started us with a channel, as `local-cluster` does, takes us with it however it ends.
    process.on('disconnect', stop)
  })
  return {
    env: process.env,
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    print: (text) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    write: writerTo(process.stdout),
    complain: (line) => process.stderr.write(`ipam: ${line}\n`),
    stopped,
    onHangUp: (callback) => process.on('SIGHUP', callback),
    columns: process.stdout.isTTY ? process.stdout.columns || null : null,
    isErrorTerminal: process.stderr.isTTY === true,
    input: () => process.stdin,
    askSecret: secretAsker(process.stdin, (text) => process.stderr.write(text)),
    report: (text) => process.stderr.write(text),
    now: systemClock.now,
    wallTime: systemClock.wallTime,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  }
}

/** A failure after which no promise holds. The node starts again from its disk. */
async function die(error: unknown): Promise<void> {
  const { createLogger } = await import('./logger.ts')
  createLogger({ level: 'error', isSync: true }).error({ err: error }, 'fatal')
  process.exit(1)
}
