/** A cluster of real processes on loopback, in a directory of its own. */
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type StatusBody } from './client.ts'
import { reservePorts } from './ports.ts'
import { type Exit, MAIN, Program } from './program.ts'
import { until } from './until.ts'

const START_ATTEMPTS_MAX = 3
/** A start takes a second; twenty on a machine with no time to spare. */
const READY_MS_MAX = 60_000
/** Of each process, when a test has failed. */
const TOLD_LINES_MAX = 40

export interface ClusterOptions {
  readonly nodeCount?: number
  readonly clusterId?: number
  /** Keys of the section `raft` of the cluster file. */
  readonly raft?: Readonly<Record<string, unknown>>
  /** Keys of the section `http`. */
  readonly http?: Readonly<Record<string, unknown>>
  /** Further keys of the cluster file. */
  readonly keys?: Readonly<Record<string, unknown>>
  /** Of the API's certificates, in PEM; none: the API is plain HTTP. */
  readonly apiAuthority?: string
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
  /** Environment variables of a node's processes. */
  readonly environmentOf?: (nodeId: number) => Readonly<Record<string, string>>
  /** Each node's log is also kept whole, in `node-<id>.log` of the directory. */
  readonly keepsLogs?: boolean
  /** The same file, but written by the node itself: reading its log costs this process no time, and is not possible. */
  readonly logsToFiles?: boolean
}

export class Node {
  readonly id: number
  readonly addr: string
  readonly raftPort: number
  readonly client: Client
  /** What its next process runs: the build under test, unless a test installs another one. */
  main = MAIN
  /** The newest process of this node. */
  program: Program | null = null

  constructor(
    id: number,
    { raftPort, apiPort, ca = null }: { raftPort: number; apiPort: number; ca?: string | null },
  ) {
    this.id = id
    this.raftPort = raftPort
    this.addr = `127.0.0.1:${raftPort}`
    this.client = new Client(apiPort, ca)
  }

  get isRunning(): boolean {
    return this.program?.isRunning ?? false
  }

  /** Power off: no handler runs, nothing is flushed. */
  async kill(): Promise<void> {
    await this.program?.kill()
  }

  /** Asks it to stop, and waits until it has. */
  async terminate(): Promise<Exit> {
    if (this.program === null) throw new Error(`node ${this.id} was never started`)
    this.program.signal('SIGTERM')
    return this.program.exited
  }

  pause(): void {
    this.program?.signal('SIGSTOP')
  }

  resume(): void {
    this.program?.signal('SIGCONT')
  }
}

export class Cluster {
  readonly directory: string
  readonly clusterId: number
  readonly #options: ClusterOptions
  readonly #nodes: Node[]

