/** `ipam cluster …` */

import { show } from '../../show.ts'
import type { ExitCode } from '../shell.ts'
import { type Api, RefusedError } from './api.ts'
import type { Arguments } from './arguments.ts'
import type { ClusterBody, MemberBody } from './bodies.ts'
import { UsageError } from './client-error.ts'
import type { Invocation } from './invocation.ts'
import { objectOf } from './pages.ts'
import { type Color, type Column, column, formatRecord, Table } from './table.ts'

const NODES = '/cluster/nodes'
const STATUS = '/cluster/status'
/** A node that hangs does not keep the others' answer back for longer. */
const LOOK_MS_MAX = 2_000
/** The cluster itself knows no keys. */
const NO_KEY = { key: null }

const MEMBER_COLUMNS: readonly Column<MemberBody>[] = [
  column('NODE', ({ node_id }) => String(node_id), { isRight: true }),
  column('ADDR', ({ addr }) => addr),
  column('ROLE', ({ role }) => role),
  column('VOTES', ({ voter }) => (voter ? 'yes' : 'no')),
  column('HEALTHY', ({ healthy }) => (healthy === null ? '?' : healthy ? 'yes' : 'no'), {
    color: healthColor,
  }),
  column('MATCH', ({ match_index }) => (match_index === null ? '?' : String(match_index)), { isRight: true }),
  column('CONTACT', ({ last_contact_ms: ms }) => (ms === null ? '?' : `${Math.round(ms)} ms`), {
    isRight: true,
  }),
  column('REASONS', ({ reasons }) => reasons.join(', ')),
]

function healthColor(text: string): Color | null {
  return text === 'yes' ? 'green' : text === 'no' ? 'red' : null
}

export async function showCluster({ api, output }: Invocation): Promise<ExitCode> {
  const text = await leadersStatus(api)
  if (output.isJson) await output.json(text)
  else await output.text(formatStatus(statusOf(text), output.look))
  return 0
}

/** What the leader says if it is one of the servers, for only it knows how the others are; else what the first that answers says. */
async function leadersStatus(api: Api): Promise<string> {
  const { text } = await api.get(STATUS)
  if (api.servers.length === 1 || statusOf(text).role === 'leader') return text
  const asked = api.servers.map((server) => api.alone(server, LOOK_MS_MAX).get(STATUS))
  const answers = (await Promise.allSettled(asked)).map((one) =>
    one.status === 'fulfilled' ? one.value.text : text,
  )
  // One that was cut off may take itself for the leader still.
  const leaders = answers.filter((answer) => statusOf(answer).role === 'leader')
  return leaders.toSorted((a, b) => statusOf(b).term - statusOf(a).term)[0] ?? text
}

function statusOf(text: string): ClusterBody {
  return objectOf(text)
}

function formatStatus(status: ClusterBody, look: Invocation['output']['look']): string {
  const { leader_id: leader, leader_addr: addr } = status
  const head = formatRecord(
    [
      ['cluster', String(status.cluster_id)],
      ['leader', leader === null ? 'none is known' : `node ${leader}${addr === null ? '' : ` (${addr})`}`],
      ['term', String(status.term)],
      ['committed', String(status.commit_index)],
      [
        'asked',
        `node ${status.node_id} (${status.role}), applied ${status.applied_index}, version ${status.version}`,
      ],
    ],
    look,
  )
  return `${head}\n${new Table(MEMBER_COLUMNS, look).add(status.members)}`
}

export async function addNode({ api, args, output }: Invocation): Promise<ExitCode> {
  const nodeId = nodeIdOf(args) ?? 0
  const addr = args.operand(1) ?? ''
  await change(
    api,
    () => api.write('POST', NODES, { node_id: nodeId, addr }, NO_KEY),
    ({ members }) => members.some((member) => member.node_id === nodeId && member.addr === addr),
  )
  const start = `ipam server --config FILE --node-id ${nodeId} --join`
  output.done(`node ${nodeId} is a member; start it at ${addr} with: ${start}, and node ${nodeId} in FILE`)
  return 0
}

export async function removeNode({ api, args, output }: Invocation): Promise<ExitCode> {
  const nodeId = nodeIdOf(args) ?? 0
  const path = `${NODES}/${nodeId}${args.has('force') ? '?force=true' : ''}`
  await change(
    api,
    () => api.write('DELETE', path, null, NO_KEY),
    ({ members }) => members.every((member) => member.node_id !== nodeId),
  )
  output.done(`node ${nodeId} is no member any more`)
  return 0
}

export async function transferLeader({ api, args, output }: Invocation): Promise<ExitCode> {
  const nodeId = nodeIdOf(args)
  await change(
    api,
    () => api.write('POST', '/cluster/transfer-leader', { node_id: nodeId }, NO_KEY),
    (status) => nodeId !== null && status.leader_id === nodeId,
  )
  output.done(nodeId === null ? 'leadership is handed over' : `node ${nodeId} leads`)
  return 0
}

export async function drain(invocation: Invocation): Promise<ExitCode> {
  return await setDraining(invocation, true)
}

export async function undrain(invocation: Invocation): Promise<ExitCode> {
  return await setDraining(invocation, false)
}

async function setDraining({ api, args, output }: Invocation, isDraining: boolean): Promise<ExitCode> {
  const [server = '', other] = api.servers
  if (other !== undefined) {
    throw new UsageError(
      `one node at a time: ipam ${args.command} --server URL, not ${api.servers.length} of them`,
    )
  }
  await api.write('POST', '/cluster/drain', { drain: isDraining }, NO_KEY)
  output.done(
    isDraining ? `${server} drains: it does not lead, and is not ready` : `${server} takes part again`,
  )
  return 0
}

/** Where an earlier attempt may have done it, a refusal says nothing; how things are does. */
async function change(
  api: Api,
  write: () => Promise<unknown>,
  isDone: (status: ClusterBody) => boolean,
): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof RefusedError && error.isAfterUncertain)) throw error
    const { text } = await api.get(STATUS)
    if (!isDone(objectOf(text))) throw error
  }
}

/** Null if it is left out. @throws {UsageError} */
function nodeIdOf(args: Arguments): number | null {
  const text = args.operand(0)
  if (text === null) return null
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text)
  throw new UsageError(`the id of a node is a whole number from 1, not ${show(text)}`)
}
