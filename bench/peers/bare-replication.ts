/** Three Node.js processes that replicate and do nothing else: the most that a service of this kind could reach. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Part } from './bare-replica.ts'

const PATH = fileURLToPath(new URL('./bare-replica.ts', import.meta.url))

export class BareReplication {
  readonly #directory: string
  readonly #children: ChildProcess[] = []
  #port = 0

  static async start(): Promise<BareReplication> {
    const bare = new BareReplication(await mkdtemp(join(tmpdir(), 'ipam-bench-bare-')))
    try {
      const followers = [await bare.#fork(null), await bare.#fork(null)]
      bare.#port = await bare.#fork(followers)
      return bare
    } catch (error) {
      await bare.close()
      throw error
    }
  }

  private constructor(directory: string) {
    this.#directory = directory
  }

  get pids(): number[] {
    return this.#children.map(({ pid }) => pid ?? 0)
  }

  /** The leader's. */
  get port(): number {
    return this.#port
  }

  /** Of all requests so far. */
  async countAnswered(): Promise<number> {
    return Number(await (await fetch(`http://127.0.0.1:${this.#port}/`)).text())
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** @returns the port on which it serves. */
  async #fork(followers: readonly number[] | null): Promise<number> {
    const child = fork(PATH)
    this.#children.push(child)
    const part: Part = { path: join(this.#directory, `log-${this.#children.length}`), followers }
    child.send(part)
    const [port]: unknown[] = await once(child, 'message')
    return Number(port)
  }
}
