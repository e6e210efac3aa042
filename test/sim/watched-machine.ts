/** The real state machine, with a check after each entry: every node must make the same of the same log. */
import type { StateImage, StateMachine } from '../../raft/ports.ts'
import type { Divergence, Entry, SnapshotMeta } from '../../raft/types.ts'

export class WatchedMachine implements StateMachine {
  readonly failed: Promise<never>
  readonly #machine: StateMachine
  readonly #onApplied: (entry: Entry, outcome: Uint8Array) => void

  /** @param onApplied Throws if that must not have been. */
  constructor(machine: StateMachine, onApplied: (entry: Entry, outcome: Uint8Array) => void) {
    this.#machine = machine
    this.#onApplied = onApplied
    this.failed = machine.failed
  }

  get appliedIndex(): number {
    return this.#machine.appliedIndex
  }

  get durableIndex(): number {
    return this.#machine.durableIndex
  }

  get stateHash(): string {
    return this.#machine.stateHash
  }

  get divergence(): Divergence | null {
    return this.#machine.divergence
  }

  markDiverged(divergence: Divergence): Promise<void> {
    return this.#machine.markDiverged(divergence)
  }

  apply(entry: Entry): unknown {
    const outcome = this.#machine.apply(entry)
    this.#onApplied(entry, outcome === null ? Buffer.alloc(0) : this.#machine.encodeResult(outcome))
    return outcome
  }

  waitForCapacity(): Promise<void> | null {
    return this.#machine.waitForCapacity()
  }

  encodeResult(result: unknown): Uint8Array {
    return this.#machine.encodeResult(result)
  }

  decodeResult(bytes: Uint8Array): unknown {
    return this.#machine.decodeResult(bytes)
  }

  flush(): Promise<void> {
    return this.#machine.flush()
  }

  snapshot(): Promise<StateImage> {
    return this.#machine.snapshot()
  }

  refusalOf(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<string | null> {
    return this.#machine.refusalOf(meta, chunks)
  }

  restore(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#machine.restore(meta, chunks)
  }

  close(): Promise<void> {
    return this.#machine.close()
  }
}
