import { z } from 'zod'
import { ADDRESS_HISTORY_MAX } from '../../../ipam/query.ts'
import { AddressParams } from '../../addresses.ts'
import { AllocateBody, RenewBody, UpdateAllocationBody } from '../../allocation-body.ts'
import { AllocationListParams, BatchBody, ReleaseBody } from '../../allocations.ts'
import { id, ip } from '../../fields.ts'
import { NO_PARAMS, ReadParams } from '../../params.ts'
import { Address, Allocation } from '../../shapes.ts'
import { ALLOCATION, MEMBERS, NETWORK } from '../examples.ts'
import { DONE, jsonAnswer, jsonBody, NO_EXAMPLE, type Operation, READ, WRITE } from '../operation.ts'

const PARAMS = { id: id.meta({ description: 'Id of the allocation.' }) }
const OWN = { params: { id: ALLOCATION.id } }
const tag = 'Allocations'

export const ALLOCATION_OPERATIONS: readonly Operation[] = [
  {
    ...READ,
    id: 'listAllocations',
    path: '/api/v1/allocations',
    tag,
    summary: 'List allocations',
    description:
      'Active ones, unless all or status says otherwise. In the order of network and address (of age with all=true, unless there is a network_id or namespace), of creation with hostname, of what was found with q and tag, and of expiry with expires_before.',
    query: AllocationListParams,
    success: jsonAnswer(200, z.array(Allocation), 'A page of them.', ['Link', 'X-Total-Count']),
    reasons: ['invalid_cursor'],
    example: { ...NO_EXAMPLE, query: { hostname: 'web', limit: 10 }, answer: [ALLOCATION] },
  },
  {
    ...WRITE,
    id: 'allocate',
    method: 'POST',
    path: '/api/v1/allocations',
    tag,
    summary: 'Allocate an address',
    description:
      'Or a contiguous range. The address is chosen when the request has its place in the log, so that nobody else gets it.',
    query: NO_PARAMS,
    body: jsonBody(AllocateBody),
    success: jsonAnswer(201, Allocation, 'Allocated.', ['ETag', 'Location']),
    reasons: [
      'network_not_found',
      'network_exhausted',
      'address_not_in_network',
      'address_taken',
      'address_reserved',
      'address_cooling',
      'address_not_usable',
      'invalid_value',
    ],
    example: {
      ...NO_EXAMPLE,
      body: {
        network_id: NETWORK.id,
        hostname: ALLOCATION.hostname,
        description: ALLOCATION.description,
        mac: '0000.5E00.5301',
        tags: ['web'],
        ttl_hours: 24,
      },
      answer: ALLOCATION,
    },
  },
  {
    ...WRITE,
    id: 'allocateBatch',
    method: 'POST',
    path: '/api/v1/allocations/batch',
    tag,
    summary: 'Allocate many, all or none',
    description: 'One step of the log. When one cannot be had, details name it: items[3].',
    query: NO_PARAMS,
    body: jsonBody(BatchBody),
    success: jsonAnswer(201, z.array(Allocation), 'Allocated, in the order of the items.'),
    reasons: ['batch_refused', 'invalid_value'],
    example: {
      ...NO_EXAMPLE,
      body: { items: MEMBERS.map(({ hostname }) => ({ network_id: NETWORK.id, hostname })) },
      answer: MEMBERS,
    },
  },
  {
    ...READ,
    id: 'getAllocation',
    path: '/api/v1/allocations/:id',
    tag,
    summary: 'Read an allocation',
    description: 'Also one that has ended. With its ETag.',
    params: PARAMS,
    query: ReadParams,
    success: jsonAnswer(200, Allocation, 'The allocation.', ['ETag']),
    reasons: ['allocation_not_found'],
    example: { ...NO_EXAMPLE, ...OWN, answer: ALLOCATION },
  },
  {
    ...WRITE,
    id: 'updateAllocation',
    method: 'PATCH',
    path: '/api/v1/allocations/:id',
    tag,
    summary: 'Change an allocation',
    description: 'What is left out stays; metadata is merged, key by key.',
    params: PARAMS,
    query: NO_PARAMS,
    body: jsonBody(UpdateAllocationBody),
    success: jsonAnswer(200, Allocation, 'The allocation as it is now.', ['ETag']),
    reasons: ['allocation_not_found', 'invalid_value'],
    hasPrecondition: true,
    example: {
      ...NO_EXAMPLE,
      ...OWN,
      body: { hostname: 'web-02.example.com' },
      answer: { ...ALLOCATION, hostname: 'web-02.example.com' },
    },
  },
  {
    ...WRITE,
    id: 'renewAllocation',
    method: 'POST',
    path: '/api/v1/allocations/:id/renew',
    tag,
    summary: 'Renew an allocation',
    description: 'It lasts this long from now on; null for no expiry.',
    params: PARAMS,
    query: NO_PARAMS,
    body: jsonBody(RenewBody),
    success: jsonAnswer(200, Allocation, 'The allocation as it is now.', ['ETag']),
    reasons: ['allocation_not_found', 'allocation_ended'],
    hasPrecondition: true,
    example: {
      ...NO_EXAMPLE,
      ...OWN,
      body: { ttl_hours: 48 },
      answer: { ...ALLOCATION, hostname: 'web-02.example.com', expires_at: '2024-01-17T10:30:00Z' },
    },
  },
  {
    ...WRITE,
    id: 'releaseAllocation',
    method: 'POST',
    path: '/api/v1/allocations/:id/release',
    tag,
    summary: 'Release an allocation',
    description:
      'This allocation, as a whole, and never whoever has the address by now. Done too when it had ended before.',
    params: PARAMS,
    query: NO_PARAMS,
    body: jsonBody(ReleaseBody, { isRequired: false }),
    success: DONE,
    reasons: ['allocation_not_found'],
    hasPrecondition: true,
    example: { ...NO_EXAMPLE, ...OWN },
  },
  {
    ...READ,
    id: 'getAddress',
    path: '/api/v1/addresses/:ip',
    tag: 'Addresses',
    summary: 'Look up an address',
    description: `The networks around it, who has it, what reserves it, until when it rests, and the last ${ADDRESS_HISTORY_MAX} who had it; with at, who had it then.`,
    params: { ip },
    query: AddressParams,
    success: jsonAnswer(200, Address, 'What is known about it.'),
    example: {
      ...NO_EXAMPLE,
      params: { ip: ALLOCATION.ip },
      answer: {
        ip: ALLOCATION.ip,
        namespace: 'default',
        state: 'allocated',
        cooling_until: null,
        reserved_by: null,
        networks: [NETWORK],
        allocation: ALLOCATION,
        history: [ALLOCATION],
      },
    },
  },
]
