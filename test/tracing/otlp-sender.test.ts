import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeOtlp } from '../../src/tracing/otlp.ts'
import { createOtlpSender } from '../../src/tracing/otlp-sender.ts'
import type { FinishedSpan } from '../../src/tracing/span.ts'
import { Collector, parseOtlp } from './collector.ts'

const RESOURCE = { 'service.name': 'ipam', 'ipam.node_id': 2 }
const SPAN: FinishedSpan = {
  name: 'GET /x',
  kind: 'server',
  context: {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    flags: 1,
    traceState: 'a=1',
  },
  parentId: '00f067aa0ba902b7',
  isParentRemote: true,
  startedAt: 1_700_000_000_000.125,
  endedAt: 1_700_000_000_001,
  attributes: { text: 'a', count: 7, ratio: 0.5, isSo: true },
  error: 'no_leader',
}

let collector: Collector
beforeEach(async () => {
  collector = await Collector.open()
})
afterEach(() => collector.close())

function send(
  spans: readonly FinishedSpan[],
  { answerMs = 10_000, signal = new AbortController().signal } = {},
) {
  const endpoint = new URL(collector.url)
  const headers = { Authorization: 'Bearer secret' }
  return createOtlpSender({ endpoint, headers, resource: RESOURCE, version: '1.0.0', answerMs })(
    spans,
    signal,
  )
}

test('spans in JSON are what OTLP says', () => {
  // Whoever changes this changes what collectors have to understand.
  expect(JSON.parse(encodeOtlp([SPAN], { resource: RESOURCE, version: '1.0.0' }))).toEqual({
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: { stringValue: 'ipam' } },
            { key: 'ipam.node_id', value: { intValue: '2' } },
          ],
        },
        scopeSpans: [
          {
            scope: { name: 'ipam', version: '1.0.0' },
            spans: [
              {
                traceId: '0af7651916cd43dd8448eb211c80319c',
                spanId: 'b7ad6b7169203331',
                traceState: 'a=1',
                parentSpanId: '00f067aa0ba902b7',
                flags: 0x301,
                name: 'GET /x',
                kind: 2,
                startTimeUnixNano: '1700000000000125000',
                endTimeUnixNano: '1700000000001000000',
                attributes: [
                  { key: 'error.type', value: { stringValue: 'no_leader' } },
                  { key: 'text', value: { stringValue: 'a' } },
                  { key: 'count', value: { intValue: '7' } },
                  { key: 'ratio', value: { doubleValue: 0.5 } },
                  { key: 'isSo', value: { boolValue: true } },
                ],
                status: { code: 2, message: 'no_leader' },
              },
            ],
          },
        ],
      },
    ],
  })
})

test('what a span does not have is not there', () => {
  const bare = {
    ...SPAN,
    context: { ...SPAN.context, traceState: '' },
    parentId: null,
    isParentRemote: false,
  }
  const text = encodeOtlp([{ ...bare, error: null, attributes: {} }], { resource: {}, version: '1.0.0' })

  expect(text).not.toMatch(/parentSpanId|traceState|status|null/)
  expect(parseOtlp(JSON.parse(text))).toMatchObject([{ parentId: null, error: null, isParentRemote: false }])
})

describe('a collector', () => {
  test('gets them with the headers that were set', async () => {
    const attributes = { ...SPAN.attributes }
    delete (attributes as Record<string, unknown>)['isSo']

    expect(await send([{ ...SPAN, attributes }])).toEqual({ outcome: 'taken', rejectedCount: 0 })

    expect(collector.complaints).toEqual([])
    expect(collector.spans).toMatchObject([{ name: 'GET /x', kind: 'server', resource: RESOURCE }])
    expect(collector.headers).toMatchObject([{ authorization: 'Bearer secret' }])
  })

  test.each([
    {
      why: 'as a text, which OTLP wants',
      answer: { partialSuccess: { rejectedSpans: '3' } },
      rejectedCount: 3,
    },
    {
      why: 'as a number',
      answer: { partialSuccess: { rejectedSpans: 3, errorMessage: 'no' } },
      rejectedCount: 3,
    },
    { why: 'not at all', answer: { partialSuccess: {} }, rejectedCount: 0 },
    {
      why: 'in an answer that is too long',
      answer: { x: 'y'.repeat(200_000), rejectedSpans: 3 },
      rejectedCount: 0,
    },
  ])('says how many it did not take $why', async ({ answer, rejectedCount }) => {
    collector.answer = answer

    expect(await send([])).toEqual({ outcome: 'taken', rejectedCount })
  })

  test.each([
    { mood: 400, outcome: 'refused', why: 'it will never understand it' },
    { mood: 401, outcome: 'refused', why: 'the headers are wrong' },
    { mood: 404, outcome: 'refused', why: 'the path is wrong' },
    { mood: 307, outcome: 'refused', why: 'the secrets are not for where it points to' },
    { mood: 500, outcome: 'refused', why: 'OTLP does not say that it may be sent again' },
    { mood: 429, outcome: 'later', why: 'it has too much to do' },
    { mood: 503, outcome: 'later', why: 'it is starting' },
  ])('that answers $mood: $outcome, as $why', async ({ mood, outcome }) => {
    collector.mood = mood

    expect(await send([SPAN])).toEqual({ outcome, why: `the collector answers ${mood}` })
  })

  test('that does not answer is waited for only so long', async () => {
    collector.mood = 'silent'

    expect(await send([SPAN], { answerMs: 20 })).toEqual({
      outcome: 'later',
      why: 'the collector does not answer',
    })
  })

  test('is not waited for when the node stops', async () => {
    collector.mood = 'silent'
    const controller = new AbortController()
    const delivery = send([SPAN], { signal: controller.signal })

    controller.abort()

    expect(await delivery).toEqual({ outcome: 'later', why: 'the node stops' })
  })

  test('that is gone is gone, and no error', async () => {
    const { url } = collector
    const sender = createOtlpSender({ endpoint: new URL(url), headers: {}, resource: {}, version: '1' })
    await collector.close()

    expect(await sender([SPAN], new AbortController().signal)).toEqual({
      outcome: 'later',
      why: 'ECONNREFUSED',
    })
    collector = await Collector.open()
  })
})
