/** Until when the certificates in use are good. */
import type { CertificatesInUse } from '../certificate-watch.ts'
import { gauge, type Labels, type Source } from './family.ts'

export function certificateMetrics(inUse: () => readonly CertificatesInUse[]): Source {
  return () => [
    gauge(
      'ipam_tls_certificate_expiry_timestamp_seconds',
      'When the first certificate of a file expires, of those in use: of the API and towards members (use: http, raft), its own and the authorities whose certificates it believes (part: certificate, authority).',
      inUse().flatMap(samplesOf),
    ),
  ]
}

function samplesOf({ use, expiresAt, authoritiesExpireAt }: CertificatesInUse): [Labels, number][] {
  const own: [Labels, number] = [{ use, part: 'certificate' }, expiresAt / 1_000]
  if (authoritiesExpireAt === null) return [own]
  return [own, [{ use, part: 'authority' }, authoritiesExpireAt / 1_000]]
}
