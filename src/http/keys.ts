import { type Context, Hono } from 'hono'
import { createToken } from '../auth/token.ts'
import { isKeyId } from '../ipam/access.ts'
import type { IpamService } from '../service.ts'
import { ADMIN, ANYONE } from './access.ts'
import { ttlMs } from './allocation-body.ts'
import { json, noContent, positionHeaders, withEtag, withLocation } from './answer.ts'
import type { Handle } from './handle.ts'
import { readBody, readQuery } from './input.ts'
import { NO_PARAMS, ReadParams, toConsistency } from './params.ts'
import { invalidRequest, ProblemError } from './problem.ts'
import { CreateKeyBody, keyBody } from './user-body.ts'
import { ifMatch, write } from './write.ts'

export function keyRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
    .get(
      '/auth/whoami',
      handle(ANYONE, (c, { user, identity }) => {
        readQuery(c, NO_PARAMS)
        const { role = 'admin', scope = null, keyId = null } = identity ?? {}
        const key = keyId === null ? null : (service.access?.key(keyId) ?? null)
        return json(200, { user, role, scope, key: key && keyBody(key) })
      }),
    )
    .get(
      '/auth/keys',
      handle(ADMIN, async (c) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const { value, ...position } = await service.read({ type: 'keys' }, consistency)
        return json(200, value.map(keyBody), positionHeaders(position))
      }),
    )
    .post(
      '/auth/keys',
      handle(ADMIN, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, CreateKeyBody)
        const { role, description, scope } = body
        if (scope !== null && role === 'admin') throw scopedAdmin()
        const { id, token, secretHash } = createToken()
        const settings = { description, role, secretHash, scope, ttlMs: ttlMs(body, '') ?? null }
        const command = { type: 'createKey', id, ...settings } as const
        const { value, headers } = await write(service, { c, caller, body }, command)
        // The answer to the first of two equal requests: its token was shown to whoever sent that one, and is gone.
        const isOurs = value.secretHash === secretHash
        return json(
          201,
          { ...keyBody(value), token: isOurs ? token : null },
          withLocation(headers, `/auth/keys/${value.id}`, value.changedIndex),
        )
      }),
    )
    .get(
      '/auth/keys/:id',
      handle(ADMIN, async (c) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const id = keyId(c)
        const { value, ...position } = await service.read({ type: 'key', id }, consistency)
        if (value === null) throw keyNotFound(id, positionHeaders(position))
        return json(200, keyBody(value), withEtag(positionHeaders(position), value.changedIndex))
      }),
    )
    .delete(
      '/auth/keys/:id',
      handle(ADMIN, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const command = { type: 'revokeKey', id: keyId(c), ifChangedIndex: ifMatch(c) } as const
        const { headers } = await write(service, { c, caller, body: null }, command)
        return noContent(headers)
      }),
    )
}

function scopedAdmin(): ProblemError {
  const message =
    'does not go with the role admin, which is about more than networks; take operator or viewer'
  return invalidRequest([{ field: 'scope', message }])
}

function keyId(c: Context): string {
  const id = c.req.param('id') ?? ''
  if (!isKeyId(id)) throw keyNotFound(id)
  return id
}

function keyNotFound(id: string, headers: Record<string, string> = {}): ProblemError {
  // What does not look like an id may be a whole token.
  const name = isKeyId(id) ? `the id ${id}` : 'such an id, which is 16 letters and digits'
  const message = `Key not found: no key has ${name}`
  return new ProblemError({ status: 404, reason: 'key_not_found', message, headers })
}
