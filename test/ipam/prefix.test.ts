import fc from 'fast-check'
import { Address4, Address6 } from 'ip-address'
import { describe, expect, test } from 'vitest'
import { AddressSyntaxError, addressBits, type Family } from '../../src/ipam/address.ts'
import {
  comparePrefixes,
  contains,
  containsAddress,
  formatPrefix,
  lastAddress,
  type Prefix,
  parsePrefix,
  prefixKey,
  prefixOf,
  prefixSize,
} from '../../src/ipam/prefix.ts'

function prefixes(family: Family, bits = addressBits(family)): fc.Arbitrary<Prefix> {
  return fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }), fc.nat({ max: bits }))
    .map(([value, hostBits]) => prefixOf({ family, value }, addressBits(family) - hostBits))
}

const prefix = fc.oneof(prefixes(4), prefixes(6))
/** So few that they often nest or touch. */
const nearby = fc.oneof(prefixes(4, 4), prefixes(6, 4))

describe('prefix text', () => {
  test.each([
    {
      text: '10.0.0.0/24',
      first: 0x0a000000n,
      length: 24,
      canonical: '10.0.0.0/24',
      why: 'as people write it',
    },
    { text: '0.0.0.0/0', first: 0n, length: 0, canonical: '0.0.0.0/0', why: 'all of IPv4' },
    {
      text: '10.0.0.5/32',
      first: 0x0a000005n,
      length: 32,
      canonical: '10.0.0.5/32',
      why: 'a host has no host bits',
    },
    { text: '::/0', first: 0n, length: 0, canonical: '::/0', why: 'all of IPv6' },
    {
      text: '2001:DB8:0::/48',
      first: 0x20010db8n << 96n,
      length: 48,
      canonical: '2001:db8::/48',
      why: 'lower case, and the longest run of zeros shortened (RFC 5952)',
    },
    {
      text: '::1/128',
      first: 1n,
      length: 128,
      canonical: '::1/128',
      why: 'a host has no host bits in IPv6 either',
    },
    {
      text: '::ffff:10.0.0.0/104',
      first: 0xffff0a000000n,
      length: 104,
      canonical: '::ffff:10.0.0.0/104',
      why: 'IPv4-mapped is IPv6, with its end in dots (RFC 5952)',
    },
  ])('$text is read, and written as $canonical: $why', ({ text, first, length, canonical }) => {
    const parsed = parsePrefix(text)

    expect(parsed).toEqual({ family: text.includes(':') ? 6 : 4, first, length })
    expect(formatPrefix(parsed)).toBe(canonical)
  })

  test.each([
    {
      text: '10.0.0.5/24',
      message: '10.0.0.5/24 has host bits set; did you mean 10.0.0.0/24?',
      why: 'it may be a host or a network: nobody can tell',
    },
    {
      text: '1.2.3.4/0',
      message: '1.2.3.4/0 has host bits set; did you mean 0.0.0.0/0?',
      why: 'the network that was meant is far from what was written',
    },
    {
      text: '2001:DB8::1/64',
      message: '2001:DB8::1/64 has host bits set; did you mean 2001:db8::/64?',
      why: 'host bits of IPv6',
    },
    {
      text: '10.0.0.0',
      message: '10.0.0.0 has no prefix length; did you mean 10.0.0.0/32?',
      why: 'an address is no network',
    },
    {
      text: '2001:db8::',
      message: '2001:db8:: has no prefix length; did you mean 2001:db8::/128?',
      why: 'an IPv6 address is none either',
    },
    {
      text: '10.0.0.0/',
      message: '10.0.0.0/ has no number from 0 to 32 after the slash',
      why: 'a slash promises a length',
    },
    {
      text: '10.0.0.0/33',
      message: '10.0.0.0/33 has a prefix length above 32',
      why: 'an IPv4 address has 32 bits',
    },
    { text: '::/129', message: '::/129 has a prefix length above 128', why: 'an IPv6 address has 128 bits' },
    {
      text: '::/999999999999',
      message: '::/999999999999 has no number from 0 to 128 after the slash',
      why: 'no number so long is a length',
    },
    {
      text: '10.0.0.0/08',
      message: '10.0.0.0/08 has a leading zero in its prefix length',
      why: '8, or octal and wrong',
    },
    {
      text: '10.0.0.0/00',
      message: '10.0.0.0/00 has a leading zero in its prefix length',
      why: 'one zero is enough',
    },
    {
      text: '10.0.0.0/-1',
      message: '10.0.0.0/-1 has no number from 0 to 32 after the slash',
      why: 'lengths have no sign',
    },
    {
      text: '10.0.0.0/+8',
      message: '"10.0.0.0/+8" has no number from 0 to 32 after the slash',
      why: 'not even a plus',
    },
    {
      text: '10.0.0.0/8 ',
      message: '"10.0.0.0/8 " has spaces around it; did you mean 10.0.0.0/8?',
      why: 'a space behind it is no part of it',
    },
    {
      text: '10.0.0.0/8/8',
      message: '10.0.0.0/8/8 has no number from 0 to 32 after the slash',
      why: 'one length is enough',
    },
    {
      text: '10.0.0.0/1e1',
      message: '10.0.0.0/1e1 has no number from 0 to 32 after the slash',
      why: 'what JavaScript takes for 10 is no length',
    },
    {
      text: '10.0.0.0/255.255.255.0',
      message: '10.0.0.0/255.255.255.0 has no number from 0 to 32 after the slash',
      why: 'a netmask is no length',
    },
    {
      text: ' 10.0.0.0/8',
      message: '" 10.0.0.0/8" has spaces around it; did you mean 10.0.0.0/8?',
      why: 'a space before it is no part of it',
    },
    { text: '/24', message: '/24 is not a prefix: "" is not an IP address', why: 'a length is no network' },
    { text: '', message: '"" is not a prefix: "" is not an IP address', why: 'nothing is no network' },
    {
      text: '010.0.0.0/8',
      message: /^010\.0\.0\.0\/8 is not a prefix: .*leading zero in 010/,
      why: '10, or octal and 8: parsers differ (CVE-2021-29921)',
    },
    {
      text: '10.0.0/24',
      message: /^10\.0\.0\/24 is not a prefix: .*four numbers/,
      why: 'inet_aton would take its last number for two bytes',
    },
    { text: 'fe80::%eth0/64', message: /zone id/, why: 'a zone means something on one host only' },
    {
      text: `${'1'.repeat(1_000_000)}/8`,
      message: /too long/,
      why: 'a message must not repeat a megabyte of address',
    },
    {
      text: `10.0.0.0/${'1'.repeat(1_000_000)}`,
      message: /^"10\.0\.0\.0\/1{55}"… has no number/,
      why: 'nor of length',
    },
  ])('is refused with its reason: $why', ({ text, message }) => {
    expect(() => parsePrefix(text)).toThrow(AddressSyntaxError)
    expect(() => parsePrefix(text)).toThrow(message)
  })

  test('a suggestion is always accepted as it stands', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat({ max: 128 }), (address, length) => {
        for (const text of [address, `${address}/${length}`]) {
          const suggestion = suggestionFor(text)
          if (suggestion !== null) expect(formatPrefix(parsePrefix(suggestion))).toBe(suggestion)
        }
      }),
    )
  })

  test('what is formatted reads back the same', () => {
    fc.assert(
      fc.property(prefix, (value) => {
        expect(parsePrefix(formatPrefix(value))).toEqual(value)
      }),
    )
  })
})

