/** Answers of more than one row. Each is of the state at one index: that of the view. */
import { formatAddress } from '../ipam/address.ts'
import { InvalidCursorError, type Page, type PageRequest } from '../ipam/query.ts'
import type { Allocation, AuditEntry, Network, NetworkStats } from '../ipam/records.ts'
import { CorruptStateError } from './errors.ts'
import {
  ACTIVE_ALLOCATIONS,
  ALLOCATIONS,
  AUDIT,
  allocationKey,
  type KeyRange,
  NETWORKS,
  networkActiveAllocations,
  networkAllocations,
  POSITION_CHARS,
  positionIn,
} from './key-space.ts'
import type { NetworkState } from './network-table.ts'
import { decodeAllocation, decodeAudit, decodeNetwork } from './row-codec.ts'
import type { StoredRow, View } from './view.ts'

export async function listNetworks(view: View, request: PageRequest): Promise<Page<Network>> {
  const { rows, nextCursor } = await takePage(view, NETWORKS, request)
  return { rows: rows.map(([, row]) => decodeNetwork(row)), nextCursor }
}

/** @param network Null for all of them. */
export async function listAllocations(
  view: View,
  options: {
    readonly network: NetworkState | null
    readonly includeEnded: boolean
    readonly page: PageRequest
  },
): Promise<Page<Allocation>> {
  const { network, includeEnded, page } = options
  if (network === null && includeEnded) {
    const { rows, nextCursor } = await takePage(view, ALLOCATIONS, page)
    return { rows: rows.map(([, row]) => decodeAllocation(row)), nextCursor }
  }
  const index = allocationIndex(network, includeEnded)
  const { rows, nextCursor } = await takePage(view, index, page)
  return { rows: await allocationsAt(view, rows), nextCursor }
}

/**
 * Counts and the first free address are read before this returns a promise, at the index of the view: they change with
 * the next entry.
 */
export async function networkStats(view: View, network: NetworkState): Promise<NetworkStats> {
  const { id, space, prefix, position } = network
  const allocated = space.occupiedCount
  const available = space.freeCount
  const firstAvailable = space.lowestFree()

  const range = networkActiveAllocations(position)
  const [newest] = await allocationsAt(view, await view.take({ ...range, limit: 1, isReverse: true }))
  return {
    networkId: id,
    total: allocated + available,
    allocated,
    available,
    firstAvailable:
      firstAvailable === null ? null : formatAddress({ family: prefix.family, value: firstAvailable }),
    lastAllocated: newest === undefined ? null : (newest.endIp ?? newest.ip),
  }
}

/** The newest `limit`, in ascending time. */
export async function listAudit(view: View, limit: number): Promise<AuditEntry[]> {
  const rows = await view.take({ ...AUDIT, limit, isReverse: true })
  return rows.reverse().map(([key, row]) => decodeAudit(positionIn(key), row))
}

function allocationIndex(network: NetworkState | null, includeEnded: boolean): KeyRange {
  if (network === null) return ACTIVE_ALLOCATIONS
  return includeEnded ? networkAllocations(network.position) : networkActiveAllocations(network.position)
}

/** The records that rows of an index point to. */
async function allocationsAt(view: View, rows: readonly StoredRow[]): Promise<Allocation[]> {
  const records = await view.getMany(rows.map(([key]) => allocationKey(positionIn(key))))
  return records.map((record, i) => {
    if (record === undefined) throw new CorruptStateError(`${rows[i]?.[0]} points to no allocation`)
    return decodeAllocation(record)
  })
}

async function takePage(
  view: View,
  range: KeyRange,
  { limit, cursor }: PageRequest,
): Promise<{ rows: StoredRow[]; nextCursor: string | null }> {
  // The lowest key after another one is that with a zero byte behind it.
  const gte = cursor === null ? range.gte : `${decodeCursor(cursor, range)}\0`
  // One more than asked for tells whether anything is left.
  const rows = await view.take({ gte, lt: range.lt, limit: limit + 1 })
  if (rows.length <= limit) return { rows, nextCursor: null }
  rows.pop()
  const last = rows.at(-1)
  return { rows, nextCursor: last === undefined ? null : encodeCursor(last[0]) }
}

function encodeCursor(key: string): string {
  return Buffer.from(key, 'latin1').toString('base64url')
}

/** @throws {InvalidCursorError} unless it is the key of a row that this list could have. */
function decodeCursor(cursor: string, { gte: prefix }: KeyRange): string {
  const key = Buffer.from(cursor, 'base64url').toString('latin1')
  const isCanonical = encodeCursor(key) === cursor
  const isOfList = key.startsWith(prefix) && key.length === prefix.length + POSITION_CHARS
  if (!isCanonical || !isOfList || !/^[0-9a-f]+$/.test(positionIn(key))) {
    throw new InvalidCursorError('the cursor is not one that this list has given out')
  }
  return key
}
