/** What the benchmarks of free space have in common: chance, random fillings, and times of single calls. */
import type { AddressRange } from '../src/ipam/range.ts'

export type Row = Record<string, string | number>

/** xorshift32: the same sequence on every machine. */
let seed = 0x9e3779b9
export function random(): number {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) / 2 ** 32
}

export function randomAddress({ first, last }: AddressRange): bigint {
  const words = [0, 0, 0, 0].map(() => BigInt(Math.floor(random() * 2 ** 32)))
  const value = words.reduce((sum, word) => (sum << 32n) | word, 0n)
  return first + (value % (last - first + 1n))
}

/** Occupied runs of a range in which each address is taken with this probability. */
export function* randomRuns({ first, last }: AddressRange, probability: number): Generator<AddressRange> {
  const end = Number(last - first)
  let start = -1
  for (let i = 0; i <= end; i++) {
    const isTaken = random() < probability
    if (isTaken && start < 0) start = i
    if (!isTaken && start >= 0) yield { first: first + BigInt(start), last: first + BigInt(i - 1) }
    if (!isTaken) start = -1
  }
  if (start >= 0) yield { first: first + BigInt(start), last }
}

/** Median and p99 over single calls, in µs; the clock itself costs about 0.05, and `before` does not count. */
export function measure(
  call: (i: number) => void,
  count: number,
  before: () => void = () => {},
): { p50: number; p99: number } {
  const times = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    before()
    const start = process.hrtime.bigint()
    call(i)
    times[i] = Number(process.hrtime.bigint() - start) / 1000
  }
  times.sort()
  return { p50: times[count >>> 1] ?? 0, p99: times[Math.floor(count * 0.99)] ?? 0 }
}

export function text({ p50, p99 }: { p50: number; p99: number }): string {
  return `${p50.toFixed(2)} / ${p99.toFixed(2)}`
}

export function print(rows: readonly Row[]): void {
  // biome-ignore lint/suspicious/noConsole: its output is what a benchmark is for
  console.table(rows)
}
