/**
 * Prefixes and IP addresses from NetBox: its "All data (CSV)" with the labels of the table, and its import format with the names of
 * the model. What the mask of an address says about its network is kept, but NetBox itself goes by the prefixes that there are.
 */
import { addressBits } from '../ipam/address.ts'
import { DEFAULT_NAMESPACE } from '../ipam/defaults.ts'
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

const DERIVED = ['prefix_flat', 'depth', 'children', 'utilization', 'assigned', 'actions']
const FALSE = ['false', '—']
const NOTHING: NothingWords = {
  status: ['active', '—'],
  is_pool: FALSE,
  pool: FALSE,
  mark_utilized: FALSE,
  marked_utilized: FALSE,
  is_primary: FALSE,
  is_oob: FALSE,
}

/** A name of 100 and a route distinguisher of 21 characters, with room; above it the pattern could take long to fail. */
const VRF_CHARS_MAX = 256
const VRF_WITH_RD = /^(.*\S)\s+\((\S+:\S+)\)$/

export function openNetboxPrefixes(header: Header): (fields: readonly string[]) => RowOutcome {
  const columns = sharedColumns(header)
  const prefix = header.column('prefix')
  const rest = restOf(header, [prefix, ...Object.values(columns)], {
    prefix: 'netbox_',
    derived: DERIVED,
    nothing: NOTHING,
  })
  return (fields) => {
    const mistakes = new Mistakes()
    const shared = readShared(columns, fields)
    const cidr = withoutDepth(foundIn(fields, prefix, 'prefix'))
    const metadata = { ...shared.metadata, ...canonical(metadataOf(rest, fields, mistakes)) }
    const draft = { ...NETWORK_BLANK, ...shared, cidr, metadata: { field: 'metadata', value: metadata } }
    return buildNetwork(draft, mistakes)
  }
}

export function openNetboxIpAddresses(header: Header): (fields: readonly string[]) => RowOutcome {
  const columns = sharedColumns(header)
  const address = header.column('address', 'ip_address')
  const dnsName = header.column('dns_name')
  const taken = [address, dnsName, ...Object.values(columns)]
  const rest = restOf(header, taken, { prefix: 'netbox_', derived: DERIVED, nothing: NOTHING })
  return (fields) => {
    const mistakes = new Mistakes()
    const shared = readShared(columns, fields)
    const { ip, mask } = splitMask(foundIn(fields, address, 'address'), mistakes)
    const hostname = foundIn(fields, dnsName, 'dns_name')
    const metadata = { ...shared.metadata, ...mask, ...canonical(metadataOf(rest, fields, mistakes)) }
    const draft = {
      ...ALLOCATION_BLANK,
      ...shared,
      ip,
      hostname,
      metadata: { field: 'metadata', value: metadata },
    }
    return buildAllocation(draft, mistakes)
  }
}

const RENAMED: Readonly<Record<string, string>> = {
  netbox_pool: 'netbox_is_pool',
  netbox_marked_utilized: 'netbox_mark_utilized',
}
const IN_LOWER_CASE = [
  'netbox_status',
  'netbox_is_pool',
  'netbox_mark_utilized',
  'netbox_is_primary',
  'netbox_is_oob',
]

/** By the names and the values of the model, whichever of the two files they are from. */
function canonical(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata).map(([key, value]) => {
    const name = RENAMED[key] ?? key
    return [name, IN_LOWER_CASE.includes(name) ? value.toLowerCase() : value]
  })
  return Object.fromEntries(entries)
}

interface SharedColumns {
  readonly vrf: Column | null
  readonly description: Column | null
  readonly tags: Column | null
}

function sharedColumns(header: Header): SharedColumns {
  return {
    vrf: header.column('vrf'),
    description: header.column('description'),
    tags: header.column('tags'),
  }
}

function readShared(columns: SharedColumns, fields: readonly string[]) {
  const tags = foundIn(fields, columns.tags, 'tags')
  const names = tags.value.split(',').map((name) => name.trim())
  return {
    ...splitVrf(foundIn(fields, columns.vrf, 'vrf')),
    description: foundIn(fields, columns.description, 'description'),
    tags: { field: tags.field, value: names.filter((name) => name !== '' && name !== '—') },
  }
}

/** The table shows "Customer A (65000:1)", the import format has the name only: one namespace either way. */
function splitVrf({ field, value }: Found<string>) {
  const [, name = value, distinguisher = ''] =
    value.length > VRF_CHARS_MAX ? [] : (VRF_WITH_RD.exec(value) ?? [])
  const namespace = /^global$/i.test(name) ? DEFAULT_NAMESPACE : name === '—' ? '' : namespaceFrom(name)
  const metadata: Record<string, string> = distinguisher === '' ? {} : { netbox_vrf_rd: distinguisher }
  return { namespace: { field, value: namespace }, metadata }
}

/** Old versions export the bullets with which the table shows the depth. */
function withoutDepth({ field, value }: Found<string>): Found<string> {
  return { field, value: value.replace(/^[•\s]+/, '') }
}

/** "10.0.0.5/24" is an address and the network in which its host believes to be; /32 and /128 say nothing. */
function splitMask({ field, value }: Found<string>, mistakes: Mistakes) {
  const slash = value.indexOf('/')
  const ip = slash < 0 ? value : value.slice(0, slash)
  const bits = addressBits(ip.includes(':') ? 6 : 4)
  const mask: Record<string, string> =
    slash < 0 || value.endsWith(`/${bits}`) ? {} : { netbox_address: value }
  if (slash >= 0)
    mistakes.check({ field, value: value.slice(slash + 1) }, (length) => checkLength(length, bits), null)
  return { ip: { field, value: ip }, mask }
}

function checkLength(length: string, bits: number): null {
  if (/^[0-9]{1,3}$/.test(length) && Number(length) <= bits) return null
  throw new ValueError(`has no number from 0 to ${bits} after the slash`)
}
