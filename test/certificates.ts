/** Certificates of authorities of our own, made by openssl. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsCredentials } from '../raft/index.ts'

export interface CertificateOptions {
  readonly commonName?: string
  /** Host names and addresses, as openssl writes them: `IP:127.0.0.1`. */
  readonly hosts?: readonly string[]
  /** From now; below 0 it has expired. */
  readonly days?: number
  /** For what it is: `serverAuth`, `clientAuth`. */
  readonly uses?: readonly string[]
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export class Authority {
  readonly directory: string
  /** PEM. */
  readonly certificate: string
  #count = 0

  constructor(name = 'authority', { days = 30 } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'ipam-certificates-'))
    const subject = ['-subj', `/CN=${name}`, '-days', String(days)]
    this.#openssl(['req', '-x509', ...KEY, '-keyout', 'ca.key', '-out', 'ca.pem', ...subject])
    this.certificate = this.#read('ca.pem')
  }

  issue({
    commonName = 'member',
    hosts = ['IP:127.0.0.1', 'DNS:localhost'],
    days = 30,
    uses = ['serverAuth', 'clientAuth'],
  }: CertificateOptions = {}): TlsCredentials {
    const name = `leaf-${++this.#count}`
    writeFileSync(
      join(this.directory, `${name}.ext`),
      `subjectAltName=${hosts.join(',')}\nextendedKeyUsage=${uses.join(',')}\n`,
    )
    this.#openssl([
      'req',
      ...KEY,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${commonName}`,
    ])
    const signed = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-set_serial',
      String(this.#count),
      '-days',
      String(days),
    ]
    this.#openssl([
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signed,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    ])
    return { ca: this.certificate, cert: this.#read(`${name}.pem`), key: this.#read(`${name}.key`) }
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  #read(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8')
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: 'pipe' })
  }
}
