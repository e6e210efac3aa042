import { describe, expect, test } from 'vitest'
import { DURATION_BOUNDS_MS, Durations } from '../../raft/durations.ts'
import { Exposition } from '../../src/metrics/exposition.ts'
import { counter, gauge, histogram } from '../../src/metrics/family.ts'
import { formatFamily } from '../../src/metrics/text-format.ts'

describe('durations', () => {
  test.each([
    { why: 'nothing is negative or too small for the first bucket', ms: 0, bucket: 0 },
    { why: 'a bound belongs to the bucket below it', ms: 0.1, bucket: 0 },
    { why: 'what is above a bound does not', ms: 0.11, bucket: 1 },
    { why: 'the last bucket has no bound', ms: 1e9, bucket: DURATION_BOUNDS_MS.length },
  ])('$ms ms are in bucket $bucket: $why', ({ ms, bucket }) => {
    const durations = new Durations()

    durations.note(ms)

    expect(durations.counts.indexOf(1)).toBe(bucket)
    expect(durations.sumMs).toBe(ms)
  })
})

describe('exposition', () => {
  test('a histogram is in seconds, and each bucket counts those below it', async () => {
    const durations = new Durations()
    for (const ms of [0.05, 0.2, 3, 20_000]) durations.note(ms)
    const exposition = new Exposition()
    exposition.add(() => [histogram('a_seconds', 'A.', [[{ route: '/a"b' }, durations]])])

    const lines = (await exposition.scrape()).split('\n')

    expect(lines.slice(0, 5)).toEqual([
      '# HELP a_seconds A.',
      '# TYPE a_seconds histogram',
      'a_seconds_bucket{route="/a\\"b",le="0.0001"} 1',
      'a_seconds_bucket{route="/a\\"b",le="0.00025"} 2',
      'a_seconds_bucket{route="/a\\"b",le="0.0005"} 2',
    ])
    expect(lines.filter((line) => line !== '').slice(-3)).toEqual([
      'a_seconds_bucket{route="/a\\"b",le="+Inf"} 4',
      'a_seconds_sum{route="/a\\"b"} 20.00325',
      'a_seconds_count{route="/a\\"b"} 4',
    ])
  })

  test('what is not known has a family and no sample', async () => {
    const exposition = new Exposition()
    exposition.add(() => [gauge('a', 'A.', null), counter('b_total', 'B.', [])])

    expect(await exposition.scrape()).toBe(
      '# HELP a A.\n# TYPE a gauge\n\n# HELP b_total B.\n# TYPE b_total counter\n',
    )
  })

  test('a family that comes from two sources is a bug', async () => {
    const exposition = new Exposition()
    exposition.add(() => [gauge('a', 'A.', 1)])
    exposition.add(() => [gauge('a', 'A.', 2)])

    await expect(exposition.scrape()).rejects.toThrow('the family a comes from two sources')
  })

  test('all who scrape at once share one collection', async () => {
    let collected = 0
    const exposition = new Exposition()
    exposition.add(async () => {
      collected += 1
      return [gauge('a', 'A.', collected)]
    })

    const scrapes = await Promise.all([exposition.scrape(), exposition.scrape()])
    const later = await exposition.scrape()

    expect(scrapes[0]).toBe(scrapes[1])
    expect(later).toContain('a 2')
  })

  test('a collection that fails is not the last one', async () => {
    let isBroken = true
    const exposition = new Exposition()
    exposition.add(() => {
      if (isBroken) throw new Error('broken')
      return [gauge('a', 'A.', 1)]
    })
    await expect(exposition.scrape()).rejects.toThrow('broken')

    isBroken = false

    expect(await exposition.scrape()).toContain('a 1')
  })
})

describe('the text format', () => {
  test.each([
    { why: 'it would end the value', text: 'a"b', written: '"a\\"b"' },
    { why: 'it would escape what follows', text: 'a\\b', written: '"a\\\\b"' },
    { why: 'it would end the line', text: 'a\nb', written: '"a\\nb"' },
    { why: 'every other character stands for itself', text: '/a{b}=é', written: '"/a{b}=é"' },
  ])('writes the label $text as $written: $why', ({ text, written }) => {
    expect(
      formatFamily(gauge('a', 'A.', [[{ l: text }, 1]]))
        .split('\n')
        .at(-1),
    ).toBe(`a{l=${written}} 1`)
  })

  test.each([
    { why: 'a plain number', value: 0.25, written: '0.25' },
    { why: 'many digits are an exponent, as Go reads it', value: 1e21, written: '1e+21' },
    { why: 'more than can be said', value: Number.POSITIVE_INFINITY, written: '+Inf' },
    { why: 'less than can be said', value: Number.NEGATIVE_INFINITY, written: '-Inf' },
    { why: 'no number', value: Number.NaN, written: 'NaN' },
  ])('writes the value $value as $written: $why', ({ value, written }) => {
    expect(
      formatFamily(gauge('a', 'A.', value))
        .split('\n')
        .at(-1),
    ).toBe(`a ${written}`)
  })

  test('writes help in one line, and leaves quotes in it alone', () => {
    const [help] = formatFamily(gauge('a', 'One\n"two" \\ three.', null)).split('\n')

    expect(help).toBe('# HELP a One\\n"two" \\\\ three.')
  })
})
