/** Users, keys and members in audit rows. */
import { describe, expect, test } from 'vitest'
import type { AuditAction, AuditEntry, TaggedRecord } from '../../src/ipam/records.ts'
import { CorruptStateError } from '../../src/state/errors.ts'
import { positionOf } from '../../src/state/key-encoding.ts'
import { decodeAudit, encodeAudit } from '../../src/state/record-codec.ts'
import { START } from './harness.ts'

const USER: TaggedRecord = {
  kind: 'user',
  name: 'eve',
  role: 'viewer',
  createdAt: START,
  updatedAt: START,
  changedIndex: 7,
}
const KEY: TaggedRecord = {
  kind: 'key',
  id: 'abcdefghijklmnop',
  description: 'robots',
  role: 'operator',
  scope: { networks: ['net-1'], tags: ['lab'] },
  createdBy: 'alice',
  createdAt: START,
  expiresAt: null,
  changedIndex: 7,
}
const MEMBER: TaggedRecord = {
  kind: 'member',
  nodeId: 4,
  addr: 'host-4:5000',
  voter: false,
  isRolledBack: false,
}

function rowOf(action: AuditAction, records: Pick<AuditEntry, 'before' | 'after'>): AuditEntry {
  const about = { action, resource: 'it', details: 'done', user: 'alice', requestId: null }
  return { index: 7, sequence: 0, timestamp: START, ...about, ...records }
}

/** What comes before the record after: time, action, resource, details, user, no request, no record before. */
const HEAD = '98cb4278bcfe568000000ea26974a4646f6e65a5616c696365c0c0'

describe('an audit row', () => {
  test.each([
    {
      what: 'a user',
      record: USER,
      bytes: 'de0001a47573657295a365766500cb4278bcfe56800000cb4278bcfe5680000007',
    },
    {
      what: 'a key',
      record: KEY,
      bytes:
        'de0001a36b657998b06162636465666768696a6b6c6d6e6f70a6726f626f7473019291a56e65742d3191a36c6162a5616c696365cb4278bcfe56800000c007',
    },
    { what: 'a member', record: MEMBER, bytes: 'de0001a66d656d6265729404ab686f73742d343a35303030c2c2' },
  ])('has $what as these bytes; another form is another FORMAT', ({ record, bytes }) => {
    const row = rowOf('user_created', { before: null, after: record })

    const encoded = encodeAudit(row)

    expect(encoded.toString('hex')).toBe(`${HEAD}${bytes}`)
    expect(decodeAudit(positionOf(7, 0), encoded)).toEqual(row)
  })

  test.each([
    { what: 'a user', before: USER, after: { ...USER, role: 'admin' as const, changedIndex: 9 } },
    { what: 'a user that stays as it is', before: USER, after: USER },
    { what: 'a user that goes', before: USER, after: null },
    { what: 'a key for everything', before: { ...KEY, scope: null, expiresAt: START }, after: null },
    { what: 'a member', before: MEMBER, after: { ...MEMBER, voter: true } },
    { what: 'a member with an old disk', before: MEMBER, after: { ...MEMBER, isRolledBack: true } },
  ])('gives back $what, before and after', ({ before, after }) => {
    const row = rowOf('user_updated', { before, after })

    expect(decodeAudit(positionOf(7, 0), encodeAudit(row))).toEqual(row)
  })

  test('with a role that nobody has is damaged', () => {
    const row = rowOf('user_created', { before: null, after: { ...USER, role: 'owner' as 'admin' } })

    const encoded = encodeAudit(row)

    expect(() => decodeAudit(positionOf(7, 0), encoded)).toThrow(CorruptStateError)
  })
})
