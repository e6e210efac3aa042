/** Everything about one address. */
import { parseAddress } from '../../ipam/address.ts'
import type { Obstacle } from '../../ipam/address-space.ts'
import {
  ADDRESS_EXAMINED_MAX,
  ADDRESS_HISTORY_MAX,
  type AddressAnswer,
  type AddressQuestion,
  type AddressState,
} from '../../ipam/query.ts'
import type { Allocation, PlacedNetwork } from '../../ipam/records.ts'
import { reservationOf } from '../../ipam/reserved.ts'
import { CorruptStateError } from '../errors.ts'
import type { Position } from '../key-encoding.ts'
import { allocationKey, coolingKey, networkKey } from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import { decodeAllocation, decodeNetwork } from '../record-codec.ts'
import { decodeCooling } from '../row-codec.ts'
import type { View } from '../view.ts'
import { type HolderQuestion, holderCandidates, holderQuestion } from './holders.ts'
import type { Part } from './part.ts'

interface History {
  /** The newest. */
  readonly allocations: readonly Allocation[]
  /** Where the first of them lies. */
  readonly newest: Position | null
  /** The one that had the address at the time of the question. */
  readonly then: Allocation | null
}

/** Takes what it needs of memory before it returns a promise. @param part Only what lies inside is there; null: all. */
export async function lookUpAddress(
  view: View,
  networks: NetworkTable,
  { namespace, ip, at }: AddressQuestion,
  part: Part | null = null,
): Promise<AddressAnswer> {
  const address = parseAddress(ip)
  const question = holderQuestion(networks, { address, namespace })
  const chain = question.chains.get(namespace) ?? []
  const state = stateOf(chain, address.value)
  const whole = await answer(view, { question, chain, state, ip, at, part })
  return part === null ? whole : inside(whole, part)
}

/** What the smallest network does with the address, only those know who see that network. */
function inside(whole: AddressAnswer, part: Part): AddressAnswer {
  const networks = whole.networks.filter(({ id }) => part.has(id))
  const isManaged = networks.length > 0 && networks.at(-1) === whole.networks.at(-1)
  if (isManaged) return { ...whole, networks }
  return { ...whole, state: 'unmanaged', coolingUntil: null, reservedBy: null, networks }
}

async function answer(
  view: View,
  asked: Pick<AddressQuestion, 'ip' | 'at'> & {
    readonly chain: readonly NetworkState[]
    readonly state: AddressState
    readonly question: HolderQuestion
    readonly part: Part | null
  },
): Promise<AddressAnswer> {
  const { question, chain, state, part, ip, at } = asked
  const { allocations, newest, then } = await historyOf(view, question, { ip, at, part })
  const networks = await placedNetworks(view, chain)
  const [network, record] = [chain.at(-1), networks.at(-1)]
  const isPlaced = network !== undefined && record !== undefined
  // The newest has it, unless it has ended.
  const active = allocations[0]?.status === 'allocated' ? allocations[0] : null
  return {
    state,
    coolingUntil: state === 'cooling' ? await coolingEnd(view, newest) : null,
    reservedBy: isPlaced ? reservationOf(network.prefix, record, question.address.value) : null,
    networks,
    allocation: at === null ? active : then,
    history: allocations,
  }
}

/** @param newest What had the address last, and after which it rests. */
async function coolingEnd(view: View, newest: Position | null): Promise<number> {
  const [row] = newest === null ? [] : await view.getMany([coolingKey(newest)])
  if (row === undefined) throw new CorruptStateError(`nothing says until when what ${newest} had rests`)
  return decodeCooling(row).until
}

function stateOf(chain: readonly NetworkState[], value: bigint): AddressState {
  const network = chain.at(-1)
  if (network === undefined) return 'unmanaged'
  const obstacle: Obstacle | null = network.space.obstacleTo({ first: value, last: value })
  // The smallest network has no child there, and the address is inside it.
  return obstacle === null || obstacle === 'outside' || obstacle === 'delegated' ? 'available' : obstacle
}

async function placedNetworks(view: View, chain: readonly NetworkState[]): Promise<PlacedNetwork[]> {
  const rows = await view.getMany(chain.map(({ position }) => networkKey(position)))
  return rows.map((row, i) => {
    if (row === undefined) throw new CorruptStateError(`network ${chain[i]?.id} has no record`)
    return { ...decodeNetwork(row), parentId: chain[i - 1]?.id ?? null }
  })
}

async function historyOf(
  view: View,
  question: HolderQuestion,
  { ip, at, part }: Pick<AddressQuestion, 'ip' | 'at'> & { readonly part: Part | null },
): Promise<History> {
  const candidates = await holderCandidates(view, question, { name: 'history', after: null, isReverse: true })
  const allocations: Allocation[] = []
  let newest: Position | null = null
  let then: Allocation | null = null
  let oldest = Number.POSITIVE_INFINITY
  try {
    for (let examined = 0; examined < ADDRESS_EXAMINED_MAX; ) {
      const chunk = await candidates.take(ADDRESS_HISTORY_MAX)
      newest ??= chunk[0]?.position ?? null
      const records = await view.getMany(chunk.map(({ position }) => allocationKey(position)))
      for (const record of records) {
        if (record === undefined) throw new CorruptStateError(`the history of ${ip} points to no allocation`)
        const allocation = decodeAllocation(record)
        oldest = allocation.allocatedAt
        if (part?.has(allocation.networkId) === false) continue
        if (allocations.length < ADDRESS_HISTORY_MAX) allocations.push(allocation)
        if (then === null && at !== null && hadIt(allocation, at)) then = allocation
      }
      examined += chunk.length
      const isAnswered = at === null || then !== null || oldest <= at
      const isFull = allocations.length === ADDRESS_HISTORY_MAX
      if (chunk.length < ADDRESS_HISTORY_MAX || (isFull && isAnswered)) break
    }
  } finally {
    await candidates.close()
  }
  return { allocations, newest, then }
}

function hadIt({ allocatedAt, releasedAt }: Allocation, at: number): boolean {
  return allocatedAt <= at && (releasedAt === null || at < releasedAt)
}
