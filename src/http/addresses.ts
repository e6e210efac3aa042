import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { AddressSyntaxError, formatAddress, parseAddress } from '../ipam/address.ts'
import { DEFAULT_NAMESPACE } from '../ipam/defaults.ts'
import { ADDRESS_EXAMINED_MAX } from '../ipam/query.ts'
import type { IpamService } from '../service.ts'
import { SCOPED_VIEWER } from './access.ts'
import { allocationBody } from './allocation-body.ts'
import { formatTime, json, positionHeaders } from './answer.ts'
import { namespaceName } from './fields.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'
import { networkBody } from './network-body.ts'
import { READ_PARAMS, timeParam, toConsistency } from './params.ts'
import { invalidRequest } from './problem.ts'
import { within } from './scope.ts'

export const AddressParams = z.strictObject({
  namespace: namespaceName.default(DEFAULT_NAMESPACE),
  at: timeParam.optional().meta({
    description: `Who had it at this time, of the ${ADDRESS_EXAMINED_MAX} who had it last.`,
  }),
  ...READ_PARAMS,
})

export function addressRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono().get(
    '/addresses/:ip',
    handle(SCOPED_VIEWER, async (c, caller) => {
      const params = readQuery(c, AddressParams)
      const question = { namespace: params.namespace, ip: addressOf(c), at: params.at ?? null }
      const { value, ...position } = await within(service, caller).read(
        { type: 'address', question },
        toConsistency(params),
      )
      const body = {
        ip: question.ip,
        namespace: question.namespace,
        state: value.state,
        cooling_until: value.coolingUntil === null ? null : formatTime(value.coolingUntil),
        reserved_by: value.reservedBy,
        networks: value.networks.map(networkBody),
        allocation: value.allocation === null ? null : allocationBody(value.allocation),
        history: value.history.map(allocationBody),
      }
      return json(200, body, positionHeaders(position))
    }),
  )
}

/** Canonical. @throws {ProblemError} */
function addressOf(c: Context): string {
  try {
    return formatAddress(parseAddress(c.req.param('ip') ?? ''))
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error
    throw invalidRequest([{ field: 'ip', message: error.message }])
  }
}
