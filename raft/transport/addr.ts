import { isIPv6 } from 'node:net'

export interface Addr {
  readonly host: string
  readonly port: number
}

const FORM = /^(?:\[([^\]]*)\]|([^[\]:]+)):(\d+)$/
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/

/**
 * Parses `host:port`; an IPv6 address stands in brackets, `[::1]:5001`.
 *
 * @throws {TypeError} that names the address and what is wrong with it.
 */
export function parseAddr(addr: string): Addr {
  const match = FORM.exec(addr)
  if (match === null) throw new TypeError(`address ${JSON.stringify(addr)}: ${whyMalformed(addr)}`)
  const [, v6, name, digits] = match
  const port = Number(digits)
  if (port < 1 || port > 65_535) {
    throw new TypeError(`address ${JSON.stringify(addr)}: port ${digits} is not in 1 to 65535`)
  }
  if (v6 !== undefined) {
    if (!isIPv6(v6)) throw new TypeError(`address ${JSON.stringify(addr)}: [${v6}] is not an IPv6 address`)
    return { host: v6, port }
  }
  const host = name ?? ''
  if (!HOST_NAME.test(host)) {
    throw new TypeError(`address ${JSON.stringify(addr)}: ${JSON.stringify(host)} is not a host name`)
  }
  return { host, port }
}

/** The inverse of `parseAddr`. */
export function formatAddr({ host, port }: Addr): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function whyMalformed(addr: string): string {
  if (isIPv6(addr) || addr.split(':').length > 2) return 'write an IPv6 address in brackets, [::1]:5001'
  if (!/:\d+$/.test(addr)) return 'the port is missing, write host:port'
  return 'write host:port or [v6]:port'
}
