/** What one node answers when all is quiet, all at one index; and whether its indexes and its memory say what its records do. */
import { isDeepStrictEqual } from 'node:util'
import type { NodeId } from '../../raft/types.ts'
import type { ApiKey, User } from '../../src/ipam/access.ts'
import { formatAddress, parseAddress } from '../../src/ipam/address.ts'
import type {
  AddressAnswer,
  AddressQuestion,
  AllocationFilter,
  NetworkFilter,
  Page,
} from '../../src/ipam/query.ts'
import type { Allocation, AuditEntry, NetworkStats, PlacedNetwork } from '../../src/ipam/records.ts'
import type { IpamStateMachine } from '../../src/state/state-machine.ts'
import { EVERY_STATUS, listAllocations, listAudit, listNetworks } from '../state/harness.ts'
import { NO_ALLOCATION_FILTER, NO_NETWORK_FILTER } from '../state/no-filter.ts'
import {
  type Claims,
  countOf,
  isInside,
  largestBlock,
  lowestFree,
  spanOf,
  spanOfAllocation,
} from './claims.ts'
import { HOSTNAMES, MACS, NAMESPACES, ROOTS, TAGS } from './estate-requests.ts'
import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'

const ADDRESSES_ASKED = 3
const WORDS = [...TAGS, 'alice', 'bob', 'web-', 'mail', 'ed']

interface Asked<Question, Given> {
  readonly question: Question
  readonly given: Given
}

export interface Look {
  readonly id: NodeId
  readonly index: number
  readonly digest: string
  readonly networks: readonly PlacedNetwork[]
  /** Ended ones, too. */
  readonly allocations: readonly Allocation[]
  readonly audit: readonly AuditEntry[]
  readonly stats: readonly (NetworkStats | null)[]
  readonly searches: readonly Asked<Partial<AllocationFilter>, Page<Allocation>>[]
  readonly networkSearches: readonly Asked<Partial<NetworkFilter>, Page<PlacedNetwork>>[]
  readonly addresses: readonly Asked<AddressQuestion, AddressAnswer>[]
  readonly users: readonly User[]
  readonly keys: readonly ApiKey[]
}

/** All views are taken before this returns a promise. @param networkIds Whose statistics are asked for. */
export async function lookAt(
  id: NodeId,
  machine: IpamStateMachine,
  { networkIds, random }: { readonly networkIds: readonly string[]; readonly random: Random },
): Promise<Look> {
  const index = machine.appliedIndex
  const digest = machine.stateDigest()
  const networks = listNetworks(machine)
  const allocations = listAllocations(machine, { statuses: EVERY_STATUS })
  const audit = listAudit(machine)
  const stats = networkIds.map((networkId) => machine.query({ type: 'networkStats', id: networkId }))
  const searches = allocationFilters(random, { networkIds, time: machine.appliedTime }).map((question) => {
    return asked(question, listAllocations(machine, question))
  })
  const networkSearches = networkFilters(random, networkIds).map((question) => {
    return asked(question, listNetworks(machine, question))
  })
  const addresses = addressQuestions(random).map((question) => {
    return asked(question, machine.query({ type: 'address', question }))
  })
  const users = machine.query({ type: 'users' })
  const keys = machine.query({ type: 'keys' })
  return {
    id,
    index,
    digest: await digest,
    networks: allOf(await networks),
    allocations: allOf(await allocations),
    audit: allOf(await audit),
    stats: await Promise.all(stats),
    searches: await Promise.all(searches),
    networkSearches: await Promise.all(networkSearches),
    addresses: await Promise.all(addresses),
    users: await users,
    keys: await keys,
  }
}

async function asked<Q, G>(question: Q, giving: Promise<G>): Promise<Asked<Q, G>> {
  return { question, given: await giving }
}

function allOf<T>({ rows, nextCursor }: Page<T>): readonly T[] {
  check(nextCursor === null, 'a simulation has more than a page')
  return rows
}

// Questions.

function allocationFilters(
  random: Random,
  { networkIds, time }: { networkIds: readonly string[]; time: number },
): Partial<AllocationFilter>[] {
  const statuses =
    random.pick([EVERY_STATUS, ['allocated'], ['released', 'expired']] as const) ?? EVERY_STATUS
  const filters: Partial<AllocationFilter>[] = [
    { statuses, hostname: pick(random, ['web', '1.example', ...HOSTNAMES]) },
    { statuses, tag: pick(random, TAGS) },
    { statuses, q: pick(random, WORDS) },
    { statuses, ip: addressIn(random) },
    { statuses, namespace: pick(random, NAMESPACES) },
    { statuses, networkId: pick(random, networkIds) },
    { expiresBefore: time + random.integer(-1_000, 3_000) },
    { statuses, mac: pick(random, MACS) },
  ]
  return random.shuffle(filters).slice(0, 4)
}

