/** Who comes in, and how often: what stands before a handler. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { AuthError } from '../auth/auth-error.ts'
import type { Identity } from '../auth/authenticator.ts'
import type { Access, Guard } from './access.ts'
import type { ClientAddresses } from './client-address.ts'
import { clientName, type Quota, type RateLimiter } from './rate-limiter.ts'

export interface Admitted {
  /** Null where nobody is asked. */
  readonly identity: Identity | null
  /** Null where there is no limit. */
  readonly quota: Quota | null
}

/** @throws {AuthError | RaftError | ProblemError} */
export type Admit = (c: Context, access: Access) => Admitted | Promise<Admitted>

/** @param limiter Null: whoever may come in may do so as often as he wants. */
export function createAdmission({
  guard,
  limiter,
  addresses,
}: {
  guard: Guard
  limiter: RateLimiter | null
  addresses: ClientAddresses
}): Admit {
  const quotaOf = (c: Context, access: Access, identity: Identity | null): Quota | null => {
    // Health, metrics and the state of the cluster: what is looked at when there is too much of everything.
    if (limiter === null || access.toleratesStale) return null
    const client = clientName(identity, clientOf(c, addresses))
    return limiter.admit(client, isRead(c.req.method) ? 'reads' : 'writes')
  }
  const known = (c: Context, access: Access, identity: Identity | null): Admitted => {
    return { identity, quota: quotaOf(c, access, identity) }
  }
  /** Who is nobody is counted by where he comes from: to be turned away is work, too. */
  const unknown = (c: Context, access: Access, error: unknown): never => {
    if (error instanceof AuthError && error.failure === 'unauthenticated') quotaOf(c, access, null)
    throw error
  }
  return (c, access) => {
    let identity: Identity | null | Promise<Identity>
    try {
      identity = guard(c, access)
    } catch (error) {
      return unknown(c, access, error)
    }
    if (!(identity instanceof Promise)) return known(c, access, identity)
    return identity.then(
      (found) => known(c, access, found),
      (error: unknown) => unknown(c, access, error),
    )
  }
}

function clientOf(c: Context, addresses: ClientAddresses): string {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming === undefined ? 'unknown' : addresses.of(incoming).client
}

export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}
