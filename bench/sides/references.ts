/** PostgreSQL, Redis, and the machine itself. */
import type { Side } from '../harness/bench.ts'
import type { PostgresOperation } from '../load/postgres-operations.ts'
import type { BareReplication } from '../peers/bare-replication.ts'
import type { Floor } from '../peers/floor.ts'
import type { Postgres } from '../peers/postgres.ts'
import type { Redis } from '../peers/redis.ts'

/** Each measurement allocates in a network of its own. */
export function postgresSide(
  postgres: Postgres,
  { name, type }: { name: string; type: PostgresOperation['type'] },
): Side {
  const table = type === 'postgresSkipLocked' ? 'pool' : 'address'
  return {
    name,
    warmUp: { clients: 64, operations: type === 'postgresSkipLocked' ? 2_000 : 500 },
    serverPids: () => postgres.pids,
    async prepare() {
      const network = postgres.makeNetwork()
      if (table === 'pool') await postgres.fillPool(network)
      return {
        operation: { type, network },
        ports: [postgres.port],
        async verify(rows) {
          const count = await postgres.count(table, network)
          if (count !== rows) throw new Error(`postgres acknowledged ${rows} addresses and has ${count}`)
        },
      }
    },
  }
}

export function redisSide(redis: Redis, { name }: { name: string }): Side {
  let count = 0
  return {
    name,
    warmUp: { clients: 64, operations: 5_000 },
    serverPids: () => redis.pids,
    async prepare() {
      const prefix = `network-${++count}:`
      return {
        operation: { type: 'redisAllocate', prefix },
        ports: [redis.port],
        async verify(rows) {
          const held = await redis.countHeld(prefix)
          if (held !== rows) throw new Error(`redis acknowledged ${rows} addresses and has ${held}`)
        },
      }
    },
  }
}

export function floorSide(floor: Floor, { name }: { name: string }): Side {
  return {
    name,
    warmUp: { clients: 1, operations: 500 },
    serverPids: () => floor.pids,
    async prepare() {
      const { directory, port } = floor
      return { operation: { type: 'floor', directory }, ports: [port], verify: async () => {} }
    },
  }
}

/** Asked for as ours is, and answered as much. */
export function bareSide(bare: BareReplication, { name }: { name: string }): Side {
  return {
    name,
    warmUp: { clients: 64, operations: 10_000 },
    serverPids: () => bare.pids,
    async prepare() {
      const before = await bare.countAnswered()
      return {
        operation: { type: 'ipamAllocate', networkIds: ['net-V1StGXR8Z5jdHi6B-myT0'], isKeyed: false },
        ports: [bare.port],
        async verify(rows) {
          const count = (await bare.countAnswered()) - before
          if (count !== rows)
            throw new Error(`bare replication acknowledged ${rows} requests and has ${count}`)
        },
      }
    },
  }
}
