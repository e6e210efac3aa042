/** The service as a key with a scope sees it. */

import type { ScopedCommand } from '../ipam/command.ts'
import type { NetworkQuery } from '../ipam/query.ts'
import type { IpamService } from '../service.ts'
import type { Caller } from './access.ts'

type Scopable = Pick<IpamService, 'read' | 'execute'>

/** For routes that say `keepsScope`, which are about networks and allocations alone. */
export function within(service: IpamService, { identity }: Caller): Scopable {
  const scope = identity?.scope ?? null
  if (scope === null) return service
  // What comes back is what the inner one gives.
  return {
    read: async (query, consistency) => {
      const scoped = { type: 'withinScope', scope, query: query as NetworkQuery } as const
      return (await service.read(scoped, consistency)) as never
    },
    execute: async (command, context, idempotency) => {
      const scoped = { type: 'withinScope', scope, command: command as ScopedCommand } as const
      return (await service.execute(scoped, context, idempotency)) as never
    },
  }
}
