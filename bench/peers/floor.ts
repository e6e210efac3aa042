/** The other end of a round trip over loopback, and a directory on the disk that all data is on. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PATH = fileURLToPath(new URL('./echo-server.ts', import.meta.url))

export class Floor {
  readonly directory: string
  readonly port: number
  readonly #child: ChildProcess

  static async start(): Promise<Floor> {
    const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-floor-'))
    const child = fork(PATH)
    const [port]: unknown[] = await once(child, 'message')
    return new Floor({ directory, child, port: Number(port) })
  }

  private constructor({ directory, child, port }: { directory: string; child: ChildProcess; port: number }) {
    this.directory = directory
    this.#child = child
    this.port = port
  }

  get pids(): number[] {
    return [this.#child.pid ?? 0]
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL')
    await rm(this.directory, { recursive: true, force: true })
  }
}
