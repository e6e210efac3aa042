/** One Redis server that syncs its log before it answers: a reference that is not replicated. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reservePorts } from '../../test/cluster/ports.ts'
import { until } from '../../test/cluster/until.ts'
import { RedisConnection } from '../load/redis-operation.ts'
import { areInstalled, ServerProgram } from './server-program.ts'

export class Redis {
  static readonly TITLE = 'Redis'
  static readonly INSTALL = 'apt-get install redis-server'
  readonly #directory: string
  readonly #program: ServerProgram
  readonly port: number

  static isInstalled(): boolean {
    return areInstalled(['redis-server', 'setpriv'])
  }

  static async start(): Promise<Redis> {
    const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-redis-'))
    const [port = 0] = await reservePorts(1)
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
    const command = [
      'redis-server',
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      ...durable,
    ]
    const program = new ServerProgram(command, { cwd: directory, logPath: join(directory, 'server.log') })
    const redis = new Redis({ directory, program, port })
    try {
      await until('redis answers', async () => {
        program.checkRuns()
        return (await redis.#send(['ping'])) === 'PONG'
      })
      return redis
    } catch (error) {
      await redis.close()
      throw error
    }
  }

  private constructor({
    directory,
    program,
    port,
  }: { directory: string; program: ServerProgram; port: number }) {
    this.#directory = directory
    this.#program = program
    this.port = port
  }

  get pids(): number[] {
    return [this.#program.pid]
  }

  async countHeld(prefix: string): Promise<number> {
    return Number(await this.#send(['hlen', `${prefix}held`]))
  }

  async close(): Promise<void> {
    await this.#program.end()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #send(command: readonly string[]): Promise<string> {
    const connection = await RedisConnection.open(this.port)
    try {
      return await connection.send(command)
    } finally {
      connection.close()
    }
  }
}
