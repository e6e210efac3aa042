/** What is free in a network, how full it is, and how it is divided. */
import { Hono } from 'hono'
import { z } from 'zod'
import type { IpamService } from '../service.ts'
import { SCOPED_OPERATOR, SCOPED_VIEWER } from './access.ts'
import { json, positionHeaders } from './answer.ts'
import { description, metadata, tags, wholeNumber } from './fields.ts'
import type { Handle } from './handle.ts'
import { readBody, readQuery } from './input.ts'
import { networkBody, statsBody } from './network-body.ts'
import { networkId, networkNotFound } from './networks.ts'
import { NO_PARAMS, READ_PARAMS, ReadParams, toConsistency, wholeNumberParam } from './params.ts'
import { within } from './scope.ts'
import { write } from './write.ts'

const CARVED_MAX = 256
const PREVIEWED_MAX = 1_000

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

export function networkSpaceRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
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
