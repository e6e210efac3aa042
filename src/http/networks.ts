import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { PlacedNetwork } from '../ipam/records.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import { SCOPED_OPERATOR, SCOPED_VIEWER } from './access.ts'
import { type Answer, json, noContent, positionHeaders, withEtag, withLocation } from './answer.ts'
import { isId } from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readBodyAndKeys, readQuery } from './input.ts'
import {
  CreateNetworkBody,
  networkBody,
  networkChanges,
  networkSettings,
  UpdateNetworkBody,
} from './network-body.ts'
import { NETWORK_FILTER_PARAMS, toNetworkFilter } from './network-filter.ts'
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

export const NetworkListParams = z.strictObject({ ...NETWORK_FILTER_PARAMS, ...PAGE_PARAMS, ...READ_PARAMS })

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
}

function created(network: PlacedNetwork, headers: Record<string, string>): Answer {
  const { id, changedIndex } = network
  return json(201, networkBody(network), withLocation(headers, `/networks/${id}`, changedIndex))
}

/** @throws {ProblemError} if no network can have it. */
export function networkId(c: Context): string {
  const id = c.req.param('id') ?? ''
  if (!isId(id)) throw networkNotFound(id)
  return id
}

export function networkNotFound(id: string, headers: Record<string, string> = {}): ProblemError {
  const name = isId(id) ? id : `${show(id)}; by its CIDR: GET /api/v1/networks?cidr=10.0.0.0/24`
  const message = `Network not found: no network has the id ${name}`
  return new ProblemError({ status: 404, reason: 'network_not_found', message, headers })
}
