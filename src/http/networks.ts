import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { PlacedNetwork } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import { SCOPED_OPERATOR, SCOPED_VIEWER } from './access.ts'
import { type Answer, json, noContent, positionHeaders, withEtag, withLocation } from './answer.ts'
import {
  description,
  isId,
  metadata,
  NO_PARAMS,
  PAGE_PARAMS,
  pageHeaders,
  READ_PARAMS,
  ReadParams,
  tags,
  toConsistency,
  toPage,
  wholeNumber,
  wholeNumberParam,
} from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readBodyAndKeys, readQuery } from './input.ts'
import {
  CreateNetworkBody,
  networkBody,
  networkChanges,
  networkSettings,
  statsBody,
  UpdateNetworkBody,
} from './network-body.ts'
import { NETWORK_FILTER_PARAMS, toNetworkFilter } from './network-filter.ts'
import { ProblemError } from './problem.ts'
import { within } from './scope.ts'
import { ifMatch, write } from './write.ts'

const CARVED_MAX = 256
const PREVIEWED_MAX = 1_000

export const NetworkListParams = z.strictObject({ ...NETWORK_FILTER_PARAMS, ...PAGE_PARAMS, ...READ_PARAMS })
export const AvailableParams = z.strictObject({
  count: wholeNumberParam({ min: 1, max: PREVIEWED_MAX })
    .default(1)
    .meta({ description: 'How many addresses, at most.' }),
  ...READ_PARAMS,
})
export const AvailableSubnetsParams = z.strictObject({
  prefix_length: wholeNumberParam({ min: 0, max: 128 })
    .optional()
    .meta({ description: 'Prefixes of this length, as they would be carved; without it, the free blocks.' }),
  count: wholeNumberParam({ min: 1, max: PREVIEWED_MAX })
    .optional()
    .meta({ description: 'How many prefixes, at most: 1 of a length, all free blocks.' }),
  ...READ_PARAMS,
})
export const CarveBody = z.strictObject({
  prefix_length: wholeNumber({ min: 0, max: 128 }),
  count: wholeNumber({ min: 1, max: CARVED_MAX })
    .nullish()
    .transform((count) => count ?? 1),
  description,
  tags,
  metadata: metadata.nullish().transform((value) => value ?? {}),
})

export function networkRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
    .get(
      '/networks',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const params = readQuery(c, NetworkListParams)
        const filter = toNetworkFilter(params)
        const query = { type: 'networks', filter, page: toPage(params) } as const
        const { value, ...position } = await within(service, caller).read(query, toConsistency(params))
        const headers = { ...positionHeaders(position), ...pageHeaders(c, value) }
        return json(200, value.rows.map(networkBody), headers)
      }),
    )
    .post(
      '/networks',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, CreateNetworkBody)
        const command = {
          type: 'createNetwork',
          id: service.newNetworkId(),
          ...networkSettings(body),
        } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        return created(value, headers)
      }),
    )
    .get(
      '/networks/:id',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const query = { type: 'network', id: networkId(c) } as const
        const { value, ...position } = await within(service, caller).read(query, consistency)
        if (value === null) throw networkNotFound(query.id, positionHeaders(position))
        return json(200, networkBody(value), withEtag(positionHeaders(position), value.changedIndex))
      }),
    )
    .patch(
      '/networks/:id',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const { body, keys } = await readBodyAndKeys(c, UpdateNetworkBody)
        const changes = networkChanges(body, keys)
        const command = {
          type: 'updateNetwork',
          id: networkId(c),
          changes,
          ifChangedIndex: ifMatch(c),
        } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        return json(200, networkBody(value), withEtag(headers, value.changedIndex))
      }),
    )
    .delete(
      '/networks/:id',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const command = { type: 'deleteNetwork', id: networkId(c), ifChangedIndex: ifMatch(c) } as const
        const { headers } = await write(service, { c, caller, body: null }, command)
        return noContent(headers)
      }),
    )
    .get(
      '/networks/:id/stats',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const query = { type: 'networkStats', id: networkId(c) } as const
        const { value, ...position } = await within(service, caller).read(query, consistency)
        if (value === null) throw networkNotFound(query.id, positionHeaders(position))
        return json(200, statsBody(value), positionHeaders(position))
      }),
    )
    .post(
      '/networks/:id/subnets',
      handle(SCOPED_OPERATOR, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, CarveBody)
        const { prefix_length: prefixLength, count, description, tags, metadata } = body
        const ids = Array.from({ length: count }, () => service.newNetworkId())
        const settings = { description, tags, metadata }
        const command = {
          type: 'carveNetworks',
          parentId: networkId(c),
          ids,
          prefixLength,
          ...settings,
        } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        return json(201, value.map(networkBody), headers)
      }),
    )
    .get(
      '/networks/:id/available',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const params = readQuery(c, AvailableParams)
        const query = { type: 'availableAddresses', id: networkId(c), count: params.count } as const
        const { value, ...position } = await within(service, caller).read(query, toConsistency(params))
        if (value === null) throw networkNotFound(query.id, positionHeaders(position))
        return json(200, value, positionHeaders(position))
      }),
    )
    .get(
      '/networks/:id/available-subnets',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const params = readQuery(c, AvailableSubnetsParams)
        const prefixLength = params.prefix_length ?? null
        const count = params.count ?? (prefixLength === null ? PREVIEWED_MAX : 1)
        const query = { type: 'availableNetworks', id: networkId(c), prefixLength, count } as const
        const { value, ...position } = await within(service, caller).read(query, toConsistency(params))
        if (value === null) throw networkNotFound(query.id, positionHeaders(position))
        return json(200, value, positionHeaders(position))
      }),
    )
}

function created(network: PlacedNetwork, headers: Record<string, string>): Answer {
  const { id, changedIndex } = network
  return json(201, networkBody(network), withLocation(headers, `/networks/${id}`, changedIndex))
}

function networkId(c: Context): string {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw networkNotFound(id)
  return id
}

function networkNotFound(id: string, headers: Record<string, string> = {}): ProblemError {
  const message = `Network not found: no network has the id ${isId(id) ? id : show(id)}`
  return new ProblemError({ status: 404, reason: 'network_not_found', message, headers })
}
