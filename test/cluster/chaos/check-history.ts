/** What the clients were told, against what there is in the end. Each complaint is a broken promise. */
import { checkLinearizable } from '../../linearizability/check-linearizable.ts'
import {
  type FinalRecords,
  finalReads,
  formatIpamOperation,
  type IpamOperation,
  ipamModel,
  settle,
} from '../../linearizability/ipam-model.ts'
import type { AllocationBody, AuditBody } from '../client.ts'
import type { State } from '../same-state.ts'
import { addressNumber, sizeOf } from './address-number.ts'
import type { ManagedNetwork, Request } from './client-load.ts'

const TOLD_OPERATIONS_MAX = 12
/** Of one network; a good history takes about as many as it has operations. */
const STATES_MAX = 200_000

export interface Evidence {
  readonly networks: readonly ManagedNetwork[]
  readonly requests: readonly Request[]
  readonly state: State
  /** When the state was read. */
  readonly readAt: number
}

/** Empty if every promise was kept. */
export function checkHistory(evidence: Evidence): string[] {
  return [
    ...checkNames(evidence),
    ...checkAcknowledged(evidence),
    ...checkNotApplied(evidence),
    ...checkAudit(evidence),
    ...checkOrder(evidence),
  ]
}

/** Only names that somebody asked for, and each once. */
function checkNames({ requests, state }: Evidence): string[] {
  const asked = new Set(requests.flatMap(({ input }) => (input.type === 'allocate' ? [input.id] : [])))
  const seen = new Set<string>()
  return state.allocations.flatMap(({ hostname }) => {
    const name = String(hostname)
    if (!asked.has(name)) return [`${name} was never asked for`]
    if (seen.has(name)) return [`${name} was allocated twice`]
    seen.add(name)
    return []
  })
}

function checkAcknowledged({ requests, state }: Evidence): string[] {
  const byId = new Map(state.allocations.map((row) => [row.id, row]))
  return requests.flatMap((request) => {
    const { output, allocationId } = request
    const row = byId.get(allocationId ?? '')
    if (output?.type === 'allocated' && !isAllocation(row, request)) {
      return [`acknowledged, but not there: ${tell(request)}`]
    }
    if (output?.type === 'released' && row?.status !== 'released') {
      return [`acknowledged, but still allocated: ${tell(request)}`]
    }
    return []
  })
}

function isAllocation(row: AllocationBody | undefined, { input, output }: Request): boolean {
  if (row === undefined || input.type !== 'allocate' || output?.type !== 'allocated') return false
  return row.hostname === input.id && addressNumber(row.ip) === output.first && sizeOf(row) === input.count
}

/** Refused, or answered with `applied: "no"`. */
function checkNotApplied({ requests, state }: Evidence): string[] {
  const names = new Set(state.allocations.map(({ hostname }) => hostname))
  const made = requests.filter(({ input, fate }) => {
    return input.type === 'allocate' && fate !== 'done' && fate !== 'unknown' && names.has(input.id)
  })
  const possible = new Set(
    requests.flatMap(({ input, fate, allocationId }) => {
      return input.type === 'release' && fate !== 'not applied' ? [allocationId] : []
    }),
  )
  const released = state.allocations.filter(({ id, status }) => status === 'released' && !possible.has(id))
  return [
    ...made.map((request) => `said not to be made, but there: ${tell(request)}`),
    ...released.map(({ hostname }) => `${hostname} is released, and nobody can have done it`),
  ]
}

/** The audit, replayed, leads to what is there, and no address has two holders at any time. */
function checkAudit({ networks, state }: Evidence): string[] {
  const { audit, allocations } = state
  const replay = new AuditReplay(allocations)
  const complaints = audit.flatMap((row) => replay.follow(row))
  const created = new Set(
    audit.flatMap(({ action, resource }) => (action === 'network_created' ? [resource] : [])),
  )
  return [
    ...complaints,
    ...replay.conclude(),
    ...networks
      .filter(({ id }) => !created.has(id))
      .map(({ cidr }) => `${cidr} was created, but not on record`),
  ]
}

