/** Every route, described. */
import type { Operation } from './operation.ts'
import { ACCESS_OPERATIONS } from './operations/access.ts'
import { ALLOCATION_OPERATIONS } from './operations/allocations.ts'
import { CLUSTER_OPERATIONS } from './operations/cluster.ts'
import { FILE_OPERATIONS } from './operations/files.ts'
import { NETWORK_OPERATIONS } from './operations/networks.ts'
import { NODE_OPERATIONS } from './operations/node.ts'

/** In the order in which they are shown; a route that is missing here fails a test. */
export const OPERATIONS: readonly Operation[] = [
  ...NETWORK_OPERATIONS,
  ...ALLOCATION_OPERATIONS,
  ...FILE_OPERATIONS,
  ...ACCESS_OPERATIONS,
  ...CLUSTER_OPERATIONS,
  ...NODE_OPERATIONS,
]
