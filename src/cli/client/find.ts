/** `ipam find`: an address, or a name. */

import type { Params } from '../../client/query.ts'
import { ADDRESS_HISTORY_MAX } from '../../ipam/query.ts'
import type { ExitCode } from '../shell.ts'
import type { AddressBody, AllocationBody } from './bodies.ts'
import { ClientError, UsageError } from './client-error.ts'
import { ALLOCATION_COLUMNS, allocationFields, HISTORY_COLUMNS, NETWORK_COLUMNS } from './columns.ts'
import type { Invocation } from './invocation.ts'
import { objectOf, pagesOf } from './pages.ts'
import { formatRecord, Table } from './table.ts'
import { addressMistake, addressOf, isAddress, timeOf } from './values.ts'

/** Who types this means an address, and no name; a MAC address is neither. */
const LIKE_ADDRESS = /^\d+(\.\d+){3}$|^[\da-f:.]*::[\da-f:.]*$/i

export async function find(invocation: Invocation): Promise<ExitCode> {
  const text = invocation.args.operand(0) ?? ''
  return isAddress(text) ? await findAddress(text, invocation) : await findName(text, invocation)
}

async function findAddress(text: string, { api, args, output, shell }: Invocation): Promise<ExitCode> {
  const ip = addressOf(text, 'IP')
  const at = timeOf(args, 'at', { now: shell.wallTime(), direction: -1 })
  const answer = await api.get(`/addresses/${encodeURIComponent(ip)}`, {
    namespace: args.text('namespace'),
    at,
  })
  const body = objectOf<AddressBody>(answer.text)
  if (output.isJson) await output.json(answer.text)
  else await output.text(formatAddress(body, at, output.look))
  return body.state === 'unmanaged' && body.history.length === 0 ? 3 : 0
}

function formatAddress(body: AddressBody, at: string | null, look: Invocation['output']['look']): string {
  const { ip, namespace, state, cooling_until: rest, reserved_by: reservedBy } = body
  const { networks, allocation, history } = body
  const isCut = history.length >= ADDRESS_HISTORY_MAX
  const head = formatRecord(
    [
      ['address', ip],
      ['namespace', namespace],
      ['now', state],
      ...(rest === null ? [] : [['rests until', rest] as const]),
      ...(reservedBy === null ? [] : [['reserved by', reservedBy] as const]),
      ...(at === null
        ? []
        : [['then', `${allocation === null ? 'nobody had it' : 'allocated'} (${at})`] as const]),
    ],
    look,
  )
  const sections = [
    ['Networks around it, the smallest last', new Table(NETWORK_COLUMNS, look).add(networks)],
    [
      at === null ? 'Who has it' : 'Who had it then',
      allocation === null ? '' : formatRecord(allocationFields(allocation), look),
    ],
    [
      isCut
        ? `The newest ${history.length} of its history (all of it: ipam audit --ip ${ip})`
        : 'History, newest first',
      new Table(HISTORY_COLUMNS, look).add(history),
    ],
  ] as const
  return [head, ...sections.flatMap(([title, text]) => (text === '' ? [] : [`\n${title}:\n${text}`]))].join(
    '',
  )
}

/** By host name; if nobody has it there, by all texts. */
async function findName(name: string, { api, args, output }: Invocation): Promise<ExitCode> {
  if (args.has('at')) {
    throw new UsageError('--at goes with an address; what became of a name: ipam list --all --hostname NAME')
  }
  if (name.includes('/')) {
    throw new UsageError(
      `a network is shown by: ipam network show ${name}; what is in it: ipam list --network ${name}`,
    )
  }
  const namespace = args.text('namespace')
  const byName = { hostname: name, namespace }
  const params: Params = (await hasAny(byName)) ? byName : { q: name, namespace }
  const count = await output.pages(ALLOCATION_COLUMNS, pagesOf<AllocationBody>(api, '/allocations', params))
  if (count > 0) return 0
  const mistake = LIKE_ADDRESS.test(name) ? `${addressMistake(name)}; ` : ''
  throw new ClientError(
    `${mistake}nothing has ${JSON.stringify(name)} in its texts; released ones too: ipam list --all --query`,
    3,
  )

  async function hasAny(query: Params): Promise<boolean> {
    for await (const { rows } of pagesOf(api, '/allocations', query, { limit: 1 })) {
      if (rows.length > 0) return true
    }
    return false
  }
}
