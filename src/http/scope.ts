/** The service as its caller has it: a key with a scope sees a part, and what is followed is followed on. */

import type { ScopedCommand } from '../ipam/command.ts'
import type { NetworkQuery } from '../ipam/query.ts'
import type { IpamService } from '../service.ts'
import type { Caller } from './access.ts'

type Scopable = Pick<IpamService, 'read' | 'execute'>

/** For routes that say `keepsScope`, which are about networks and allocations alone. */
export function within(service: IpamService, { identity, trace }: Caller): Scopable {
  const followed = trace === null ? service : below(service, trace)
  const scope = identity?.scope ?? null
  if (scope === null) return followed
  // What comes back is what the inner one gives.
  return {
    read: async (query, consistency) => {
      const scoped = { type: 'withinScope', scope, query: query as NetworkQuery } as const
      return (await followed.read(scoped, consistency)) as never
    },
    execute: async (command, context, idempotency) => {
      const scoped = { type: 'withinScope', scope, command: command as ScopedCommand } as const
      return (await followed.execute(scoped, context, idempotency)) as never
    },
  }
}

function below(service: IpamService, trace: NonNullable<Caller['trace']>): Scopable {
  return {
    read: (query, consistency) => service.read(query, consistency, trace),
    execute: async (command, context, idempotency = null) => {
      const done = await service.execute(command, context, idempotency, trace)
      if (done.isReplay) trace.set('ipam.idempotency_replayed', true)
      return done
    },
  }
}
