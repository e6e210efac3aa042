/** `ipam network …` */

import type { Params } from '../../client/query.ts'
import type { ExitCode } from '../shell.ts'
import type { Arguments } from './arguments.ts'
import type { NetworkBody } from './bodies.ts'
import { UsageError } from './client-error.ts'
import { NETWORK_COLUMNS, networkFields } from './columns.ts'
import { given, type Invocation, writeOptions } from './invocation.ts'
import { objectOf, pagesOf } from './pages.ts'
import { networkId, networkIdInAny } from './references.ts'
import { addressOf, cidrOf, durationMs, metadataOf } from './values.ts'

export async function addNetwork({ api, args, output }: Invocation): Promise<ExitCode> {
  const body = {
    cidr: cidrOf(args.operand(0) ?? '', 'CIDR'),
    ...given({ namespace: args.text('namespace') ?? undefined }),
    ...settings(args, { removes: false }),
  }
  const answer = await api.write('POST', '/networks', body, writeOptions(args))
  await output.record(answer, () => networkFields(objectOf(answer.text)))
  return 0
}

export async function listNetworks({ api, args, output }: Invocation): Promise<ExitCode> {
  const params = await networkFilters({ api, args })
  const pages = pagesOf<NetworkBody>(api, '/networks', params, { limit: limitOf(args) })
  await output.pages(NETWORK_COLUMNS, pages)
  return 0
}

export async function showNetwork({ api, args, output }: Invocation): Promise<ExitCode> {
  const answer = await api.get(`/networks/${await networkId(api, args.operand(0) ?? '', args)}`)
  await output.record(answer, () => networkFields(objectOf(answer.text), answer.headers.get('etag')))
  return 0
}

export async function setNetwork({ api, args, output }: Invocation): Promise<ExitCode> {
  const changes = settings(args, { removes: true })
  if (Object.keys(changes).length === 0) {
    throw new UsageError('nothing to change is named; which flags there are: ipam network set --help')
  }
  const id = await networkId(api, args.operand(0) ?? '', args)
  const answer = await api.write('PATCH', `/networks/${id}`, changes, writeOptions(args))
  await output.record(answer, () => networkFields(objectOf(answer.text), answer.headers.get('etag')))
  return 0
}

export async function deleteNetwork({ api, args, output }: Invocation): Promise<ExitCode> {
  const name = args.operand(0) ?? ''
  const id = await networkId(api, name, args)
  await api.write('DELETE', `/networks/${id}`, null, writeOptions(args))
  output.done(`deleted ${name === id ? id : `${name} (${id})`}`)
  return 0
}

export async function showStats({ api, args, output }: Invocation): Promise<ExitCode> {
  const answer = await api.get(`/networks/${await networkId(api, args.operand(0) ?? '', args)}/stats`)
  await output.record(answer, () => statsFields(objectOf(answer.text)))
  return 0
}

interface StatsBody {
  readonly total_ips: number | string
  readonly allocated_ips: number | string
  readonly available_ips: number | string
  readonly utilization_percent: number
  readonly first_available: string | null
  readonly last_allocated: string | null
  readonly reserved_ips: number | string
  readonly cooling_ips: number | string
  readonly delegated_ips: number | string
  readonly largest_free_block: string | null
}

function statsFields(stats: StatsBody): [string, string][] {
  return [
    ['utilization', `${stats.utilization_percent} %`],
    ['usable', String(stats.total_ips)],
    ['allocated', String(stats.allocated_ips)],
    ['in children', String(stats.delegated_ips)],
    ['reserved', String(stats.reserved_ips)],
    ['cooling', String(stats.cooling_ips)],
    ['available', String(stats.available_ips)],
    ['next', stats.first_available ?? 'none'],
    ['last', stats.last_allocated ?? 'none'],
    ['largest block', stats.largest_free_block ?? 'none'],
  ]
}

export async function carveNetworks({ api, args, output }: Invocation): Promise<ExitCode> {
  const prefixLength = args.count('length')
  if (prefixLength === null)
    throw new UsageError('--length is missing: of the new networks, such as --length 26')
  const body = given({
    prefix_length: prefixLength,
    count: args.count('count') ?? 1,
    description: args.text('description') ?? undefined,
    tags: args.texts('tag') ?? undefined,
    metadata: metadataOf(args, { removes: false }) ?? undefined,
  })
  const id = await networkId(api, args.operand(0) ?? '', args)
  const { text } = await api.write('POST', `/networks/${id}/subnets`, body, writeOptions(args))
  if (output.isJson) await output.json(text)
  else await output.table<NetworkBody>(NETWORK_COLUMNS, JSON.parse(text))
  return 0
}

/** Addresses with a count alone; else blocks. */
export async function showFree({ api, args, output }: Invocation): Promise<ExitCode> {
  const prefixLength = args.count('length')
  const count = args.count('count')
  const isAddresses = count !== null && prefixLength === null
  const id = await networkId(api, args.operand(0) ?? '', args)
  const { text } = isAddresses
    ? await api.get(`/networks/${id}/available`, { count })
    : await api.get(`/networks/${id}/available-subnets`, { prefix_length: prefixLength, count })
  if (output.isJson) await output.json(text)
  else await output.text((JSON.parse(text) as string[]).map((line) => `${line}\n`).join(''))
  return 0
}

/** As parameters of the list and of the export. */
export async function networkFilters({ api, args }: Pick<Invocation, 'api' | 'args'>): Promise<Params> {
  const within = args.text('within')
  const contains = args.text('contains')
  return {
    namespace: args.text('namespace'),
    within: within === null ? null : cidrOf(within, '--within'),
    contains: contains === null ? null : addressOf(contains, '--contains'),
    parent_id: await networkIdInAny(api, args.text('parent'), args),
    tag: args.text('tag'),
    q: args.text('query'),
  }
}

/** @throws {UsageError} */
export function limitOf(args: Arguments): number | null {
  const limit = args.count('limit')
  if (limit === 0) throw new UsageError('--limit takes a whole number from 1; leave it out for all')
  return limit
}

/** What is not given is not in it. @param removes An empty value of metadata removes the key. */
function settings(args: Arguments, { removes }: { removes: boolean }): Record<string, unknown> {
  const gateway = args.text('gateway')
  const cooldown = durationMs(args, 'cooldown')
  return given({
    description: args.text('description') ?? undefined,
    tags: args.texts('tag') ?? undefined,
    gateway: gateway === null ? undefined : gateway === '' ? null : addressOf(gateway, '--gateway'),
    reserved: args.texts('reserved') ?? undefined,
    cooldown_seconds: cooldown === null ? undefined : Math.ceil(cooldown / 1_000),
    strategy: args.text('strategy') ?? undefined,
    metadata: metadataOf(args, { removes }) ?? undefined,
  })
}