  /** Resolves when every node is ready. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    for (let attempt = 1; ; attempt++) {
      const cluster = await Cluster.create(options)
      try {
        await cluster.startAll()
        return cluster
      } catch (error) {
        const lines = cluster.nodes.flatMap((node) => node.program?.stderr ?? [])
        const isClash = lines.some((line) => line.includes('is in use'))
        if (!isClash || attempt === START_ATTEMPTS_MAX) cluster.tellLogs()
        await cluster.close()
        if (!isClash || attempt === START_ATTEMPTS_MAX) throw error
      }
    }
  }

  /** Directory, ports and cluster file; no process yet. */
  static async create(options: ClusterOptions = {}): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), 'ipam-cluster-'))
    const ids = Array.from({ length: options.nodeCount ?? 3 }, (_, i) => i + 1)
    const ports = await reservePorts(ids.length * 2)
    const nodes = ids.map((id, i) => {
      const ca = options.apiAuthority ?? null
      return new Node(id, { raftPort: ports[i * 2] ?? 0, apiPort: ports[i * 2 + 1] ?? 0, ca })
    })
    const cluster = new Cluster({ directory, options, nodes })
    await cluster.writeFile(cluster.filePath, nodes)
    return cluster
  }

  private constructor({
    directory,
    options,
    nodes,
  }: {
    directory: string
    options: ClusterOptions
    nodes: Node[]
  }) {
    this.directory = directory
    this.clusterId = options.clusterId ?? 100
    this.#options = options
    this.#nodes = nodes
  }

  get filePath(): string {
    return join(this.directory, 'cluster.yaml')
  }

  get nodes(): readonly Node[] {
    return this.#nodes
  }

  node(id: number): Node {
    const node = this.#nodes.find((candidate) => candidate.id === id)
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  others(than: Node): Node[] {
    return this.#nodes.filter((node) => node !== than)
  }

  dataDirectory(node: Node): string {
    return join(this.directory, 'data', `node-${node.id}`)
  }

  logPath(node: Node): string {
    return join(this.directory, `node-${node.id}.log`)
  }

  async writeFile(
    path: string,
    nodes: readonly Node[],
    { clusterId = this.clusterId }: { clusterId?: number } = {},
  ): Promise<void> {
    const { raft = {}, http = {}, keys = {}, logLevel = 'info' } = this.#options
    const file = {
      cluster_id: clusterId,
      data_dir: './data',
      nodes: nodes.map(({ id, addr, client }) => ({ node_id: id, addr, api: `127.0.0.1:${client.port}` })),
      raft,
      // Clients of these tests go to another node by themselves.
      http: { shutdown_delay_ms: 0, ...http },
      log: { level: logLevel },
      ...keys,
    }
    // JSON is YAML.
    await writeFile(path, JSON.stringify(file, null, 2))
  }

  /** Does not wait for anything. */
  launch(
    node: Node,
    { args = [], filePath = this.filePath }: { args?: string[]; filePath?: string } = {},
  ): void {
    const log = this.#options.logsToFiles === true ? openSync(this.logPath(node), 'a') : null
    node.program = new Program(['server', '--config', filePath, '--node-id', String(node.id), ...args], {
      cwd: this.directory,
      main: node.main,
      env: this.#options.environmentOf?.(node.id) ?? {},
      stderr: log ?? 'pipe',
      stderrPath: this.#options.keepsLogs === true ? this.logPath(node) : null,
    })
    if (log !== null) closeSync(log)
  }

  /** Starts what does not run; resolves when all are ready. */
  async startAll(): Promise<void> {
    for (const node of this.nodes) if (!node.isRunning) this.launch(node)
    await Promise.all(this.nodes.map((node) => this.waitUntilReady(node)))
  }

  async restart(node: Node): Promise<void> {
    this.launch(node)
    await this.waitUntilReady(node)
  }

  async waitUntilReady(node: Node, { timeoutMs = READY_MS_MAX }: { timeoutMs?: number } = {}): Promise<void> {
    await until(
      `node ${node.id} is ready`,
      async () => {
        if (!node.isRunning) return 'ended'
        return (await node.client.readiness())?.length === 0 && 'ready'
      },
      { timeoutMs },
    )
    if (!node.isRunning) throw new Error(`node ${node.id} ended: ${node.program?.stderr.at(-1) ?? ''}`)
  }

  /** A new node and its cluster file, which names the others, too. The cluster does not know of it yet. */
  async makeNode(id: number): Promise<{ node: Node; filePath: string }> {
    const [raftPort = 0, apiPort = 0] = await reservePorts(2)
    const node = new Node(id, { raftPort, apiPort })
    const filePath = join(this.directory, `cluster-with-${id}.yaml`)
    await this.writeFile(filePath, [...this.#nodes, node])
    this.#nodes.push(node)
    return { node, filePath }
  }

  /** The leader on which a majority of the running nodes agrees in the newest term. */
  async leader(among: readonly Node[] = this.nodes): Promise<Node> {
    return until('the nodes agree on a leader', async () => {
      const views = await this.#views(among)
      const term = Math.max(...views.map((view) => view.term))
      const newest = views.filter((view) => view.term === term && view.leader_id !== null)
      const leaderId = newest[0]?.leader_id ?? null
      const agreed = newest.filter((view) => view.leader_id === leaderId).length
      if (leaderId === null || agreed * 2 <= views.length) return null
      return among.find(({ id }) => id === leaderId) ?? null
    })
  }

  async #views(among: readonly Node[]): Promise<StatusBody[]> {
    const views = await Promise.all(
      among.map((node) => node.client.send<StatusBody>('GET', '/cluster/status')),
    )
    return views.filter(({ status }) => status === 200).map(({ body }) => body)
  }

  /** @returns the index that all running nodes have applied, once nothing is under way. */
  async waitUntilLevel(among: readonly Node[] = this.nodes): Promise<number> {
    return until('the nodes have applied the same entries', async () => {
      const views = await this.#views(among)
      const first = views[0]?.applied_index ?? 0
      const isLevel = views.every((view) => view.applied_index === first && view.commit_index === first)
      return isLevel && views.length === among.length ? first : null
    })
  }

  /** The end of each process's log, to standard error. */
  tellLogs(): void {
    for (const { id, program } of this.#nodes) {
      if (program === null) continue
      const lines = program.stderr.slice(-TOLD_LINES_MAX).map((line) => `  ${line}\n`)
      const state = program.exit === null ? 'runs' : `ended ${JSON.stringify(program.exit)}`
      process.stderr.write(`--- node ${id} (${state})\n${lines.join('')}`)
    }
  }

  /** Ends every process and removes the directory. */
  async close(): Promise<void> {
    await this.stopAll()
    await rm(this.directory, { recursive: true, force: true })
  }

  /** Ends every process; the directory stays. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()))
    for (const node of this.#nodes) node.client.close()
  }
}
