import { describe, expect, test } from 'vitest'
import { createIds } from '../../src/tracing/ids.ts'
import { RequestSpans } from '../../src/tracing/request-spans.ts'
import { type FinishedSpan, spanned } from '../../src/tracing/span.ts'
import { Tracer } from '../../src/tracing/tracer.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const SAMPLED = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'rojo=1' }
const UNSAMPLED = { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: null }
const NONE = { traceparent: null, tracestate: null }
const REQUEST = { name: 'request', canBegin: true }

/** A tracer whose ids count up, and whose clock is moved. */
function open({ sampleRatio = 0, drawn = 0.5 } = {}) {
  const ended: FinishedSpan[] = []
  const clock = { ms: 5, wallMs: 1_000_000 }
  let count = 0
  const tracer = new Tracer({
    sampleRatio,
    random: () => drawn,
    ids: createIds((bytes) => bytes.fill(++count)),
    clock: { now: () => clock.ms, wallTime: () => clock.wallMs },
    keep: (span) => void ended.push(span),
  })
  return { tracer, ended, clock }
}

describe('which requests are followed', () => {
  test.each([
    { why: 'its client wants it', headers: SAMPLED, sampleRatio: 0, traceId: TRACE, hasSpan: true },
    {
      why: 'its client does not want it',
      headers: UNSAMPLED,
      sampleRatio: 1,
      traceId: TRACE,
      hasSpan: false,
    },
    { why: 'chance wants it', headers: NONE, sampleRatio: 0.51, traceId: '01'.repeat(16), hasSpan: true },
    { why: 'chance does not', headers: NONE, sampleRatio: 0.5, traceId: null, hasSpan: false },
    { why: 'all are to be', headers: NONE, sampleRatio: 1, traceId: '01'.repeat(16), hasSpan: true },
    { why: 'none is to be', headers: NONE, sampleRatio: 0, traceId: null, hasSpan: false },
    {
      why: 'what its client says is nonsense: chance decides, in a new trace',
      headers: { traceparent: 'nonsense', tracestate: 'rojo=1' },
      sampleRatio: 1,
      traceId: '01'.repeat(16),
      hasSpan: true,
    },
  ])('$why: $hasSpan', ({ headers, sampleRatio, traceId, hasSpan }) => {
    const { tracer } = open({ sampleRatio })

    const followed = tracer.followRequest(headers, REQUEST)

    expect(followed?.traceId ?? null).toBe(traceId)
    expect((followed?.span ?? null) !== null).toBe(hasSpan)
  })

  test('a draw of 0 follows nothing where the ratio is 0', () => {
    expect(open({ sampleRatio: 0, drawn: 0 }).tracer.followRequest(NONE, REQUEST)).toBeNull()
  })

  test('what may not begin a trace is followed only where its client wants it', () => {
    const { tracer } = open({ sampleRatio: 1 })
    const probe = { ...REQUEST, canBegin: false }

    expect(tracer.followRequest(NONE, probe)).toBeNull()
    expect(tracer.followRequest(SAMPLED, probe)?.span).not.toBeNull()
  })

  test.each([
    { why: 'sampled', context: `00-${TRACE}-${SPAN}-01`, isFollowed: true },
    { why: 'not sampled', context: `00-${TRACE}-${SPAN}-00`, isFollowed: false },
    { why: 'of a node that writes in another way', context: '{"trace":1}', isFollowed: false },
  ])('what another node forwards with a context that is $why: $isFollowed', ({ context, isFollowed }) => {
    expect(open().tracer.followPeer(context, REQUEST) !== null).toBe(isFollowed)
  })
})

