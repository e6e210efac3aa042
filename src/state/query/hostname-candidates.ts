/** Allocations whose host name may have a part, in the order of creation. */
import { positionAt, positionsWith } from '../hostname-block.ts'
import { BITS_BYTES, blockOf, CHUNK_BLOCKS, hasBit } from '../hostname-chunk.ts'
import { gramsOfPart } from '../hostname-grams.ts'
import { type HostnameMemory, hasActive } from '../hostname-rows.ts'
import { mayHave, signatureOf } from '../hostname-signature.ts'
import type { Position } from '../key-encoding.ts'
import { blockKey, endedCountsKey, gramRows, parseGramKey } from '../key-space.ts'
import type { Scan, View } from '../view.ts'
import type { Candidate, Candidates } from './candidates.ts'

/** What places begin with: those of other terms have greater letters. */
const MARK = 'h'
const BLOCK_DIGITS = 14
/** Each trip of a scan brings twice as many as the one before. */
const SCAN_ROWS_MIN = 64
const SCAN_ROWS_MAX = 1024
const TRIP_BLOCKS_MIN = 32
const TRIP_BLOCKS_MAX = 1024
/** After so many blocks in vain one of their allocations is looked at all the same: who searches for nothing must come to an end of his page. */
const FRUITLESS_MAX = 16
/** Any more tell hardly anything more. */
const TERMS_MAX = 4

export class HostnameCandidates implements Candidates {
  readonly name: string
  readonly #view: View
  readonly #isActiveOnly: boolean
  readonly #after: string | null
  readonly #terms: readonly GramTerm[]
  readonly #part: Buffer
  readonly #tail: { readonly block: number; readonly positions: readonly Position[] }
  readonly #firstBlock: number
  #nextChunk: number
  /** Of the chunks that are chosen from, not looked into yet. */
  #blocks: number[] = []
  #trip = TRIP_BLOCKS_MIN
  #fruitless = 0
  #ready: Candidate[] = []

