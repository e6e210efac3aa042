/** Tokens, passwords, credentials, buckets: the parts of authentication, each alone. */
import { stat } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readCredentials } from '../../src/auth/credentials.ts'
import { FailureBuckets } from '../../src/auth/failure-buckets.ts'
import { LoginFailureLog } from '../../src/auth/login-failures.ts'
import { hashPassword, PASSWORD_COST, passwordFingerprint, verifyPassword } from '../../src/auth/password.ts'
import { PasswordChecker } from '../../src/auth/password-checker.ts'
import { createToken, hashToken, idOfToken } from '../../src/auth/token.ts'
import { isKeyId, isPasswordHash, isSecretHash, type User } from '../../src/ipam/access.ts'
import type { LoginFailures } from '../../src/ipam/access-command.ts'
import { CHEAP } from '../http/fixture.ts'
import { ManualClock } from '../state/harness.ts'

describe('a token', () => {
  test('says which key it is of, and is told from others by a hash', () => {
    const [one, other] = [createToken(), createToken()]

    expect(one.token).toMatch(/^ipam_[a-z0-9]{16}_[A-Za-z0-9_-]{43}$/)
    expect(isKeyId(one.id) && isSecretHash(one.secretHash)).toBe(true)
    expect(idOfToken(one.token)).toBe(one.id)
    expect(hashToken(one.token)).toBe(one.secretHash)
    expect(other.id === one.id || other.token === one.token).toBe(false)
  })

  test.each(['', 'ipam_', 'ipam_aaaaaaaaaaaaaaaa_', `ipam_aaaaaaaaaaaaaaaa_${'s'.repeat(44)}`, 'hunter2'])(
    '"%s" is none',
    (text) => {
      expect(idOfToken(text)).toBeNull()
    },
  )
})

const CHEAP_HASH = hashPassword('correct horse', CHEAP)

describe('a password', () => {
  test('is kept as a hash with a salt, which only it fits', async () => {
    const [hash, again] = [
      await hashPassword('correct horse', CHEAP),
      await hashPassword('correct horse', CHEAP),
    ]

    expect(isPasswordHash(hash)).toBe(true)
    expect(hash).not.toBe(again)
    expect(await verifyPassword('correct horse', hash)).toBe(true)
    expect(await verifyPassword('correct horsf', hash)).toBe(false)
  })

  test('costs what OWASP advises, unless told otherwise', async () => {
    expect(await hashPassword('correct horse')).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/)
    expect(PASSWORD_COST).toEqual({ ln: 15, p: 3 })
  })

  test.each([
    { why: 'set', hash: () => hashPassword('correct horse', CHEAP) },
    { why: 'checked', hash: async () => verifyPassword('correct horse', await CHEAP_HASH) },
    { why: 'compared', hash: () => passwordFingerprint('correct horse', { purpose: 'alice', cost: CHEAP }) },
  ])('that is $why leaves the event loop to others meanwhile', async ({ hash }) => {
    await CHEAP_HASH
    const order: string[] = []
    // Goes on where the loop takes results of other threads: one of a thread that starts now comes after the next immediates.
    await stat('.')

    const hashed = hash().then(() => order.push('hash'))
    setImmediate(() => order.push('others'))
    await hashed

    expect(order).toEqual(['others', 'hash'])
  })

  test('is the same however its characters were typed', async () => {
    expect(await verifyPassword('Bu\u0308ro-2024', await hashPassword('B\u00fcro-2024', CHEAP))).toBe(true)
  })

  test('has a fingerprint that depends on it and on the user', async () => {
    const prints = await Promise.all([
      passwordFingerprint('secret-1', { purpose: 'alice', cost: CHEAP }),
      passwordFingerprint('secret-1', { purpose: 'alice', cost: CHEAP }),
      passwordFingerprint('secret-2', { purpose: 'alice', cost: CHEAP }),
      passwordFingerprint('secret-1', { purpose: 'bob', cost: CHEAP }),
    ])

    expect(prints[0]).toBe(prints[1])
    expect(new Set(prints).size).toBe(3)
  })
})

