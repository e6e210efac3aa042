/** Carries out what the cores say, as a driver would, and writes down each step. */
import { assert } from '../../../raft/assert.ts'
import type { Effects } from '../../../raft/core/effects.ts'
import type { Event } from '../../../raft/core/event.ts'
import type { Raft } from '../../../raft/core/state.ts'
import { step } from '../../../raft/core/step.ts'
import type { LogIndex, NodeId, RaftMessage } from '../../../raft/types.ts'
import type { DiskWrite } from './disk.ts'
import { formatBatch, formatMessage, formatOutcomes, type Shown } from './format.ts'
import type { Machine } from './machine.ts'
import { ScenarioNetwork } from './network.ts'
import { Safety } from './safety.ts'
import { Trace } from './trace.ts'

/** More than any scenario needs: cores that never fall silent are a bug. */
const DELIVERIES_MAX = 2_000

export class Engine {
  readonly trace: Trace
  readonly network = new ScenarioNetwork()
  readonly machines = new Map<NodeId, Machine>()
  now = 0
  /** How reads ended, by number; null: nobody could say. */
  readonly reads = new Map<number, LogIndex | null>()
  /** How transfers ended, by number; null is success. */
  readonly transfers = new Map<number, string | null>()
  readonly #shown: Shown
  readonly #safety = new Safety()

  constructor(shown: Shown) {
    this.#shown = shown
    this.trace = new Trace(shown)
  }

  machine(id: NodeId): Machine {
    const machine = this.machines.get(id)
    assert(machine !== undefined, `there is no node ${id}`)
    return machine
  }

  raft(id: NodeId): Raft {
    const { raft } = this.machine(id)
    assert(raft !== null, `node ${id} is down`)
    return raft
  }

  format(message: RaftMessage): string {
    return formatMessage(message, this.#shown)
  }

  /** Hands a message over, or loses it if nobody is there. */
  deliver(message: RaftMessage): void {
    this.network.take(message)
    const text = this.format(message)
    const isUp = (this.machines.get(message.to)?.raft ?? null) !== null
    if (isUp) this.step(message.to, `← ${message.from}  ${text}`, { type: 'message', message })
    else this.trace.event(`lost ${message.from}→${message.to}  ${text}`)
  }

  /** Everything that is not held, and all that it leads to. */
  deliverAll(): void {
    for (let count = 0; count < DELIVERIES_MAX; count++) {
      const message = this.network.next()
      if (message === null) return
      this.deliver(message)
    }
    throw new Error('the nodes never fall silent')
  }

  /** One step of one core, its writes included unless the disk is held: one row. A tick that does nothing leaves none. */
  step(id: NodeId, cause: string, event: Event): Effects {
    const raft = this.raft(id)
    const before = stateOf(raft)
    const lines: string[] = []
    const effects = this.#advance(id, event, lines)
    const isVisible = event.type !== 'tick' || lines.length > 0 || stateOf(raft) !== before
    if (isVisible) this.trace.step(raft, cause, lines)
    return effects
  }

  /** The oldest pending write of a held disk is done. */
  completeWrite(id: NodeId): void {
    const write = this.machine(id).disk.pending.shift()
    assert(write !== undefined, `node ${id} has nothing to write`)
    const lines: string[] = []
    this.#complete(id, write, lines)
    this.trace.step(this.raft(id), `on disk: ${describeWrite(write)}`, lines)
  }

  #advance(id: NodeId, event: Event, lines: string[]): Effects {
    const raft = this.raft(id)
    const effects = step(raft, [event], this.now)
    this.#safety.checkStep(raft, effects)
    this.#carryOut(id, effects, lines)
    return effects
  }

  /** In the order of the fields of `Effects`. */
  #carryOut(id: NodeId, effects: Effects, lines: string[]): void {
    const machine = this.machine(id)
    this.#send(id, effects.messages, lines)
    const writes = writesOf(effects)
    if (machine.isDiskHeld) {
      machine.disk.pending.push(...writes)
      for (const write of writes) lines.push(...this.#describeWaiting(write))
    }
    lines.push(...formatOutcomes(effects))
    for (const { id: read, readIndex } of effects.reads) this.reads.set(read, readIndex)
    for (const { id: transfer, refusal } of effects.transfers) this.transfers.set(transfer, refusal)
    assert(effects.fetches.length === 0, 'everything a scenario needs is in memory')
    if (machine.isDiskHeld) return
    for (const write of writes) {
      lines.push(`writes ${describeWrite(write)}`)
      this.#complete(id, write, lines)
    }
  }

  /** A write is on disk: what waited for it leaves, and the core hears of it. */
  #complete(id: NodeId, write: DiskWrite, lines: string[]): void {
    this.machine(id).disk.write(write)
    if (write.type === 'install') {
      this.#advance(id, { type: 'snapshotInstalled', meta: write.meta }, lines)
      return
    }
    this.#send(id, write.batch.messages, lines)
    this.#advance(id, { type: 'persisted', batchNumber: write.batch.number }, lines)
  }

  #send(id: NodeId, messages: readonly RaftMessage[], lines: string[]): void {
    for (const message of messages) {
      this.#safety.checkSend(message, this.machine(id).disk)
      const isLost = !this.network.send(message)
      lines.push(`→ ${message.to}  ${this.format(message)}${isLost ? '  lost' : ''}`)
    }
  }

  #describeWaiting(write: DiskWrite): string[] {
    const waiting = write.type === 'batch' ? write.batch.messages : []
    return [
      `begins to write ${describeWrite(write)}`,
      ...waiting.map((message) => `  then → ${message.to}  ${this.format(message)}`),
    ]
  }
}

function writesOf({ batch, install }: Effects): DiskWrite[] {
  return [
    ...(batch === null ? [] : [{ type: 'batch', batch } as const]),
    ...(install === null ? [] : [{ type: 'install', meta: install } as const]),
  ]
}

function describeWrite(write: DiskWrite): string {
  if (write.type === 'batch') return formatBatch(write.batch) ?? 'nothing new'
  return `the snapshot through ${write.meta.lastIndex}:${write.meta.lastTerm} in place of the log`
}

/** What a reader of the trace would miss if a tick that changed it left no row. */
function stateOf({ role, currentTerm, commitIndex }: Raft): string {
  return `${role} ${currentTerm} ${commitIndex}`
}
