import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress } from '../../src/ipam/address.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'
import { rangeContains, rangeOf, rangeSize, rangesOverlap, usableRange } from '../../src/ipam/range.ts'

describe('usable addresses', () => {
  test.each([
    { cidr: '10.0.0.0/24', first: '10.0.0.1', last: '10.0.0.254', size: 254n, why: 'network and broadcast' },
    { cidr: '10.0.0.4/30', first: '10.0.0.5', last: '10.0.0.6', size: 2n, why: 'network and broadcast' },
    { cidr: '10.0.0.4/31', first: '10.0.0.4', last: '10.0.0.5', size: 2n, why: 'RFC 3021' },
    { cidr: '10.0.0.4/32', first: '10.0.0.4', last: '10.0.0.4', size: 1n, why: 'a single host' },
    { cidr: '0.0.0.0/0', first: '0.0.0.1', last: '255.255.255.254', size: 2n ** 32n - 2n, why: 'all' },
    {
      cidr: '2001:db8::/64',
      first: '2001:db8::1',
      last: '2001:db8::ffff:ffff:ffff:ffff',
      size: 2n ** 64n - 1n,
      why: 'RFC 4291 §2.6.1',
    },
    { cidr: '2001:db8::4/126', first: '2001:db8::5', last: '2001:db8::7', size: 3n, why: 'RFC 4291 §2.6.1' },
    { cidr: '2001:db8::4/127', first: '2001:db8::4', last: '2001:db8::5', size: 2n, why: 'RFC 6164' },
    { cidr: '2001:db8::4/128', first: '2001:db8::4', last: '2001:db8::4', size: 1n, why: 'a single host' },
    {
      cidr: '::/0',
      first: '::1',
      last: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      size: 2n ** 128n - 1n,
      why: 'all',
    },
  ])('of $cidr are $size, $first to $last ($why)', ({ cidr, first, last, size }) => {
    const prefix = parsePrefix(cidr)

    const range = usableRange(prefix)

    const [from, to] = [range.first, range.last].map((value) =>
      formatAddress({ family: prefix.family, value }),
    )
    expect([from, to]).toEqual([first, last])
    expect(rangeSize(range)).toBe(size)
    expect(rangeContains(rangeOf(prefix), range)).toBe(true)
  })
})

test('ranges overlap and contain each other as sets of addresses do', () => {
  const range = fc
    .tuple(fc.bigInt({ min: 0n, max: 12n }), fc.bigInt({ min: 0n, max: 12n }))
    .map(([a, b]) => (a < b ? { first: a, last: b } : { first: b, last: a }))
  fc.assert(
    fc.property(range, range, (a, b) => {
      const inBoth = Array.from({ length: 13 }, (_, i) => BigInt(i)).filter((value) => {
        return a.first <= value && value <= a.last && b.first <= value && value <= b.last
      })
      expect(rangesOverlap(a, b)).toBe(inBoth.length > 0)
      expect(rangeContains(a, b)).toBe(BigInt(inBoth.length) === rangeSize(b))
    }),
  )
})