function networkFilters(random: Random, networkIds: readonly string[]): Partial<NetworkFilter>[] {
  const filters: Partial<NetworkFilter>[] = [
    { namespace: pick(random, NAMESPACES) },
    { contains: addressIn(random) },
    { within: pick(random, ROOTS), namespace: pick(random, NAMESPACES) },
    { parentId: pick(random, networkIds) },
    { tag: pick(random, TAGS) },
  ]
  return random.shuffle(filters).slice(0, 2)
}

function addressQuestions(random: Random): AddressQuestion[] {
  return Array.from({ length: ADDRESSES_ASKED }, () => {
    return { namespace: pick(random, NAMESPACES), ip: addressIn(random), at: null }
  })
}

function addressIn(random: Random): string {
  const root = pick(random, ROOTS)
  const { first, last } = spanOf(root)
  const value = first + BigInt(random.integer(0, Number(last - first)))
  return formatAddress({ family: root.includes(':') ? 6 : 4, value })
}

function pick<T>(random: Random, values: readonly T[]): T {
  return random.pick(values) as T
}

// Checks.

/** @throws if any answer is not what all records, looked at one by one, say. */
export function checkLook(look: Look, ledger: Ledger, networkIds: readonly string[]): void {
  try {
    checkRecords(look, ledger)
    for (const [i, stats] of look.stats.entries()) checkStats(ledger, networkIds[i] ?? '', stats)
    for (const { question, given } of look.searches) checkSearch(look, question, given)
    for (const { question, given } of look.networkSearches) checkNetworkSearch(look, question, given)
    for (const { question, given } of look.addresses) checkAddress(ledger, question, given)
  } catch (error) {
    throw new Error(`node ${look.id} at ${look.index}: ${error instanceof Error ? error.message : error}`)
  }
}

function checkRecords({ networks, allocations, users, keys }: Look, ledger: Ledger): void {
  const { access } = ledger
  check(isDeepStrictEqual(users, access.users), `its users are ${show(users)}, not ${show(access.users)}`)
  check(isDeepStrictEqual(keys, access.keys), `its keys are ${show(keys)}, not ${show(access.keys)}`)
  const ours = new Map(networks.map((network) => [network.id, network]))
  check(ours.size === ledger.networks.size, `it has ${ours.size} networks, the log ${ledger.networks.size}`)
  for (const network of ledger.networks.values()) {
    const expected = { ...network, parentId: ledger.parentOf(network)?.id ?? null }
    check(
      isDeepStrictEqual(ours.get(network.id), expected),
      `network ${network.id} is not what its audit says`,
    )
  }
  check(allocations.length === ledger.allocations.size, 'it has other allocations than the log')
  for (const allocation of allocations) {
    const isSame = isDeepStrictEqual(allocation, ledger.allocations.get(allocation.id))
    check(isSame, `${allocation.id} is not what its audit says`)
  }
}

function checkStats(ledger: Ledger, id: string, stats: NetworkStats | null): void {
  const network = ledger.networks.get(id)
  if (network === undefined || stats === null) {
    check(network === undefined && stats === null, `the statistics of ${id}`)
    return
  }
  // What rests is freed by an entry, not by time.
  const claims = ledger.claims(network, { time: Number.NEGATIVE_INFINITY })
  const { allocated, reserved, cooling, delegated, available, firstAvailable, largestFreeBlock } = stats
  const given = { allocated, reserved, cooling, delegated, available, firstAvailable, largestFreeBlock }
  const count = (claim: Parameters<typeof countOf>[1]): bigint => BigInt(countOf(claims, claim))
  const expected = {
    allocated: count('allocated'),
    reserved: count('reserved'),
    cooling: count('cooling'),
    delegated: count('delegated'),
    available: count('free'),
    firstAvailable: firstFreeOf(claims),
    largestFreeBlock: largestOf(claims),
  }
  check(
    isDeepStrictEqual(given, expected),
    `the statistics of ${id} (${network.cidr}) are ${show(given)}, and should be ${show(expected)}`,
  )
}

function firstFreeOf(claims: Claims): string | null {
  const at = lowestFree(claims, { from: 0, count: 1, alignment: 1 })
  const { family, first } = claims.prefix
  return at === null ? null : formatAddress({ family, value: first + BigInt(at) })
}

function largestOf(claims: Claims): string | null {
  const block = largestBlock(claims)
  const { family } = claims.prefix
  if (block === null) return null
  return `${formatAddress({ family, value: block.first })}/${(family === 4 ? 32 : 128) - block.bits}`
}

