import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../raft/storage/crc32c.ts'

function checksum(bytes: Uint8Array): string {
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}

/** Bit by bit, as the polynomial says. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0)
  }
  return ~crc >>> 0
}

describe('CRC32C (RFC 3720 §B.4)', () => {
  const ascending = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const readCommand = Buffer.from(
    '01c00000000000000000000000000000140000000000040000000014000000182800000000000000' + '0200000000000000',
    'hex',
  )

  test.each([
    { what: 'the check value', bytes: Buffer.from('123456789'), expected: 'e3069283' },
    { what: 'nothing', bytes: Buffer.alloc(0), expected: '00000000' },
    { what: '32 zeros', bytes: Buffer.alloc(32), expected: '8a9136aa' },
    { what: '32 ones', bytes: Buffer.alloc(32, 0xff), expected: '62a8ab43' },
    { what: '32 ascending bytes', bytes: ascending, expected: '46dd794e' },
    { what: '32 descending bytes', bytes: Buffer.from(ascending).reverse(), expected: '113fdb5c' },
    { what: 'a SCSI read command', bytes: readCommand, expected: 'd9963a56' },
  ])('of $what is $expected', ({ bytes, expected }) => {
    expect(checksum(bytes)).toBe(expected)
  })

  test('of any bytes is what the polynomial says, in one part or in two', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
        const middle = Math.min(cut, bytes.length)
        const first = crc32c(bytes, 0, middle)
        expect(crc32c(bytes, 0, bytes.length)).toBe(slowly(bytes))
        expect(crc32c(bytes, middle, bytes.length, first)).toBe(slowly(bytes))
      }),
    )
  })
})
