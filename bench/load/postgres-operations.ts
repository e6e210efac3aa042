/** Addresses allocated by PostgreSQL, each by one statement that is a transaction. */

import { NOTE } from './note.ts'
import { PostgresConnection } from './postgres-connection.ts'
import type { LoadClient, Workload } from './workload.ts'

export type PostgresOperation = {
  readonly type: 'postgresLowestGap' | 'postgresSkipLocked'
  /** Which network's addresses. */
  readonly network: number
}

const STATEMENTS: Record<PostgresOperation['type'], string> = {
  postgresLowestGap: 'select allocate_lowest_gap($1::int, $2, $3)',
  // The subquery's row is locked: of others who look for one at the same time, none waits for it.
  postgresSkipLocked: `update pool set hostname = $2, note = $3 where network = $1::int and host = (
     select host from pool where network = $1::int and hostname is null order by host limit 1 for update skip locked
   ) returning host`,
}

export class PostgresWorkload implements Workload {
  readonly retries = 0
  rows = 0
  readonly #operation: PostgresOperation
  readonly #given = new Set<string>()

  constructor(operation: PostgresOperation) {
    this.#operation = operation
  }

  async open(port: number, index: number): Promise<LoadClient> {
    const connection = await PostgresConnection.open(port)
    await connection.prepare('allocate', STATEMENTS[this.#operation.type])
    const values = [String(this.#operation.network), `client-${index}`, NOTE]
    return {
      once: async () => {
        const [host] = await connection.execute('allocate', values)
        if (typeof host !== 'string') throw new Error('postgres: no address is left')
        if (this.#given.has(host)) throw new Error(`postgres: host ${host} was given twice`)
        this.#given.add(host)
        this.rows += 1
      },
      close: () => connection.close(),
    }
  }
}
