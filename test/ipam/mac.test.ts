import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalMac, MacSyntaxError } from '../../src/ipam/mac.ts'

describe('hardware addresses (RFC 7042)', () => {
  test.each([
    { text: '00:00:5e:00:53:01', canonical: '00:00:5e:00:53:01', why: 'canonical' },
    { text: '00-00-5E-00-53-01', canonical: '00:00:5e:00:53:01', why: 'IEEE 802, RFC 7042 §2.1' },
    { text: '0000.5e00.5301', canonical: '00:00:5e:00:53:01', why: 'Cisco' },
    { text: '0000-5e00-5301', canonical: '00:00:5e:00:53:01', why: 'Huawei' },
    { text: '00005e-005301', canonical: '00:00:5e:00:53:01', why: 'HP' },
    { text: '00005E005301', canonical: '00:00:5e:00:53:01', why: 'bare' },
    { text: '0:0:5e:0:53:1', canonical: '00:00:5e:00:53:01', why: 'BSD and Solaris leave out zeros' },
    { text: '02-00-5E-10-00-00-00-01', canonical: '02:00:5e:10:00:00:00:01', why: 'EUI-64' },
    { text: '0200.5e10.0000.0001', canonical: '02:00:5e:10:00:00:00:01', why: 'EUI-64 of Cisco' },
  ])('$text is $canonical ($why)', ({ text, canonical }) => {
    expect(canonicalMac(text)).toBe(canonical)
  })

  const REASON = 'is not a MAC address: it has 6 octets, or 8, in hex, such as 00:00:5e:00:53:01'
  test.each([
    { text: '', message: `"" ${REASON}`, why: 'nothing' },
    { text: '00:00:5e:00:53', message: `00:00:5e:00:53 ${REASON}`, why: 'five octets' },
    { text: '00:00:5e:00:53:01:02', message: `00:00:5e:00:53:01:02 ${REASON}`, why: 'seven octets' },
    { text: '00:00:5e:00:53:0g', message: `00:00:5e:00:53:0g ${REASON}`, why: 'not hex' },
    { text: '00:00:5e-00:53:01', message: `00:00:5e-00:53:01 ${REASON}`, why: 'two separators' },
    { text: '00:00:5e:00:53:', message: `00:00:5e:00:53: ${REASON}`, why: 'an empty octet' },
    { text: '000:05e:005:301', message: `000:05e:005:301 ${REASON}`, why: 'groups of three' },
    { text: '0000.5e0.05301', message: `0000.5e0.05301 ${REASON}`, why: 'unequal groups' },
    { text: '00005e00530', message: `00005e00530 ${REASON}`, why: 'half an octet' },
    { text: ' 00:00:5e:00:53:01', message: '" 00:00:5e:00:53:01" has spaces around it', why: 'spaces' },
    { text: 'a'.repeat(33), message: `"${'a'.repeat(32)}"… is too long for a MAC address`, why: 'long' },
  ])('$text is refused: $why', ({ text, message }) => {
    expect(() => canonicalMac(text)).toThrow(MacSyntaxError)
    expect(() => canonicalMac(text)).toThrow(message)
  })

  test('every notation of the same octets is the same address', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
    )
    fc.assert(
      fc.property(octets, (bytes) => {
        const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'))
        const canonical = digits.join(':')
        const bare = digits.join('')
        const short = [...bytes].map((byte) => byte.toString(16)).join('-')

        for (const text of [canonical, bare.toUpperCase(), bare.replaceAll(/.{4}(?=.)/g, '$&.'), short]) {
          expect(canonicalMac(text)).toBe(canonical)
        }
      }),
    )
  })
})