function checkSearch(look: Look, question: Partial<AllocationFilter>, given: Page<Allocation>): void {
  const filter = { ...NO_ALLOCATION_FILTER, ...question }
  const existing = new Map(look.networks.map((network) => [network.id, network]))
  const expected = look.allocations.filter((allocation) => {
    const { networkId, namespace, statuses, ip, hostname, mac, tag, expiresBefore } = filter
    const network = existing.get(allocation.networkId)
    const { expiresAt } = allocation
    return (
      statuses.includes(allocation.status) &&
      (networkId === null || (allocation.networkId === networkId && network !== undefined)) &&
      (namespace === null || network?.namespace === namespace) &&
      (ip === null || holds(allocation, ip)) &&
      (hostname === null || allocation.hostname?.includes(hostname) === true) &&
      (mac === null || allocation.mac === mac) &&
      (tag === null || allocation.tags.includes(tag)) &&
      (expiresBefore === null || (expiresAt !== null && expiresAt < expiresBefore)) &&
      isFoundBy(allocation, filter.q)
    )
  })
  checkFound(question, given, expected)
}

function isFoundBy({ hostname, tags, metadata }: Allocation, word: string | null): boolean {
  if (word === null || hostname?.includes(word) === true) return true
  return [...tags, ...Object.values(metadata)].some((text) => text.startsWith(word))
}

function holds(allocation: Allocation, ip: string): boolean {
  const { value } = parseAddress(ip)
  return isInside({ first: value, last: value }, spanOfAllocation(allocation))
}

function checkNetworkSearch(look: Look, question: Partial<NetworkFilter>, given: Page<PlacedNetwork>): void {
  const { namespace, contains, within, parentId, tag } = { ...NO_NETWORK_FILTER, ...question }
  const expected = look.networks.filter((network) => {
    const span = spanOf(network.cidr)
    return (
      (namespace === null || network.namespace === namespace) &&
      (contains === null || isInside(spanOf(contains), span)) &&
      (within === null || isInside(span, spanOf(within))) &&
      (parentId === null || network.parentId === parentId) &&
      (tag === null || network.tags.includes(tag))
    )
  })
  checkFound(question, given, expected)
}

function checkFound(
  question: object,
  { rows, nextCursor, total }: Page<{ readonly id: string }>,
  expected: readonly { readonly id: string }[],
): void {
  check(nextCursor === null, `${show(question)} has no end`)
  const [found, wanted] = [idsOf(rows), idsOf(expected)]
  check(isDeepStrictEqual(found, wanted), `${show(question)} finds ${found}, and should find ${wanted}`)
  check(
    total === null || total === expected.length,
    `${show(question)} counts ${total}, not ${expected.length}`,
  )
}

function idsOf(records: readonly { readonly id: string }[]): string[] {
  return records.map(({ id }) => id).toSorted()
}

function checkAddress(ledger: Ledger, question: AddressQuestion, given: AddressAnswer): void {
  const { namespace, ip } = question
  const at = spanOf(ip)
  const around = [...ledger.networks.values()].filter((network) => {
    return network.namespace === namespace && isInside(at, spanOf(network.cidr))
  })
  const chain = around.toSorted((a, b) => Number(isInside(spanOf(a.cidr), spanOf(b.cidr))) * 2 - 1)
  const names = given.networks.map(({ id }) => id)
  check(
    isDeepStrictEqual(
      names,
      chain.map(({ id }) => id),
    ),
    `${ip} in ${namespace} is in ${names}, it says`,
  )
  const smallest = chain.at(-1)
  const holder = [...ledger.active()].find((allocation) => {
    return ledger.networks.get(allocation.networkId)?.namespace === namespace && holds(allocation, ip)
  })
  check(given.allocation?.id === holder?.id, `${ip} in ${namespace} is had by ${given.allocation?.id}`)
  const state =
    smallest === undefined ? 'unmanaged' : stateIn(ledger.claims(smallest, EVERY_COOLING), at.first)
  check(given.state === state, `${ip} in ${namespace} is ${given.state}, and should be ${state}`)
  const { coolingUntil: until, reservedBy } = given
  check((until !== null) === (state === 'cooling'), `${ip} in ${namespace}, ${state}, rests until ${until}`)
  check(state !== 'reserved' || reservedBy !== null, `nothing reserves ${ip} in ${namespace}`)
  if (smallest === undefined || until === null) return
  const stateAt = (time: number): string => stateIn(ledger.claims(smallest, { time }), at.first)
  check(
    stateAt(until - 1) === 'cooling' && stateAt(until) !== 'cooling',
    `${ip} in ${namespace} does not rest until ${until}`,
  )
}

const EVERY_COOLING = { time: Number.NEGATIVE_INFINITY }

function stateIn({ prefix, claims, edges }: Claims, value: bigint): string {
  const at = Number(value - prefix.first)
  if (edges.has(at)) return 'not_usable'
  const claim = claims[at]
  return claim === 'free' ? 'available' : String(claim)
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? String(field) : field))
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
