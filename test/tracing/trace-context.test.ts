import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TRACE_CONTEXT_CHARS_MAX } from '../../raft/request-trace.ts'
import {
  decodeSpanContext,
  encodeSpanContext,
  formatTraceparent,
  isSampled,
  parseSpanContext,
} from '../../src/tracing/trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const VALID = `00-${TRACE}-${SPAN}-01`

describe('traceparent (W3C Trace Context §3.2)', () => {
  test.each([
    { why: 'it is sampled', header: VALID, flags: 1 },
    { why: 'it is not sampled', header: `00-${TRACE}-${SPAN}-00`, flags: 0 },
    { why: 'its id is random (level 2)', header: `00-${TRACE}-${SPAN}-03`, flags: 3 },
    { why: 'flags without a meaning are dropped', header: `00-${TRACE}-${SPAN}-ff`, flags: 3 },
    { why: 'a later version', header: `cc-${TRACE}-${SPAN}-01`, flags: 1 },
    { why: 'a later version that says more', header: `cc-${TRACE}-${SPAN}-01-what-is-new`, flags: 1 },
    { why: 'with spaces around it', header: ` ${VALID} `, flags: 1 },
  ])('is taken: $why', ({ header, flags }) => {
    expect(parseSpanContext(header, null)).toEqual({ traceId: TRACE, spanId: SPAN, flags, traceState: '' })
  })

  test.each([
    { why: 'there is none', header: null },
    { why: 'empty', header: '' },
    { why: 'nonsense', header: 'nonsense' },
    { why: 'two headers, which arrive as one', header: `${VALID}, ${VALID}` },
    { why: 'the version that is none', header: `ff-${TRACE}-${SPAN}-01` },
    { why: 'capital letters', header: VALID.toUpperCase() },
    { why: 'no hexadecimal digits', header: VALID.replace('0af7', '0xf7') },
    { why: 'a trace id that is too short', header: `00-${TRACE.slice(1)}-${SPAN}-01` },
    { why: 'a trace id that is too long', header: `00-${TRACE}0-${SPAN}-01` },
    { why: 'the trace id that is none', header: `00-${'0'.repeat(32)}-${SPAN}-01` },
    { why: 'the span id that is none', header: `00-${TRACE}-${'0'.repeat(16)}-01` },
    { why: 'no flags', header: `00-${TRACE}-${SPAN}` },
    { why: 'version 00 has nothing behind the flags', header: `${VALID}-more` },
    { why: 'a later version with something glued to it', header: `cc-${TRACE}-${SPAN}-01more` },
    { why: 'other separators', header: VALID.replaceAll('-', '_') },
  ])('is ignored: $why', ({ header }) => {
    expect(parseSpanContext(header, 'rojo=1')).toBeNull()
  })

  test('is written as it was read', () => {
    const context = parseSpanContext(VALID, null)

    expect(context && formatTraceparent(context)).toBe(VALID)
    expect(context && isSampled(context)).toBe(true)
  })
})

describe('tracestate (§3.3)', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=v`).join(',')

  test.each([
    { why: 'one member', header: 'rojo=00f067aa0ba902b7', kept: 'rojo=00f067aa0ba902b7' },
    { why: 'several, in their order', header: 'rojo=1,congo=t61rcWkgMzE', kept: 'rojo=1,congo=t61rcWkgMzE' },
    { why: 'white space and empty members', header: ' a=1 , ,\tb=2,', kept: 'a=1,b=2' },
    { why: 'a key with a tenant', header: 'fw529a3039@dt=FfAy', kept: 'fw529a3039@dt=FfAy' },
    { why: 'as many members as may be', header: many(32), kept: many(32) },
    {
      why: 'as long as may be',
      header: `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`,
      kept: `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`,
    },
  ])('travels on: $why', ({ header, kept }) => {
    expect(parseSpanContext(VALID, header)?.traceState).toBe(kept)
  })

  test.each([
    { why: 'there is none', header: null },
    { why: 'too many members', header: many(33) },
    { why: 'too long', header: `a=${'x'.repeat(256)},b=${'y'.repeat(252)}` },
    { why: 'no value', header: 'rojo' },
    { why: 'two equals signs', header: 'a=b=c' },
    { why: 'a capital letter in the key', header: 'Rojo=1' },
    { why: 'a value with what is no ASCII', header: 'rojo=é' },
    { why: 'a line break in it', header: 'a=1\r\nX-Evil: 1' },
    { why: 'one member of several', header: 'a=1,B=2' },
  ])('is left out, and does no harm to the trace: $why', ({ header }) => {
    expect(parseSpanContext(VALID, header)).toMatchObject({ traceId: TRACE, traceState: '' })
  })
})

describe('a context between nodes', () => {
  const context = fc.record({
    traceId: fc.stringMatching(/^[0-9a-f]{31}[1-9a-f]$/),
    spanId: fc.stringMatching(/^[0-9a-f]{15}[1-9a-f]$/),
    flags: fc.integer({ min: 0, max: 3 }),
    traceState: fc.constantFrom('', 'a=1', `a=${'x'.repeat(256)},b=${'y'.repeat(251)}`),
  })

  test('comes back as it was, and is never longer than may travel', () => {
    fc.assert(
      fc.property(context, (one) => {
        const text = encodeSpanContext(one)
        expect(text.length).toBeLessThanOrEqual(TRACE_CONTEXT_CHARS_MAX)
        expect(decodeSpanContext(text)).toEqual(one)
      }),
    )
  })

  test('is none where it cannot be read, whatever it is', () => {
    expect(decodeSpanContext('')).toBeNull()
    expect(decodeSpanContext(' ')).toBeNull()
    fc.assert(fc.property(fc.string(), (text) => decodeSpanContext(text) === null))
  })
})
