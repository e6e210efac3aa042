/** The client and servers of https: whom it trusts, and what it shows. */
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TlsCredentials } from '../../raft/index.ts'
import { Authority } from '../certificates.ts'
import { type Api, openApi } from '../http/fixture.ts'
import { deadServer, ipam as ipamOf, type Ran, type ShellOptions } from './client-fixture.ts'

const ours = new Authority('ours')
const others = new Authority('others')
const caOf = ({ directory }: Authority) => join(directory, 'ca.pem')
const CA = caOf(ours)

let api: Api
let servers: Server[]
let sockets: TLSSocket[]
/** Common names that clients have shown; null for a client without a certificate. */
let shown: (string | null)[]

beforeEach(async () => {
  api = await openApi()
  servers = []
  sockets = []
  shown = []
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  await api.close()
})

afterAll(() => {
  ours.close()
  others.close()
})

/** Ends TLS in front of the API. @returns its URL. */
async function openTls({ cert, key }: TlsCredentials): Promise<string> {
  const options = { cert, key, ca: ours.certificate, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, (socket: TLSSocket) => {
    sockets.push(socket)
    const name = socket.getPeerCertificate().subject?.CN ?? null
    shown.push(name === null ? null : String(name))
    const behind = connect(api.port, api.host)
    socket.on('error', () => behind.destroy())
    behind.on('error', () => socket.destroy())
    socket.pipe(behind).pipe(socket)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function ipam(words: string, options: ShellOptions = {}): Promise<Ran> {
  return ipamOf(words.split(' '), options)
}

function write(name: string, text: string): string {
  const path = join(ours.directory, name)
  writeFileSync(path, text)
  return path
}

describe('a server of https', () => {
  test('is written to and read from, also where there is no answer to read', async () => {
    const url = await openTls(ours.issue())

    const added = await ipam(`network add 10.0.0.0/24 --server ${url} --ca ${CA}`)
    const listed = await ipam(`network list --json --server ${url}`, { env: { IPAM_CA: CA } })
    const deleted = await ipam(`network delete 10.0.0.0/24 --server ${url} --ca ${CA}`)

    expect([added, listed, deleted].map(({ code, complaints }) => ({ code, complaints }))).toMatchObject([
      { code: 0 },
      { code: 0, complaints: [] },
      { code: 0 },
    ])
    expect(JSON.parse(listed.out)).toMatchObject([{ cidr: '10.0.0.0/24' }])
    expect((await api.request('GET', '/networks')).body).toEqual([])
    expect(new Set(shown)).toEqual(new Set([null]))
  })

  test('the flag wins over the variable', async () => {
    const url = await openTls(ours.issue())
    const env = { IPAM_CA: caOf(others) }

    const byFlag = await ipam(`network list --server ${url} --ca ${CA}`, { env })
    const byVariable = await ipam(`network list --server ${url}`, { env })

    expect([byFlag.code, byVariable.code]).toEqual([0, 1])
  })

  test('is asked where nobody listens on the one before it', async () => {
    const url = await openTls(ours.issue())
    const dead = (await deadServer()).replace('http:', 'https:')

    const { code } = await ipam(`network list --server ${dead},${url} --ca ${CA}`)

    expect(code).toBe(0)
    expect(shown).toHaveLength(1)
  })

  test('is shown a certificate, if there is one to show', async () => {
    const url = await openTls(ours.issue())
    const { cert, key } = ours.issue({ commonName: 'robot', uses: ['clientAuth'] })
    const files = { IPAM_CERT: write('robot.pem', cert), IPAM_KEY: write('robot.key', key) }

    const byFlag = await ipam(
      `network list --server ${url} --ca ${CA} --cert ${files.IPAM_CERT} --key ${files.IPAM_KEY}`,
    )
    const byVariable = await ipam(`network list --server ${url} --ca ${CA}`, { env: files })

    expect([byFlag.code, byVariable.code]).toEqual([0, 0])
    expect(shown).toEqual(['robot', 'robot'])
  })

  test.each([
    {
      why: 'no authority is named, and Node.js does not know ours',
      certificate: () => ours.issue(),
      flags: '',
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    },
    {
      why: 'its certificate is of another authority',
      certificate: () => others.issue(),
      flags: ` --ca ${CA}`,
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    },
    {
      why: 'its certificate is for another host',
      certificate: () => ours.issue({ hosts: ['DNS:elsewhere.example'] }),
      flags: ` --ca ${CA}`,
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    {
      why: 'its certificate has expired',
      certificate: () => ours.issue({ days: -1 }),
      flags: ` --ca ${CA}`,
      code: 'CERT_HAS_EXPIRED',
    },
  ])('is told nothing where $why', async ({ certificate, flags, code }) => {
    const url = await openTls(certificate())

    const ran = await ipam(`network add 10.0.0.0/24 --server ${url}${flags}`)

    // Not 5: nothing was sent, so nothing is uncertain.
    expect(ran.code).toBe(1)
    expect(ran.complaints.join('\n')).toContain(`its certificate is not trusted (${code})`)
    expect((await api.request('GET', '/networks')).body).toEqual([])
  })

  test.each(['', ` --ca ${CA}`])(
    'that speaks http is told nothing, and the way out is said (flags:%s)',
    async (flags) => {
      const ran = await ipam(`network add 10.0.0.0/24 --server https://${api.host}:${api.port}${flags}`)

      expect(ran.code).toBe(1)
      expect(ran.complaints.join('\n')).toContain('does not speak TLS; try http://')
    },
  )
})

test('a server of https that is asked by http says so, and is asked once', async () => {
  const { cert, key } = ours.issue()
  const secure = await openApi({ tls: { cert, key, ca: '' } })
  const server = `http://${secure.host}:${secure.port}`

  const read = await ipam(`network list --server ${server}`)
  const written = await ipam(`network add 10.0.0.0/24 --server ${server}`)
  const { malformedCount } = secure.listener.figures()
  await secure.close()

  expect([read.code, written.code]).toEqual([2, 2])
  for (const { complaints } of [read, written]) {
    expect(complaints.join('\n')).toContain('this port speaks HTTPS: use https:// instead of http://')
  }
  expect(malformedCount).toBe(2)
})

describe('files of certificates', () => {
  const missing = join(ours.directory, 'missing.pem')
  const text = write('text.pem', 'no certificate')
  const cert = write('some.pem', ours.issue().cert)
  const otherKey = write('other.key', ours.issue().key)

  test.each([
    { why: 'not there', flags: `--ca ${missing}`, says: `--ca: cannot read ${missing} (ENOENT)` },
    { why: 'no PEM', flags: `--cert ${text} --key ${text}`, says: 'are no certificates in PEM' },
    { why: 'no key', flags: `--cert ${cert}`, says: '--cert and --key go together' },
    { why: 'no certificate', flags: `--key ${otherKey}`, says: '--cert and --key go together' },
    { why: 'no pair', flags: `--cert ${cert} --key ${otherKey}`, says: 'that belong together' },
    { why: 'no authority', flags: `--ca ${text}`, says: 'are no certificates in PEM' },
  ])('are refused before anything is sent: $why', async ({ flags, says }) => {
    const { code, complaints } = await ipam(`network list ${flags}`)

    expect(code).toBe(2)
    expect(complaints.join('\n')).toContain(says)
  })
})
