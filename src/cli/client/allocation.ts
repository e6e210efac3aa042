/** `ipam allocate`, `release`, `renew`, `set`, `list`, `show` */

import type { Params } from '../../client/query.ts'
import { canonicalMac, MacSyntaxError } from '../../ipam/mac.ts'
import type { ExitCode } from '../shell.ts'
import type { Arguments } from './arguments.ts'
import type { AllocationBody } from './bodies.ts'
import { UsageError } from './client-error.ts'
import { ALLOCATION_COLUMNS, allocationFields } from './columns.ts'
import { given, type Invocation, writeOptions } from './invocation.ts'
import { limitOf } from './network.ts'
import { objectOf, pagesOf } from './pages.ts'
import { allocationId, networkIdInAny, networkReference } from './references.ts'
import { addressOf, metadataOf, timeOf, ttlSeconds } from './values.ts'

export async function allocate({ api, args, output }: Invocation): Promise<ExitCode> {
  const ip = args.text('ip')
  const prefer = args.text('prefer')
  const body = given({
    ...placeOf(args),
    ip: ip === null ? undefined : addressOf(ip, '--ip'),
    preferred_ip: prefer === null ? undefined : addressOf(prefer, '--prefer'),
    count: args.count('count') ?? undefined,
    alignment: args.count('align') ?? undefined,
    ...settings(args, { removes: false }),
    ttl_seconds: ttlSeconds(args),
  })
  const answer = await api.write('POST', '/allocations', body, writeOptions(args))
  await output.record(answer, () => allocationFields(objectOf(answer.text)))
  return 0
}

/** One request is enough: the API knows networks by CIDR here. @throws {UsageError} */
function placeOf(args: Arguments): object {
  const name = args.operand(0)
  if (name !== null) {
    const reference = networkReference(name, args)
    return reference.type === 'id'
      ? { network_id: reference.id }
      : { cidr: reference.cidr, namespace: reference.namespace }
  }
  if (args.has('ip')) return given({ namespace: args.text('namespace') ?? undefined })
  throw new UsageError('which network? ipam allocate REF, by its id or CIDR; or --ip with an address of it')
}

export async function release({ api, args, output }: Invocation): Promise<ExitCode> {
  const name = args.operand(0) ?? ''
  const id = await allocationId(api, name, args, { isWhole: true })
  await api.write('POST', `/allocations/${id}/release`, null, writeOptions(args))
  output.done(`released ${name === id ? id : `${name} (${id})`}`)
  return 0
}

export async function renew({ api, args, output }: Invocation): Promise<ExitCode> {
  const seconds = ttlSeconds(args)
  if (seconds === undefined) throw new UsageError('--ttl is missing: a duration such as 24h, or never')
  const id = await allocationId(api, args.operand(0) ?? '', args)
  const body = { ttl_seconds: seconds }
  const answer = await api.write('POST', `/allocations/${id}/renew`, body, writeOptions(args))
  await output.record(answer, () => allocationFields(objectOf(answer.text), answer.headers.get('etag')))
  return 0
}

export async function setAllocation({ api, args, output }: Invocation): Promise<ExitCode> {
  const changes = settings(args, { removes: true })
  if (Object.keys(changes).length === 0) {
    throw new UsageError('nothing to change is named; which flags there are: ipam set --help')
  }
  const id = await allocationId(api, args.operand(0) ?? '', args)
  const answer = await api.write('PATCH', `/allocations/${id}`, changes, writeOptions(args))
  await output.record(answer, () => allocationFields(objectOf(answer.text), answer.headers.get('etag')))
  return 0
}

export async function listAllocations(invocation: Invocation): Promise<ExitCode> {
  const { api, args, output } = invocation
  const params = await allocationFilters(invocation)
  const pages = pagesOf<AllocationBody>(api, '/allocations', params, { limit: limitOf(args) })
  await output.pages(ALLOCATION_COLUMNS, pages)
  return 0
}

export async function showAllocation({ api, args, output }: Invocation): Promise<ExitCode> {
  const answer = await api.get(`/allocations/${await allocationId(api, args.operand(0) ?? '', args)}`)
  await output.record(answer, () => allocationFields(objectOf(answer.text), answer.headers.get('etag')))
  return 0
}

/** As parameters of the list and of the export. */
export async function allocationFilters({
  api,
  args,
  shell,
}: Pick<Invocation, 'api' | 'args' | 'shell'>): Promise<Params> {
  if (args.has('all') && args.has('status')) throw new UsageError('--all does not go with --status')
  return {
    namespace: args.text('namespace'),
    network_id: await networkIdInAny(api, args.text('network'), args),
    all: args.has('all') ? true : null,
    status: args.text('status'),
    hostname: args.text('hostname'),
    tag: args.text('tag'),
    mac: macOf(args),
    expires_before: timeOf(args, 'expires-before', { now: shell.wallTime(), direction: 1 }),
    q: args.text('query'),
  }
}

/** What is not given is not in it. @param removes An empty value of metadata removes the key. */
function settings(args: Arguments, { removes }: { removes: boolean }): Record<string, unknown> {
  const hostname = args.text('hostname')
  return given({
    hostname: hostname === null ? undefined : hostname || null,
    description: args.text('description') ?? undefined,
    tags: args.texts('tag') ?? undefined,
    mac: args.text('mac') === null ? undefined : macOf(args),
    metadata: metadataOf(args, { removes }) ?? undefined,
  })
}

/** Canonical; null for none, and for an empty one. @throws {UsageError} */
function macOf(args: Arguments): string | null {
  const text = args.text('mac')
  if (text === null || text === '') return null
  try {
    return canonicalMac(text)
  } catch (error) {
    if (!(error instanceof MacSyntaxError)) throw error
    throw new UsageError(`--mac: ${error.message}`)
  }
}
