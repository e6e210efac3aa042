/** Which addresses make sense where. */
import { type Addr, parseAddr } from '../raft/transport/addr.ts'

const WILDCARDS: readonly string[] = ['0.0.0.0', '::']

/**
 * An address that others connect to.
 *
 * @throws {TypeError} also for the wildcard, on which one can only listen.
 */
export function parseReachableAddr(text: string): Addr {
  const addr = parseAddr(text)
  if (isWildcard(addr.host)) {
    const message = `address ${JSON.stringify(text)}: others cannot connect to ${addr.host}, write this node's own host`
    throw new TypeError(message)
  }
  return addr
}

export function isWildcard(host: string): boolean {
  return WILDCARDS.includes(host)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
