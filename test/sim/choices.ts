/** Whether an allocation got the addresses that it must get. */
import type { AllocationRequest } from '../../src/ipam/command.ts'
import type { Allocation, Network } from '../../src/ipam/records.ts'
import { type Claims, isFreeAt, isInside, lowestFree, spanOf, spanOfAllocation } from './claims.ts'

/** @param options.next Where strategy `next` goes on; null: from the start. @param options.claims Before it. */
export function checkChosen(options: {
  readonly request: AllocationRequest
  readonly network: Network
  readonly allocation: Allocation
  readonly claims: Claims
  readonly next: bigint | null
}): void {
  const { request, network, allocation, claims } = options
  const { id, ip } = allocation
  const span = spanOfAllocation(allocation)
  check(isInside(span, spanOf(network.cidr)), `${id} has ${ip}, which is not in ${network.cidr}`)
  const at = Number(span.first - claims.prefix.first)
  const count = Number(span.last - span.first) + 1
  check(count === request.count, `${id} has ${count} addresses, not ${request.count}`)
  for (let own = at; own < at + count; own++) {
    const claim = claims.edges.has(own) ? 'not for hosts' : claims.claims[own]
    check(claim === 'free', `${id} has ${ip}, of which one is ${claim}`)
  }
  const isAnywhere = request.ip === null && request.preferredIp === null
  const isAligned = span.first % BigInt(request.alignment) === 0n
  check(isAligned || !isAnywhere, `${id} has ${ip}, which is not aligned to ${request.alignment}`)
  const wanted = wantedPlace(options)
  check(wanted === null || wanted === at, `${id} has ${ip}, and ${wanted} is the place for it, not ${at}`)
}

/** Null if it is up to chance. */
function wantedPlace({
  request,
  network,
  claims,
  next,
}: {
  readonly request: AllocationRequest
  readonly network: Network
  readonly claims: Claims
  readonly next: bigint | null
}): number | null {
  const { count, ip, preferredIp, alignment } = request
  const base = claims.prefix.first
  if (ip !== null) return Number(spanOf(ip).first - base)
  if (preferredIp !== null) {
    const preferred = Number(spanOf(preferredIp).first - base)
    if (isFreeAt(claims, preferred, count)) return preferred
  }
  if (network.strategy === 'random') return null
  const from = network.strategy === 'next' && next !== null ? Number(next - base) : 0
  return lowestFree(claims, { from, count, alignment }) ?? lowestFree(claims, { from: 0, count, alignment })
}

export function checkExhausted(
  { token, count, alignment }: AllocationRequest,
  network: Network,
  claims: Claims,
): void {
  const place = lowestFree(claims, { from: 0, count, alignment })
  check(place === null, `${token} is refused, and ${network.cidr} has room for it at ${place}`)
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
