import { type Mutant, testFile } from './mutant.ts'

const CHOICES = testFile('test/state/choices.test.ts')
const RESTARTS = testFile('test/state/restarts.test.ts')
const VECTORS = testFile('test/state/vectors.test.ts')
const CARVING = testFile('test/ipam/free-space/carving.test.ts')

const CHOOSE = 'src/ipam/choose-addresses.ts'

/** Which addresses and which networks are given. */
export const CHOOSING_ADDRESSES: readonly Mutant[] = [
  {
    name: 'strategy next gives the lowest address again',
    source: 'api.md (strategy)',
    file: 'src/ipam/apply-allocation.ts',
    find: `  if (network.strategy === 'next') store.setNextAddress(network.id, range.last + 1n)
`,
    replace: ``,
    caughtBy: VECTORS,
  },
  {
    name: 'strategy next ends at the end of the network',
    source: 'api.md (strategy)',
    file: CHOOSE,
    find: `return space.lowestRun(size, { from, alignment }) ?? space.lowestRun(size, { alignment })`,
    replace: `return space.lowestRun(size, { from, alignment })`,
    caughtBy: VECTORS,
  },
  {
    name: 'a search that starts again at the beginning forgets the alignment',
    source: 'api.md (alignment)',
    file: CHOOSE,
    find: `return space.lowestRun(size, { from, alignment }) ?? space.lowestRun(size, { alignment })`,
    replace: `return space.lowestRun(size, { from, alignment }) ?? space.lowestRun(size)`,
    caughtBy: CHOICES,
  },
  {
    name: 'strategy next begins anew after a restart, on the node that restarts',
    source: 'promise 3; determinism (a restart must not matter)',
    file: 'src/state/load.ts',
    find: `Object.assign(network, decodeNetworkCounters(row))`,
    replace: `Object.assign(network, { ...decodeNetworkCounters(row), nextAddress: null })`,
    caughtBy: RESTARTS,
  },
  {
    name: 'where strategy next goes on is in memory only',
    source: 'promise 3; determinism (a restart must not matter)',
    file: 'src/state/row-codec.ts',
    find: `rowWriter.writeText(hexOf(nextAddress))`,
    replace: `rowWriter.writeText(null)`,
    caughtBy: RESTARTS,
  },
  {
    name: 'counters of a network are written again with every later entry',
    source: 'src/state/network-rows.ts (endEntry)',
    file: 'src/state/network-rows.ts',
    find: `    this.#counted = new Set()
`,
    replace: '',
    caughtBy: RESTARTS,
  },
  {
    name: 'strategy random is a matter of the node',
    source: 'promise 1; determinism (chance comes from the log)',
    file: CHOOSE,
    find: `randomStart(space.usable, seed())`,
    replace: `randomStart(space.usable, seed() ^ BigInt(Math.floor(Math.random() * 2 ** 52)))`,
    caughtBy: VECTORS,
  },
  {
    name: 'the random addresses of a batch lie side by side',
    source: 'api.md (strategy)',
    file: 'src/ipam/apply-allocation.ts',
    find: `(BigInt(index) << 16n) ^ BigInt(place) ^`,
    replace: `(BigInt(index) << 16n) ^ BigInt(place * 0) ^`,
    caughtBy: CHOICES,
  },
  {
    name: 'a preferred range counts as free if its first address is',
    source: 'promise 1; api.md (preferred_ip)',
    file: CHOOSE,
    find: `if (network.space.isFree(preferred)) return preferred`,
    replace: `if (network.space.isFree({ first: preferred.first, last: preferred.first })) return preferred`,
    caughtBy: CHOICES,
  },
  {
    name: 'a preferred address is given though it is not aligned as asked',
    source: 'api.md (alignment)',
    file: 'src/http/allocation-body.ts',
    find: `parseAddress(preferredIp).value % BigInt(alignment) !== 0n`,
    replace: `parseAddress(preferredIp).value % BigInt(alignment) < 0n`,
    caughtBy: testFile('test/http/malformed.test.ts'),
  },
  {
    name: 'strategy lowest knows no alignment',
    source: 'api.md (alignment)',
    file: CHOOSE,
    find: `if (strategy === 'lowest') return space.lowestRun(size, { alignment })`,
    replace: `if (strategy === 'lowest') return space.lowestRun(size)`,
    caughtBy: VECTORS,
  },
  {
    name: 'the preview of addresses begins at the start for strategy next',
    source: 'promise 5; api.md (available)',
    file: 'src/state/query/stats.ts',
    find: `const from = strategy === 'next' && nextAddress !== null ? nextAddress : space.usable.first`,
    replace: `const from = strategy === 'next' && nextAddress === null ? 0n : space.usable.first`,
    caughtBy: CHOICES,
  },
  {
    name: 'carving takes the largest free block',
    source: 'api.md (best fit)',
    file: 'src/ipam/apply-network.ts',
    find: `const block = parent.space.bestBlock(bits - prefixLength)`,
    replace: `const block = parent.space.bestBlock(bits - prefixLength) && parent.space.largestBlock()`,
    caughtBy: VECTORS,
  },
  {
    name: 'of the blocks that fit, the largest size is the best',
    source: 'api.md (best fit)',
    file: 'src/ipam/free-space.ts',
    find: `this.#lowestBlock(lowestBit(sizes))`,
    replace: `this.#lowestBlock(sizeOf(floorLog2(sizes)))`,
    caughtBy: CARVING,
  },
  {
    name: 'carving makes as many as there is room for',
    source: 'api.md (all or none)',
    file: 'src/ipam/apply-network.ts',
    find: `if (block === null) return refuseNoBlock(`,
    replace: `if (block === null && carved.length > 0) return accept(carved)
    if (block === null) return refuseNoBlock(`,
    caughtBy: VECTORS,
  },
  {
    name: 'what is carved from a network of another namespace is in the default one',
    source: 'api.md (a namespace is its own address space)',
    file: 'src/ipam/apply-network.ts',
    find: `{ ...NETWORK_DEFAULTS, id, cidr, namespace, description, tags, metadata },`,
    replace: `{ ...NETWORK_DEFAULTS, id, cidr, description, tags, metadata },`,
    caughtBy: CHOICES,
  },
]
