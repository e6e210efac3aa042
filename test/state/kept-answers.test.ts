/** How many answers are kept under idempotency keys, and which are forgotten. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ANSWER_LIMITS } from '../../src/ipam/idempotency.ts'
import { accept } from '../../src/ipam/refuse.ts'
import { AnswerTable } from '../../src/state/answer-table.ts'
import { IdempotencyRows } from '../../src/state/idempotency-rows.ts'
import { Overlay } from '../../src/state/overlay.ts'
import { NOTHING_APPLIED } from '../../src/state/row-codec.ts'
import { StagedRows } from '../../src/state/staged-rows.ts'
import { START } from './harness.ts'
import { MemoryStorage } from './memory-storage.ts'

const { keptMs: KEPT_MS, keysMax: KEYS_MAX, bytesMax: BYTES_MAX } = ANSWER_LIMITS

interface Answers {
  readonly table: AnswerTable
  keep(index: number, key: string, time?: number): void
  isKept(key: string): boolean
}

async function openAnswers(): Promise<Answers> {
  const database = await new MemoryStorage().open()
  const table = new AnswerTable()
  const rows = new StagedRows({ database, overlay: new Overlay(NOTHING_APPLIED) })
  const answers = new IdempotencyRows({ rows, answers: table, limits: ANSWER_LIMITS })
  return {
    table,
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
    expect(answers.table.size).toBe(isKept ? 2 : 1)
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
      for (let index = 3; index <= keyCount; index++)
        answers.table.add(`filler ${index}`, { index, time: START, bytes: 0 })

      answers.keep(keyCount + 1, 'last')

      expect(['first', 'second', 'last'].map(answers.isKept)).toEqual([isKept, true, true])
      expect(answers.table.size).toBe(KEYS_MAX)
    },
  )

  test.each([
    { leftBytes: 1, isKept: true },
    { leftBytes: 0, isKept: false },
  ])(
    'is forgotten early when $leftBytes bytes are left, and another comes',
    async ({ leftBytes, isKept }) => {
      const answers = await openAnswers()
      const { table } = answers
      answers.keep(1, 'first')
      const firstBytes = table.totalBytes
      answers.keep(2, 'second')
      table.add('filler', { index: 3, time: START, bytes: BYTES_MAX - table.totalBytes - leftBytes })

      answers.keep(4, 'last')

      expect(['first', 'second', 'last'].map(answers.isKept)).toEqual([isKept, true, true])
      const lastBytes = firstBytes - 'first'.length + 'last'.length
      expect(table.totalBytes).toBe(BYTES_MAX - leftBytes + lastBytes - (isKept ? 0 : firstBytes))
    },
  )
})

/** What the table is to be, slowly. */
class ObviousTable {
  readonly kept: { key: string; index: number; time: number; bytes: number }[] = []

  indexesOf(key: string): number[] {
    return this.kept.filter((answer) => answer.key === key).map(({ index }) => index)
  }
}

test('the table finds each answer that is kept, and none that is gone, however many have come and gone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ adds: fc.nat(900), removes: fc.nat(900) }), { maxLength: 12 }),
      (rounds) => {
        const table = new AnswerTable()
        const obvious = new ObviousTable()
        let index = 0
        for (const { adds, removes } of rounds) {
          for (let i = 0; i < adds; i++) {
            index += 1 + (index % 3)
            const answer = { key: `key ${index % 1_500}`, index, time: START + index, bytes: index % 7 }
            table.add(answer.key, answer)
            obvious.kept.push(answer)
          }
          for (let i = 0; i < removes && table.size > 0; i++) {
            table.removeOldest()
            obvious.kept.shift()
          }
          const { key: _, ...oldest } = obvious.kept[0] ?? { key: '' }
          expect(table.oldest).toEqual(obvious.kept.length === 0 ? null : oldest)
          expect(table.size).toBe(obvious.kept.length)
          expect(table.totalBytes).toBe(obvious.kept.reduce((sum, { bytes }) => sum + bytes, 0))
          for (let n = 0; n < 1_500; n += 31) {
            expect([...table.indexesOf(`key ${n}`)].sort()).toEqual(obvious.indexesOf(`key ${n}`).sort())
          }
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('keys of one hash are told apart by their rows', async () => {
  const answers = await openAnswers()
  // Found by trying: FNV-1a of 32 bits is the same for both.
  const [one, other] = ['COSTARRING', 'LIQUID'].map((text) => text.toLowerCase()) as [string, string]
  answers.keep(1, one)

  expect(answers.table.indexesOf(other)).toEqual([1])
  expect([answers.isKept(one), answers.isKept(other)]).toEqual([true, false])
})
