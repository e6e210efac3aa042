import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import { SCOPED_OPERATOR, SCOPED_VIEWER } from './access.ts'
import {
  AllocateBody,
  allocationBody,
  allocationChanges,
  allocationRequest,
  RenewBody,
  renewedTtlMs,
  UpdateAllocationBody,
} from './allocation-body.ts'
import { ALLOCATION_FILTER_PARAMS, toAllocationFilter } from './allocation-filter.ts'
import { json, noContent, positionHeaders, withEtag, withLocation } from './answer.ts'
import { expected, isId } from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readBodyAndKeys, readQuery } from './input.ts'
import {
  NO_PARAMS,
  PAGE_PARAMS,
  pageHeaders,
  READ_PARAMS,
  ReadParams,
  toConsistency,
  toPage,
} from './params.ts'
import { ProblemError } from './problem.ts'
import { within } from './scope.ts'
import { ifMatch, write } from './write.ts'

const BATCH_ITEMS_MAX = 1_000

export const AllocationListParams = z.strictObject({
  ...ALLOCATION_FILTER_PARAMS,
  ...PAGE_PARAMS,
  ...READ_PARAMS,
})
export const ReleaseBody = z.strictObject({})
export const BatchBody = z.strictObject({
  items: z
    .array(z.unknown(), { error: (issue) => expected('a list of allocations', issue.input) })
    .min(1, { error: 'must have at least one item' })
    .max(BATCH_ITEMS_MAX, { error: `must have at most ${BATCH_ITEMS_MAX} items` })
    .pipe(z.array(AllocateBody)),
})

export function allocationRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
    .get(
      '/allocations',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const params = readQuery(c, AllocationListParams)
        const query = {
          type: 'allocations',
          filter: toAllocationFilter(params),
          page: toPage(params),
        } as const
        const { value, ...position } = await within(service, caller).read(query, toConsistency(params))
        const headers = { ...positionHeaders(position), ...pageHeaders(c, value) }
        return json(200, value.rows.map(allocationBody), headers)
      }),
    )
    .post(
      '/allocations',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, AllocateBody)
        const request = allocationRequest(service.newAllocationToken(), body)
        const command = { type: 'allocateAddresses', ...request } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        const { id, changedIndex } = value
        return json(201, allocationBody(value), withLocation(headers, `/allocations/${id}`, changedIndex))
      }),
    )
    .post(
      '/allocations/batch',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, BatchBody)
        const items = body.items.map((item, i) =>
          allocationRequest(service.newAllocationToken(), item, `items[${i}].`),
        )
        const { value, headers } = await write(service, { c, caller, body }, { type: 'allocateBatch', items })
        return json(201, value.map(allocationBody), headers)
      }),
    )
    .get(
      '/allocations/:id',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const query = { type: 'allocation', id: allocationId(c) } as const
        const { value, ...position } = await within(service, caller).read(query, consistency)
        if (value === null) throw allocationNotFound(query.id, positionHeaders(position))
        return json(200, allocationBody(value), withEtag(positionHeaders(position), value.changedIndex))
      }),
    )
    .patch(
      '/allocations/:id',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const { body, keys } = await readBodyAndKeys(c, UpdateAllocationBody)
        const changes = allocationChanges(body, keys)
        const target = { id: allocationId(c), ifChangedIndex: ifMatch(c) }
        const command = { type: 'updateAllocation', changes, ...target } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        return json(200, allocationBody(value), withEtag(headers, value.changedIndex))
      }),
    )
    .post(
      '/allocations/:id/renew',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, RenewBody)
        const target = { id: allocationId(c), ifChangedIndex: ifMatch(c) }
        const command = { type: 'renewAllocation', ttlMs: renewedTtlMs(body), ...target } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        return json(200, allocationBody(value), withEtag(headers, value.changedIndex))
      }),
    )
    .post(
      '/allocations/:id/release',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, ReleaseBody, { isOptional: true })
        const target = { id: allocationId(c), ifChangedIndex: ifMatch(c) }
        const { headers } = await write(
          service,
          { c, caller, body },
          { type: 'releaseAllocation', ...target },
        )
        return noContent(headers)
      }),
    )
}

function allocationId(c: Context): string {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw allocationNotFound(id)
  return id
}

function allocationNotFound(id: string, headers: Record<string, string> = {}): ProblemError {
  const name = isId(id) ? id : `${show(id)}; by its address: GET /api/v1/addresses/10.0.0.5`
  const message = `Allocation not found: no allocation has the id ${name}`
  return new ProblemError({ status: 404, reason: 'allocation_not_found', message, headers })
}
