/** What the service is for: networks, allocations, expiries. Each node tells of its own copy of the state. */
import type { StateFigures } from '../state/figures.ts'
import { counter, type Family, gauge, type Labels, type Source } from './family.ts'
import { type NetworkCount, takeCensus } from './network-census.ts'

export interface NetworkSource {
  state(): StateFigures
  /** What this node has ended as the leader. */
  ended(): { readonly expired: number; readonly cooled: number }
  /** Ms since 1970; null when nothing expires. */
  nextExpiry(): number | null
  wallTime(): number
  breathe(): Promise<void>
  /** How many networks have samples of their own: the fullest. */
  readonly networksMax: number
}

export function networkMetrics(source: NetworkSource): Source {
  return async () => {
    const { trees, networkCount, expiringCount, coolingCount } = source.state()
    const { breathe, networksMax: fullestMax } = source
    const { allocations, allocated, fullest } = await takeCensus(trees, { fullestMax, breathe })
    return [
      gauge('ipam_networks', 'Networks.', networkCount),
      gauge('ipam_allocations', 'Active allocations.', allocations),
      gauge('ipam_allocated_addresses', 'Addresses of active allocations.', [
        [{ family: 'ipv4' }, allocated.ipv4],
        [{ family: 'ipv6' }, allocated.ipv6],
      ]),
      gauge('ipam_expiring_allocations', 'Active allocations that expire some day.', expiringCount),
      gauge('ipam_cooling_ranges', 'Released addresses or ranges that rest.', coolingCount),
      ...expiryFamilies(source),
      ...familiesOf(fullest),
    ]
  }
}

function expiryFamilies({ ended, nextExpiry, wallTime }: NetworkSource): Family[] {
  const { expired, cooled } = ended()
  const next = nextExpiry()
  return [
    gauge(
      'ipam_expiry_overdue_seconds',
      'For how long the next expiry is due, by the clock of this node; some tenths are normal.',
      next === null ? 0 : Math.max(0, wallTime() - next) / 1_000,
    ),
    counter(
      'ipam_allocations_expired_total',
      'Allocations that this node let expire while it led: add up the nodes.',
      expired,
    ),
    counter('ipam_coolings_ended_total', 'Rests that this node ended while it led.', cooled),
  ]
}

function familiesOf(networks: readonly NetworkCount[]): Family[] {
  const each = (name: string, help: string, value: (network: NetworkCount) => number): Family => {
    return gauge(
      name,
      `${help} Of the fullest networks.`,
      networks.map((network, i) => [labels[i] ?? {}, value(network)]),
    )
  }
  const labels = networks.map(({ id: network, cidr, namespace }): Labels => ({ network, cidr, namespace }))
  return [
    each('ipam_network_allocations', 'Active allocations.', ({ allocations }) => allocations),
    each('ipam_network_usable_addresses', 'Addresses for hosts.', ({ usable }) => usable),
    each(
      'ipam_network_allocated_addresses',
      'Addresses of active allocations.',
      ({ allocated }) => allocated,
    ),
    each('ipam_network_available_addresses', 'Addresses that are free.', ({ available }) => available),
    each(
      'ipam_network_utilization_ratio',
      'Allocated addresses and those of child networks, of the usable ones.',
      ({ utilization }) => utilization,
    ),
  ]
}
