/** Hosts files (RFC 952 in the form that hosts(5) gave it): an address, its name, its other names, a comment. */
import { type Address, AddressSyntaxError, parseAddress } from '../ipam/address.ts'
import { containsAddress, type Prefix, parsePrefix } from '../ipam/prefix.ts'
import { ALLOCATION_BLANK, buildAllocation } from './build-row.ts'
import type { RowOutcome } from './rows.ts'

interface Special {
  readonly prefix: Prefix
  readonly what: string
}

/** What the system puts there, and what block lists use: no host of a managed network. */
const SPECIALS: readonly Special[] = [
  special('127.0.0.0/8', 'a loopback address'),
  special('::1/128', 'a loopback address'),
  special('0.0.0.0/32', 'the unspecified address'),
  special('::/128', 'the unspecified address'),
  special('255.255.255.255/32', 'the broadcast address'),
  special('224.0.0.0/4', 'a multicast address'),
  special('ff00::/8', 'a multicast address'),
  special('fe80::/10', 'a link-local address'),
  // "ip6-localnet" in the file of Debian.
  special('fe00::/128', 'a name for the local network'),
]

/** Null for a line without an address: empty, or a comment only. */
export function readHostsLine(line: string): RowOutcome | null {
  const hash = line.indexOf('#')
  const comment = hash < 0 ? '' : line.slice(hash + 1).trim()
  const [ip = '', hostname = '', ...aliases] = (hash < 0 ? line : line.slice(0, hash))
    .split(/\s+/)
    .filter(isWord)
  if (ip === '') return null

  const what = specialOf(ip)
  if (what !== null) return { type: 'skipped', reason: `${ip} is ${what}` }
  if (hostname === '')
    return { type: 'errors', errors: [{ field: 'hostname', message: `${ip} has no name` }] }
  const names: Record<string, string> = aliases.length === 0 ? {} : { hosts_aliases: aliases.join(' ') }
  return buildAllocation({
    ...ALLOCATION_BLANK,
    ip: { field: 'ip', value: ip },
    hostname: { field: 'hostname', value: hostname },
    description: { field: 'description', value: comment },
    metadata: { field: 'aliases', value: names },
  })
}

/** Whether this is how a line of a hosts file begins: an address, then a name. */
export function looksLikeHosts(line: string): boolean {
  const [ip = '', name = ''] = line.split(/\s+/).filter(isWord)
  return name !== '' && addressOf(withoutZone(ip)) !== null
}

function isWord(text: string): boolean {
  return text !== ''
}

function specialOf(ip: string): string | null {
  const address = addressOf(withoutZone(ip))
  if (address === null) return null
  return SPECIALS.find(({ prefix }) => containsAddress(prefix, address))?.what ?? null
}

/** "fe80::1%lo0" is link-local whatever the interface. */
function withoutZone(ip: string): string {
  const percent = ip.indexOf('%')
  return percent < 0 ? ip : ip.slice(0, percent)
}

function addressOf(text: string): Address | null {
  try {
    return parseAddress(text)
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error
    return null
  }
}

function special(cidr: string, what: string): Special {
  return { prefix: parsePrefix(cidr), what }
}
