/** What lists and exports of networks can be narrowed by. */
import type { NetworkFilter } from '../ipam/query.ts'
import { cidr, id, ip, namespaceName, searchParam } from './fields.ts'

export const NETWORK_FILTER_PARAMS = {
  cidr: cidr.optional(),
  contains: ip.optional(),
  within: cidr.optional(),
  parent_id: id.optional(),
  namespace: namespaceName.optional(),
  tag: searchParam.optional(),
  q: searchParam.optional(),
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
