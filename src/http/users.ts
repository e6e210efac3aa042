import { type Context, Hono } from 'hono'
import { hashPassword, type PasswordCost, passwordFingerprint } from '../auth/password.ts'
import { isLoopback } from '../config-addr.ts'
import { includesRole, isUserName } from '../ipam/access.ts'
import type { IpamService } from '../service.ts'
import { show } from '../show.ts'
import { ADMIN, ANYONE, addressOf, OPEN } from './access.ts'
import { json, noContent, positionHeaders, withEtag, withLocation } from './answer.ts'
import type { Handle } from './handle.ts'
import { readBody, readQuery } from './input.ts'
import { NO_PARAMS, ReadParams, toConsistency } from './params.ts'
import { ProblemError } from './problem.ts'
import { CreateUserBody, FirstAdminBody, PasswordBody, UpdateUserBody, userBody } from './user-body.ts'
import { ifMatch, refuseKey, write } from './write.ts'

/** What a proxy adds. Behind one, every request seems to come from this machine. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/** Passwords are hashed here, before the log. @param passwordCost Lower in tests. */
export function userRoutes(
  service: IpamService,
  { handle, passwordCost }: { handle: Handle; passwordCost: PasswordCost },
): Hono {
  return new Hono()
    .post(
      '/auth/init',
      handle(OPEN, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        checkIsLocal(c)
        refuseKey(c, 'sent again it is 409 already_initialized, and changes nothing')
        const { name, password } = await readBody(c, FirstAdminBody)
        // Looked at before it costs anything, since anybody may ask.
        if (service.access?.hasAdmin === true) throw alreadyInitialized()
        const passwordHash = await hashPassword(password, passwordCost)
        const command = { type: 'createUser', name, role: 'admin', passwordHash, isFirst: true } as const
        const { value, index } = await service.execute(command, caller, null, caller.trace)
        return json(201, userBody(value), withEtag({ 'X-Raft-Index': String(index) }, value.changedIndex))
      }),
    )
    .get(
      '/auth/users',
      handle(ADMIN, async (c) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const { value, ...position } = await service.read({ type: 'users' }, consistency)
        return json(200, value.map(userBody), positionHeaders(position))
      }),
    )
    .post(
      '/auth/users',
      handle(ADMIN, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, CreateUserBody)
        const { name, role, password } = body
        const passwordHash = await hashPassword(password, passwordCost)
        const command = { type: 'createUser', name, role, passwordHash, isFirst: false } as const
        const asked = await withoutPassword(c, body, { name, cost: passwordCost })
        const { value, headers } = await write(service, { c, caller, body: asked }, command)
        return json(201, userBody(value), withLocation(headers, `/auth/users/${name}`, value.changedIndex))
      }),
    )
    .get(
      '/auth/users/:name',
      handle(ADMIN, async (c) => {
        const consistency = toConsistency(readQuery(c, ReadParams))
        const name = userName(c)
        const { value, ...position } = await service.read({ type: 'user', name }, consistency)
        if (value === null) throw userNotFound(name, positionHeaders(position))
        return json(200, userBody(value), withEtag(positionHeaders(position), value.changedIndex))
      }),
    )
    .patch(
      '/auth/users/:name',
      handle(ADMIN, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const body = await readBody(c, UpdateUserBody)
        const { role = null, password = null } = body
        const name = userName(c)
        const command = {
          type: 'updateUser',
          name,
          role,
          passwordHash: password === null ? null : await hashPassword(password, passwordCost),
          ifChangedIndex: ifMatch(c),
        } as const
        const asked = await withoutPassword(c, body, { name, cost: passwordCost })
        const { value, headers } = await write(service, { c, caller, body: asked }, command)
        return json(200, userBody(value), withEtag(headers, value.changedIndex))
      }),
    )
    .post(
      '/auth/users/:name/password',
      handle(ANYONE, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const name = userName(c)
        checkIsOwn(name, caller.identity)
        const body = await readBody(c, PasswordBody)
        const passwordHash = await hashPassword(body.password, passwordCost)
        const change = { role: null, passwordHash, ifChangedIndex: ifMatch(c) }
        const asked = await withoutPassword(c, body, { name, cost: passwordCost })
        const command = { type: 'updateUser', name, ...change } as const
        const { headers } = await write(service, { c, caller, body: asked }, command)
        return noContent(headers)
      }),
    )
    .delete(
      '/auth/users/:name',
      handle(ADMIN, async (c, caller) => {
        readQuery(c, NO_PARAMS)
        const command = { type: 'deleteUser', name: userName(c), ifChangedIndex: ifMatch(c) } as const
        const { headers } = await write(service, { c, caller, body: null }, command)
        return noContent(headers)
      }),
    )
}

/** A fingerprint stays in the state for a day: from it, a password must be no quicker to guess than from its hash. */
async function withoutPassword(
  c: Context,
  { password, ...body }: { readonly password?: string | null | undefined },
  { name, cost }: { readonly name: string; readonly cost: PasswordCost },
): Promise<unknown> {
  if (typeof password !== 'string' || !c.req.raw.headers.has('idempotency-key')) return body
  return {
    ...body,
    password: await passwordFingerprint(password, { purpose: `idempotency of user ${name}`, cost }),
  }
}

/** Whoever is first would own the cluster, so that only those on its machines may be. */
function checkIsLocal(c: Context): void {
  const isProxied = PROXY_HEADERS.some((name) => c.req.raw.headers.has(name))
  if (!isProxied && isLoopback(addressOf(c).replace('::ffff:', ''))) return
  const message =
    'the first admin is made on the machine of a node, without a proxy in between: run ipam auth init there, or name one in the config file (auth.first_admin)'
  throw new ProblemError({ status: 403, reason: 'not_local', message })
}

function alreadyInitialized(): ProblemError {
  const message = 'there is an admin already: have one create the user, with ipam user add'
  return new ProblemError({ status: 409, reason: 'already_initialized', message })
}

function checkIsOwn(
  name: string,
  identity: { role: 'viewer' | 'operator' | 'admin'; account: string | null } | null,
) {
  if (identity === null || identity.account === name || includesRole(identity.role, 'admin')) return
  const message = `this needs the role admin: the password of ${name} is changed by ${name} or an admin`
  throw new ProblemError({ status: 403, reason: 'role_required', message })
}

function userName(c: Context): string {
  const name = c.req.param('name') ?? ''
  if (!isUserName(name)) throw userNotFound(name)
  return name
}

function userNotFound(name: string, headers: Record<string, string> = {}): ProblemError {
  const message = `User not found: nobody is called ${isUserName(name) ? name : show(name)}`
  return new ProblemError({ status: 404, reason: 'user_not_found', message, headers })
}
