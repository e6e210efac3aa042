/** How many answers are kept under idempotency keys, and which are forgotten. */
import { describe, expect, test } from 'vitest'
import { ANSWER_LIMITS } from '../../src/ipam/idempotency.ts'
import { accept } from '../../src/ipam/refuse.ts'
import { AnswerAges, IdempotencyRows } from '../../src/state/idempotency-rows.ts'
import { Overlay } from '../../src/state/overlay.ts'
import { NOTHING_APPLIED } from '../../src/state/row-codec.ts'
import { StagedRows } from '../../src/state/staged-rows.ts'
import { START } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const { keptMs: KEPT_MS, keysMax: KEYS_MAX, bytesMax: BYTES_MAX } = ANSWER_LIMITS

interface Answers {
  readonly ages: AnswerAges
  keep(index: number, key: string, time?: number): void
  isKept(key: string): boolean
}

async function openAnswers(): Promise<Answers> {
  const database = await new MemoryStorage().open()
  const ages = new AnswerAges()
  const rows = new StagedRows({ database, overlay: new Overlay(NOTHING_APPLIED) })
  const answers = new IdempotencyRows({ rows, ages, limits: ANSWER_LIMITS })
  return {
    ages,
    keep: (index, keyDigest, time = START) => {
      answers.beginEntry(index)
      answers.keepAnswer({ keyDigest, fingerprint: 'f', outcome: accept(null), time })
    },
    isKept: (key) => answers.answer(key) !== null,
  }
}

describe('an answer under an idempotency key', () => {
  test.each([
    { elapsedMs: 0, isKept: true },
    { elapsedMs: KEPT_MS - 1, isKept: true },
    { elapsedMs: KEPT_MS, isKept: false },
  ])('is kept when another comes after $elapsedMs ms of log time: $isKept', async ({ elapsedMs, isKept }) => {
    const answers = await openAnswers()
    answers.keep(1, 'first')

    answers.keep(2, 'second', START + elapsedMs)

    expect([answers.isKept('first'), answers.isKept('second')]).toEqual([isKept, true])
    expect(answers.ages.size).toBe(isKept ? 2 : 1)
  })

  test.each([
    { keyCount: KEYS_MAX - 1, isKept: true },
    { keyCount: KEYS_MAX, isKept: false },
  ])(
    'is forgotten early when there are $keyCount and another comes: the oldest goes',
    async ({ keyCount, isKept }) => {
      const answers = await openAnswers()
      answers.keep(1, 'first')
      answers.keep(2, 'second')
      for (let index = 3; index <= keyCount; index++) answers.ages.add(index, 0)

      answers.keep(keyCount + 1, 'last')

      expect(['first', 'second', 'last'].map(answers.isKept)).toEqual([isKept, true, true])
      expect(answers.ages.size).toBe(KEYS_MAX)
    },
  )

  test.each([
    { leftBytes: 1, isKept: true },
    { leftBytes: 0, isKept: false },
  ])(
    'is forgotten early when $leftBytes bytes are left, and another comes',
    async ({ leftBytes, isKept }) => {
      const answers = await openAnswers()
      const { ages } = answers
      answers.keep(1, 'first')
      const bytes = ages.totalBytes
      answers.keep(2, 'second')
      ages.add(3, BYTES_MAX - ages.totalBytes - leftBytes)

      answers.keep(4, 'last')

      expect(['first', 'second', 'last'].map(answers.isKept)).toEqual([isKept, true, true])
      // All are of one size.
      expect(ages.totalBytes).toBe(BYTES_MAX - leftBytes + (isKept ? bytes : 0))
    },
  )
})

test('answers age in the order of the log, however many have come and gone', () => {
  const ages = new AnswerAges()
  for (let index = 1; index <= 5_000; index++) ages.add(index, 2)

  const gone: (number | null)[] = []
  for (; ages.oldest !== null; ages.removeOldest(2)) {
    gone.push(ages.oldest)
    if (gone.length % 5 === 0) ages.add(5_000 + gone.length / 5, 2)
    if (gone.length > 10_000) break
  }

  expect(gone).toEqual(Array.from({ length: gone.length }, (_, i) => i + 1))
  expect(gone.length).toBeGreaterThan(6_000)
  expect([ages.size, ages.totalBytes]).toEqual([0, 0])
})
