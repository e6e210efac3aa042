/** Certificates of a server, of what its configuration says. */
import { systemClock, type TcpTransport } from '../raft/index.ts'
import { CertificateWatch, type Watched } from './certificate-watch.ts'
import { type Certificates, readCertificates } from './certificates.ts'
import type { Config } from './config.ts'
import type { HttpTls, RaftTls } from './config-tls.ts'
import type { Listener } from './http/listen.ts'
import type { Logger } from './logger.ts'

interface Loaded {
  readonly load: () => Certificates
  readonly current: Certificates
}

/** @throws {CertificateError} */
export function loadAllCertificates({ raft, raftTls, httpTls }: Config): {
  raft: Loaded | null
  http: Loaded | null
} {
  const loaded = (load: () => Certificates): Loaded => ({ load, current: load() })
  const loadRaft = (tls: RaftTls, host: string) => () => {
    return readCertificates(tls, { host: tls.name ?? host, isMember: true, now: systemClock.wallTime() })
  }
  const loadHttp =
    ({ cert, key, clientCa }: HttpTls) =>
    () => {
      const now = systemClock.wallTime()
      return readCertificates({ cert, key, ca: clientCa }, { host: null, isMember: false, now })
    }
  return {
    raft: raft === null || raftTls === null ? null : loaded(loadRaft(raftTls, raft.host)),
    http: httpTls === null ? null : loaded(loadHttp(httpTls)),
  }
}

export function createWatch(
  { raft, http }: { raft: Loaded | null; http: Loaded | null },
  { transport, listener, logger }: { transport: TcpTransport | null; listener: Listener; logger: Logger },
): CertificateWatch {
  const watched: { watched: Watched; current: Certificates }[] = []
  if (raft !== null) {
    const apply = (certificates: Certificates) => transport?.setTlsCredentials(certificates)
    watched.push({ watched: { use: 'raft', load: raft.load, apply }, current: raft.current })
  }
  if (http !== null) {
    const apply = (certificates: Certificates) => listener.setCertificates(certificates)
    watched.push({ watched: { use: 'http', load: http.load, apply }, current: http.current })
  }
  return new CertificateWatch(watched, { clock: systemClock, logger })
}
