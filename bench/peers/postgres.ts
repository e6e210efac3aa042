/** One PostgreSQL server in a directory of its own, with its defaults but for the number of connections. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { reservePorts } from '../../test/cluster/ports.ts'
import { until } from '../../test/cluster/until.ts'
import { PostgresConnection } from '../load/postgres-connection.ts'
import { areInstalled, ServerProgram } from './server-program.ts'

/** Where Debian has them, one directory a version. */
const VERSIONS = '/usr/lib/postgresql'
/** Our clients, and some for the server itself. */
const CONNECTIONS_MAX = 400
/** Of a /16. */
const HOST_MAX = 65_534

const SCHEMA = `
create table address (network int not null, host int not null, hostname text not null, note text not null,
  primary key (network, host));
create table pool (network int not null, host int not null, hostname text, note text, primary key (network, host));
create index free_in_pool on pool (network, host) where hostname is null;
create function allocate_lowest_gap(asked int, name text, about text) returns int language plpgsql as $$
declare found int;
begin
  -- Held until the commit, so that the next one sees what this one has inserted.
  perform pg_advisory_xact_lock(1, asked);
  select coalesce((select 1 where not exists (select from address where network = asked and host = 1)),
    (select host + 1 from address a where network = asked
      and not exists (select from address b where b.network = asked and b.host = a.host + 1) order by host limit 1))
    into found;
  if found > ${HOST_MAX} then raise exception 'network % is full', asked; end if;
  insert into address values (asked, found, name, about);
  return found;
end $$;`

export class Postgres {
  static readonly TITLE = 'PostgreSQL'
  static readonly INSTALL = 'apt-get install postgresql'
  readonly #directory: string
  readonly #program: ServerProgram
  readonly port: number
  #networkCount = 0

  static isInstalled(): boolean {
    return programsDirectory() !== null && areInstalled(['setpriv'])
  }

  static async start(): Promise<Postgres> {
    const programs = programsDirectory() ?? ''
    const directory = await mkdtemp(join(tmpdir(), 'ipam-bench-postgres-'))
    // The server refuses to be run by root.
    const user = process.getuid?.() === 0 ? 'postgres' : null
    const data = join(directory, 'data')
    const logPath = join(directory, 'server.log')
    if (user !== null) await promisify(execFile)('chown', [user, directory])
    const initdb = [
      join(programs, 'initdb'),
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '--no-locale',
      '-E',
      'UTF8',
    ]
    const init = new ServerProgram(initdb, { cwd: directory, logPath, user })
    await init.exited
    const [port = 0] = await reservePorts(1)
    const settings = [
      `listen_addresses=127.0.0.1`,
      `unix_socket_directories=`,
      `max_connections=${CONNECTIONS_MAX}`,
    ]
    const options = [...settings, 'fsync=on', 'synchronous_commit=on'].flatMap((setting) => ['-c', setting])
    const command = [join(programs, 'postgres'), '-D', data, '-p', String(port), ...options]
    // It ends its own children when it is asked to.
    const program = new ServerProgram(command, { cwd: directory, logPath, user, endSignal: 'QUIT' })
    const postgres = new Postgres({ directory, program, port })
    try {
      await postgres.#waitUntilReady()
      await postgres.query(SCHEMA)
      return postgres
    } catch (error) {
      await postgres.close()
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

  async #waitUntilReady(): Promise<void> {
    await until('postgres takes a query', async () => {
      this.#program.checkRuns()
      return (await this.query('select 1')).length === 1
    })
  }

  async query(sql: string): Promise<readonly (string | null)[]> {
    const connection = await PostgresConnection.open(this.port)
    try {
      return await connection.query(sql)
    } finally {
      connection.close()
    }
  }

  /** A number that no address has yet. */
  makeNetwork(): number {
    return ++this.#networkCount
  }

  /** The addresses of a /16, all free. */
  async fillPool(network: number): Promise<void> {
    await this.query(`insert into pool select ${network}, host from generate_series(1, ${HOST_MAX}) host`)
    // What autovacuum comes to by itself a minute later.
    await this.query('vacuum analyze pool')
  }

  async count(table: 'address' | 'pool', network: number): Promise<number> {
    const [count] = await this.query(
      `select count(*) from ${table} where network = ${network} and hostname is not null`,
    )
    return Number(count)
  }

  async close(): Promise<void> {
    await this.#program.end('SIGQUIT')
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Of the newest version; null if there is none. */
function programsDirectory(): string | null {
  try {
    const newest = Math.max(...readdirSync(VERSIONS).map(Number).filter(Number.isFinite))
    return Number.isFinite(newest) ? join(VERSIONS, String(newest), 'bin') : null
  } catch {
    return null
  }
}
