/** Who may call a route: declared with it, and checked before its handler runs. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Authenticator, Identity } from '../auth/authenticator.ts'
import { includesRole, type Role } from '../ipam/access.ts'
import type { CommandContext } from '../ipam/command.ts'
import type { Span } from '../tracing/span.ts'
import type { ClientAddress, ClientAddresses } from './client-address.ts'
import { clientCertificateName } from './client-certificate.ts'
import { ProblemError } from './problem.ts'
import { headerOf } from './request-headers.ts'

export interface Access {
  /** The least that it takes; null: nobody is asked who it is. */
  readonly role: Role | null
  /** The handler keeps within the scope of a key; else keys with one are turned away. */
  readonly keepsScope: boolean
  /** Answers also where this node has not heard from the leader for long: its operator has to see that. */
  readonly toleratesStale: boolean
}

export const OPEN: Access = { role: null, keepsScope: true, toleratesStale: true }
export const VIEWER: Access = { role: 'viewer', keepsScope: false, toleratesStale: false }
export const ADMIN: Access = { role: 'admin', keepsScope: false, toleratesStale: false }
/** About networks and allocations alone, and within the scope of who asks. */
export const SCOPED_VIEWER: Access = { role: 'viewer', keepsScope: true, toleratesStale: false }
export const SCOPED_OPERATOR: Access = { role: 'operator', keepsScope: true, toleratesStale: false }
/** Of the node itself. */
export const DIAGNOSIS: Access = { role: 'viewer', keepsScope: false, toleratesStale: true }
/** Says nothing but who asks, or that there is nothing. */
export const ANYONE: Access = { role: 'viewer', keepsScope: true, toleratesStale: false }

/** Whoever asked, for handlers. */
export interface Caller extends CommandContext {
  /** Null where nobody is asked. */
  readonly identity: Identity | null
  /** Of the request; null: it is not followed. */
  readonly trace: Span | null
}

const UNKNOWN: ClientAddress = { address: 'unknown', client: 'unknown' }

/** @returns Null where nobody is asked. @throws {AuthError | RaftError | ProblemError} */
export type Guard = (c: Context, access: Access) => Identity | null | Promise<Identity>

export function createGuard(authenticator: Authenticator, addresses: ClientAddresses): Guard {
  return (c, access) => {
    const { role, toleratesStale } = access
    if (role === null) return null
    const { address, client } = clientOf(c, addresses)
    const identity = authenticator.authenticate({
      authorization: headerOf(c, 'authorization'),
      apiKey: headerOf(c, 'x-api-key'),
      certificateName: certificateNameOf(c),
      address,
      client,
      toleratesStale,
    })
    if (identity instanceof Promise) return identity.then((known) => authorized(known, role, access))
    return authorized(identity, role, access)
  }
}

function certificateNameOf(c: Context): string | null {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming === undefined ? null : clientCertificateName(incoming)
}

function clientOf(c: Context, addresses: ClientAddresses): ClientAddress {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming === undefined ? UNKNOWN : addresses.of(incoming)
}

/** Where the connection comes from, which may be a proxy. */
export function addressOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>
  return incoming?.socket.remoteAddress ?? 'unknown'
}

function authorized(identity: Identity, role: Role, { keepsScope }: Access): Identity {
  if (!includesRole(identity.role, role)) {
    const message = `this needs the role ${role}, and ${identity.user} has the role ${identity.role}`
    throw new ProblemError({ status: 403, reason: 'role_required', message })
  }
  if (identity.scope !== null && !keepsScope) {
    const message = `${identity.user} is for a part of the networks only, and this is not about networks alone; use a key without a scope`
    throw new ProblemError({ status: 403, reason: 'out_of_scope', message })
  }
  return identity
}
