import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { describe, expect } from 'vitest'
import type { TlsCredentials } from '../../raft/index.ts'
import { Authority } from '../certificates.ts'
import type { AllocationBody, NetworkBody } from './client.ts'
import type { Node } from './cluster.ts'
import { test } from './cluster-test.ts'
import { run } from './program.ts'
import { until } from './until.ts'

const WRITERS = 8
/** A node that nobody tells looks every 10 s; one that finds files half written, once more. */
const UNTOLD_MS_MAX = 30_000
const ROUNDS = [
  { round: 1, isTold: true },
  { round: 2, isTold: false },
]

function write(directory: string, { ca, cert, key }: TlsCredentials): void {
  for (const [name, text] of Object.entries({ 'ca.pem': ca, 'node.pem': cert, 'node.key': key })) {
    writeFileSync(join(directory, name), text)
  }
}

/** Serial number of the certificate that the API shows now. */
function serialShownBy({ client }: Node): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: client.port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

/** For how long the certificate of the API is good, by the metrics of the node. */
async function daysToldBy({ client }: Node): Promise<number> {
  const sent = get({ host: '127.0.0.1', port: client.port, path: '/metrics', rejectUnauthorized: false })
  const [response] = await once(sent, 'response')
  const sample = /^ipam_tls_certificate_expiry_timestamp_seconds\{use="http",part="certificate"\} (\d+)$/m
  const [, seconds] = sample.exec(await text(response)) ?? []
  return Math.round((Number(seconds) - Date.now() / 1_000) / 86_400)
}

function logOf({ program }: Node): string {
  return (program?.stderr ?? []).join('\n')
}

describe('a cluster with TLS everywhere', () => {
  test('takes other certificates under load, told to or not: no request fails and no connection of a member breaks', async ({
    startCluster,
  }) => {
    const authority = new Authority()
    const files = { cert: join(authority.directory, 'node.pem'), key: join(authority.directory, 'node.key') }
    write(authority.directory, authority.issue())
    const cluster = await startCluster({
      apiAuthority: authority.certificate,
      raft: { tls: { ca: join(authority.directory, 'ca.pem'), ...files } },
      http: { tls: files },
    })
    const { client } = cluster.node(1)
    const network = await client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/16' })
    const { term } = await client.status()
    let isOver = false
    const written: string[] = []
    const writers = Array.from({ length: WRITERS }, async (_, i) => {
      const { client: own } = cluster.node((i % 3) + 1)
      while (!isOver) {
        written.push((await own.post<AllocationBody>('/allocations', { network_id: network.id })).ip)
      }
    })
    const load = Promise.all(writers)

    for (const { round, isTold } of ROUNDS) {
      const before = written.length
      write(authority.directory, authority.issue({ days: 30 + round }))
      if (isTold) for (const { program } of cluster.nodes) program?.signal('SIGHUP')
      const showNew = async (): Promise<boolean> => {
        const serials = await Promise.all(cluster.nodes.map(serialShownBy))
        return serials.every((serial) => Number(`0x${serial}`) === round + 1)
      }
      await until('all show the new certificate', showNew, { timeoutMs: UNTOLD_MS_MAX })
      await until('all tell when it expires', async () => {
        const days = await Promise.all(cluster.nodes.map(daysToldBy))
        return days.every((told) => told === 30 + round)
      })
      await until('writes go on', () => written.length > before + 100)
    }
    // Half of a pair: nobody uses it.
    writeFileSync(files.key, authority.issue().key)
    for (const { program } of cluster.nodes) program?.signal('SIGHUP')
    await until('all refuse a key of another certificate', () => {
      return cluster.nodes.every((node) => /is the key of another certificate/.test(logOf(node)))
    })
    isOver = true
    await load

    expect(new Set(written).size).toBe(written.length)
    expect((await client.status()).term).toBe(term)
    for (const node of cluster.nodes) {
      expect(logOf(node)).toMatch(/new certificates are in use.*/)
      expect(logOf(node)).not.toMatch(/a connection from a peer is gone|not connected to peer.*TLS/)
    }
    write(authority.directory, authority.issue())
    const restarted = cluster.node(2)
    await restarted.terminate()
    await cluster.restart(restarted)
    const { rows } = await restarted.client.list<AllocationBody>(`/allocations?network_id=${network.id}`)
    expect(rows).toHaveLength(written.length)
    authority.close()
  })

  test('tells who comes by http what to write instead', async ({ startCluster, directory }) => {
    const authority = new Authority()
    write(authority.directory, authority.issue())
    const files = { cert: join(authority.directory, 'node.pem'), key: join(authority.directory, 'node.key') }
    const { nodes } = await startCluster({ apiAuthority: authority.certificate, http: { tls: files } })
    const url = `http://127.0.0.1:${nodes[0]?.client.port}`

    const { stdout } = await promisify(execFile)('curl', ['-s', '-w', '%{http_code}', `${url}/api/v1/health`])
    const asked = await run(['network', 'list', '--server', url], { cwd: directory })

    expect(stdout).toMatch(/"reason":"https_required".*400$/)
    expect(asked.code).toBe(2)
    expect(asked.stderr.join('\n')).toContain('this port speaks HTTPS: use https:// instead of http://')
    authority.close()
  })
})
