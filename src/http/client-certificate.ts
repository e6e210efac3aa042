/** Who a client is by its certificate. */
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'

/** A connection has one certificate, and it takes long to look at. */
const names = new WeakMap<TLSSocket, string | null>()

/** The common name of a certificate that was verified; null without one. */
export function clientCertificateName({ socket }: Pick<IncomingMessage, 'socket'>): string | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null
  const known = names.get(socket)
  if (known !== undefined) return known
  const { subject } = socket.getPeerCertificate()
  const common: unknown = subject?.CN
  // Of several nobody knows which one is meant.
  const name = typeof common === 'string' && common !== '' ? common : null
  names.set(socket, name)
  return name
}

/** Why the certificate that a client shows is not believed; null if it is, or it shows none. */
export function clientCertificateComplaint({ socket }: Pick<IncomingMessage, 'socket'>): string | null {
  if (!(socket instanceof TLSSocket) || socket.authorized) return null
  if (Object.keys(socket.getPeerCertificate()).length === 0) return null
  return String(socket.authorizationError)
}
