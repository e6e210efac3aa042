/**
 * Claims: making, sending and installing a snapshot of some 100 MB never keeps a node from its heartbeats: the event
 * loop is not blocked for longer than half a heartbeat interval (50 ms). Exits with 1 if it is.
 *
 * npx tsx bench/snapshot-heartbeats.ts
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SnapshotFile } from '../raft/ports.ts'
import { FileDisk } from '../raft/storage/file-disk.ts'
import { SnapshotFiles } from '../raft/storage/snapshot-files.ts'
import type { SnapshotMeta } from '../raft/types.ts'
import { formatAllocationId } from '../src/ipam/allocation-id.ts'
import { COMMAND_SCHEMAS, encodeCommand } from '../src/ipam/command-codec.ts'
import { NETWORK_DEFAULTS } from '../src/ipam/defaults.ts'
import { levelStorage } from '../src/state/level-storage.ts'
import { IpamStateMachine } from '../src/state/state-machine.ts'
import { realClock, TestNode } from '../test/raft/transport/support.ts'
import { allocateCommand, silentLog, tokenOf } from '../test/state/harness.ts'

const ALLOCATIONS = 130_000
/** Every tenth address is given back: a free-space index of many runs, as after months of use. */
const RELEASED_EACH = 10
const HEARTBEAT_MS = 100
const BLOCKED_MS_MAX = HEARTBEAT_MS / 2
const CONTEXT = { user: 'bench', requestId: 'request-0123456789' }

const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-'))
const worst: { phase: string; ms: number; tookMs: number }[] = []

try {
  const sender = await openMachine('sender')
  const receiver = await openMachine('receiver')
  await fill(sender)
  const { meta, file } = await measured('make', () => make(sender))
  const received = await measured('send and receive', () => send(file))
  await measured('install', () => receiver.restore(meta, received.chunks()))
  const phases = worst.map(
    ({ phase, ms, tookMs }) => `${phase} ${Math.round(ms)} ms in ${(tookMs / 1000).toFixed(1)} s`,
  )
  process.stdout.write(
    `| longest time that the event loop is blocked by a snapshot of ${Math.round(file.sizeBytes / 1e6)} MB | ${phases.join(', ')} | sender and receiver in one process, heartbeats every ${HEARTBEAT_MS} ms, ${cpus().length} cores, Node.js ${process.versions.node} |\n`,
  )
  await Promise.all([sender.close(), receiver.close(), file.close(), received.close()])
  if (worst.some(({ ms }) => ms > BLOCKED_MS_MAX)) process.exitCode = 1
} finally {
  await rm(directory, { recursive: true, force: true })
}

function openMachine(name: string): Promise<IpamStateMachine> {
  return IpamStateMachine.open({
    storage: levelStorage(join(directory, name)),
    clock: realClock,
    logger: silentLog,
  })
}

async function fill(machine: IpamStateMachine): Promise<void> {
  let index = 0
  const apply = async (command: Parameters<typeof encodeCommand>[0]['command']): Promise<void> => {
    const payload = encodeCommand(
      { command, context: CONTEXT, session: null, idempotency: null },
      COMMAND_SCHEMAS.max,
    )
    machine.apply({ index: ++index, term: 1, time: 1_700_000_000_000 + index, type: 'command', payload })
    await machine.waitForCapacity()
  }
  await apply({
    ...NETWORK_DEFAULTS,
    type: 'createNetwork',
    id: 'net',
    cidr: '10.0.0.0/8',
  })
  for (let i = 0; i < ALLOCATIONS; i++) {
    const description = `a description of some length, as people write it for number ${i}`.padEnd(200, '.')
    await apply(allocateCommand(`alloc-${i}`, 'net', { hostname: `host-${i}`, description, ttlMs: 1e9 + i }))
  }
  for (let i = 0; i < ALLOCATIONS; i += RELEASED_EACH) {
    // The entry of the network is the first.
    const id = formatAllocationId(tokenOf(`alloc-${i}`), { index: i + 2, sequence: 0 })
    await apply({ type: 'releaseAllocation', id, ifChangedIndex: null })
  }
}

async function make(machine: IpamStateMachine): Promise<{ meta: SnapshotMeta; file: SnapshotFile }> {
  const files = new SnapshotFiles({ disk: new FileDisk(join(directory, 'made')), directory: 'snapshots' })
  await files.open()
  const image = await machine.snapshot()
  const meta = { lastIndex: image.appliedIndex, lastTerm: 1, lastTime: 0, membershipIndex: 0 }
  const whole = { ...meta, membership: { members: [], removed: [], schemaVersion: COMMAND_SCHEMAS.max } }
  const file = await files.create(whole, image.chunks())
  await image.release()
  return { meta: whole, file }
}

async function send(file: SnapshotFile): Promise<SnapshotFile> {
  const files = new SnapshotFiles({ disk: new FileDisk(join(directory, 'received')), directory: 'snapshots' })
  await files.open()
  const from = await new TestNode({ id: 1 }).start()
  const to = await new TestNode({ id: 2, onSnapshotOffer: (offer) => files.receive(offer) }).start()
  await from.connect(to)
  const { identity, sizeBytes, meta } = file
  const offer = { from: 1, to: 2, term: 1, session: 1, lastIndex: meta.lastIndex, sizeBytes, identity }
  await from.transport.sendSnapshot(offer, file)
  await to.until(() => to.snapshots.length === 1)
  await Promise.all([from.transport.close(), to.transport.close()])
  const [received] = to.snapshots
  if (received === undefined) throw new Error('nothing was received')
  return received.file
}

/** The longest turn of the event loop by the processor time of its thread: what other processes take does not count. */
async function measured<T>(phase: string, run: () => Promise<T>): Promise<T> {
  let longestMs = 0
  let isOver = false
  let last = threadMs()
  const look = (): void => {
    const now = threadMs()
    longestMs = Math.max(longestMs, now - last)
    last = now
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  const startedAt = performance.now()
  const result = await run()
  const tookMs = performance.now() - startedAt
  await new Promise((resolve) => setImmediate(resolve))
  isOver = true
  worst.push({ phase, ms: longestMs, tookMs })
  return result
}

/** Linux: processor time of the main thread. */
function threadMs(): number {
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6
}
