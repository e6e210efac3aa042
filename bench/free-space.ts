/**
 * Claims: allocation cost does not depend on the size or the fill of a network, and memory follows runs, not addresses.
 *
 * npx tsx bench/free-space.ts
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { FreeSpace } from '../src/ipam/free-space.ts'
import { parsePrefix } from '../src/ipam/prefix.ts'
import { usableRange } from '../src/ipam/range.ts'
import { measure, print, type Row, randomAddress, randomRuns, text } from './measure.ts'

const OPERATIONS = 20_000

/** Without a full collection, memory figures mean nothing. */
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function heapBytes(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Each figure is µs, median / p99. */
function operations(network: string, space: FreeSpace): Row {
  const lowest: bigint[] = []
  const rounds = Math.min(OPERATIONS, Number(space.freeCount))
  const lowestFree = measure(() => space.lowestFree(), rounds)
  const allocate = measure(() => {
    const address = space.lowestFree() ?? -1n
    space.occupy(address, address)
    lowest.push(address)
  }, rounds)
  const release = measure((i) => space.release(lowest[i] ?? -1n, lowest[i] ?? -1n), rounds)

  const scattered: bigint[] = []
  const occupyRandom = measure(() => {
    const address = space.lowestRun(1n, { from: randomAddress(space.range) }) ?? space.lowestFree() ?? -1n
    space.occupy(address, address)
    scattered.push(address)
  }, rounds)
  const run = measure(() => space.lowestRun(4n), OPERATIONS)
  const releaseRandom = measure((i) => space.release(scattered[i] ?? -1n, scattered[i] ?? -1n), rounds)
  return {
    network,
    lowestFree: text(lowestFree),
    'lowestFree + occupy': text(allocate),
    release: text(release),
    'find + occupy, random': text(occupyRandom),
    'release, random': text(releaseRandom),
    'lowestRun(4)': text(run),
  }
}

function fragmented(): Row {
  const range = usableRange(parsePrefix('10.0.0.0/12'))
  // The probability that a third taken at random leaves 256 free by itself is nil; one gap near the end has them.
  const gap = range.first + 1_000_000n
  const space = FreeSpace.fromRuns(range, randomRuns(range, 1 / 3))
  for (const run of [...space.occupiedRuns(gap)]) {
    if (run.first > gap + 255n) break
    const last = run.last < gap + 255n ? run.last : gap + 255n
    space.release(run.first > gap ? run.first : gap, last)
  }
  const found = space.lowestRun(256n) ?? -1n
  const search = measure(() => space.lowestRun(256n), OPERATIONS)
  const cycle = measure(() => {
    const start = space.lowestRun(256n) ?? -1n
    space.occupy(start, start + 255n)
    space.release(start, start + 255n)
  }, OPERATIONS)
  return {
    'free runs': [...space.freeRuns()].length,
    'found at offset': Number(found - range.first),
    'lowestRun(256)': text(search),
    'lowestRun(256) + occupy + release': text(cycle),
  }
}

function memory(what: string, build: () => { kept: unknown; addresses: number }): Row {
  const before = heapBytes()
  const start = performance.now()
  const { kept, addresses } = build()
  const ms = performance.now() - start
  const bytes = heapBytes() - before
  if (kept === null) throw new Error('collected too early')
  return {
    what,
    MB: (bytes / 1e6).toFixed(1),
    'bytes each': (bytes / addresses).toFixed(2),
    'build ms': ms.toFixed(0),
  }
}

function scattered(cidr: (i: number) => string): () => { kept: FreeSpace[]; addresses: number } {
  return () => {
    const kept = Array.from({ length: 1_000 }, (_, i) => new FreeSpace(usableRange(parsePrefix(cidr(i)))))
    for (const space of kept) {
      for (let i = 0; i < 1_000; i++) {
        const address = randomAddress(space.range)
        if (space.isFree(address, address)) space.occupy(address, address)
      }
    }
    return { kept, addresses: 1_000_000 }
  }
}

function filled(cidr: string, probability: number): () => { kept: FreeSpace; addresses: number } {
  return () => {
    const range = usableRange(parsePrefix(cidr))
    const kept = FreeSpace.fromRuns(range, randomRuns(range, probability))
    return { kept, addresses: Number(kept.occupiedCount) }
  }
}

function empty(cidr: (i: number) => string): () => { kept: FreeSpace[]; addresses: number } {
  return () => {
    const kept = Array.from({ length: 100_000 }, (_, i) => new FreeSpace(usableRange(parsePrefix(cidr(i)))))
    return { kept, addresses: kept.length }
  }
}

const ipv4 = (i: number) => `${10 + (i >>> 16)}.${(i >>> 8) & 255}.${i & 255}.0/24`
const ipv6 = (i: number) => `2001:db8:${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}::/64`

const large = usableRange(parsePrefix('10.0.0.0/8'))
const spaces: [string, FreeSpace][] = [
  ['/24 empty', new FreeSpace(usableRange(parsePrefix('10.0.0.0/24')))],
  ['/8 empty', new FreeSpace(large)],
  ['/8, 90 % random', FreeSpace.fromRuns(large, randomRuns(large, 0.9))],
  ['/64 empty', new FreeSpace(usableRange(parsePrefix('2001:db8::/64')))],
  ['/0 IPv6, empty', new FreeSpace(usableRange(parsePrefix('::/0')))],
]
for (const [, space] of spaces) operations('warm-up', space)
print(spaces.map(([name, space]) => operations(name, space)))
spaces.length = 0
print([fragmented()])
print([
  memory('1,000 /64, 1,000 random addresses each', scattered(ipv6)),
  memory(
    '1,000 /16, 1,000 random addresses each',
    scattered((i) => `${10 + (i >>> 8)}.${i & 255}.0.0/16`),
  ),
  memory('one /8, 90 % random', filled('10.0.0.0/8', 0.9)),
  memory('one /8, 50 % random', filled('10.0.0.0/8', 0.5)),
  memory('one /8, full', filled('10.0.0.0/8', 1)),
  memory('100,000 empty /24 (per network)', empty(ipv4)),
  memory('100,000 empty /64 (per network)', empty(ipv6)),
])
