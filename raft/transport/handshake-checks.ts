/** Whether whoever is at the other end of a connection is whom we mean, by what it says of itself. */
import type { KeyObject } from 'node:crypto'
import type { Identity } from '../ports.ts'
import type { NodeId } from '../types.ts'
import type { Refusal } from './errors.ts'
import { type Greeting, type Hello, PROTOCOL_MAX, PROTOCOL_MIN, type Welcome } from './handshake-messages.ts'

export const SAME_SECRET = 'give all members the same one'

/** The highest that both speak; null if there is none. */
export function sharedProtocol({ protocolMin, protocolMax }: Greeting): number | null {
  const protocol = Math.min(protocolMax, PROTOCOL_MAX)
  return protocol >= Math.max(protocolMin, PROTOCOL_MIN) ? protocol : null
}

export function otherProtocol({ protocolMin, protocolMax }: Omit<Greeting, 'magic'>): Refusal {
  return {
    reason: 'protocol',
    message: `you speak protocols ${protocolMin} to ${protocolMax}, this node ${PROTOCOL_MIN} to ${PROTOCOL_MAX}`,
  }
}

export function whyNotHello(hello: Hello, self: Identity): Refusal | null {
  if (hello.clusterId !== self.clusterId) return otherCluster(hello.clusterId, self)
  if (hello.nodeId === self.nodeId) {
    return { reason: 'node_id', message: `this node is itself node ${self.nodeId}` }
  }
  if (hello.to !== self.nodeId) {
    return { reason: 'node_id', message: `you look for node ${hello.to}, this is node ${self.nodeId}` }
  }
  return null
}

export function whyNotWelcome(welcome: Welcome, self: Identity, to: NodeId): Refusal | null {
  const { protocol, clusterId, nodeId } = welcome
  if (protocol < PROTOCOL_MIN || protocol > PROTOCOL_MAX) {
    return otherProtocol({ protocolMin: protocol, protocolMax: protocol })
  }
  if (clusterId !== self.clusterId) return otherCluster(clusterId, self)
  if (nodeId === to) return null
  return { reason: 'node_id', message: `node ${to} was expected there, node ${nodeId} answered` }
}

/** One side with a secret and one without do not talk: who asks for proof would get none. */
export function whyNotSecret(
  peer: Hello | Welcome,
  { self, secrets }: { self: Identity; secrets: readonly KeyObject[] },
): Refusal | null {
  const hasOurs = secrets.length > 0
  if (hasOurs === (peer.nonce !== null)) return null
  const [having, lacking] = hasOurs ? [self.nodeId, peer.nodeId] : [peer.nodeId, self.nodeId]
  const message = `node ${having} has a cluster secret, node ${lacking} has none; ${SAME_SECRET}`
  return { reason: 'secret', message }
}

function otherCluster(theirs: number, self: Identity): Refusal {
  return { reason: 'cluster_id', message: `you are in cluster ${theirs}, this node in ${self.clusterId}` }
}