describe('prefix arithmetic', () => {
  test('first and last address are those of ip-address', () => {
    fc.assert(
      fc.property(prefix, (value) => {
        const text = formatPrefix(value)
        const other = value.family === 4 ? new Address4(text) : new Address6(text)
        expect(value.first).toBe(other.startAddress().bigInt())
        expect(lastAddress(value)).toBe(other.endAddress().bigInt())
        expect(prefixSize(value)).toBe(lastAddress(value) - value.first + 1n)
      }),
    )
  })

  test.each([
    { outer: '10.0.0.0/8', inner: '10.255.255.0/24', expected: true, why: 'the end of it' },
    { outer: '10.0.0.0/8', inner: '10.0.0.0/8', expected: true, why: 'itself' },
    { outer: '10.0.0.0/24', inner: '10.0.0.0/8', expected: false, why: 'the larger one' },
    { outer: '10.0.0.0/24', inner: '10.0.1.0/24', expected: false, why: 'the next one' },
    { outer: '0.0.0.0/0', inner: '::/0', expected: false, why: 'another family' },
    { outer: '::/0', inner: '::ffff:10.0.0.0/104', expected: true, why: 'IPv4-mapped is IPv6' },
    { outer: '10.0.0.0/8', inner: '::ffff:10.0.0.0/104', expected: false, why: 'IPv4-mapped is not IPv4' },
  ])('$outer contains $inner, $why: $expected', ({ outer, inner, expected }) => {
    expect(contains(parsePrefix(outer), parsePrefix(inner))).toBe(expected)
  })

  test('containment is that of the sets of addresses, and prefixes that share an address nest', () => {
    fc.assert(
      fc.property(nearby, nearby, (a, b) => {
        const shared = addressesOf(b).filter((value) => containsAddress(a, { family: b.family, value }))
        expect(contains(a, b) || contains(b, a)).toBe(shared.length > 0)
        expect(contains(a, b)).toBe(BigInt(shared.length) === prefixSize(b))
      }),
    )
  })

  test('keys have one width a family and sort by family, address and length', () => {
    expect(prefixKey(parsePrefix('10.0.0.0/24'))).toBe('40a00000018')
    expect(prefixKey(parsePrefix('::/128'))).toBe(`6${'0'.repeat(32)}80`)
    fc.assert(
      fc.property(fc.oneof(prefix, nearby), fc.oneof(prefix, nearby), (a, b) => {
        const order = a.family - b.family || Number(a.first > b.first) - Number(a.first < b.first)
        expect(prefixKey(a) < prefixKey(b)).toBe((order || a.length - b.length) < 0)
        expect(Math.sign(comparePrefixes(a, b))).toBe(Math.sign(order || a.length - b.length))
      }),
    )
  })
})

function suggestionFor(text: string): string | null {
  try {
    parsePrefix(text)
    return null
  } catch (error) {
    return error instanceof AddressSyntaxError ? error.suggestion : null
  }
}

function addressesOf(value: Prefix): bigint[] {
  return Array.from({ length: Number(prefixSize(value)) }, (_, i) => value.first + BigInt(i))
}