test.each([
  { authorization: null, apiKey: null, type: 'none', why: 'nothing is said' },
  { authorization: null, apiKey: ' abc ', type: 'token', why: 'of the header for it' },
  { authorization: 'Bearer abc', apiKey: null, type: 'token', why: 'of RFC 6750' },
  { authorization: 'bearer  abc', apiKey: null, type: 'token', why: 'schemes have no case' },
  {
    authorization: `Basic ${btoa('a:b:c')}`,
    apiKey: null,
    type: 'password',
    why: 'the first colon parts them',
  },
  { authorization: `Basic ${btoa('ab')}`, apiKey: null, type: 'senseless', why: 'there is no colon' },
  { authorization: 'Basic !!', apiKey: null, type: 'senseless', why: 'it is no Base64' },
  { authorization: `Basic ${btoa('\xff:a')}`, apiKey: null, type: 'senseless', why: 'it is no UTF-8' },
  { authorization: 'Digest abc', apiKey: null, type: 'senseless', why: 'the scheme is none of ours' },
  { authorization: '', apiKey: null, type: 'senseless', why: 'it is empty' },
  { authorization: 'Bearer abc', apiKey: 'def', type: 'senseless', why: 'they may be of two' },
])('$authorization and $apiKey: $type, since $why', ({ authorization, apiKey, type }) => {
  const credentials = readCredentials(authorization, apiKey)

  expect(credentials.type).toBe(type)
  if (credentials.type === 'token') expect(credentials.token).toBe('abc')
  if (credentials.type === 'password') expect(credentials).toMatchObject({ name: 'a', password: 'b:c' })
})

describe('failed log-ins', () => {
  test('are as many as the bucket has tokens, then one each time it gets another', () => {
    let ms = 0
    const limits = { burst: 3, refillMs: 1_000, bucketsMax: 10 }
    const buckets = new FailureBuckets({ now: () => ms, limits })

    expect([1, 2, 3, 4].map(() => buckets.take('a'))).toEqual([0, 0, 0, 1_000])
    expect(buckets.take('b')).toBe(0)
    ms += 400
    expect(buckets.take('a')).toBe(600)
    ms += 600
    expect([buckets.take('a'), buckets.take('a')]).toEqual([0, 1_000])
    buckets.giveBack('a')
    expect([buckets.take('a'), buckets.take('a')]).toEqual([0, 1_000])
    ms += 1e6
    expect([1, 2, 3, 4].map(() => buckets.take('a'))).toEqual([0, 0, 0, 1_000])
  })

  test('are remembered of a bounded number of names', () => {
    const limits = { burst: 1, refillMs: 1_000, bucketsMax: 100 }
    const buckets = new FailureBuckets({ now: () => 0, limits })

    for (let i = 0; i < 1_000; i++) buckets.take(`name-${i}`)

    expect(buckets.size).toBe(100)
    expect(buckets.take('name-999')).toBeGreaterThan(0)
    expect(buckets.take('name-0')).toBe(0)
  })

  test('of the name that somebody goes on guessing at are not the first to be forgotten', () => {
    const limits = { burst: 1, refillMs: 1_000, bucketsMax: 100 }
    const buckets = new FailureBuckets({ now: () => 0, limits })

    for (let i = 0; i < 1_000; i++) {
      buckets.take('admin')
      buckets.take(`name-${i}`)
    }

    expect(buckets.take('admin')).toBe(1_000)
  })

  test('reach the audit log counted, twenty rows at most, and no sooner than the pace allows', () => {
    const clock = new PacedClock()
    const told: (readonly LoginFailures[])[] = []
    const log = new LoginFailureLog({
      clock,
      report: async ({ failures }) => void told.push(failures),
    })

    log.note('alice', '10.0.0.1')
    log.note('alice', '10.0.0.1')
    clock.runTimers()
    for (let i = 0; i < 1_000; i++) log.note(null, `10.0.${i >> 8}.${i & 255}`)
    clock.runTimers()
    log.note('alice', '10.0.0.1')
    clock.runTimers()

    expect(told[0]).toEqual([{ user: 'alice', address: '10.0.0.1', count: 2 }])
    expect(told[1]).toHaveLength(20)
    expect(told[1]?.at(-1)).toEqual({ user: null, address: null, count: 981 })
    expect(told[2]).toEqual([{ user: 'alice', address: '10.0.0.1', count: 1 }])
    expect(clock.delays).toEqual([100, 15_000, 15_000])
    expect(log.total).toBe(1_003)
  })
})

