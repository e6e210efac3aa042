/** What lists and exports of networks can be narrowed by. */
import type { NetworkFilter } from '../ipam/query.ts'
import { cidr, id, ip, namespaceName } from './fields.ts'
import { searchParam } from './params.ts'

export const NETWORK_FILTER_PARAMS = {
  cidr: cidr.optional().meta({ description: 'This very prefix.' }),
  contains: ip.optional().meta({ description: 'Around this address.' }),
  within: cidr.optional().meta({ description: 'Inside this prefix, or the prefix itself.' }),
  parent_id: id.optional().meta({ description: 'Children of this network.' }),
  namespace: namespaceName.optional(),
  tag: searchParam.optional().meta({ description: 'With this tag.' }),
  q: searchParam.optional().meta({ description: 'With these words in CIDR, description, tags or metadata.' }),
}

type Params = { readonly [Name in keyof typeof NETWORK_FILTER_PARAMS]?: string | undefined }

export function toNetworkFilter(params: Params): NetworkFilter {
  return {
    namespace: params.namespace ?? null,
    cidr: params.cidr ?? null,
    contains: params.contains ?? null,
    within: params.within ?? null,
    parentId: params.parent_id ?? null,
    tag: params.tag ?? null,
    q: params.q ?? null,
  }
}
