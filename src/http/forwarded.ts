/** Whom a request was forwarded for, by the headers that proxies write. */
import { type Address, AddressSyntaxError, parseAddress } from '../ipam/address.ts'

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** RFC 7239 §4: names and values with semicolons between them, or nothing. */
const PAIR = new RegExp(`[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?[ \\t]*(,|;|$)`, 'y')
const MAPPED = '::ffff:'
const PORT = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]{1,5})?$/

/**
 * The addresses in the order of the header: the last one is whom the nearest proxy saw. Null for one that does not say, and
 * for everything in a header that cannot be read.
 */
export function forwardedFor(
  value: string,
  header: 'x-forwarded-for' | 'forwarded',
): readonly (Address | null)[] {
  if (header === 'x-forwarded-for') return value.split(',').map((hop) => readNode(hop.trim()))
  const nodes: (Address | null)[] = []
  let node: string | null = null
  PAIR.lastIndex = 0
  for (;;) {
    const [, name, token, quoted, end] = PAIR.exec(value) ?? [null]
    // What one proxy has mangled another one cannot be told apart from.
    if (end === undefined) return [null]
    if (name?.toLowerCase() === 'for') node = token ?? quoted?.replaceAll(/\\(.)/g, '$1') ?? null
    if (end === ';') continue
    nodes.push(node === null ? null : readNode(node))
    node = null
    if (end === '') return nodes
  }
}

/** An address, with a port or without; brackets around IPv6, though some leave them out where there is no port. */
function readNode(text: string): Address | null {
  const [, bracketed, bare] = PORT.exec(text) ?? []
  return readAddress(bracketed ?? bare ?? text)
}

/** Null for what is none. A socket that listens for both families shows IPv4 as IPv6. */
export function readAddress(text: string): Address | null {
  try {
    return parseAddress(text.startsWith(MAPPED) ? text.slice(MAPPED.length) : text)
  } catch (error) {
    if (error instanceof AddressSyntaxError) return null
    throw error
  }
}
