/** Rebuilds memory from rows: networks, their free space from the keys of address ranges in address order, sessions. */
import type { Divergence } from '../../raft/types.ts'
import { FreeSpace } from '../ipam/free-space.ts'
import { parsePrefix } from '../ipam/prefix.ts'
import { type AddressRange, usableRange } from '../ipam/range.ts'
import { CorruptStateError } from './errors.ts'
import { ExpiryIndex } from './expiry-index.ts'
import {
  ADDRESS_RANGES,
  APPLIED_KEY,
  DIVERGENCE_KEY,
  EVERYTHING,
  type KeyRange,
  MEMBERSHIP_KEY,
  NETWORKS,
  networkKey,
  OUTCOMES,
  type Position,
  parseAddressRangeKey,
  parseOutcomeKey,
  parseSessionKey,
  positionIn,
  SESSIONS,
} from './key-space.ts'
import { type NetworkState, NetworkTable } from './network-table.ts'
import {
  type AppliedPoint,
  decodeAddressRange,
  decodeApplied,
  decodeDivergence,
  decodeMembership,
  decodeNetwork,
  decodeSession,
  NOTHING_APPLIED,
} from './row-codec.ts'
import type { StateMemory } from './row-store.ts'
import type { SessionState } from './session-rows.ts'
import type { StateDatabase, StateStorage } from './storage.ts'
import type { StoredRow } from './view.ts'

const TRIP_ROWS = 5000
const TRIP_BYTES = 1024 * 1024

/** An open database and what memory holds over its rows. */
export interface Loaded extends StateMemory {
  readonly database: StateDatabase
  readonly point: AppliedPoint
  /** Null unless the rows were found to be wrong. */
  readonly divergence: Divergence | null
}

/**
 * Opens what the storage has. Rows without an applied row are a restore that did not end: they are removed.
 *
 * @throws {CorruptStateError}
 */
export async function load(storage: StateStorage): Promise<Loaded> {
  const database = await storage.open()
  if (database.getSync(APPLIED_KEY) !== undefined || (await isEmpty(database))) return loadRows(database)
  await database.close()
  await storage.destroy()
  return loadRows(await storage.open())
}

/** @throws {CorruptStateError} */
export async function loadRows(database: StateDatabase): Promise<Loaded> {
  const applied = database.getSync(APPLIED_KEY)
  const membership = database.getSync(MEMBERSHIP_KEY)
  const divergence = database.getSync(DIVERGENCE_KEY)
  const expiries = new ExpiryIndex()
  const occupied = await loadAddressRanges(database, expiries)
  return {
    database,
    point: applied === undefined ? NOTHING_APPLIED : decodeApplied(applied),
    divergence: divergence === undefined ? null : decodeDivergence(divergence),
    networks: await loadNetworks(database, occupied),
    expiries,
    sessions: await loadSessions(database),
    membership: membership === undefined ? null : decodeMembership(membership),
  }
}

async function isEmpty(database: StateDatabase): Promise<boolean> {
  const [first] = await database.keys({ ...EVERYTHING, limit: 1 }).all()
  return first === undefined
}

async function loadNetworks(
  database: StateDatabase,
  occupied: ReadonlyMap<Position, Occupied>,
): Promise<NetworkTable> {
  const networks: NetworkState[] = []
  for await (const rows of tripsThrough(database, NETWORKS)) {
    for (const [key, row] of rows) {
      const position = positionIn(key)
      const { id, cidr } = decodeNetwork(row)
      const prefix = parsePrefix(cidr)
      const { runs, count } = occupied.get(position) ?? NOTHING_OCCUPIED
      const space = FreeSpace.fromRuns(usableRange(prefix), runs)
      networks.push({ id, position, prefix, space, activeAllocations: count })
    }
  }
  for (const network of occupied.keys()) {
    if (database.getSync(networkKey(network)) === undefined) {
      throw new CorruptStateError(`active allocations of network ${network}, which does not exist`)
    }
  }
  return new NetworkTable(networks)
}

interface Occupied {
  /** Ascending; neighbours are joined, so that a dense network takes next to nothing. */
  readonly runs: AddressRange[]
  count: number
}

const NOTHING_OCCUPIED: Occupied = { runs: [], count: 0 }

async function loadAddressRanges(
  database: StateDatabase,
  expiries: ExpiryIndex,
): Promise<Map<Position, Occupied>> {
  const occupied = new Map<Position, Occupied>()
  for await (const rows of tripsThrough(database, ADDRESS_RANGES)) {
    for (const [key, row] of rows) {
      const { network, first } = parseAddressRangeKey(key)
      const { last, position, expiresAt } = decodeAddressRange(row)
      const ofNetwork = occupied.get(network) ?? { runs: [], count: 0 }
      if (ofNetwork.count === 0) occupied.set(network, ofNetwork)
      ofNetwork.count += 1
      appendRun(ofNetwork.runs, { first, last })
      if (expiresAt !== null) expiries.add({ expiresAt, position })
    }
  }
  return occupied
}

async function loadSessions(database: StateDatabase): Promise<Map<number, SessionState>> {
  const sessions = new Map<number, SessionState>()
  for await (const rows of tripsThrough(database, SESSIONS)) {
    for (const [key, row] of rows) {
      const id = parseSessionKey(key)
      sessions.set(id, { id, ...decodeSession(row), sequences: new Set() })
    }
  }
  for await (const rows of tripsThrough(database, OUTCOMES)) {
    for (const [key] of rows) {
      const { session, sequence } = parseOutcomeKey(key)
      const sequences = sessions.get(session)?.sequences
      if (sequences === undefined) {
        throw new CorruptStateError(`an outcome of session ${session}, which does not exist`)
      }
      sequences.add(sequence)
    }
  }
  return sessions
}

function appendRun(runs: AddressRange[], { first, last }: AddressRange): void {
  const previous = runs.at(-1)
  if (previous?.last === first - 1n) runs[runs.length - 1] = { first: previous.first, last }
  else runs.push({ first, last })
}

async function* tripsThrough(database: StateDatabase, { gte, lt }: KeyRange): AsyncGenerator<StoredRow[]> {
  const options = { gte, lt, highWaterMarkBytes: TRIP_BYTES }
  const iterator = database.iterator(options)
  try {
    for (;;) {
      const rows = await iterator.nextv(TRIP_ROWS)
      if (rows.length === 0) return
      yield rows
    }
  } finally {
    await iterator.close()
  }
}
