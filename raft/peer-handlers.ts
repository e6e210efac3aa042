/** What comes from other nodes, and which part of this one takes it. */
import type { Event, Raft } from './core/state.ts'
import type { Gate } from './gate.ts'
import type { AddressBook } from './peers.ts'
import type { PeerIdentity, TransportHandlers } from './ports.ts'
import type { Proposals } from './proposals.ts'
import type { Snapshots } from './snapshots.ts'
import type { StateWatch } from './state-watch.ts'
import type { Message } from './types.ts'
import type { Witness } from './witness.ts'

/** The parts of a node that hear its peers. */
export interface PeerHandlersHost {
  /** To be looked at only. */
  readonly raft: Raft
  readonly proposals: Proposals
  readonly snapshots: Snapshots
  readonly watch: StateWatch
  readonly addresses: AddressBook
  readonly witness: Witness
  readonly gate: Gate
  emit(event: Event): void
  /** Something but an event waits for the next turn. */
  schedule(): void
  isStopped(): boolean
}

export function peerHandlers(host: PeerHandlersHost): TransportHandlers {
  const { proposals, snapshots, addresses, gate } = host
  return {
    onMessage: (message) => {
      if (!host.isStopped()) handleMessage(host, message)
    },
    authorize: (peer) => gate.authorize(peer),
    onPeer: (peer) => handlePeer(host, peer),
    onPeerLost: (peer) => {
      proposals.handlePeerLost(peer)
      host.schedule()
    },
    onRefused: (refusal) => addresses.noteRefusal(refusal),
    onSnapshotOffer: (offer) => snapshots.handleOffer(offer),
    onSnapshotReceived: (offer, file) => snapshots.handleReceived(offer, file),
  }
}

/** Rule 7: whatever is of the protocol goes to the core, in the next turn. */
function handleMessage(host: PeerHandlersHost, message: Message): void {
  const { raft, proposals, watch, witness } = host
  if (message.type === 'ForwardRequests') {
    const isLeader = raft.role === 'leader' && watch.divergence === null
    proposals.handleForwardRequests(message, { isLeader })
    host.schedule()
  } else if (message.type === 'ForwardReplies') {
    proposals.handleForwardReplies(message)
    host.schedule()
  } else if (message.type === 'StateHashes') {
    watch.handleStateHashes(message)
  } else {
    witness.noteMessage(message)
    host.emit({ type: 'message', message })
  }
}

function handlePeer(host: PeerHandlersHost, peer: PeerIdentity): void {
  const { addresses, watch, witness, gate } = host
  const { nodeId: id, incarnation, schemas } = peer
  addresses.notePeer(peer)
  watch.handlePeer(id)
  witness.notePeer(peer)
  host.emit({ type: 'peerSeen', id, incarnation, schemas })
  gate.connectPeers()
}
