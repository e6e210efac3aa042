/**
 * A program: applies allocations as a busy node does, in a young generation that is hardly ever collected, and prints the
 * bytes of memory that each of them took, in the mean of each round in which V8 has not collected.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../../raft/system-clock.ts'
import type { Entry } from '../../raft/types.ts'
import type { Command } from '../../src/ipam/command.ts'
import { COMMAND_SCHEMAS, encodeCommand } from '../../src/ipam/command-codec.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import type { SessionStamp } from '../../src/ipam/session.ts'
import { levelStorage } from '../../src/state/level-storage.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import { accepted, allocateCommand, START, silentLog } from './harness.ts'

const ROUNDS = 6
const ENTRIES = 5_000
/** So many share a turn of the event loop. */
const SLICE = 25
/** Writes of the session that are not confirmed yet. */
const UNDER_WAY = 64
const NETWORK_ID = 'net-0'

const [, , directory = ''] = process.argv
const collections: number[] = []
new PerformanceObserver((list) => {
  collections.push(...list.getEntries().map(({ startTime }) => startTime))
}).observe({ entryTypes: ['gc'] })

const machine = await IpamStateMachine.open({
  storage: levelStorage(directory),
  clock: systemClock,
  logger: silentLog,
})
let index = 0
const entryOf = (command: Command, session: SessionStamp | null): Entry => {
  index += 1
  const context = { user: 'anonymous', requestId: `req-${index}` }
  const payload = encodeCommand({ command, context, session, idempotency: null }, COMMAND_SCHEMAS.max)
  return { index, term: 1, time: START + index, type: 'command', payload }
}
const apply = (entry: Entry): void => {
  const outcome = machine.apply(entry)
  if (outcome === null) throw new Error(`entry ${entry.index} has no outcome`)
  accepted(outcome)
}
apply(entryOf({ type: 'openSession' }, null))
const sessionId = index
const stamp = (): SessionStamp => {
  const sequence = index - sessionId + 1
  return { sessionId, sequence, floor: Math.max(1, sequence - UNDER_WAY) }
}
const network: Command = { type: 'createNetwork', ...NETWORK_DEFAULTS, id: NETWORK_ID, cidr: '10.0.0.0/8' }
apply(entryOf(network, stamp()))

const rounds: { from: number; to: number; bytes: number }[] = []
for (let round = 0; round < ROUNDS; round++) {
  const entries = Array.from({ length: ENTRIES }, () =>
    entryOf(allocateCommand(`${index}`, NETWORK_ID, { hostname: `host-${index}` }), stamp()),
  )
  const from = performance.now()
  const before = process.memoryUsage().heapUsed
  for (const [i, entry] of entries.entries()) {
    apply(entry)
    if (i % SLICE > 0) continue
    await machine.waitForCapacity()
    await turn()
  }
  await machine.flush()
  const bytes = Math.round((process.memoryUsage().heapUsed - before) / ENTRIES)
  rounds.push({ from, to: performance.now(), bytes })
}
await machine.close()
const undisturbed = rounds.filter(({ from, to }) => !collections.some((at) => from <= at && at <= to))
process.stdout.write(JSON.stringify(undisturbed.map(({ bytes }) => bytes)))
