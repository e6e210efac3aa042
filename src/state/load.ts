/** Rebuilds memory from rows: networks, their free space from a checkpoint or the rows of address ranges, sessions. */
import type { Divergence } from '../../raft/types.ts'
import { AddressSpace, rangesOf } from '../ipam/address-space.ts'
import { type Prefix, parsePrefix } from '../ipam/prefix.ts'
import { PrefixTree } from '../ipam/prefix-tree.ts'
import type { AddressRange } from '../ipam/range.ts'
import type { Network } from '../ipam/records.ts'
import { reservedRanges } from '../ipam/reserved.ts'
import { loadAccess } from './access-rows.ts'
import { decodeKeptAnswerHead } from './answer-codec.ts'
import { AnswerTable } from './answer-table.ts'
import { CorruptStateError } from './errors.ts'
import { ExpiryIndex } from './expiry-index.ts'
import { type Position, positionIn } from './key-encoding.ts'
import {
  ADDRESS_RANGES,
  APPLIED_KEY,
  COOLINGS,
  DIVERGENCE_KEY,
  EVERYTHING,
  KEPT_ANSWERS,
  MEMBERSHIP_KEY,
  NETWORK_COUNTERS,
  NETWORKS,
  OUTCOMES,
  parseKeptAnswerKey,
  parseOutcomeKey,
  parseSessionKey,
  SESSIONS,
} from './key-space.ts'
import { loadCheckpoint, repeatChanges } from './load-checkpoint.ts'
import { loadHostnames } from './load-hostnames.ts'
import { AddressRangeReader } from './load-ranges.ts'
import { NetworkTable, networkState } from './network-table.ts'
import { decodeNetwork } from './record-codec.ts'
import {
  type AppliedPoint,
  decodeApplied,
  decodeCooling,
  decodeDivergence,
  decodeMembership,
  decodeNetworkCounters,
  NOTHING_APPLIED,
} from './row-codec.ts'
import type { StateMemory } from './row-store.ts'
import { decodeSession } from './session-codec.ts'
import type { SessionState } from './session-rows.ts'
import type { CheckpointState } from './space-checkpoints.ts'
import type { StateDatabase, StateStorage } from './storage.ts'
import { tripsThrough } from './trips.ts'

/** An open database and what memory holds over its rows. */
export interface Loaded extends StateMemory {
  readonly database: StateDatabase
  readonly point: AppliedPoint
  /** Null unless the rows were found to be wrong. */
  readonly divergence: Divergence | null
  readonly checkpoint: CheckpointState
}

/**
 * Opens what the storage has. Rows without an applied row are a restore that did not end: they are removed.
 *
 * @throws {CorruptStateError}
 */
export async function load(storage: StateStorage): Promise<Loaded> {
  const database = await openWhole(storage)
  try {
    return await loadRows(database)
  } catch (error) {
    // Whoever mends it opens it again, perhaps in this very process.
    await database.close()
    throw error
  }
}

async function openWhole(storage: StateStorage): Promise<StateDatabase> {
  const database = await storage.open()
  if (database.getSync(APPLIED_KEY) !== undefined || (await isEmpty(database))) return database
  await database.close()
  await storage.destroy()
  return await storage.open()
}

/** @throws {CorruptStateError} */
export async function loadRows(database: StateDatabase): Promise<Loaded> {
  const applied = database.getSync(APPLIED_KEY)
  const membership = database.getSync(MEMBERSHIP_KEY)
  const divergence = database.getSync(DIVERGENCE_KEY)
  const { networks, expiries, coolings, checkpoint } = await loadSpaces(database)
  return {
    database,
    point: applied === undefined ? NOTHING_APPLIED : decodeApplied(applied),
    divergence: divergence === undefined ? null : decodeDivergence(divergence),
    checkpoint,
    networks,
    expiries,
    coolings,
    hostnames: await loadHostnames(database),
    sessions: await loadSessions(database),
    answers: await loadAnswers(database),
    access: await loadAccess(database),
    membership: membership === undefined ? null : decodeMembership(membership),
  }
}

async function isEmpty(database: StateDatabase): Promise<boolean> {
  const [first] = await database.keys({ ...EVERYTHING, limit: 1 }).all()
  return first === undefined
}

interface Spaces extends Pick<StateMemory, 'networks' | 'expiries' | 'coolings'> {
  readonly checkpoint: CheckpointState
}

async function loadSpaces(database: StateDatabase): Promise<Spaces> {
  const expiries = new ExpiryIndex()
  const coolings = new ExpiryIndex()
  const cooling = await loadCoolings(database, coolings)
  const checkpoint = await loadCheckpoint(database, expiries)
  if (checkpoint === null) {
    const { byNetwork, count } = await loadAddressRanges(database, expiries)
    const networks = await loadNetworks(database, {
      allocatedOf: (position) => byNetwork.get(position)?.runs ?? [],
      cooling,
    })
    checkOwners(byNetwork.keys(), networks)
    return { networks, expiries, coolings, checkpoint: { head: null, changes: count } }
  }
  const { head, reader, changes } = checkpoint
  const networks = await loadNetworks(database, {
    allocatedOf: (position, prefix) => reader.runsOf(position, prefix),
    cooling,
  })
  repeatChanges(changes, { networks, expiries })
  return { networks, expiries, coolings, checkpoint: { head, changes: changes.length } }
}

