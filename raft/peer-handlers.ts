/** What comes from other nodes, and which part of this one takes it. */
import type { Raft } from './core/state.ts'
import type { Inbox } from './inbox.ts'
import type { NodeParts } from './node-parts.ts'
import type { PeerIdentity, TransportHandlers } from './ports.ts'
import type { Message } from './types.ts'

/** @param raft To be looked at only. */
export function peerHandlers(raft: Raft, inbox: Inbox, parts: NodeParts): TransportHandlers {
  const { proposals, lanes, addresses, gate } = parts
  return {
    onMessage: (message) => {
      if (!inbox.isClosed) handleMessage({ raft, inbox, parts }, message)
    },
    authorize: (peer) => gate.authorize(peer),
    onPeer: (peer) => handlePeer(inbox, parts, peer),
    onPeerLost: (peer) => {
      proposals.handlePeerLost(peer)
      inbox.add({ type: 'peerLost', id: peer })
    },
    onRefused: (refusal) => addresses.noteRefusal(refusal),
    onSnapshotOffer: (offer) => lanes.snapshots.handleOffer(offer),
    onSnapshotReceived: (offer, file) => lanes.snapshots.handleReceived(offer, file),
  }
}

/** Rule 7: whatever is of the protocol goes to the core, in the next turn. */
function handleMessage(
  { raft, inbox, parts }: { raft: Raft; inbox: Inbox; parts: NodeParts },
  message: Message,
): void {
  const { proposals, watch, witness } = parts
  if (message.type === 'ForwardRequests') {
    const isLeader = raft.role === 'leader' && watch.divergence === null
    proposals.handleForwardRequests(message, { isLeader })
    inbox.wake()
  } else if (message.type === 'ForwardReplies') {
    proposals.handleForwardReplies(message)
    inbox.wake()
  } else if (message.type === 'StateHashes') {
    watch.handleStateHashes(message)
  } else {
    witness.noteMessage(message)
    inbox.add({ type: 'message', message })
  }
}

function handlePeer(inbox: Inbox, { addresses, watch, witness, gate }: NodeParts, peer: PeerIdentity): void {
  const { nodeId: id, incarnation, schemas } = peer
  addresses.notePeer(peer)
  watch.handlePeer(id)
  witness.notePeer(peer)
  inbox.add({ type: 'peerSeen', id, incarnation, schemas })
  gate.connectPeers()
}
