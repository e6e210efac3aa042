import { describe, expect, test } from 'vitest'
import {
  ClosedError,
  CommandTooLargeError,
  DiskLowError,
  IndexNotReachedError,
  MembershipRefusedError,
  NotLeaderError,
  OverloadedError,
  ProposalDroppedError,
  ProposalUncertainError,
  RaftError,
  ReadTimeoutError,
  StateDivergedError,
} from '../../raft/errors.ts'
import { formatProblem, invalidRequest, toProblem } from '../../src/http/problem.ts'
import { IpamError, type RefusalReason } from '../../src/ipam/outcome.ts'
import { InvalidCursorError } from '../../src/ipam/query.ts'

class NewRaftError extends RaftError {
  override readonly name = 'NewRaftError'
  readonly code = 'RAFT_NEW'
  readonly applied = 'unknown'
}

describe('what the cluster cannot do now (api.md, Conventions)', () => {
  test.each([
    { error: new NotLeaderError(null), status: 503, reason: 'no_leader', applied: 'no', retryAfterS: 1 },
    {
      error: new ProposalUncertainError('the connection is gone'),
      status: 504,
      reason: 'outcome_unknown',
      applied: 'unknown',
      retryAfterS: null,
    },
    {
      error: new ProposalDroppedError('replaced'),
      status: 503,
      reason: 'proposal_dropped',
      applied: 'no',
      retryAfterS: 1,
    },
    {
      error: new OverloadedError('64 MiB are waiting'),
      status: 429,
      reason: 'overloaded',
      applied: 'no',
      retryAfterS: 1,
    },
    {
      error: new ReadTimeoutError('no quorum'),
      status: 503,
      reason: 'read_timeout',
      applied: 'no',
      retryAfterS: 1,
    },
    {
      error: new IndexNotReachedError(9, 7),
      status: 503,
      reason: 'index_not_reached',
      applied: 'no',
      retryAfterS: 1,
    },
    {
      error: new CommandTooLargeError('2 MiB'),
      status: 413,
      reason: 'command_too_large',
      applied: 'no',
      retryAfterS: null,
    },
    {
      error: new MembershipRefusedError('change_in_flight', 'node 4 is being added'),
      status: 409,
      reason: 'change_in_flight',
      applied: 'no',
      retryAfterS: null,
    },
    {
      error: new StateDivergedError(2_048),
      status: 503,
      reason: 'state_diverged',
      applied: 'no',
      retryAfterS: null,
    },
    { error: new ClosedError(), status: 503, reason: 'shutting_down', applied: 'no', retryAfterS: 1 },
    {
      error: new NewRaftError('later'),
      status: 503,
      reason: 'unavailable',
      applied: 'unknown',
      retryAfterS: 1,
    },
  ])('$error.name is $status $reason, applied: $applied', ({ error, ...expected }) => {
    expect(toProblem(error)).toMatchObject({ ...expected, message: error.message, details: [] })
  })
})

test('without room on a quorum of disks, it says what still works and what to do', () => {
  const { status, body, headers } = formatProblem(toProblem(new DiskLowError('nodes 1, 2 are low on disk')), {
    requestId: 'r-1',
    isRfc9457: false,
  })

  expect(status).toBe(507)
  expect(headers['Retry-After']).toBe('10')
  expect(JSON.parse(body ?? '')).toMatchObject({ code: 507, reason: 'disk_low', applied: 'no' })
  expect(JSON.parse(body ?? '').error).toMatch(
    /^nodes 1, 2 are low on disk; reads, releases, deletes .* still work\. Free space /,
  )
})

describe('what the state refuses', () => {
  const statuses: Record<RefusalReason, number> = {
    network_not_found: 404,
    network_exists: 409,
    network_has_allocations: 409,
    network_exhausted: 409,
    addresses_in_use: 409,
    no_free_block: 409,
    allocation_not_found: 404,
    allocation_ended: 409,
    address_not_in_network: 400,
    address_taken: 409,
    address_reserved: 409,
    address_cooling: 409,
    address_not_usable: 409,
    precondition_failed: 412,
    invalid_value: 400,
    batch_refused: 409,
    idempotency_key_reused: 422,
    id_in_use: 409,
    unsupported_command: 503,
    out_of_scope: 403,
    user_not_found: 404,
    user_exists: 409,
    too_many_users: 409,
    last_admin: 409,
    already_initialized: 409,
    key_not_found: 404,
    too_many_keys: 409,
  }

  test.each(Object.entries(statuses))('%s is %i', (reason, status) => {
    const details = [{ field: 'ip', message: 'because' }]
    const error = new IpamError(
      { reason: reason as RefusalReason, message: 'because', details },
      { isReplay: false },
    )

    // Of invalid input nobody asks whether it was applied.
    const applied = status === 400 ? null : 'no'
    expect(toProblem(error)).toMatchObject({
      status,
      reason,
      message: 'because',
      details,
      applied,
      headers: {},
    })
  })

  test('the answer of an earlier request with the same key is marked as that', () => {
    const error = new IpamError(
      { reason: 'network_exhausted', message: 'because', details: [] },
      { isReplay: true },
    )

    expect(toProblem(error).headers).toEqual({ 'Idempotency-Replayed': 'true' })
  })

  test('a cursor of another list is invalid input', () => {
    expect(toProblem(new InvalidCursorError('the cursor is foreign'))).toMatchObject({
      status: 400,
      reason: 'invalid_cursor',
      details: [{ field: 'cursor' }],
      applied: null,
    })
  })

  test('anything else is our own bug, whose text stays in the log', () => {
    const problem = toProblem(new TypeError('secret is not a function'))

    expect(problem).toMatchObject({ status: 500, reason: 'internal_error', applied: 'unknown' })
    expect(JSON.stringify(problem)).not.toContain('secret')
  })
})

describe('the body of an error', () => {
  const error = invalidRequest([
    { field: 'cidr', message: 'is required' },
    { field: 'tags', message: 'must be a list' },
  ])

  test('is the documented one, with details for invalid input', () => {
    const { status, body, headers } = formatProblem(toProblem(error), { requestId: 'r-1', isRfc9457: false })

    expect(status).toBe(400)
    expect(headers['Content-Type']).toBe('application/json')
    expect(JSON.parse(body ?? '')).toEqual({
      error: 'cidr: is required; tags: must be a list',
      code: 400,
      reason: 'invalid_request',
      request_id: 'r-1',
      details: [
        { field: 'cidr', message: 'is required' },
        { field: 'tags', message: 'must be a list' },
      ],
    })
  })

  test('is a problem document for whoever asks for one (RFC 9457)', () => {
    const { body, headers } = formatProblem(toProblem(new NotLeaderError(2)), {
      requestId: 'r-1',
      isRfc9457: true,
    })

    expect(headers).toMatchObject({ 'Content-Type': 'application/problem+json', 'Retry-After': '1' })
    expect(JSON.parse(body ?? '')).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'the leader is node 2',
      code: 503,
      reason: 'no_leader',
      request_id: 'r-1',
      applied: 'no',
    })
  })
})
