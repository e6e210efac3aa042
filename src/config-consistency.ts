/** What the values of a cluster file must be beside each other, each of which would do alone. */
import { parseAddr } from '../raft/transport/addr.ts'
import { isWildcard } from './config-addr.ts'
import type { Path } from './config-place.ts'
import { show } from './show.ts'

/** As the file calls them. */
interface NodeSection {
  readonly node_id: number
  readonly addr: string
  readonly api: string
}

interface TimingSection {
  readonly tick_ms: number
  readonly heartbeat_ms: number
  readonly election_min_ms: number
  readonly election_max_ms: number
}

interface LimitsSection {
  readonly inflight_appends_mib_max: number
  readonly send_buffer_mib_max: number
}

export interface Mistake {
  readonly path: Path
  readonly message: string
}

export function nodeMistakes(nodes: readonly NodeSection[]): Mistake[] {
  const mistakes: Mistake[] = []
  for (const [i, node] of nodes.entries()) {
    if (sameHostAndPort(node.addr, node.api)) {
      mistakes.push({ path: ['nodes', i, 'api'], message: `is also this node's addr; use another port` })
    }
    for (const earlier of nodes.slice(0, i)) {
      if (node.node_id === earlier.node_id) {
        mistakes.push({ path: ['nodes', i, 'node_id'], message: `${node.node_id} is given twice` })
      }
      if (node.addr === earlier.addr) {
        const message = `${show(node.addr)} is also that of node ${earlier.node_id}`
        mistakes.push({ path: ['nodes', i, 'addr'], message })
      }
      // The same API address is fine where the nodes are on different hosts.
      if (node.api === earlier.api && parseAddr(node.addr).host === parseAddr(earlier.addr).host) {
        const message = `${show(node.api)} is also that of node ${earlier.node_id} on the same host`
        mistakes.push({ path: ['nodes', i, 'api'], message })
      }
    }
  }
  return mistakes
}

function sameHostAndPort(addr: string, api: string): boolean {
  const [a, b] = [parseAddr(addr), parseAddr(api)]
  return a.port === b.port && (a.host === b.host || isWildcard(b.host))
}

export function timingMistakes(raft: TimingSection): Mistake[] {
  const { tick_ms, heartbeat_ms, election_min_ms, election_max_ms } = raft
  const mistakes: Mistake[] = []
  if (tick_ms > heartbeat_ms) {
    const message = `${tick_ms} is above heartbeat_ms ${heartbeat_ms}, which could then not be kept`
    mistakes.push({ path: ['raft', 'tick_ms'], message })
  }
  if (heartbeat_ms * 3 > election_min_ms) {
    const message = `${election_min_ms} is below three times heartbeat_ms ${heartbeat_ms}: one lost heartbeat would start an election`
    mistakes.push({ path: ['raft', 'election_min_ms'], message })
  }
  if (election_min_ms >= election_max_ms) {
    const message = `${election_max_ms} is not above election_min_ms ${election_min_ms}: nodes would campaign at the same time`
    mistakes.push({ path: ['raft', 'election_max_ms'], message })
  }
  return mistakes
}

export function limitMistakes({ inflight_appends_mib_max, send_buffer_mib_max }: LimitsSection): Mistake[] {
  if (send_buffer_mib_max >= inflight_appends_mib_max * 2) return []
  const message = `${send_buffer_mib_max} is below twice inflight_appends_mib_max ${inflight_appends_mib_max}: what a peer may have under way would find no room`
  return [{ path: ['limits', 'send_buffer_mib_max'], message }]
}