class AuditReplay {
  readonly #allocations: ReadonlyMap<string, AllocationBody>
  readonly #holders = new Map<number, string>()
  /** How many rows there are of an action on a resource. */
  readonly #counts = new Map<string, number>()

  constructor(allocations: readonly AllocationBody[]) {
    this.#allocations = new Map(allocations.map((row) => [row.id, row]))
  }

  follow({ action, resource }: AuditBody): string[] {
    if (action !== 'ip_allocated' && action !== 'ip_released') return []
    const key = `${action} ${resource}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    const allocation = this.#allocations.get(resource)
    if (allocation === undefined) return [`the audit has ${key}, which nothing is known of`]
    const before = action === 'ip_allocated' ? undefined : resource
    const after = action === 'ip_allocated' ? resource : undefined
    return addressesOf(allocation).flatMap((address) => {
      const holder = this.#holders.get(address)
      if (after === undefined) this.#holders.delete(address)
      else this.#holders.set(address, after)
      return holder === before
        ? []
        : [`${key} (${allocation.ip}) while ${holder ?? 'nobody'} held the address`]
    })
  }

  conclude(): string[] {
    return [...this.#allocations.values()].flatMap(({ id, ip, status }) => {
      const allocated = this.#counts.get(`ip_allocated ${id}`) ?? 0
      const released = this.#counts.get(`ip_released ${id}`) ?? 0
      if (allocated === 1 && released === (status === 'released' ? 1 : 0)) return []
      return [
        `${id} (${ip}) is ${status}; the audit has ${allocated} allocations and ${released} releases of it`,
      ]
    })
  }
}

function addressesOf(allocation: AllocationBody): number[] {
  const first = addressNumber(allocation.ip)
  return Array.from({ length: sizeOf(allocation) }, (_, i) => first + i)
}

/** Of each network: one order explains every answer, and ends in what is there. */
function checkOrder({ networks, requests, state, readAt }: Evidence): string[] {
  return networks.flatMap((network) => {
    const history = requests.filter(({ networkId }) => networkId === network.id).flatMap(toOperation)
    const final = { readAt, records: recordsOf(state.allocations, network) }
    const operations = [...settle(history, final), ...finalReads(final)]
    const verdict = checkLinearizable(modelOf(network), operations, { statesMax: STATES_MAX })
    if (verdict.ok) return []
    if (verdict.result === 'unknown') return [`${network.cidr}: undecided after ${verdict.statesMax} states`]
    const { prefix, blocked } = verdict
    return [
      [
        `${network.cidr} (${network.id}): no order explains these answers; the longest one found ends with`,
        ...prefix.slice(-TOLD_OPERATIONS_MAX).map((operation) => `  ${formatIpamOperation(operation)}`),
        'and of these one had to come next',
        ...blocked.slice(0, TOLD_OPERATIONS_MAX).map((operation) => `  ${formatIpamOperation(operation)}`),
      ].join('\n'),
    ]
  })
}

function toOperation({ client, input, invokedAt, endedAt, fate, output }: Request): IpamOperation[] {
  if (fate === 'not applied') return []
  if (fate === 'unknown')
    return [{ client, input, invokedAt, returnedAt: Number.POSITIVE_INFINITY, output: null }]
  return [{ client, input, invokedAt, returnedAt: endedAt, output }]
}

function recordsOf(rows: readonly AllocationBody[], { id }: ManagedNetwork): FinalRecords['records'] {
  return new Map(
    rows.flatMap((row) => {
      if (row.network_id !== id) return []
      const name = String(row.hostname)
      const isActive = row.status === 'allocated'
      return [[name, { id: name, first: addressNumber(row.ip), count: sizeOf(row), isActive }]]
    }),
  )
}

/** Of a /28. */
function modelOf({ cidr }: ManagedNetwork): ReturnType<typeof ipamModel> {
  const network = addressNumber(cidr.split('/')[0] ?? '')
  return ipamModel({ first: network + 1, last: network + 14 })
}

function tell({ input, node, invokedAt, endedAt, status, allocationId }: Request): string {
  return `${JSON.stringify(input)} at node ${node} from ${invokedAt.toFixed(0)} to ${endedAt.toFixed(0)}: ${status} (${allocationId})`
}
