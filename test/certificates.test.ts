import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { TlsCredentials } from '../raft/index.ts'
import { CertificateWatch } from '../src/certificate-watch.ts'
import { CertificateError, type CertificatePaths, readCertificates } from '../src/certificates.ts'
import { loadConfig } from '../src/config.ts'
import { certificateMetrics } from '../src/metrics/certificate-metrics.ts'
import { Authority } from './certificates.ts'
import { HandClock } from './raft/transport/support.ts'

const directory = mkdtempSync(join(tmpdir(), 'ipam-read-certificates-'))
const ours = new Authority('ours')
const others = new Authority('others')
const good = ours.issue()
const paths: CertificatePaths = {
  ca: join(directory, 'ca.pem'),
  cert: join(directory, 'node.pem'),
  key: join(directory, 'node.key'),
}

function write({ ca, cert, key }: TlsCredentials): void {
  writeFileSync(paths.ca ?? '', ca)
  writeFileSync(paths.cert, cert)
  writeFileSync(paths.key, key)
}

const daysUntil = (ms: number): number => Math.round((ms - Date.now()) / 86_400_000)

const load = () => readCertificates(paths, { host: '127.0.0.1', isMember: true, now: Date.now() })

beforeEach(() => write(good))

afterAll(() => {
  rmSync(directory, { recursive: true })
  ours.close()
  others.close()
})

describe('certificates in files', () => {
  test('are read with the time until which they are good', () => {
    const { expiresAt, authoritiesExpireAt, ...certificates } = load()

    expect(certificates).toEqual(good)
    expect(daysUntil(expiresAt)).toBe(30)
    expect(daysUntil(authoritiesExpireAt ?? 0)).toBe(30)
  })

  test('are as good as the first of a file that expires', () => {
    const [short, shorter] = [ours.issue({ days: 20 }), new Authority('short', { days: 10 })]
    write({ ...short, ca: ours.certificate + shorter.certificate })
    expect(daysUntil(load().expiresAt)).toBe(20)
    expect(daysUntil(load().authoritiesExpireAt ?? 0)).toBe(10)

    write({ ...short, cert: short.cert + shorter.certificate })
    expect(daysUntil(load().expiresAt)).toBe(10)
    shorter.close()
  })

  test.each([
    {
      why: 'another key',
      made: () => ({ ...good, key: ours.issue().key }),
      message: 'node.key is the key of another certificate than',
    },
    {
      why: 'no key',
      made: () => ({ ...good, key: 'x' }),
      message: 'node.key has no private key in PEM, or one with a passphrase',
    },
    {
      why: 'no certificate',
      made: () => ({ ...good, cert: '' }),
      message: 'node.pem has no certificate in PEM',
    },
    {
      why: 'half a certificate',
      made: () => ({ ...good, cert: good.cert.replace(/\n.{10}/, '\n') }),
      message: 'node.pem has a certificate that cannot be read',
    },
    { why: 'an expired one', made: () => ours.issue({ days: -1 }), message: 'node.pem has expired, on ' },
    {
      why: 'one for another host',
      made: () => ours.issue({ hosts: ['DNS:x'] }),
      message: 'node.pem is not for 127.0.0.1, it is for DNS:x',
    },
    {
      why: 'one of another authority',
      made: () => ({ ...others.issue(), ca: good.ca }),
      message: 'ca.pem: the other members would refuse it',
    },
    {
      why: 'an authority that is none',
      made: () => ({ ...good, ca: good.cert }),
      message: 'ca.pem has a certificate that is not for an authority',
    },
  ])('are refused with the file where there is $why', ({ made, message }) => {
    write(made())

    expect(load).toThrow(CertificateError)
    expect(load).toThrow(message)
  })

  test('that are missing are named', () => {
    rmSync(paths.key)

    expect(load).toThrow(`cannot read ${paths.key}: there is no such file`)
  })
})

