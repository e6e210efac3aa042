import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../../raft/assert.ts'
import { type FreeBlock, FreeSpace } from '../../../src/ipam/free-space.ts'
import { formatPrefix, parsePrefix } from '../../../src/ipam/prefix.ts'
import { rangeOf } from '../../../src/ipam/range.ts'
import { carve } from './blocks.ts'

function spaceOf(cidr: string, taken: readonly string[]): FreeSpace {
  const ranges = taken.map((text) => rangeOf(parsePrefix(text)))
  return FreeSpace.fromRuns(rangeOf(parsePrefix(cidr)), ranges)
}

function asPrefix(block: FreeBlock, cidr: string): string {
  const { family } = parsePrefix(cidr)
  return formatPrefix({ family, first: block.first, length: (family === 4 ? 32 : 128) - block.bits })
}

describe('carving networks by best fit', () => {
  const cases: { why: string; cidr: string; taken: string[]; bits: number; carved: (string | null)[] }[] = [
    {
      why: 'four /30 fit into a /28, a fifth does not',
      cidr: '10.0.0.0/28',
      taken: [],
      bits: 2,
      carved: ['10.0.0.0/30', '10.0.0.4/30', '10.0.0.8/30', '10.0.0.12/30', null],
    },
    {
      why: 'a free /26 is preferred to a lower free /25, which stays whole for longer',
      cidr: '10.0.0.0/24',
      taken: ['10.0.0.192/26'],
      bits: 6,
      carved: ['10.0.0.128/26', '10.0.0.0/26', '10.0.0.64/26', null],
    },
    {
      why: 'half of a free /26 is preferred to a quarter of a lower free /25',
      cidr: '10.0.0.0/24',
      taken: ['10.0.0.192/26'],
      bits: 5,
      carved: ['10.0.0.128/27', '10.0.0.160/27', '10.0.0.0/27'],
    },
    {
      why: 'of equal blocks the lowest is taken',
      cidr: '10.0.0.0/24',
      taken: ['10.0.0.64/26', '10.0.0.192/26'],
      bits: 6,
      carved: ['10.0.0.0/26', '10.0.0.128/26', null],
    },
    {
      why: 'a long run that holds no aligned block of the size is none',
      cidr: '10.0.0.0/28',
      taken: ['10.0.0.0/32', '10.0.0.15/32'],
      bits: 3,
      carved: [null],
    },
    {
      why: 'what surrounds one taken address is cut from the smallest piece on',
      cidr: '10.0.0.0/28',
      taken: ['10.0.0.0/32'],
      bits: 1,
      carved: ['10.0.0.2/31', '10.0.0.4/31', '10.0.0.6/31', '10.0.0.8/31'],
    },
    {
      why: 'the whole of IPv4 is one block',
      cidr: '0.0.0.0/0',
      taken: [],
      bits: 32,
      carved: ['0.0.0.0/0', null],
    },
    {
      why: 'the whole of IPv4 has two halves',
      cidr: '0.0.0.0/0',
      taken: [],
      bits: 31,
      carved: ['0.0.0.0/1', '128.0.0.0/1', null],
    },
    { why: 'the whole of IPv6 is one block', cidr: '::/0', taken: [], bits: 128, carved: ['::/0', null] },
    {
      why: 'the whole of IPv6 has two halves',
      cidr: '::/0',
      taken: [],
      bits: 127,
      carved: ['::/1', '8000::/1', null],
    },
    {
      why: 'the last address of IPv6 can be carved, and only it next to a taken one',
      cidr: '::/0',
      taken: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/128'],
      bits: 0,
      carved: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/128'],
    },
    {
      why: 'with the ends of IPv6 taken, the largest block ends in its middle',
      cidr: '::/0',
      taken: ['::/128', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128'],
      bits: 126,
      carved: ['4000::/2', '8000::/2', null],
    },
    {
      why: 'a /64 is a window of its own',
      cidr: '2001:db8::/64',
      taken: [],
      bits: 63,
      carved: ['2001:db8::/65', '2001:db8:0:0:8000::/65', null],
    },
    { why: 'a single host', cidr: '10.0.0.7/32', taken: [], bits: 0, carved: ['10.0.0.7/32', null] },
    { why: 'nothing is left', cidr: '10.0.0.0/24', taken: ['10.0.0.0/24'], bits: 0, carved: [null] },
    { why: 'more than the network holds', cidr: '10.0.0.0/24', taken: [], bits: 9, carved: [null] },
  ]

  test.each(cases)('$why', ({ cidr, taken, bits, carved }) => {
    const space = spaceOf(cidr, taken)
    const preview: string[] = []
    for (const block of space.bestFits(bits)) {
      if (preview.push(asPrefix(block, cidr)) >= carved.length) break
    }

    const starts = carved.map(() => carve(space, bits))

    expect(starts.map((first) => (first === null ? null : asPrefix({ first, bits }, cidr)))).toEqual(carved)
    expect(preview).toEqual(carved.filter((text) => text !== null))
  })

  const largest: { why: string; cidr: string; taken: string[]; block: string | null }[] = [
    { why: 'an empty network is one block', cidr: '10.0.0.0/8', taken: [], block: '10.0.0.0/8' },
    {
      why: 'of equals the lowest',
      cidr: '10.0.0.0/24',
      taken: ['10.0.0.64/26', '10.0.0.192/26'],
      block: '10.0.0.0/26',
    },
    {
      why: 'not the longest run, if that lies badly',
      cidr: '10.0.0.0/26',
      taken: ['10.0.0.8/32', '10.0.0.23/32', '10.0.0.32/27'],
      block: '10.0.0.0/29',
    },
    { why: 'a full network has none', cidr: '10.0.0.0/24', taken: ['10.0.0.0/24'], block: null },
    { why: 'all of IPv4', cidr: '0.0.0.0/0', taken: [], block: '0.0.0.0/0' },
    { why: 'all of IPv6', cidr: '::/0', taken: [], block: '::/0' },
    { why: 'the upper half of IPv6', cidr: '::/0', taken: ['::/128'], block: '8000::/1' },
  ]

  test.each(largest)('the largest free block: $why', ({ cidr, taken, block }) => {
    const found = spaceOf(cidr, taken).largestBlock()

    expect(found === null ? null : asPrefix(found, cidr)).toBe(block)
  })

  test.each([-1, 0.5, Number.NaN])('a block of 2^%f addresses is a bug of the caller', (bits) => {
    const space = new FreeSpace({ first: 0n, last: 9n })

    expect(() => space.bestBlock(bits)).toThrow(AssertionError)
    expect(() => space.bestFits(bits).next()).toThrow(AssertionError)
  })
})
