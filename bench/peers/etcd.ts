/** Three etcd members on loopback, with etcd's defaults. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reservePorts } from '../../test/cluster/ports.ts'
import { until } from '../../test/cluster/until.ts'
import { hostKey, PUT, putRequest } from '../load/etcd-operations.ts'
import { GrpcConnection } from '../load/grpc-connection.ts'
import { areInstalled, ServerProgram } from './server-program.ts'

const MEMBERS = 3

interface StatusBody {
  readonly version: string
  readonly leader: string
  readonly header: { readonly member_id: string }
}

export class Etcd {
  static readonly TITLE = 'etcd'
  static readonly INSTALL = 'apt-get install etcd-server'
  readonly #directory: string
  readonly #programs: readonly ServerProgram[]
  readonly #ports: readonly number[]

  static isInstalled(): boolean {
    return areInstalled(['etcd', 'setpriv'])
  }

  static async start(): Promise<Etcd> {
    const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-etcd-'))
    const ports = await reservePorts(MEMBERS * 2)
    const members = Array.from({ length: MEMBERS }, (_, i) => {
      const [client, peer] = [ports[i * 2] ?? 0, ports[i * 2 + 1] ?? 0]
      return {
        name: `m${i + 1}`,
        port: client,
        url: `http://127.0.0.1:${client}`,
        peerUrl: `http://127.0.0.1:${peer}`,
      }
    })
    const initial = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
    const programs = members.map(({ name, url, peerUrl }) => {
      const urls = ['--listen-client-urls', url, '--advertise-client-urls', url]
      const peerUrls = ['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl]
      const cluster = ['--initial-cluster', initial, '--initial-cluster-state', 'new']
      const command = [
        'etcd',
        '--name',
        name,
        '--data-dir',
        join(directory, name),
        ...urls,
        ...peerUrls,
        ...cluster,
      ]
      return new ServerProgram(command, { cwd: directory, logPath: join(directory, `${name}.log`) })
    })
    const etcd = new Etcd(
      directory,
      programs,
      members.map(({ port }) => port),
    )
    try {
      await etcd.leaderPort()
      return etcd
    } catch (error) {
      await etcd.close()
      throw error
    }
  }

  private constructor(directory: string, programs: readonly ServerProgram[], ports: readonly number[]) {
    this.#directory = directory
    this.#programs = programs
    this.#ports = ports
  }

  get pids(): number[] {
    return this.#programs.map(({ pid }) => pid)
  }

  get ports(): readonly number[] {
    return this.#ports
  }

  async version(): Promise<string> {
    return `etcd ${(await this.#status(this.#ports[0] ?? 0)).version}`
  }

  async leaderPort(): Promise<number> {
    return until('etcd has a leader that all members know', async () => {
      for (const program of this.#programs) program.checkRuns()
      const views = await Promise.all(this.#ports.map((port) => this.#status(port)))
      const leader = views[0]?.leader ?? '0'
      if (leader === '0' || views.some((view) => view.leader !== leader)) return null
      return this.#ports[views.findIndex(({ header }) => header.member_id === leader)] ?? null
    })
  }

  /** Linearizable. */
  async countKeys(prefix: string): Promise<number> {
    const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`
    const [key, rangeEnd] = [prefix, end].map((text) => Buffer.from(text).toString('base64'))
    const body = { key, range_end: rangeEnd, count_only: true }
    return Number(
      (await this.#post<{ count?: string }>(this.#ports[0] ?? 0, '/v3/kv/range', body)).count ?? 0,
    )
  }

  /** Keys as the reads of a driver expect them, numbered from 1. */
  async putHosts(prefix: string, count: number): Promise<void> {
    const connection = await GrpcConnection.open(await this.leaderPort())
    const hosts = Array.from({ length: count }, (_, i) => i + 1)
    await Promise.all(hosts.map((host) => connection.call(PUT, putRequest(hostKey(prefix, host)))))
    connection.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.end()))
    await rm(this.#directory, { recursive: true, force: true })
  }

  #status(port: number): Promise<StatusBody> {
    return this.#post(port, '/v3/maintenance/status', {})
  }

  async #post<Body>(port: number, path: string, body: object): Promise<Body> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`etcd: ${path} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as Body
  }
}
