/** Answers to keys that are for a part of the networks: what is outside is not there. */
import { unreachable } from '../../../raft/assert.ts'
import type { AddressAnswer, NetworkQuery, Page, Query, QueryResults } from '../../ipam/query.ts'
import type { Allocation, PlacedNetwork } from '../../ipam/records.ts'
import { isInScope } from '../../ipam/scope.ts'
import type { RowStore } from '../row-store.ts'

type Answer = QueryResults[keyof QueryResults]

export async function answerWithinScope(
  { scope, query }: Extract<Query, { type: 'withinScope' }>,
  store: RowStore,
  answer: (query: NetworkQuery) => Promise<Answer> | Answer,
): Promise<Answer> {
  const isInside = (id: string): boolean => {
    const network = store.network(id)
    return network !== null && isInScope(store, scope, network)
  }
  const isAllocationInside = ({ networkId }: Allocation): boolean => isInside(networkId)
  switch (query.type) {
    case 'network':
    case 'networkStats':
    case 'availableAddresses':
    case 'availableNetworks':
      return isInside(query.id) ? await answer(query) : null
    case 'allocation': {
      const allocation = (await answer(query)) as Allocation | null
      return allocation !== null && isAllocationInside(allocation) ? allocation : null
    }
    case 'networks':
      return some((await answer(query)) as Page<PlacedNetwork>, ({ id }) => isInside(id))
    case 'allocations':
      return some((await answer(query)) as Page<Allocation>, isAllocationInside)
    case 'address': {
      const whole = (await answer(query)) as AddressAnswer
      const { networks, allocation, history } = whole
      const inside = networks.filter(({ id }) => isInside(id))
      const isManaged = networks.length > 0 && networks.at(-1) === inside.at(-1)
      return {
        state: isManaged ? whole.state : 'unmanaged',
        coolingUntil: isManaged ? whole.coolingUntil : null,
        reservedBy: isManaged ? whole.reservedBy : null,
        networks: inside,
        allocation: allocation !== null && isAllocationInside(allocation) ? allocation : null,
        history: history.filter(isAllocationInside),
      }
    }
    default:
      return unreachable(query)
  }
}

/** A page may be short; how many there are in all is for those who may see them. */
function some<T>({ rows, nextCursor }: Page<T>, isInside: (row: T) => boolean): Page<T> {
  return { rows: rows.filter(isInside), nextCursor, total: null }
}
