/** Answers to keys that are for a part of the networks: what is outside is not there. */
import { unreachable } from '../../../raft/assert.ts'
import type { NetworkQuery, Query, QueryResults } from '../../ipam/query.ts'
import type { Allocation } from '../../ipam/records.ts'
import { isInScope } from '../../ipam/scope.ts'
import { lookUpAddress } from './address.ts'
import type { Asked } from './answer.ts'
import { listAllocations } from './list-allocations.ts'
import { listNetworks } from './list-networks.ts'
import { Part } from './part.ts'

type Answer = QueryResults[Query['type']]

/** Looks at memory, and takes its view, before it returns. @param answer As for those who see everything. */
export function answerWithinScope(
  { scope, query }: Extract<Query, { type: 'withinScope' }>,
  { memory, store, read }: Pick<Asked, 'memory' | 'store' | 'read'>,
  answer: (query: NetworkQuery) => Promise<Answer> | Answer,
): Promise<Answer> | Answer {
  const { networks } = memory
  const isInside = (id: string): boolean => {
    const network = store.network(id)
    return network !== null && isInScope(store, scope, network)
  }
  switch (query.type) {
    case 'network':
    case 'networkStats':
    case 'availableAddresses':
    case 'availableNetworks':
      return isInside(query.id) ? answer(query) : null
    case 'allocation': {
      const allocation = answer(query) as Allocation | null
      return allocation !== null && isInside(allocation.networkId) ? allocation : null
    }
    case 'networks':
      return read((view) => listNetworks(view, networks, query, new Part(networks, scope)))
    case 'allocations': {
      // Those of deleted networks are nobody's.
      const known = { ...memory, orphans: 0 }
      return read((view) => listAllocations(view, known, query, new Part(networks, scope)))
    }
    case 'address':
      return read((view) => lookUpAddress(view, networks, query.question, new Part(networks, scope)))
    default:
      return unreachable(query)
  }
}
