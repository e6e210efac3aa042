/** What a log should hold, kept in the slowest and most obvious way, and random work for it. */
import type { LogBatch, LogStore, RecoveredLog } from '../../../raft/ports.ts'
import type { Entry, EntryType, HardState, LogIndex, SnapshotMeta, TermRun } from '../../../raft/types.ts'

export type Work =
  | { readonly type: 'initialize' | 'compact' | 'reset'; readonly base: SnapshotMeta }
  | { readonly type: 'append'; readonly batch: LogBatch }

export interface Model {
  readonly hardState: HardState
  /** Every base that `open` may report, ascending; the first is that of the last reset. */
  readonly bases: readonly SnapshotMeta[]
  /** All since the last reset: a compaction may leave any of them. */
  readonly entries: readonly Entry[]
}

export const EMPTY: Model = { hardState: { currentTerm: 0, votedFor: null }, bases: [], entries: [] }

export function apply(model: Model, work: Work): Model {
  switch (work.type) {
    case 'initialize':
    case 'reset':
      return { ...model, bases: [work.base], entries: [] }
    case 'compact':
      return { ...model, bases: [...model.bases, work.base] }
    case 'append': {
      const { hardState, entries } = work.batch
      const first = entries[0]?.index ?? Infinity
      return {
        ...model,
        hardState: hardState ?? model.hardState,
        entries: [...model.entries.filter(({ index }) => index < first), ...entries],
      }
    }
  }
}

export function lastIndexOf(model: Model): LogIndex {
  return model.entries.at(-1)?.index ?? model.bases[0]?.lastIndex ?? 0
}

export function carryOut(store: LogStore, work: Work): Promise<void> {
  switch (work.type) {
    case 'append':
      return store.append(work.batch)
    case 'initialize':
      return store.initialize(work.base)
    case 'compact':
      return store.compact(work.base)
    case 'reset':
      return store.reset(work.base)
  }
}

/** @throws unless `recovered`, and what `store` reads, is what `model` says. */
export async function checkAgainst(model: Model, store: LogStore, recovered: RecoveredLog): Promise<void> {
  const { base } = recovered
  const first = (base?.lastIndex ?? 0) + 1
  const expected = model.entries.filter(({ index }) => index >= first)
  const isKnown = base === null ? model.bases.length === 0 : model.bases.some((known) => isSame(known, base))
  if (!isKnown) throw new Error(`base ${JSON.stringify(base)} is none of ${JSON.stringify(model.bases)}`)
  checkSame('hard state', recovered.hardState, model.hardState)
  checkSame('last index', recovered.lastIndex, lastIndexOf(model))
  checkSame('terms', recovered.terms, termsOf(expected))
  const memberships = expected.filter(({ type }) => type === 'membership')
  checkSame('membership entries', recovered.membershipEntries.map(comparable), memberships.map(comparable))
  const actual = await readAll(store, first, recovered.lastIndex)
  checkSame('entries', actual.map(comparable), expected.map(comparable))
}

/** Thousands of these run: `expect` would make a difference in colours of each that fails. */
function checkSame(what: string, actual: unknown, expected: unknown): void {
  if (!isSame(actual, expected)) {
    throw new Error(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

export async function readAll(store: LogStore, first: LogIndex, last: LogIndex): Promise<Entry[]> {
  const entries: Entry[] = []
  while (first + entries.length <= last) {
    entries.push(...(await store.read({ first: first + entries.length, last, bytesMax: 3000 })))
  }
  return entries
}

export function comparable({ payload, ...entry }: Entry): object {
  return { ...entry, payload: Buffer.from(payload).toString('hex') }
}

export function termsOf(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = []
  for (const { index, term } of entries) {
    if (runs.at(-1)?.term !== term) runs.push({ firstIndex: index, term })
  }
  return runs
}

export function baseAt(lastIndex: LogIndex, lastTerm: number): SnapshotMeta {
  const member = {
    id: 1,
    addr: '127.0.0.1:5001',
    voter: true,
    incarnation: null,
    schemas: null,
    isRolledBack: false,
  }
  const membership = { members: [member], removed: [], schemaVersion: 1 }
  return { lastIndex, lastTerm, lastTime: lastIndex * 10, membership, membershipIndex: 0 }
}

/** The same numbers for the same seed. */
export function prng(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** Work that a Raft node could give its log, as it depends on what went before. */
export class WorkSource {
  readonly #random: () => number
  #term = 1
  #model = EMPTY

  constructor(random: () => number, model: Model = EMPTY) {
    this.#random = random
    this.#model = model
    this.#term = Math.max(1, model.hardState.currentTerm, model.entries.at(-1)?.term ?? 0)
  }

  next(): Work {
    const work = this.#make()
    this.#model = apply(this.#model, work)
    return work
  }

  #make(): Work {
    const base = this.#model.bases.at(-1)
    if (base === undefined) return { type: 'initialize', base: baseAt(0, 0) }
    const last = lastIndexOf(this.#model)
    const chance = this.#random()
    if (chance < 0.1 && last > base.lastIndex) {
      return { type: 'compact', base: this.#compactTo(this.#between(base.lastIndex + 1, last)) }
    }
    if (chance < 0.14) return { type: 'reset', base: baseAt(last + this.#between(0, 20), this.#term) }
    return { type: 'append', batch: this.#batch(base.lastIndex, last) }
  }

  #compactTo(index: LogIndex): SnapshotMeta {
    return baseAt(index, this.#model.entries.find((entry) => entry.index === index)?.term ?? 0)
  }

  #batch(base: LogIndex, last: LogIndex): LogBatch {
    const changesTerm = this.#random() < 0.25
    if (changesTerm) this.#term++
    const votedFor = this.#random() < 0.5 ? null : this.#between(1, 5)
    const hardState = changesTerm ? { currentTerm: this.#term, votedFor } : null
    const first = changesTerm && last > base ? this.#between(base + 1, last + 1) : last + 1
    const count = changesTerm ? this.#between(0, 5) : this.#between(1, 8)
    return { hardState, entries: Array.from({ length: count }, (_, i) => this.#entry(first + i)) }
  }

  #entry(index: LogIndex): Entry {
    const types: EntryType[] = ['noop', 'command', 'command', 'command', 'membership']
    const type = types[this.#between(0, types.length - 1)] ?? 'noop'
    return {
      index,
      term: this.#term,
      time: index * 10,
      type,
      payload: type === 'noop' ? Buffer.alloc(0) : this.#payload(),
    }
  }

  #payload(): Buffer {
    const length = this.#random() < 0.08 ? this.#between(1000, 6000) : this.#between(0, 300)
    // Runs of zeros look like sectors that were never written.
    const isZeros = this.#random() < 0.3
    return Buffer.alloc(
      length,
      Uint8Array.from({ length: isZeros ? 1 : 31 }, () => (isZeros ? 0 : this.#between(0, 255))),
    )
  }

  #between(first: number, last: number): number {
    return first + Math.floor(this.#random() * (last - first + 1))
  }
}