class PacedClock extends ManualClock {
  readonly delays: number[] = []

  override setTimer(delayMs: number, callback: () => void): () => void {
    this.delays.push(delayMs)
    return super.setTimer(delayMs, callback)
  }
}

describe('checking passwords', () => {
  async function alice(changedIndex = 1): Promise<User> {
    const passwordHash = await hashPassword('correct horse', CHEAP)
    return { name: 'alice', role: 'viewer', passwordHash, createdAt: 0, updatedAt: 0, changedIndex }
  }

  test('what was right is known for a while, to no other user, password, or version of the user', async () => {
    let ms = 0
    const checker = new PasswordChecker({ now: () => ms, limits: { knownMs: 1_000 } })
    const user = await alice()
    expect(checker.isKnown(user, 'correct horse')).toBe(false)

    expect(await checker.check(user, 'correct horse')).toBe(true)

    expect(checker.isKnown(user, 'correct horse')).toBe(true)
    expect(checker.isKnown(user, 'correct horsf')).toBe(false)
    expect(checker.isKnown({ ...user, name: 'bob' }, 'correct horse')).toBe(false)
    expect(checker.isKnown({ ...user, changedIndex: 2 }, 'correct horse')).toBe(false)
    ms = 1_000
    expect(checker.isKnown(user, 'correct horse')).toBe(false)
  })

  test('what was wrong is never known', async () => {
    const checker = new PasswordChecker({ now: () => 0 })
    const user = await alice()

    expect(await checker.check(user, 'wrong')).toBe(false)

    expect(checker.isKnown(user, 'wrong')).toBe(false)
    expect(checker.figures.known).toBe(0)
  })

  test('a name that nobody has is checked as well, and is never right', async () => {
    const checker = new PasswordChecker({ now: () => 0 })
    expect(await checker.check(null, 'correct horse')).toBe(false)
  })

  test('two at a time, some wait, and more are turned away', async () => {
    const checker = new PasswordChecker({ now: () => 0, limits: { checksMax: 2, waitingMax: 3 } })
    const user = await alice()

    const checks = Array.from({ length: 6 }, (_, i) => checker.check(user, `guess ${i}`).catch(String))
    const same = checker.check(user, 'guess 0')

    expect(checker.figures).toEqual({ checks: 2, waiting: 3, known: 0 })
    expect(await Promise.all([...checks, same])).toEqual([
      ...Array.from({ length: 5 }, () => false),
      'AuthError: too many passwords are to be checked at once; try again, or use an API key',
      false,
    ])
    expect(checker.figures).toEqual({ checks: 0, waiting: 0, known: 0 })
  })

  test('what is known is bounded', async () => {
    const checker = new PasswordChecker({ now: () => 0, limits: { knownMax: 2 } })
    const user = await alice()

    for (const changedIndex of [1, 2, 3]) await checker.check({ ...user, changedIndex }, 'correct horse')

    const known = [1, 2, 3].map((changedIndex) => checker.isKnown({ ...user, changedIndex }, 'correct horse'))
    expect(known).toEqual([false, true, true])
  })
})
