/** The other members: how far they are, which only the leader knows, and who is connected. */
import type { NodeId, RaftStatus } from '../../raft/index.ts'
import { gauge, type Source } from './family.ts'

export interface PeerSource {
  status(): RaftStatus
  connections(): readonly { readonly id: NodeId; readonly isConnected: boolean }[]
}

export function peerMetrics({ status, connections }: PeerSource): Source {
  return () => {
    const { peers, lastIndex } = status()
    return [
      gauge(
        'ipam_peer_connected',
        'Whether this node has a connection to send on.',
        connections().map(({ id, isConnected }) => [{ peer: id }, isConnected ? 1 : 0]),
      ),
      gauge(
        'ipam_peer_match_index',
        'On the leader: up to here the log is on the disk of the peer.',
        peers.map(({ id, matchIndex }) => [{ peer: id }, matchIndex]),
      ),
      gauge(
        'ipam_peer_lag_entries',
        'On the leader: entries of its log that the peer has not acknowledged.',
        peers.map(({ id, matchIndex }) => [{ peer: id }, Math.max(0, lastIndex - matchIndex)]),
      ),
      gauge(
        'ipam_peer_last_contact_seconds',
        'On the leader: time since the peer answered.',
        peers.map(({ id, lastContactMs }) => [{ peer: id }, lastContactMs / 1_000]),
      ),
      gauge(
        'ipam_peer_replication_state',
        'On the leader: 1 for the state that the peer is in (probe, replicate, snapshot).',
        peers.map(({ id, state }) => [{ peer: id, state }, 1]),
      ),
    ]
  }
}
