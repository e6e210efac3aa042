/**
 * Claim: the best fit, the largest free block and an aligned place cost microseconds however fragmented a network is; the
 * first call looks at each free run once, a later one at what was edited since.
 *
 * npx tsx bench/free-blocks.ts
 */
import { FreeSpace } from '../src/ipam/free-space.ts'
import { parsePrefix } from '../src/ipam/prefix.ts'
import { type AddressRange, rangeOf } from '../src/ipam/range.ts'
import { measure, print, type Row, randomAddress, randomRuns, text } from './measure.ts'

const OPERATIONS = 5_000
const ROUNDS = 15

/** Single addresses, so that between any two lies a free run. */
function scatteredRuns(range: AddressRange, count: number): AddressRange[] {
  const addresses = Array.from({ length: count }, () => randomAddress(range))
  return addresses.sort((a, b) => (a < b ? -1 : 1)).map((first) => ({ first, last: first }))
}

/** In ms, the fastest of several new spaces: the first ones run before the code is compiled. */
function firstCall(range: AddressRange, taken: readonly AddressRange[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const space = FreeSpace.fromRuns(range, taken)
    const start = performance.now()
    space.largestBlock()
    return performance.now() - start
  })
  return Math.min(...times)
}

/** Only the call is timed, not the edit before it: a random free address is taken, or given back. */
function afterEdits(space: FreeSpace, call: () => unknown): string {
  let taken: bigint | null = null
  const edit = () => {
    const address = taken ?? space.lowestRun(1n, { from: randomAddress(space.range) })
    if (address === null) return
    if (taken === null) space.occupy(address, address)
    else space.release(address, address)
    taken = taken === null ? address : null
  }
  return text(measure(call, OPERATIONS, edit))
}

function blocks(network: string, range: AddressRange, taken: readonly AddressRange[], bits: number): Row {
  const space = FreeSpace.fromRuns(range, taken)
  const size = 1n << BigInt(bits)
  afterEdits(space, () => space.bestBlock(bits)) // Compiles what is measured.
  const carve = measure(() => {
    const first = space.bestBlock(bits)?.first ?? -1n
    space.occupy(first, first + size - 1n)
    space.release(first, first + size - 1n)
  }, OPERATIONS)
  return {
    network,
    'free runs': [...space.freeRuns()].length,
    'first call, ms': firstCall(range, taken).toFixed(2),
    largestBlock: text(measure(() => space.largestBlock(), OPERATIONS)),
    bestBlock: text(measure(() => space.bestBlock(bits), OPERATIONS)),
    '  after an edit': afterEdits(space, () => space.bestBlock(bits)),
    'bestBlock + occupy + release': text(carve),
    'preview of 100': text(measure(() => preview(space, bits, 100), 500)),
    'aligned lowestRun': text(measure(() => space.lowestRun(size, { alignment: size }), OPERATIONS)),
    '  after an edit ': afterEdits(space, () => space.lowestRun(size, { alignment: size })),
  }
}

function preview(space: FreeSpace, bits: number, count: number): void {
  let rest = count
  for (const _ of space.bestFits(bits)) if (--rest === 0) return
}

const v4 = rangeOf(parsePrefix('10.0.0.0/12'))
const v6 = rangeOf(parsePrefix('2001:db8::/64'))
const third = [...randomRuns(v4, 1 / 3)]
const scattered = scatteredRuns(v6, 100_000)
print([
  blocks('/24, empty', rangeOf(parsePrefix('10.0.0.0/24')), [], 4),
  blocks('/12, 1 in 3 taken, a /30', v4, third, 2),
  blocks('/12, 1 in 3 taken, a /29', v4, third, 3),
  blocks('/64, 100,000 taken, a /80', v6, scattered, 48),
  blocks('/64, 100,000 taken, a /112', v6, scattered, 16),
])
