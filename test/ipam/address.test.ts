import fc from 'fast-check'
import { Address4, Address6 } from 'ip-address'
import { describe, expect, test } from 'vitest'
import {
  type Address,
  AddressSyntaxError,
  addressKey,
  type Family,
  formatAddress,
  parseAddress,
} from '../../src/ipam/address.ts'

const IPV4_MAX = 2n ** 32n - 1n
const IPV6_MAX = 2n ** 128n - 1n

/** Values as they occur: anything, and long runs of zeros in any place. */
const ipv6Value = fc.oneof(
  fc.bigInt({ min: 0n, max: IPV6_MAX }),
  fc
    .array(fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 0xffffn })), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n)),
)
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ family: fc.constant<Family>(4), value: fc.bigInt({ min: 0n, max: IPV4_MAX }) }),
  fc.record({ family: fc.constant<Family>(6), value: ipv6Value }),
)

function errorOf(text: string): AddressSyntaxError {
  try {
    parseAddress(text)
  } catch (error) {
    if (error instanceof AddressSyntaxError) return error
    throw error
  }
  throw new Error(`${text} was accepted`)
}

describe('address text (RFC 4291 §2.2, RFC 5952)', () => {
  test.each([
    { why: 'lowest', text: '0.0.0.0', family: 4, value: 0n, canonical: '0.0.0.0' },
    { why: 'highest', text: '255.255.255.255', family: 4, value: IPV4_MAX, canonical: '255.255.255.255' },
    {
      why: 'first octet is the high one',
      text: '10.0.0.1',
      family: 4,
      value: 0x0a000001n,
      canonical: '10.0.0.1',
    },
    { why: 'all zeros', text: '::', family: 6, value: 0n, canonical: '::' },
    { why: 'written out', text: '0:0:0:0:0:0:0:0', family: 6, value: 0n, canonical: '::' },
    { why: 'loopback', text: '::1', family: 6, value: 1n, canonical: '::1' },
    { why: 'zeros at the end', text: '1::', family: 6, value: 1n << 112n, canonical: '1::' },
    {
      why: 'highest',
      text: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      family: 6,
      value: IPV6_MAX,
      canonical: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    },
    {
      why: 'upper case and leading zeros (§4.1, §4.3)',
      text: '2001:0DB8::00AB',
      family: 6,
      value: 0x20010db80000000000000000000000abn,
      canonical: '2001:db8::ab',
    },
    {
      why: 'one zero group is not shortened (§4.2.2)',
      text: '2001:db8::1:1:1:1:1',
      family: 6,
      value: 0x20010db8000000010001000100010001n,
      canonical: '2001:db8:0:1:1:1:1:1',
    },
    {
      why: 'the longer run is shortened (§4.2.3)',
      text: '2001:0:0:1:0:0:0:1',
      family: 6,
      value: 0x20010000000000010000000000000001n,
      canonical: '2001:0:0:1::1',
    },
    {
      why: 'the first of two equal runs (§4.2.3)',
      text: '2001:db8:0:0:1:0:0:1',
      family: 6,
      value: 0x20010db8000000000001000000000001n,
      canonical: '2001:db8::1:0:0:1',
    },
    {
      why: ':: may stand for one group, at the end',
      text: '1:2:3:4:5:6:7::',
      family: 6,
      value: 0x00010002000300040005000600070000n,
      canonical: '1:2:3:4:5:6:7:0',
    },
    {
      why: ':: may stand for one group, at the start',
      text: '::2:3:4:5:6:7:8',
      family: 6,
      value: 0x00000002000300040005000600070008n,
      canonical: '0:2:3:4:5:6:7:8',
    },
    {
      why: 'IPv4-mapped keeps its dots (§5)',
      text: '::ffff:1.2.3.4',
      family: 6,
      value: 0xffff01020304n,
      canonical: '::ffff:1.2.3.4',
    },
    {
      why: 'IPv4-mapped in hex',
      text: '::FFFF:102:304',
      family: 6,
      value: 0xffff01020304n,
      canonical: '::ffff:1.2.3.4',
    },
    {
      why: 'IPv4-mapped zero',
      text: '::ffff:0:0',
      family: 6,
      value: 0xffff00000000n,
      canonical: '::ffff:0.0.0.0',
    },
    {
      why: 'a dotted tail elsewhere becomes hex',
      text: '64:ff9b::192.0.2.33',
      family: 6,
      value: 0x0064ff9b0000000000000000c0000221n,
      canonical: '64:ff9b::c000:221',
    },
    {
      why: 'a dotted tail after six groups',
      text: '1:2:3:4:5:6:7.8.9.10',
      family: 6,
      value: 0x0001000200030004000500060708090an,
      canonical: '1:2:3:4:5:6:708:90a',
    },
    {
      why: 'IPv4-compatible is deprecated, so hex',
      text: '::1.2.3.4',
      family: 6,
      value: 0x01020304n,
      canonical: '::102:304',
    },
  ])('$text reads as $canonical: $why', ({ text, family, value, canonical }) => {
    const parsed = parseAddress(text)

    expect(parsed).toEqual({ family, value })
    expect(formatAddress(parsed)).toBe(canonical)
  })

  test.each([
    { why: 'nothing', text: '', reason: /^"" is not an IP address$/ },
    { why: 'a word', text: 'localhost', reason: /four numbers/ },
    { why: 'short form', text: '1.2.3', reason: /four numbers/ },
    { why: 'one number', text: '167772161', reason: /four numbers/ },
    { why: 'five octets', text: '1.2.3.4.5', reason: /four numbers/ },
    { why: 'empty octet', text: '1..2.3', reason: /"" is not a number/ },
    { why: 'dot at the end', text: '1.2.3.', reason: /"" is not a number/ },
    { why: 'octet too large', text: '1.2.3.256', reason: /256 is above 255/ },
    { why: 'leading zero', text: '010.1.1.1', reason: /leading zero in 010/ },
    { why: 'leading zeros of zero', text: '1.2.3.00', reason: /leading zero in 00/ },
    { why: 'hexadecimal', text: '0x0a.1.1.1', reason: /0x0a is not a number/ },
    { why: 'sign', text: '1.2.3.+4', reason: /"\+4" is not a number/ },
    { why: 'negative', text: '1.2.3.-4', reason: /-4 is not a number/ },
    { why: 'exponent', text: '1.2.3.1e1', reason: /1e1 is not a number/ },
    { why: 'other digits', text: '1.2.3.٤', reason: /is not a number/ },
    { why: 'prefix', text: '1.2.3.4/24', reason: /is a prefix/ },
    { why: 'port', text: '1.2.3.4:80', reason: /is not 1 to 4 hex digits/ },
    { why: 'trailing junk', text: '1.2.3.4x', reason: /4x is not a number/ },
    { why: 'inner space', text: '1.2. 3.4', reason: /" 3" is not a number/ },
    { why: 'NUL', text: '1.2.3.4\0', reason: /"1\.2\.3\.4\\u0000"/ },
    { why: 'two ::', text: '::1::', reason: /more than one ::/ },
    { why: 'two :: at a distance', text: '1::2::3', reason: /more than one ::/ },
    { why: 'three colons', text: ':::', reason: /is not 1 to 4 hex digits/ },
    { why: 'three colons inside', text: '1:::2', reason: /is not 1 to 4 hex digits/ },
    { why: 'one colon in front', text: ':1:2:3:4:5:6:7', reason: /is not 1 to 4 hex digits/ },
    { why: 'one colon behind', text: '1:2:3:4:5:6:7:', reason: /is not 1 to 4 hex digits/ },
    { why: 'one colon', text: ':', reason: /is not 1 to 4 hex digits/ },
    { why: 'seven groups', text: '1:2:3:4:5:6:7', reason: /has 7 groups/ },
    { why: 'nine groups', text: '1:2:3:4:5:6:7:8:9', reason: /has 9 groups/ },
    { why: 'eight groups and ::', text: '1:2:3:4::5:6:7:8', reason: /nothing to stand for/ },
    { why: 'five digits', text: '1::00001', reason: /00001 is not 1 to 4 hex digits/ },
    { why: 'no hex digit', text: '::g', reason: /g is not 1 to 4 hex digits/ },
    { why: 'zone id', text: 'fe80::1%eth0', reason: /zone id/ },
    { why: 'brackets', text: '[::1]', reason: /is not 1 to 4 hex digits/ },
    { why: 'dotted part in front', text: '1.2.3.4::', reason: /1\.2\.3\.4 is not 1 to 4 hex digits/ },
    { why: 'dotted part in the middle', text: '::1.2.3.4:5', reason: /1\.2\.3\.4 is not 1 to 4 hex digits/ },
    { why: 'dotted tail too short', text: '::ffff:1.2.3', reason: /four numbers/ },
    { why: 'leading zero in the dotted tail', text: '::ffff:1.2.3.04', reason: /leading zero in 04/ },
    { why: 'dotted tail after seven groups', text: '1:2:3:4:5:6:7:1.2.3.4', reason: /has 9 groups/ },
    { why: 'very long', text: '1'.repeat(1_000_000), reason: /^"1{64}"… is too long/ },
    { why: 'very long with colons', text: '1:'.repeat(500_000), reason: /is too long/ },
  ])('is refused: $why', ({ text, reason }) => {
    const { message } = errorOf(text)

    expect(message).toMatch(reason)
    expect(message.length).toBeLessThan(250)
  })

  test('an error names the text and, if only spaces are wrong, what was meant', () => {
    expect(errorOf(' 2001:DB8::1\n')).toMatchObject({
      text: ' 2001:DB8::1\n',
      suggestion: '2001:db8::1',
      message: '" 2001:DB8::1\\n" has spaces around it; did you mean 2001:db8::1?',
    })
    expect(errorOf(' x')).toMatchObject({ suggestion: null, message: '" x" has spaces around it' })
  })

  test('what is formatted reads back the same', () => {
    fc.assert(
      fc.property(address, (value) => {
        expect(parseAddress(formatAddress(value))).toEqual(value)
      }),
    )
  })

  test('canonical text is what ip-address prints, but for IPv4-mapped addresses', () => {
    fc.assert(
      fc.property(address, ({ family, value }) => {
        const isMapped = family === 6 && value >> 32n === 0xffffn
        const other = family === 4 ? Address4.fromBigInt(value) : Address6.fromBigInt(value)
        const expected = isMapped
          ? `::ffff:${Address4.fromBigInt(value & IPV4_MAX).correctForm()}`
          : other.correctForm()
        expect(formatAddress({ family, value })).toBe(expected)
      }),
    )
  })

  test('any valid IPv6 text means what ip-address says', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(parseAddress(text).value).toBe(new Address6(text).bigInt())
      }),
    )
  })

  test('text made of the right characters is accepted if and only if ip-address accepts it', () => {
    const soup = fc
      .array(fc.constantFrom(':', '::', '0', '1', 'ffff', 'A', '.', '1.2.3.4', '255', '256', '01', 'g'), {
        minLength: 1,
        maxLength: 17,
      })
      .map((parts) => parts.join(''))
      .filter((text) => text.length <= 45)
    fc.assert(
      fc.property(fc.oneof(soup, fc.ipV4(), fc.ipV4Extended()), (text) => {
        const isValid = text.includes(':') ? Address6.isValid(text) : Address4.isValid(text)
        expect(isAccepted(text)).toBe(isValid)
      }),
      { numRuns: 5_000 },
    )
  })

  test('parsing anything gives an address or an AddressSyntaxError', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void isAccepted(text)))
  })
})

describe('address keys', () => {
  test.each([
    { text: '10.0.0.1', key: '40a000001' },
    { text: '::1', key: `6${'1'.padStart(32, '0')}` },
    { text: 'ffff::', key: `6ffff${'0'.repeat(28)}` },
  ])('$text has the key $key', ({ text, key }) => {
    expect(addressKey(parseAddress(text))).toBe(key)
  })

  test('keys sort as addresses do, IPv4 first', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        const isBefore = a.family === b.family ? a.value < b.value : a.family < b.family
        expect(addressKey(a) < addressKey(b)).toBe(isBefore)
      }),
    )
  })
})

function isAccepted(text: string): boolean {
  try {
    parseAddress(text)
    return true
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error
    return false
  }
}