describe('a span', () => {
  test('hangs from that of the client, and has its trace and what travels with it', () => {
    const { tracer, ended } = open()

    tracer.followRequest(SAMPLED, { ...REQUEST, kind: 'server' })?.span?.end()

    expect(ended).toMatchObject([
      {
        context: { traceId: TRACE, flags: 1, traceState: 'rojo=1' },
        parentId: SPAN,
        isParentRemote: true,
        kind: 'server',
        error: null,
      },
    ])
  })

  test('of a new trace has no parent, and says that its id is random', () => {
    const { tracer, ended } = open({ sampleRatio: 1 })

    tracer.followRequest(NONE, REQUEST)?.span?.end()

    expect(ended).toMatchObject([{ parentId: null, isParentRemote: false, context: { flags: 3 } }])
  })

  test('has its times from one look at the wall clock, so that setting that changes nothing', () => {
    const { tracer, ended, clock } = open()
    const span = tracer.followRequest(SAMPLED, REQUEST)?.span
    clock.ms += 2
    clock.wallMs -= 500_000
    const child = span?.child({ name: 'inner' })
    clock.ms += 3

    child?.end()
    span?.end()

    expect(ended.map(({ name, startedAt, endedAt }) => [name, startedAt, endedAt])).toEqual([
      ['inner', 1_000_002, 1_000_005],
      ['request', 1_000_000, 1_000_005],
    ])
  })

  test('ends once', () => {
    const { tracer, ended } = open()
    const span = tracer.followRequest(SAMPLED, REQUEST)?.span

    span?.end('first')
    span?.end('second')

    expect(ended.map(({ error }) => error)).toEqual(['first'])
  })

  test('keeps no more of a text than 256 characters', () => {
    const { tracer, ended } = open()
    const span = tracer.followRequest(SAMPLED, {
      ...REQUEST,
      attributes: { text: 'x'.repeat(10_000), n: 1 },
    })?.span

    span?.end()

    expect(ended[0]?.attributes).toEqual({ text: 'x'.repeat(256), n: 1 })
  })

  test('around work has its error, by its code and not in its words', async () => {
    const { tracer, ended } = open()
    const span = tracer.followRequest(SAMPLED, REQUEST)?.span
    if (!span) throw new Error('it is not followed')
    const error = Object.assign(new Error('10.0.0.1 is secret'), { code: 'RAFT_READ_TIMEOUT' })

    await expect(spanned(span, { name: 'read' }, Promise.reject(error))).rejects.toBe(error)
    expect(await spanned(span, { name: 'read' }, Promise.resolve(7))).toBe(7)

    expect(ended.map((one) => one.error)).toEqual(['RAFT_READ_TIMEOUT', null])
  })
})

describe('ids', () => {
  test('are hexadecimal, of their length, and never all 0', () => {
    let filled = 0
    const { newTraceId, newSpanId } = createIds((bytes) => bytes.fill(filled++ === 0 ? 0 : 0xab))

    expect(newTraceId()).toBe('ab'.repeat(16))
    expect(newSpanId()).toBe('ab'.repeat(8))
  })

  test('do not repeat when the random bytes run out', () => {
    let filled = 0
    const { newSpanId } = createIds((bytes) => {
      filled += 1
      for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32BE(filled * 100_000 + i, i)
    })

    const ids = new Set(Array.from({ length: 5_000 }, newSpanId))

    expect(ids.size).toBe(5_000)
    expect(filled).toBeGreaterThan(5)
  })
})

describe('the spans of a write', () => {
  function begin() {
    const { tracer, ended } = open()
    const span = tracer.followRequest(SAMPLED, REQUEST)?.span
    if (!span) throw new Error('it is not followed')
    const told = () => ended.map(({ name, error }) => (error === null ? name : `${name}: ${error}`))
    return { spans: new RequestSpans(span), ended, told }
  }

  test('of a leader are one for each stage, of which two are beside each other', () => {
    const { spans, ended, told } = begin()

    spans.appended({ index: 7, term: 2 })
    spans.committed()
    spans.durable()
    spans.ended('applied')

    expect(told()).toEqual(['raft.queue', 'raft.commit', 'raft.append', 'raft.apply', 'request'])
    expect(ended.at(-1)?.attributes).toEqual({ 'raft.index': 7, 'raft.term': 2 })
  })

  test('of a follower are the wait and the way to the leader, whose context names the last attempt', () => {
    const { spans, ended, told } = begin()

    spans.contextForLeader()
    const context = spans.contextForLeader()
    spans.forwarded(3)
    spans.ended('applied')

    expect(told()).toEqual(['raft.queue', 'raft.forward', 'request'])
    expect(ended[1]).toMatchObject({ kind: 'client', attributes: { 'raft.leader_id': 3 } })
    expect(context).toBe(`00-${TRACE}-${ended[1]?.context.spanId}-01 rojo=1`)
  })

  test('show each attempt, and that the one before led to nothing', () => {
    const { spans, told } = begin()

    spans.contextForLeader()
    spans.forwarded(2)
    spans.contextForLeader()
    spans.forwarded(3)
    spans.appended({ index: 7, term: 4 })
    spans.appended({ index: 9, term: 5 })
    spans.durable()
    spans.committed()
    spans.ended('applied')

    expect(told()).toEqual([
      'raft.queue',
      'raft.forward: sent_again',
      'raft.forward: sent_again',
      'raft.append: sent_again',
      'raft.commit: sent_again',
      'raft.append',
      'raft.commit',
      'raft.apply',
      'request',
    ])
  })

  test('end with the error of the request, each that is not over', () => {
    const { spans, told } = begin()

    spans.appended({ index: 7, term: 2 })
    spans.durable()
    spans.ended('RAFT_PROPOSAL_UNCERTAIN')
    spans.committed()
    spans.ended('applied')

    expect(told()).toEqual([
      'raft.queue',
      'raft.append',
      'raft.commit: RAFT_PROPOSAL_UNCERTAIN',
      'request: RAFT_PROPOSAL_UNCERTAIN',
    ])
  })
})
