/** The smallest state machine that can tell on a cluster: it remembers which operations it saw, in which order. */
import type { StateImage, StateMachine } from '../../raft/ports.ts'
import { crc32c } from '../../raft/storage/crc32c.ts'
import type { Entry, LogIndex, SnapshotMeta } from '../../raft/types.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'

/** A client's operation in a command, and what it gets back. */
export interface Operation {
  readonly id: number
  /** Makes the command larger. */
  readonly padding: string
}

export interface OperationResult {
  readonly id: number
  readonly index: LogIndex
  /** How many operations came before it. */
  readonly position: number
}

export interface LogState {
  readonly appliedIndex: LogIndex
  readonly operations: readonly number[]
  /** Over every entry up to `appliedIndex`. */
  readonly hash: number
}

const EMPTY: LogState = { appliedIndex: 0, operations: [], hash: 0 }

/** What survives a crash. */
export class LogMachineDisk {
  state: LogState = EMPTY
}

export class LogMachine implements StateMachine {
  readonly failed = new Promise<never>(() => {})
  readonly #disk: LogMachineDisk
  readonly #process: SimProcess
  readonly #random: Random
  readonly #onApply: (entry: Entry, state: { hash: number }) => void
  #appliedIndex: LogIndex
  #operations: number[]
  #hash: number
  #isFlushing = false
  #isRestoring = false
  #capacity: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null

  constructor(options: {
    disk: LogMachineDisk
    process: SimProcess
    random: Random
    onApply: (entry: Entry, state: { hash: number }) => void
  }) {
    this.#disk = options.disk
    this.#process = options.process
    this.#random = options.random
    this.#onApply = options.onApply
    const { appliedIndex, operations, hash } = this.#disk.state
    this.#appliedIndex = appliedIndex
    this.#operations = [...operations]
    this.#hash = hash
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex
  }

  get durableIndex(): LogIndex {
    return this.#disk.state.appliedIndex
  }

  get state(): LogState {
    return { appliedIndex: this.#appliedIndex, operations: this.#operations, hash: this.#hash }
  }

  apply(entry: Entry): OperationResult | null {
    if (entry.index !== this.#appliedIndex + 1) {
      throw new Error(`entry ${entry.index} is applied after ${this.#appliedIndex}`)
    }
    this.#appliedIndex = entry.index
    this.#hash = chainHash(this.#hash, entry)
    this.#onApply(entry, { hash: this.#hash })
    this.#startFlush()
    if (entry.type !== 'command') return null
    const { id } = decodeOperation(entry.payload)
    this.#operations.push(id)
    return { id, index: entry.index, position: this.#operations.length - 1 }
  }

  waitForCapacity(): Promise<void> | null {
    if (this.#appliedIndex - this.durableIndex < 60) return null
    if (this.#capacity === null) {
      let resolve = (): void => {}
      const promise = new Promise<void>((done) => {
        resolve = done
      })
      this.#capacity = { promise, resolve }
    }
    return this.#capacity.promise
  }

  encodeResult(result: unknown): Uint8Array {
    return Buffer.from(JSON.stringify(result))
  }

  decodeResult(bytes: Uint8Array): unknown {
    return JSON.parse(Buffer.from(bytes).toString())
  }

  async flush(): Promise<void> {
    this.#save(this.#copy())
  }

  async snapshot(): Promise<StateImage> {
    const { appliedIndex, operations, hash } = this.#copy()
    const chunks = async function* (): AsyncIterable<Uint8Array> {
      yield Buffer.from(JSON.stringify({ hash }))
      for (let i = 0; i < operations.length; i += 50)
        yield Buffer.from(JSON.stringify(operations.slice(i, i + 50)))
    }
    return { appliedIndex, chunks, release: async () => {} }
  }

  async restore(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#disk.state = EMPTY
    this.#isRestoring = true
    const parts = []
    for await (const chunk of chunks) parts.push(JSON.parse(Buffer.from(chunk).toString()))
    const [head, ...operations] = parts
    await new Promise<void>((resolve) => {
      this.#process.schedule(this.#random.exponential(5), resolve)
    })
    this.#appliedIndex = meta.lastIndex
    this.#operations = operations.flat()
    this.#hash = head.hash
    this.#isRestoring = false
    this.#save(this.#copy())
  }

  async close(): Promise<void> {}

  #copy(): LogState {
    return { appliedIndex: this.#appliedIndex, operations: [...this.#operations], hash: this.#hash }
  }

  /** Write-behind: some time after it was applied it is durable. */
  #startFlush(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#process.schedule(this.#random.exponential(20), () => {
      this.#isFlushing = false
      if (this.#appliedIndex > this.durableIndex) this.#save(this.#copy())
    })
  }

  #save(state: LogState): void {
    if (!this.#process.isAlive || this.#isRestoring) return
    this.#disk.state = state
    this.#capacity?.resolve()
    this.#capacity = null
  }
}

/** Two logs with the same chain hash at an index hold the same entries up to there. */
export function chainHash(previous: number, { index, term, time, type, payload }: Entry): number {
  const head = Buffer.from(`${index} ${term} ${time} ${type}`)
  return crc32c(payload, 0, payload.length, crc32c(head, 0, head.length, previous))
}

export function encodeOperation({ id, padding }: Operation): Uint8Array {
  return Buffer.from(JSON.stringify({ id, padding }))
}

export function decodeOperation(payload: Uint8Array): Operation {
  return JSON.parse(Buffer.from(payload).toString())
}