describe('the watch over certificates', () => {
  function watching(apply: () => void = () => {}) {
    const clock = new HandClock()
    const lines: string[] = []
    const log = (level: string) => (fields: object, message: string) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
    }
    const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
    const applied: string[] = []
    const watched = {
      use: 'raft' as const,
      load,
      apply: ({ cert }: { cert: string }) => {
        apply()
        applied.push(cert)
      },
    }
    const watch = new CertificateWatch([{ watched, current: load() }], { clock, logger })
    watch.start()
    return { watch, clock, lines, applied }
  }

  test('takes new ones within ten seconds, once', () => {
    const { clock, applied, lines } = watching()
    clock.advance(30_000)
    expect(applied).toEqual([])

    const next = ours.issue()
    write(next)
    clock.advance(30_000)

    expect(applied).toEqual([next.cert])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^info new certificates are in use .*"use":"raft","expires":"2/)
  })

  test('takes new ones at once when it is told to, and says when there are none', () => {
    const { watch, applied, lines } = watching()
    watch.reload()
    expect(lines).toEqual(['info certificates have not changed {"use":"raft"}'])

    write(ours.issue())
    watch.reload()
    expect(applied).toHaveLength(1)
  })

  test('leaves what it has where the new ones are wrong or half written, says so once, and takes them when they are right', () => {
    const { clock, applied, lines } = watching()
    const next = ours.issue()

    write({ ...next, key: good.key })
    clock.advance(60_000)
    expect(applied).toEqual([])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^error new certificates are not used, the old ones stay .*is the key of another certificate/,
    )

    write(next)
    clock.advance(10_000)
    expect(applied).toEqual([next.cert])
  })

  test('leaves what it has where they cannot be put to use', () => {
    const { watch, clock, lines } = watching(() => {
      throw new Error('values mismatch')
    })
    const [before] = watch.inUse
    write(ours.issue({ days: 90 }))
    clock.advance(60_000)

    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('values mismatch')
    expect(watch.inUse).toEqual([before])
  })

  test('says again what is wrong if it was right in between', () => {
    const { clock, lines } = watching()
    const wrong = { ...ours.issue(), key: good.key }

    for (const files of [wrong, good, wrong]) {
      write(files)
      clock.advance(10_000)
    }

    expect(lines.map((line) => line.split(' ')[0])).toEqual(['error', 'error'])
  })

  test('tells when those in use expire, also where others lie in the files that it refuses', async () => {
    const { watch, clock } = watching()
    const source = certificateMetrics(() => watch.inUse)
    const days = async () => {
      const [family] = await source()
      return family?.samples.map(({ labels, value }) => [
        labels['use'],
        labels['part'],
        daysUntil(value * 1_000),
      ])
    }
    expect(await days()).toEqual([
      ['raft', 'certificate', 30],
      ['raft', 'authority', 30],
    ])

    write({ ...ours.issue({ days: 90 }), key: good.key })
    clock.advance(10_000)
    expect((await days())?.[0]).toEqual(['raft', 'certificate', 30])

    write(ours.issue({ days: 90 }))
    clock.advance(10_000)
    expect((await days())?.[0]).toEqual(['raft', 'certificate', 90])
  })

  test('ends', () => {
    const { watch, clock, applied } = watching()
    watch.stop()
    write(ours.issue())
    clock.advance(60_000)

    expect(applied).toEqual([])
  })
})

describe('certificates in the cluster file', () => {
  const file = (more: string) =>
    loadConfig(['--config', '/etc/ipam/cluster.yaml', '--node-id', '1'], {}, () =>
      ['cluster_id: 1', 'nodes: [{ node_id: 1, addr: "10.0.0.1:5001", api: "127.0.0.1:8080" }]', more].join(
        '\n',
      ),
    )

  test('are beside it, and stand for a cluster secret', () => {
    const { raftTls, httpTls } = file(
      'raft: { tls: { ca: ca.pem, cert: node.pem, key: /run/node.key } }\nhttp: { tls: { cert: api.pem, key: api.key, client_ca: clients.pem } }',
    )

    expect(raftTls).toEqual({
      ca: '/etc/ipam/ca.pem',
      cert: '/etc/ipam/node.pem',
      key: '/run/node.key',
      name: null,
    })
    expect(httpTls).toEqual({
      cert: '/etc/ipam/api.pem',
      key: '/etc/ipam/api.key',
      clientCa: '/etc/ipam/clients.pem',
    })
  })

  test.each([
    { more: 'raft: { tls: { ca: a, cert: b } }', message: ':3:9: raft.tls.key: is missing: a file in PEM' },
    {
      more: 'raft: { tls: { ca: a, crt: b, key: c } }',
      message: 'raft.tls.crt: unknown key; did you mean cert?',
    },
    { more: 'raft: { tls: yes }', message: 'raft.tls: must be a section of keys, not "yes"' },
    {
      more: 'raft: { tls: { ca: a, cert: b, key: c, name: "*" } }',
      message: 'raft.tls.name: must be a host name, not "*"',
    },
    {
      more: 'raft: { insecure: true }\nhttp: { tls: { cert: "", key: c } }',
      message: 'http.tls.cert: must be a file, not ""',
    },
    {
      more: 'raft: { insecure: true }\nhttp: { tls: { cert: a, key: c, ca: d } }',
      message: 'http.tls.ca: unknown key; known are cert, key, client_ca',
    },
    {
      more: 'raft: { insecure: true }\nhttp: { tsl: {} }',
      message: 'http.tsl: unknown key; did you mean tls?',
    },
  ])('are complained about: $message', ({ more, message }) => {
    expect(() => file(more)).toThrow(message)
  })
})
