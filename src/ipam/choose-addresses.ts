/** Which addresses an allocation gets: decided when the command is applied, from the state and the log alone. */
import { AddressSyntaxError, formatAddress, parseAddress } from './address.ts'
import type { Obstacle } from './address-space.ts'
import type { AllocationRequest } from './command.ts'
import type { Outcome, RefusalReason } from './outcome.ts'
import { formatPrefix } from './prefix.ts'
import { type AddressRange, rangeSize } from './range.ts'
import { refuse, refuseValue } from './refuse.ts'
import type { ManagedNetwork } from './store.ts'

type Wish = Pick<AllocationRequest, 'count' | 'ip' | 'preferredIp' | 'alignment'>

/** @param seed The same on every replica, and another for every choice; asked for where the choice is random. */
export function chooseAddresses(
  network: ManagedNetwork,
  { count, ip, preferredIp, alignment }: Wish,
  seed: () => bigint,
): AddressRange | Outcome {
  const size = BigInt(count)
  if (ip !== null) return named(network, ip, size)
  if (preferredIp !== null) {
    const preferred = rangeFrom(network, preferredIp, size)
    if (preferred === null) return refuseText(network, 'preferred_ip', preferredIp)
    if (network.space.isFree(preferred)) return preferred
  }
  const first = search(network, { size, alignment: BigInt(alignment), seed })
  return first === null ? refuseExhausted(network, count, alignment) : { first, last: first + size - 1n }
}

function search(
  { space, strategy, nextAddress }: ManagedNetwork,
  {
    size,
    alignment,
    seed,
  }: { readonly size: bigint; readonly alignment: bigint; readonly seed: () => bigint },
): bigint | null {
  if (strategy === 'lowest') return space.lowestRun(size, { alignment })
  const from = strategy === 'next' ? nextAddress : randomStart(space.usable, seed())
  if (from === null) return space.lowestRun(size, { alignment })
  return space.lowestRun(size, { from, alignment }) ?? space.lowestRun(size, { alignment })
}

/** Any address is as likely; the free run after it is taken, so that one after a long taken stretch is likelier. */
function randomStart({ first, last }: AddressRange, seed: bigint): bigint {
  return first + (scatter(seed) % rangeSize({ first, last }))
}

/** 128 bits that look random, from all bits of a number of up to 128: rounds of SplitMix64, which takes 64. */
function scatter(seed: bigint): bigint {
  const high = splitMix(seed ^ splitMix(seed >> 64n))
  return (high << 64n) | splitMix(high)
}

function splitMix(seed: bigint): bigint {
  const wrap = (value: bigint): bigint => BigInt.asUintN(64, value)
  let z = wrap(seed + 0x9e3779b97f4a7c15n)
  z = wrap((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
  z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn)
  return z ^ (z >> 31n)
}

function named(network: ManagedNetwork, ip: string, size: bigint): AddressRange | Outcome {
  const range = rangeFrom(network, ip, size)
  if (range === null) return refuseText(network, 'ip', ip)
  const obstacle = network.space.obstacleTo(range)
  return obstacle === null ? range : refuseObstacle(network, range, obstacle)
}

/** Null if the text is no address of the network's family. */
function rangeFrom({ prefix }: ManagedNetwork, text: string, size: bigint): AddressRange | null {
  try {
    const { family, value } = parseAddress(text)
    return family === prefix.family ? { first: value, last: value + size - 1n } : null
  } catch (error) {
    if (error instanceof AddressSyntaxError) return null
    throw error
  }
}

function refuseText({ prefix }: ManagedNetwork, field: string, text: string): Outcome {
  return refuseValue(
    field,
    `${text} is not an IPv${prefix.family} address, as ${formatPrefix(prefix)} has them`,
  )
}

const OBSTACLES: Record<Obstacle, { reason: RefusalReason; text: string }> = {
  outside: { reason: 'address_not_in_network', text: 'is not inside' },
  not_usable: { reason: 'address_not_usable', text: 'is the network or broadcast address of' },
  allocated: { reason: 'address_taken', text: 'is already allocated in' },
  delegated: { reason: 'address_taken', text: 'belongs to a child of' },
  reserved: { reason: 'address_reserved', text: 'is reserved in' },
  cooling: { reason: 'address_cooling', text: 'was released a short while ago and cools down in' },
}

function refuseObstacle(network: ManagedNetwork, range: AddressRange, obstacle: Obstacle): Outcome {
  const { reason, text } = OBSTACLES[obstacle]
  const isAnycast = obstacle === 'not_usable' && network.prefix.family === 6
  const free = network.space.lowestRun(rangeSize(range))
  const wayOut =
    free === null ? '' : `; the lowest free is ${formatRange(network, { first: free, last: free })}`
  // The last of them may be beyond the last address that there is.
  const some = range.first === range.last ? '' : `at least one of the ${rangeSize(range)} addresses from `
  const start = formatRange(network, { first: range.first, last: range.first })
  const what = isAnycast ? 'is the subnet-router anycast address of' : text
  const message = `${some}${start} ${what} ${nameOf(network)}${wayOut}`
  return refuse(reason, message, [{ field: 'ip', message }])
}

function refuseExhausted(network: ManagedNetwork, count: number, alignment: number): Outcome {
  const { space } = network
  const aligned = alignment === 1 ? '' : ` aligned to ${alignment}`
  const asked = count === 1 ? `no free address${aligned}` : `no ${count} contiguous free addresses${aligned}`
  const free = space.availableCount
  const rest = free === 0n ? 'all are in use' : `${free} free, in runs of at most ${longestRun(network)}`
  const resting = space.coolingCount === 0n ? '' : `, and ${space.coolingCount} cooling down`
  return refuse('network_exhausted', `Network ${nameOf(network)} has ${asked}: ${rest}${resting}`)
}

function longestRun({ space }: ManagedNetwork): bigint {
  const longest = space.longestRunSize
  return longest < space.availableCount ? longest : space.availableCount
}

export function formatRange(
  { prefix: { family } }: Pick<ManagedNetwork, 'prefix'>,
  { first, last }: AddressRange,
): string {
  const start = formatAddress({ family, value: first })
  return first === last ? start : `${start}-${formatAddress({ family, value: last })}`
}

/** "10.0.0.0/24 (net-1)". */
export function nameOf({ id, prefix }: Pick<ManagedNetwork, 'id' | 'prefix'>): string {
  return `${formatPrefix(prefix)} (${id})`
}
