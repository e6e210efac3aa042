/** What a name on the command line means: networks by id or CIDR, allocations by id or address. */
import { DEFAULT_NAMESPACE } from '../../ipam/defaults.ts'
import { show } from '../../show.ts'
import type { Api } from './api.ts'
import type { Arguments } from './arguments.ts'
import type { AddressBody, AllocationBody, NetworkBody } from './bodies.ts'
import { ClientError, UsageError } from './client-error.ts'
import { listOf, objectOf } from './pages.ts'
import { addressOf, cidrOf, isAddress } from './values.ts'

const ID = /^[A-Za-z0-9_-]{1,64}$/

/** Enough to name in a message. */
const NAMED_MAX = 5

export type NetworkReference =
  | { readonly type: 'id'; readonly id: string }
  | { readonly type: 'cidr'; readonly cidr: string; readonly namespace: string }

/** What is meant, without asking the API. @throws {UsageError} */
export function networkReference(text: string, args: Arguments): NetworkReference {
  const namespace = args.text('namespace')
  if (text.includes('/')) {
    return { type: 'cidr', cidr: cidrOf(text, 'REF'), namespace: namespace ?? DEFAULT_NAMESPACE }
  }
  if (isAddress(text)) {
    throw new UsageError(
      `${text} is an address; a network is named by its id or CIDR. Those around it: ipam network list --contains ${text}`,
    )
  }
  checkId(text, 'a network is named by its id or its CIDR, such as 10.0.0.0/24')
  if (namespace !== null) {
    throw new UsageError(`--namespace goes with a CIDR; ${text} is an id, which says it all: leave it out`)
  }
  return { type: 'id', id: text }
}

/** The id of the network that is meant. @throws {ClientError} */
export async function networkId(api: Api, text: string, args: Arguments): Promise<string> {
  const reference = networkReference(text, args)
  if (reference.type === 'id') return reference.id
  const { cidr, namespace } = reference
  const [network] = await listOf<NetworkBody>(api, '/networks', { cidr, namespace }, { limit: 1 })
  if (network !== undefined) return network.id
  const elsewhere = await listOf<NetworkBody>(api, '/networks', { cidr }, { limit: NAMED_MAX })
  const spaces = elsewhere.map((other) => `--namespace ${other.namespace}`)
  const wayOut =
    spaces.length > 0 ? `there is with ${spaces.join(' or ')}` : 'to see which there are: ipam network list'
  throw new ClientError(`no network ${cidr} is in namespace ${namespace}; ${wayOut}`, 3)
}

/** For a filter: a CIDR without a namespace may be in any, if it is in one only. @throws {ClientError} */
export async function networkIdInAny(api: Api, text: string | null, args: Arguments): Promise<string | null> {
  if (text === null) return null
  if (!text.includes('/')) checkId(text, 'a network is named by its id or its CIDR, such as 10.0.0.0/24')
  if (!text.includes('/')) return text
  const cidr = cidrOf(text, 'REF')
  const namespace = args.text('namespace')
  const networks = await listOf<NetworkBody>(api, '/networks', { cidr, namespace }, { limit: NAMED_MAX })
  const [network, other] = networks
  if (network === undefined) {
    const where = namespace === null ? '' : ` in namespace ${namespace}`
    throw new ClientError(`there is no network ${cidr}${where}; to see which there are: ipam network list`, 3)
  }
  if (other === undefined) return network.id
  const spaces = networks.map((each) => each.namespace).join(', ')
  throw new ClientError(`${cidr} is in several namespaces (${spaces}); say which with --namespace`, 2)
}

/**
 * The id of the allocation that is meant; by an address, the one that has it now.
 *
 * @param isWhole Whoever ends a range has to name it, not an address somewhere in it.
 * @throws {ClientError}
 */
export async function allocationId(
  api: Api,
  text: string,
  args: Arguments,
  { isWhole = false }: { isWhole?: boolean } = {},
): Promise<string> {
  const namespace = args.text('namespace')
  if (!isAddress(text)) {
    if (/[.:/]/.test(text)) addressOf(text, 'ID|IP')
    checkId(text, 'an allocation is named by its id or its address')
    if (namespace !== null) {
      throw new UsageError(`--namespace goes with an address; ${text} is an id: leave it out`)
    }
    return text
  }
  const ip = addressOf(text, 'ID|IP')
  const space = namespace ?? DEFAULT_NAMESPACE
  const answer = await api.get(`/addresses/${encodeURIComponent(ip)}`, { namespace: space })
  const { allocation, state } = objectOf<AddressBody>(answer.text)
  if (allocation === null || allocation.status !== 'allocated') {
    throw await nobodyHas(api, { ip, space, state, isSpaceGiven: namespace !== null })
  }
  if (isWhole && allocation.end_ip !== null && allocation.ip !== ip) {
    const { id, ip: first, end_ip: last } = allocation
    throw new UsageError(
      `${ip} is one of the range ${first}-${last}, which ends as a whole: name it by ${id} or ${first}`,
    )
  }
  return allocation.id
}

async function nobodyHas(
  api: Api,
  {
    ip,
    space,
    state,
    isSpaceGiven,
  }: { ip: string; space: string; state: AddressBody['state']; isSpaceGiven: boolean },
): Promise<ClientError> {
  const holders = isSpaceGiven
    ? []
    : await listOf<AllocationBody>(api, '/allocations', { ip }, { limit: NAMED_MAX })
  const named = holders.map(({ id, hostname }) => `${id}${hostname === null ? '' : ` (${hostname})`}`)
  const wayOut =
    named.length > 0
      ? `in another namespace ${named.join(', ')} has it: name it by id, or say --namespace`
      : `who had it: ipam find ${ip}`
  const where = space === DEFAULT_NAMESPACE && !isSpaceGiven ? '' : ` in namespace ${space}`
  return new ClientError(`nobody has ${ip}${where}, it is ${STATES[state] ?? state}; ${wayOut}`, 3)
}

const STATES: Record<AddressBody['state'], string> = {
  allocated: 'allocated',
  available: 'free',
  reserved: 'reserved',
  cooling: 'cooling down after its release',
  not_usable: 'the address of the network itself',
  unmanaged: 'in no network',
}

function checkId(text: string, hint: string): void {
  if (!ID.test(text)) throw new UsageError(`${show(text)} is no id; ${hint}`)
}
