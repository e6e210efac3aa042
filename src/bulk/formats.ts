/** Which formats there are, and which of them a file is in. */
import type { Header } from './header.ts'

export const FORMATS = [
  'ipam-networks-csv',
  'ipam-allocations-csv',
  'ipam-networks-jsonl',
  'ipam-allocations-jsonl',
  'netbox-prefixes',
  'netbox-ip-addresses',
  'phpipam-subnets',
  'phpipam-addresses',
  'hosts',
] as const

export type Format = (typeof FORMATS)[number]

/** A line is a row; the others have columns. */
export type LineFormat = 'ipam-networks-jsonl' | 'ipam-allocations-jsonl' | 'hosts'

export type CsvFormat = Exclude<Format, LineFormat>

export function isLineFormat(format: Format): format is LineFormat {
  return format === 'ipam-networks-jsonl' || format === 'ipam-allocations-jsonl' || format === 'hosts'
}

/** What only one of the two has beside "IP Address". */
const NETBOX_MARKS = [
  'status',
  'dns_name',
  'tenant',
  'role',
  'assigned',
  'nat_inside',
  'nat_outside',
  'tags',
  'interface',
]
const PHPIPAM_MARKS = [
  'section',
  'subnet',
  'hostname',
  'mac',
  'owner',
  'device',
  'note',
  'tag',
  'gateway',
  'ip_state',
  'port',
]

/** By the names of the columns alone, their case and punctuation aside; null where none or two of the formats fit. */
export function detectCsvFormat(header: Header): CsvFormat | null {
  if (header.has('ip')) return 'ipam-allocations-csv'
  if (header.has('cidr')) return 'ipam-networks-csv'
  if (header.has('prefix')) return 'netbox-prefixes'
  if (header.has('address')) return 'netbox-ip-addresses'
  if (header.has('ip_address') || header.has('ip_addr')) return detectAddressFormat(header)
  return header.has('subnet') ? 'phpipam-subnets' : null
}

function detectAddressFormat(header: Header): CsvFormat | null {
  const netbox = NETBOX_MARKS.filter((name) => header.has(name)).length
  const phpipam = PHPIPAM_MARKS.filter((name) => header.has(name)).length
  if (netbox === phpipam) return null
  return netbox > phpipam ? 'netbox-ip-addresses' : 'phpipam-addresses'
}
