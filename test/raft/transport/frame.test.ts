import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../raft/transport/errors.ts'
import { encodeFrame, FRAME_HEADER_BYTES, type Frame, FrameReader } from '../../../raft/transport/frame.ts'

function framesOf(chunks: readonly Buffer[], frameBytesMax = 1_000_000): Frame[] {
  const reader = new FrameReader(frameBytesMax)
  const frames: Frame[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame)
  }
  return frames
}

/** Cuts `bytes` at `cuts`, each taken modulo the length. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((point) => point % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length))
}

function inHex(frames: readonly Frame[]): string[] {
  return frames.map(({ kind, body }) => `${kind} ${body.toString('hex')}`)
}

describe('the frame reader', () => {
  test('gives the same frames however the bytes are cut', () => {
    const frame = fc.record({ kind: fc.nat({ max: 255 }), body: fc.uint8Array({ maxLength: 100 }) })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 30 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(({ kind, body }) => encodeFrame(kind, body)))
        const expected = sent.map(({ kind, body }) => ({ kind, body: Buffer.from(body) }))
        expect(inHex(framesOf(cut(bytes, cuts)))).toEqual(inHex(expected))
      }),
      { numRuns: 500 },
    )
  })

  test('gives a frame that comes byte by byte', () => {
    const bytes = encodeFrame(7, Buffer.from('body'))

    expect(inHex(framesOf([...bytes].map((byte) => Buffer.of(byte))))).toEqual([
      `7 ${Buffer.from('body').toString('hex')}`,
    ])
  })

  test('does not copy a body that lies within a chunk', () => {
    const chunk = Buffer.concat([encodeFrame(1, Buffer.from('one')), encodeFrame(2, Buffer.from('two'))])

    expect(framesOf([chunk]).map(({ body }) => body.buffer === chunk.buffer)).toEqual([true, true])
  })

  test('reads 64 MiB in small chunks in linear time', () => {
    const bytes = encodeFrame(1, Buffer.alloc(64 * 1024 * 1024))
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; at += 16_384) chunks.push(bytes.subarray(at, at + 16_384))

    const [frame] = framesOf(chunks, 65 * 1024 * 1024)

    expect(frame?.body.length).toBe(64 * 1024 * 1024)
    expect(frame?.body.buffer.byteLength).toBe(64 * 1024 * 1024)
  })

  test.each([
    { why: 'above the maximum', length: 1_000_001 },
    { why: '4 GiB', length: 0xffff_ffff },
    { why: 'zero', length: 0 },
  ])('refuses a length that is $why, as soon as it is known', ({ length }) => {
    const header = Buffer.alloc(FRAME_HEADER_BYTES)
    header.writeUInt32LE(length)

    expect(() => framesOf([header])).toThrow(ProtocolError)
  })

  test('a length alone takes no memory', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 100 }, () => {
      const reader = new FrameReader(0xffff_ffff)
      reader.push(Buffer.from('ffffffff07aabbcc', 'hex'))
      reader.next()
      return reader
    })

    expect(readers.length).toBe(100)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 70_000)
  })

  test('random bytes are frames or protocol errors', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (chunks) => {
        try {
          for (const { body } of framesOf(
            chunks.map((chunk) => Buffer.from(chunk)),
            40,
          )) {
            expect(body.length).toBeLessThan(40)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
