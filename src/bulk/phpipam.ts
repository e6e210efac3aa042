/**
 * Subnets and addresses from phpIPAM, from the tables that its administration exports as XLS, saved as CSV, and from the template of its import.
 * The names of custom fields are those of the site, so that no column is unknown.
 */
import { addressBits, parseAddress } from '../ipam/address.ts'
import {
  ALLOCATION_BLANK,
  buildAllocation,
  buildNetwork,
  type Found,
  Mistakes,
  NETWORK_BLANK,
} from './build-row.ts'
import { metadataOf, type NothingWords, namespaceFrom, restOf } from './foreign.ts'
import { type Column, foundIn, type Header } from './header.ts'
import type { RowOutcome } from './rows.ts'
import { ValueError } from './values.ts'

const NO = ['0', 'no']
const NOTHING: NothingWords = {
  vlan: ['na'],
  master_subnet: ['/'],
  requests: NO,
  host_check: NO,
  discover: NO,
  gateway: NO,
  is_gateway: NO,
  tag: ['used'],
  ip_state: ['used', 'active'],
}

export function openPhpipamSubnets(header: Header): (fields: readonly string[]) => RowOutcome {
  const subnet = header.column('subnet')
  const mask = header.column('mask', 'netmask')
  const vrf = header.column('vrf')
  const description = header.column('description')
  const rest = restOf(header, [subnet, mask, vrf, description], {
    prefix: 'phpipam_',
    derived: [],
    nothing: NOTHING,
  })
  return (fields) => {
    const mistakes = new Mistakes()
    const text = foundIn(fields, subnet, 'subnet')
    if (text.value.endsWith('(folder)')) return { type: 'skipped', reason: `${text.value} is no network` }
    return buildNetwork(
      {
        ...NETWORK_BLANK,
        cidr: withMask(text, foundIn(fields, mask, 'mask'), mistakes),
        namespace: namespaceOf(foundIn(fields, vrf, 'vrf')),
        description: foundIn(fields, description, 'description'),
        metadata: { field: 'metadata', value: metadataOf(rest, fields, mistakes) },
      },
      mistakes,
    )
  }
}

export function openPhpipamAddresses(header: Header): (fields: readonly string[]) => RowOutcome {
  const columns = {
    ip: header.column('ip_address', 'ip_addr'),
    network: header.column('subnet'),
    namespace: header.column('vrf'),
    hostname: header.column('hostname', 'dns_name'),
    description: header.column('description'),
    mac: header.column('mac', 'mac_address'),
  }
  const rest = restOf(header, Object.values(columns), { prefix: 'phpipam_', derived: [], nothing: NOTHING })
  return (fields) => {
    const mistakes = new Mistakes()
    const metadata = { field: 'metadata', value: metadataOf(rest, fields, mistakes) }
    const row = found(columns, fields)
    const namespace = namespaceOf(row.namespace)
    return buildAllocation({ ...ALLOCATION_BLANK, ...row, namespace, metadata }, mistakes)
  }
}

function found<Name extends string>(
  columns: Readonly<Record<Name, Column | null>>,
  fields: readonly string[],
): Record<Name, Found<string>>
function found(columns: Readonly<Record<string, Column | null>>, fields: readonly string[]) {
  const entries = Object.entries(columns).map(([name, column]) => [name, foundIn(fields, column, name)])
  return Object.fromEntries(entries)
}

/** "10.0.0.0/24", or "10.0.0.0" with "24" or "255.255.255.0" beside it. */
function withMask(subnet: Found<string>, mask: Found<string>, mistakes: Mistakes): Found<string> {
  if (mask.value === '' || subnet.value.includes('/')) return subnet
  const length = mistakes.check(mask, prefixLength, null)
  // Under the name of the mask, whose mistake is on record, that the subnet lacks a length is no second one.
  if (length === null) return { field: mask.field, value: subnet.value }
  return { field: subnet.field, value: `${subnet.value}/${length}` }
}

function prefixLength(mask: string): number {
  if (/^\/?[0-9]{1,3}$/.test(mask)) return Number(mask.replace('/', ''))
  return netmaskLength(mask)
}

/** A netmask has ones, then zeros. */
function netmaskLength(mask: string): number {
  const { family, value } = parseAddress(mask)
  const bits = addressBits(family)
  const digits = value.toString(2).padStart(bits, '0')
  if (/^1*0*$/.test(digits)) return digits.replaceAll('0', '').length
  throw new ValueError(`${mask} is no netmask`)
}

function namespaceOf({ field, value }: Found<string>): Found<string> {
  return { field, value: namespaceFrom(value) }
}