function checkOwners(owners: Iterable<Position>, networks: NetworkTable): void {
  for (const network of owners) {
    if (networks.at(network) === null) {
      throw new CorruptStateError(`active allocations of network ${network}, which does not exist`)
    }
  }
}

async function loadNetworks(
  database: StateDatabase,
  claims: {
    /** Ascending and disjoint. */
    readonly allocatedOf: (network: Position, prefix: Prefix) => readonly AddressRange[]
    readonly cooling: ReadonlyMap<Position, AddressRange[]>
  },
): Promise<NetworkTable> {
  const prefixes = new PrefixForest()
  const records: { position: Position; network: Network; prefix: Prefix }[] = []
  for await (const rows of tripsThrough(database, NETWORKS)) {
    for (const [key, row] of rows) {
      const network = decodeNetwork(row)
      const prefix = parsePrefix(network.cidr)
      records.push({ position: positionIn(key), network, prefix })
      prefixes.add(network.namespace, prefix)
    }
  }
  const table = new NetworkTable()
  for (const { position, network, prefix } of records) {
    const space = new AddressSpace(prefix, {
      allocated: claims.allocatedOf(position, prefix),
      cooling: (claims.cooling.get(position) ?? []).toSorted(byFirst),
      delegated: rangesOf(prefix, prefixes.childrenOf(network.namespace, prefix)),
      reserved: reservedRanges(prefix, network),
    })
    table.add(networkState(network, { position, prefix, space }))
  }
  await loadCounters(database, table)
  return table
}

/** The prefixes of all namespaces. */
class PrefixForest {
  readonly #trees = new Map<string, PrefixTree<true>>()

  add(namespace: string, prefix: Prefix): void {
    this.#trees.set(namespace, this.#tree(namespace).set(prefix, true))
  }

  *childrenOf(namespace: string, prefix: Prefix): Generator<Prefix> {
    for (const child of this.#tree(namespace).childrenOf(prefix)) yield child.prefix
  }

  #tree(namespace: string): PrefixTree<true> {
    return this.#trees.get(namespace) ?? PrefixTree.empty()
  }
}

async function loadCounters(database: StateDatabase, table: NetworkTable): Promise<void> {
  for await (const rows of tripsThrough(database, NETWORK_COUNTERS)) {
    for (const [key, row] of rows) {
      const network = table.at(positionIn(key))
      if (network === null) throw new CorruptStateError(`${key} is of no network`)
      Object.assign(network, decodeNetworkCounters(row))
    }
  }
}

async function loadAddressRanges(
  database: StateDatabase,
  expiries: ExpiryIndex,
): Promise<AddressRangeReader> {
  const reader = new AddressRangeReader(expiries)
  for await (const rows of tripsThrough(database, ADDRESS_RANGES)) for (const row of rows) reader.read(row)
  return reader
}

/** By network; of one that is deleted, nothing comes of them but that their rows go in time. */
async function loadCoolings(
  database: StateDatabase,
  coolings: ExpiryIndex,
): Promise<Map<Position, AddressRange[]>> {
  const ranges = new Map<Position, AddressRange[]>()
  for await (const rows of tripsThrough(database, COOLINGS)) {
    for (const [key, row] of rows) {
      const { network, first, last, until } = decodeCooling(row)
      coolings.add({ expiresAt: until, position: positionIn(key) })
      const ofNetwork = ranges.get(network)
      if (ofNetwork === undefined) ranges.set(network, [{ first, last }])
      else ofNetwork.push({ first, last })
    }
  }
  return ranges
}

async function loadAnswers(database: StateDatabase): Promise<AnswerTable> {
  const answers = new AnswerTable()
  for await (const rows of tripsThrough(database, KEPT_ANSWERS)) {
    for (const [key, row] of rows) {
      const { keyDigest, time } = decodeKeptAnswerHead(row)
      answers.add(keyDigest, { index: parseKeptAnswerKey(key), time, bytes: row.length })
    }
  }
  return answers
}

function byFirst(a: AddressRange, b: AddressRange): number {
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0
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
    for (const [key, row] of rows) {
      const { session: id, sequence } = parseOutcomeKey(key)
      const session = sessions.get(id)
      if (session === undefined) {
        throw new CorruptStateError(`an outcome of session ${id}, which does not exist`)
      }
      session.sequences.add(sequence)
      const { floor, usedAt } = decodeSession(row)
      session.floor = Math.max(session.floor, floor)
      session.usedAt = Math.max(session.usedAt, usedAt)
    }
  }
  return sessions
}
