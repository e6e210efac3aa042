/** Everything about one address. */
import { parseAddress } from '../../ipam/address.ts'
import type { Obstacle } from '../../ipam/address-space.ts'
import type { AddressAnswer, AddressQuestion, AddressState } from '../../ipam/query.ts'
import type { Allocation, PlacedNetwork } from '../../ipam/records.ts'
import { CorruptStateError } from '../errors.ts'
import { allocationKey, networkKey } from '../key-space.ts'
import type { NetworkState, NetworkTable } from '../network-table.ts'
import { decodeAllocation, decodeNetwork } from '../record-codec.ts'
import type { View } from '../view.ts'
import { type HolderQuestion, holderCandidates, holderQuestion } from './holders.ts'

const HISTORY_MAX = 100
/** For a question about the past, older ones are looked at. */
const EXAMINED_MAX = 20_000

/** Takes what it needs of memory before it returns a promise. */
export function lookUpAddress(
  view: View,
  networks: NetworkTable,
  { namespace, ip, at }: AddressQuestion,
): Promise<AddressAnswer> {
  const address = parseAddress(ip)
  const question = holderQuestion(networks, { address, namespace })
  const chain = question.chains.get(namespace) ?? []
  return answer(view, { question, chain, state: stateOf(chain, address.value), ip, at })
}

async function answer(
  view: View,
  asked: Pick<AddressQuestion, 'ip' | 'at'> & {
    readonly chain: readonly NetworkState[]
    readonly state: AddressState
    readonly question: HolderQuestion
  },
): Promise<AddressAnswer> {
  const { question, chain, state, ip, at } = asked
  const [history, then] = await historyOf(view, question, { ip, at })
  // The newest has it, unless it has ended.
  const active = history[0]?.status === 'allocated' ? history[0] : null
  return {
    state,
    networks: await placedNetworks(view, chain),
    allocation: at === null ? active : then,
    history,
  }
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

/** The newest, and the one that had the address at that time. */
async function historyOf(
  view: View,
  question: HolderQuestion,
  { ip, at }: Pick<AddressQuestion, 'ip' | 'at'>,
): Promise<[history: Allocation[], then: Allocation | null]> {
  const candidates = await holderCandidates(view, question, { name: 'history', after: null, isReverse: true })
  const history: Allocation[] = []
  let then: Allocation | null = null
  try {
    for (let examined = 0; examined < EXAMINED_MAX; ) {
      const chunk = await candidates.take(HISTORY_MAX)
      const records = await view.getMany(chunk.map(({ position }) => allocationKey(position)))
      for (const record of records) {
        if (record === undefined) throw new CorruptStateError(`the history of ${ip} points to no allocation`)
        const allocation = decodeAllocation(record)
        if (history.length < HISTORY_MAX) history.push(allocation)
        if (then === null && at !== null && hadIt(allocation, at)) then = allocation
      }
      examined += chunk.length
      const isAnswered = at === null || then !== null || (history.at(-1)?.allocatedAt ?? 0) <= at
      if (chunk.length < HISTORY_MAX || isAnswered) break
    }
  } finally {
    await candidates.close()
  }
  return [history, then]
}

function hadIt({ allocatedAt, releasedAt }: Allocation, at: number): boolean {
  return allocatedAt <= at && (releasedAt === null || at < releasedAt)
}
