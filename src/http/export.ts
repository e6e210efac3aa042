/** Networks and allocations as files, streamed: at no time is more than a page of them in memory. */
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { exportAllocations, exportNetworks } from '../bulk/ipam-export.ts'
import type { AllocationRecord, NetworkRecord } from '../bulk/ipam-records.ts'
import type { Page, PageRequest } from '../ipam/query.ts'
import type { Allocation, PlacedNetwork } from '../ipam/records.ts'
import type { Consistency, IpamService } from '../service.ts'
import { SCOPED_VIEWER } from './access.ts'
import { allocationBody } from './allocation-body.ts'
import { ALLOCATION_FILTER_PARAMS, toAllocationFilter } from './allocation-filter.ts'
import { type Answer, positionHeaders } from './answer.ts'
import { expected } from './fields.ts'
import type { Handle } from './handle.ts'
import { readQuery } from './input.ts'
import { networkBody } from './network-body.ts'
import { NETWORK_FILTER_PARAMS, toNetworkFilter } from './network-filter.ts'
import { READ_PARAMS, toConsistency } from './params.ts'
import { within } from './scope.ts'
import type { Parts } from './stream.ts'

const ROWS_AT_ONCE = 1_000
const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8; header=present', jsonl: 'application/jsonl' } as const

const FORMAT_PARAM = {
  format: z
    .enum(['csv', 'jsonl'], { error: (issue) => expected('csv or jsonl', issue.input) })
    .default('csv')
    .meta({ description: 'A table with a header, or an object on each line.' }),
}
export const NetworkExportParams = z.strictObject({
  ...FORMAT_PARAM,
  ...NETWORK_FILTER_PARAMS,
  ...READ_PARAMS,
})
export const AllocationExportParams = z.strictObject({
  ...FORMAT_PARAM,
  ...ALLOCATION_FILTER_PARAMS,
  ...READ_PARAMS,
})

type Notation = keyof typeof MEDIA_TYPES

export function exportRoutes(service: IpamService, handle: Handle): Hono {
  return new Hono()
    .get(
      '/networks/export',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const params = readQuery(c, NetworkExportParams)
        const filter = toNetworkFilter(params)
        const read = (page: PageRequest, consistency: Consistency) =>
          within(service, caller).read({ type: 'networks', filter, page }, consistency)
        const rows = await startReading(read, toConsistency(params))
        const lines = exportNetworks(mapped(rows.rows, networkRecord), { notation: params.format })
        return file(c, { name: 'networks', notation: params.format, lines, index: rows.index })
      }),
    )
    .get(
      '/allocations/export',
      handle(SCOPED_VIEWER, async (c, caller) => {
        const params = readQuery(c, AllocationExportParams)
        const filter = toAllocationFilter(params)
        const read = (page: PageRequest, consistency: Consistency) =>
          within(service, caller).read({ type: 'allocations', filter, page }, consistency)
        const rows = await startReading(read, toConsistency(params))
        const networks = new NetworkNames(within(service, caller), rows.index)
        const records = mapped(rows.rows, (allocation) => networks.recordOf(allocation))
        const lines = exportAllocations(records, { notation: params.format })
        return file(c, { name: 'allocations', notation: params.format, lines, index: rows.index })
      }),
    )
}

type Read<T> = (
  page: PageRequest,
  consistency: Consistency,
) => Promise<{ readonly value: Page<T>; readonly index: number }>

/** The first page is read at once, so that what is wrong becomes a status; the others follow as they are asked for. */
async function startReading<T>(
  read: Read<T>,
  consistency: Consistency,
): Promise<{ readonly index: number; readonly rows: AsyncGenerator<T> }> {
  const first = await read({ limit: ROWS_AT_ONCE, cursor: null, offset: 0 }, consistency)
  return { index: first.index, rows: pages(read, first) }
}

async function* pages<T>(
  read: Read<T>,
  first: { readonly value: Page<T>; readonly index: number },
): AsyncGenerator<T> {
  let page = first.value
  for (;;) {
    yield* page.rows
    if (page.nextCursor === null) return
    const next = { limit: ROWS_AT_ONCE, cursor: page.nextCursor, offset: 0 }
    page = (await read(next, { type: 'minIndex', index: first.index })).value
  }
}

async function* mapped<T, R>(rows: AsyncIterable<T>, map: (row: T) => R | Promise<R>): AsyncGenerator<R> {
  for await (const row of rows) yield await map(row)
}

function networkRecord(network: PlacedNetwork): NetworkRecord {
  return networkBody(network)
}

/** CIDR and namespace of the networks that have come up: an id means nothing to another cluster. */
class NetworkNames {
  readonly #service: Pick<IpamService, 'read'>
  readonly #index: number
  readonly #names = new Map<string, { readonly cidr: string | null; readonly namespace: string | null }>()

  constructor(service: Pick<IpamService, 'read'>, index: number) {
    this.#service = service
    this.#index = index
  }

  async recordOf(allocation: Allocation): Promise<AllocationRecord> {
    return { ...allocationBody(allocation), ...(await this.#nameOf(allocation.networkId)) }
  }

  async #nameOf(id: string): Promise<{ readonly cidr: string | null; readonly namespace: string | null }> {
    const known = this.#names.get(id)
    if (known !== undefined) return known
    const consistency = { type: 'minIndex', index: this.#index } as const
    const { value } = await this.#service.read({ type: 'network', id }, consistency)
    const name = { cidr: value?.cidr ?? null, namespace: value?.namespace ?? null }
    if (this.#names.size >= ROWS_AT_ONCE) this.#names.clear()
    this.#names.set(id, name)
    return name
  }
}

function file(
  c: Context,
  options: {
    readonly name: string
    readonly notation: Notation
    readonly lines: AsyncGenerator<string>
    readonly index: number
  },
): Answer {
  const { name, notation, lines, index } = options
  return {
    status: 200,
    body: c.req.method === 'HEAD' ? null : partsOf(lines),
    headers: {
      ...positionHeaders({ index, lastContactMs: null }),
      'Content-Type': MEDIA_TYPES[notation],
      'Content-Disposition': `attachment; filename="${name}.${notation}"`,
      'Cache-Control': 'no-store',
    },
  }
}

function partsOf(lines: AsyncGenerator<string>): Parts {
  const encoder = new TextEncoder()
  return {
    async next() {
      const { value, done } = await lines.next()
      return done === true ? null : encoder.encode(value)
    },
    async release() {
      await lines.return(undefined)
    },
  }
}
