/** TLS between members: each side shows a certificate of one authority that names the host at which it is a member. */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  TLSSocket,
} from 'node:tls'
import { type Addr, parseAddr } from './addr.ts'
import type { Refusal } from './errors.ts'

/** PEM texts. */
export interface TlsCredentials {
  /** Whose certificates are believed. Theirs alone: not those that the operating system knows. */
  readonly ca: string
  /** Ours, with what leads to the authority; for clients and servers both. */
  readonly cert: string
  readonly key: string
}

/** Mutual TLS between members. */
export interface TlsOptions extends TlsCredentials {
  /** The name that every member's certificate must have; null: each has the host of its own address. */
  readonly name: string | null
}

/** All members are of our program: nothing older has to be spoken. */
const MIN_VERSION = 'TLSv1.3'

/** OpenSSL's words, for operators. Others are shown as they are. */
const COMPLAINTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet; look at the clocks of both machines',
  CERT_REVOKED: 'was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by itself, not by our authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'is signed by another authority than ours',
  UNABLE_TO_GET_ISSUER_CERT: 'is signed by another authority than ours',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is signed by another authority than ours',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is signed by another authority than ours',
  CERT_SIGNATURE_FAILURE: 'is signed by another authority than ours',
  INVALID_PURPOSE: 'is not for this use; a member needs one for servers and clients both',
}

/** What a transport needs of TLS. Connections that stand keep what they began with. */
export class TlsIdentity {
  readonly #name: string | null
  #options: SecureContextOptions
  #context: SecureContext
  readonly #servers: Server[] = []

  /** @throws if a text is not what it should be, or the key is of another certificate */
  constructor({ name, ...credentials }: TlsOptions) {
    this.#name = name
    this.#options = contextOptions(credentials)
    this.#context = createSecureContext(this.#options)
  }

  /** For new connections. @throws as the constructor does; then the old ones stay. */
  replace(credentials: TlsCredentials): void {
    const options = contextOptions(credentials)
    this.#context = createSecureContext(options)
    this.#options = options
    for (const server of this.#servers) server.setSecureContext(options)
  }

  /** The caller asks `whyNotTrusted` before it says or believes anything. */
  connect({ host, port }: Addr): TLSSocket {
    return connect({
      host,
      port,
      secureContext: this.#context,
      // So that the other side can be told why.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
  }

  /** The caller asks `whyNotTrusted` before it says or believes anything. */
  createServer(handshakeMs: number): Server {
    const server = createServer({
      ...this.#options,
      handshakeTimeout: handshakeMs,
      requestCert: true,
      // So that the other side can be told why.
      rejectUnauthorized: false,
    })
    this.#servers.push(server)
    return server
  }

  /** @param addr Where the peer is a member, as far as we know; else as it says itself. */
  whyNotTrusted(socket: unknown, { peer, addr }: { peer: string; addr: string }): Refusal | null {
    const complaint = this.#complaint(socket, addr)
    return complaint === null
      ? null
      : { reason: 'certificate', message: `the certificate of ${peer} ${complaint}` }
  }

  #complaint(socket: unknown, addr: string): string | null {
    if (!(socket instanceof TLSSocket)) return 'is missing: the connection has no TLS'
    const certificate = socket.getPeerCertificate()
    if (Object.keys(certificate).length === 0) return 'is missing: it shows none'
    if (!socket.authorized) {
      const code = String(socket.authorizationError)
      return COMPLAINTS[code] ?? `cannot be verified (${code})`
    }
    const name = this.#name ?? hostOf(addr)
    if (name !== null && checkServerIdentity(name, certificate) === undefined) return null
    return `is not for ${name ?? addr}, it is for ${certificate.subjectaltname ?? 'no host'}`
  }
}

function contextOptions({ ca, cert, key }: TlsCredentials): SecureContextOptions {
  // OpenSSL takes an authority that is none, and a key that is empty, and then trusts nobody, or shows nothing.
  if (!new X509Certificate(ca).ca)
    throw new TypeError('the certificate of the authority is not for an authority')
  createPrivateKey(key)
  // Without tickets: who comes again shows his certificate again.
  return { ca, cert, key, minVersion: MIN_VERSION, secureOptions: constants.SSL_OP_NO_TICKET }
}

function hostOf(addr: string): string | null {
  try {
    return parseAddr(addr).host
  } catch {
    return null
  }
}
