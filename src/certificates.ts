/** Certificates and keys in files: read, and judged before they are used. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'

export interface CertificatePaths {
  /** With what leads to the authority, if it is not known to those who look at it. */
  readonly cert: string
  readonly key: string
  /** Whose certificates are believed; null: nobody's. */
  readonly ca: string | null
}

/** PEM texts that belong together. */
export interface Certificates {
  readonly cert: string
  readonly key: string
  /** Empty for none. */
  readonly ca: string
  /** When the first of `cert` expires: the certificate, or one that leads to its authority. Milliseconds since 1970. */
  readonly expiresAt: number
  /** When the first of `ca` expires; null for none. Milliseconds since 1970. */
  readonly authoritiesExpireAt: number | null
}

/** What an operator has to change, with the file. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
}

/**
 * @param host That it must be for; null: any.
 * @param isMember It must be of that authority itself, and for servers and clients both.
 * @throws {CertificateError}
 */
export function readCertificates(
  paths: CertificatePaths,
  { host, isMember, now }: { host: string | null; isMember: boolean; now: number },
): Certificates {
  const [cert, key] = [read(paths.cert), read(paths.key)]
  const ca = paths.ca === null ? '' : read(paths.ca)
  const [leaf, ...others] = parse(cert, paths.cert)
  const authorities = paths.ca === null ? [] : parse(ca, paths.ca)
  if (leaf === undefined) throw new CertificateError(`${paths.cert} has no certificate in PEM`)
  if (!leaf.checkPrivateKey(parseKey(key, paths.key))) {
    throw new CertificateError(`${paths.key} is the key of another certificate than ${paths.cert}`)
  }
  checkTime(leaf, { path: paths.cert, now })
  if (host !== null && !isFor(leaf, host)) {
    const names = leaf.subjectAltName ?? 'no host'
    throw new CertificateError(`${paths.cert} is not for ${host}, it is for ${names}`)
  }
  if (authorities.some((authority) => !authority.ca)) {
    throw new CertificateError(`${paths.ca} has a certificate that is not for an authority`)
  }
  if (
    isMember &&
    ![leaf, ...others].some((one) => authorities.some((authority) => isIssuedBy(one, authority)))
  ) {
    throw new CertificateError(
      `${paths.cert} is not signed by ${paths.ca}: the other members would refuse it`,
    )
  }
  const authoritiesExpireAt = authorities.length === 0 ? null : firstExpiry(authorities)
  return { cert, key, ca, expiresAt: firstExpiry([leaf, ...others]), authoritiesExpireAt }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : code
    throw new CertificateError(`cannot read ${path}: ${why}`, { cause })
  }
}

function parse(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new CertificateError(`${path} has no certificate in PEM`)
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (cause) {
    throw new CertificateError(`${path} has a certificate that cannot be read`, { cause })
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new CertificateError(`${path} has no private key in PEM, or one with a passphrase`, { cause })
  }
}

function checkTime(leaf: X509Certificate, { path, now }: { path: string; now: number }): void {
  if (Date.parse(leaf.validTo) <= now) throw new CertificateError(`${path} has expired, on ${leaf.validTo}`)
  if (Date.parse(leaf.validFrom) > now) {
    throw new CertificateError(`${path} is not valid before ${leaf.validFrom}; look at the clock`)
  }
}

function firstExpiry(certificates: readonly X509Certificate[]): number {
  return Math.min(...certificates.map(({ validTo }) => Date.parse(validTo)))
}

function isFor(leaf: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}