  /**
   * Takes what it needs of memory at once.
   *
   * @param options.part In any letter case.
   * @param options.after Only what stands behind this place; behind all of these if it is that of another term.
   */
  constructor(
    view: View,
    memory: HostnameMemory,
    options: { name: string; part: string; isActiveOnly: boolean; after: string | null },
  ) {
    const { name, part, isActiveOnly, after } = options
    this.name = name
    this.#view = view
    this.#isActiveOnly = isActiveOnly
    this.#after = after
    this.#part = signatureOf(part)
    const positions = memory.tail
      .filter(({ signature }) => mayHave(signature, 0, this.#part))
      .map(({ position }) => position)
    this.#tail = { block: blockOf(memory.count), positions }
    this.#firstBlock = after === null ? 0 : Number.parseInt(after.slice(1, 1 + BLOCK_DIGITS), 16)
    const isOver = after !== null && !after.startsWith(MARK)
    this.#nextChunk = isOver ? Number.POSITIVE_INFINITY : Math.floor(this.#firstBlock / CHUNK_BLOCKS)
    const from = this.#nextChunk
    const terms = isOver ? [] : rarest(gramsOfPart(part), memory)
    this.#terms = terms.map((grams) => new GramTerm(view, memory, { grams, from }))
  }

  async take(count: number): Promise<Candidate[]> {
    while (this.#ready.length < count) {
      while (this.#blocks.length < this.#trip && this.#nextChunk !== Number.POSITIVE_INFINITY)
        await this.#choose()
      if (this.#blocks.length === 0) break
      await this.#readBlocks(this.#blocks.splice(0, this.#trip))
      // Where few blocks have what their grams promise, each trip brings more than the one before.
      this.#trip = Math.min(2 * this.#trip, TRIP_BLOCKS_MAX)
    }
    return this.#ready.splice(0, count)
  }

  async close(): Promise<void> {
    for (const term of this.#terms) await term.close()
  }

  /** Moves on to a chunk in which all terms have bits, or some way there. */
  async #choose(): Promise<void> {
    const reads = this.#terms.flatMap((term) => term.seek(this.#nextChunk))
    // Most chunks have been read with those before them, and there are many.
    if (reads.length > 0) await Promise.all(reads)
    const chunk = Math.max(...this.#terms.map((term) => term.chunk))
    const isCommon = this.#terms.every((term) => term.chunk === chunk)
    if (isCommon && chunk !== Number.POSITIVE_INFINITY) await this.#chooseFrom(chunk)
    this.#nextChunk = isCommon ? chunk + 1 : chunk
  }

  async #chooseFrom(chunk: number): Promise<void> {
    const [ended = null] = this.#isActiveOnly ? await this.#view.getMany([endedCountsKey(chunk)]) : []
    const bits = bitsOfAll(this.#terms.map((term) => term.bitsIn(chunk)))
    for (let place = 0; place < CHUNK_BLOCKS; place++) {
      if (!hasBit(bits, place)) continue
      const block = chunk * CHUNK_BLOCKS + place
      if (block >= this.#firstBlock && hasActive(ended, place)) this.#blocks.push(block)
    }
  }

  async #readBlocks(blocks: readonly number[]): Promise<void> {
    const rows = await this.#view.getMany(blocks.map(blockKey))
    for (const [i, block] of blocks.entries()) {
      const row = rows[i]
      // Without a row: the last one, or one that came after this view.
      const last = block === this.#tail.block ? this.#tail.positions : []
      const positions = row === undefined ? last : positionsWith(row, this.#part)
      for (const position of positions) this.#add(block, position)
      this.#fruitless = positions.length > 0 ? 0 : this.#fruitless + 1
      if (row !== undefined && this.#fruitless === FRUITLESS_MAX) {
        this.#add(block, positionAt(row, 0))
        this.#fruitless = 0
      }
    }
  }

  #add(block: number, position: Position): void {
    const place = hostnamePlace(block, position)
    if (this.#after === null || place > this.#after) this.#ready.push({ position, place, key: '' })
  }
}

/** Where an allocation of the block stands in every list by host name. */
export function hostnamePlace(block: number, position: Position): string {
  return MARK + block.toString(16).padStart(BLOCK_DIGITS, '0') + position
}

/** Those that fewest of the newest names have: it may be otherwise with older ones, but they are a part of it all the same. */
function rarest(terms: readonly (readonly number[])[], { chunks }: HostnameMemory): (readonly number[])[] {
  const count = (grams: readonly number[]): number => {
    let sum = 0
    for (const chunk of chunks.values()) for (const gram of grams) sum += chunk.count(gram)
    return sum
  }
  const counted = terms.map((grams) => ({ grams, count: count(grams) }))
  return counted
    .toSorted((a, b) => a.count - b.count)
    .slice(0, TERMS_MAX)
    .map(({ grams }) => grams)
}

/** The bits of one chunk. */
interface ChunkBits {
  /** Infinite behind the last one. */
  readonly chunk: number
  readonly bits: Uint8Array
}

const NO_BITS = new Uint8Array(BITS_BYTES)
const BEHIND_ALL: ChunkBits = { chunk: Number.POSITIVE_INFINITY, bits: NO_BITS }

/** The bits that all of them have. */
function bitsOfAll([first = NO_BITS, ...others]: readonly Uint8Array[]): Uint8Array {
  return first.map((byte, i) => others.reduce((all, bits) => all & (bits[i] ?? 0), byte))
}

/** The blocks that have one of several grams, chunk by chunk. */
class GramTerm {
  readonly #runs: readonly GramRun[]

  constructor(
    view: View,
    memory: HostnameMemory,
    { grams, from }: { readonly grams: readonly number[]; readonly from: number },
  ) {
    this.#runs = grams.map((gram) => new GramRun(view, memory, { gram, from }))
  }

  get chunk(): number {
    return Math.min(...this.#runs.map(({ current }) => current.chunk))
  }

  /** To the first chunk at or behind this one; what is returned are reads that it takes. */
  seek(chunk: number): Promise<void>[] {
    return this.#runs.flatMap((run) => run.seek(chunk) ?? [])
  }

  /** Of each block of a chunk, at which `seek` has stopped. */
  bitsIn(chunk: number): Uint8Array {
    const found = this.#runs.flatMap(({ current }) => (current.chunk === chunk ? [current.bits] : []))
    const [first = NO_BITS, ...others] = found
    return others.length === 0
      ? first
      : first.map((byte, i) => others.reduce((all, bits) => all | (bits[i] ?? 0), byte))
  }

  async close(): Promise<void> {
    for (const run of this.#runs) await run.close()
  }
}

/** The chunks of one gram: those of rows, then those of memory. */
class GramRun {
  readonly #scan: Scan
  readonly #inMemory: readonly ChunkBits[]
  #read: readonly ChunkBits[] = []
  #offset = 0
  #scanRows = SCAN_ROWS_MIN
  #isScanned = false
  current: ChunkBits = { chunk: -1, bits: new Uint8Array(0) }

  constructor(view: View, { chunks }: HostnameMemory, { gram, from }: { gram: number; from: number }) {
    const numbers = [...chunks.keys()].sort((a, b) => a - b)
    const to = numbers[0] ?? 0
    this.#scan = view.scan(gramRows(gram, { from: Math.min(from, to), to }))
    this.#inMemory = numbers.flatMap((chunk) => {
      const bits = chunks.get(chunk)?.bits(gram) ?? null
      return bits === null ? [] : [{ chunk, bits }]
    })
  }

  /** To the first chunk at or behind this one; null if no row has to be read for it. */
  seek(chunk: number): Promise<void> | null {
    while (this.current.chunk < chunk && this.#offset < this.#read.length) this.#step()
    return this.current.chunk < chunk ? this.#seekOn(chunk) : null
  }

  async #seekOn(chunk: number): Promise<void> {
    while (this.current.chunk < chunk) {
      if (this.#offset === this.#read.length) await this.#readOn()
      this.#step()
    }
  }

  #step(): void {
    this.current = this.#read[this.#offset] ?? BEHIND_ALL
    this.#offset += 1
  }

  async #readOn(): Promise<void> {
    this.#offset = 0
    if (this.#isScanned) {
      this.#read = []
      return
    }
    const rows = await this.#scan.take(this.#scanRows)
    this.#isScanned = rows.length < this.#scanRows
    this.#scanRows = Math.min(2 * this.#scanRows, SCAN_ROWS_MAX)
    const stored = rows.map(([key, bits]) => ({ chunk: parseGramKey(key), bits }))
    this.#read = this.#isScanned ? [...stored, ...this.#inMemory] : stored
  }

  close(): Promise<void> {
    return this.#scan.close()
  }
}
