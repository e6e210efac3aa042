import type { Transport } from '../ports.ts'

/** The transport of a cluster of one, which listens nowhere: there is nobody to hear from or to talk to. */
export function noPeers(): Transport {
  return {
    start: async () => {},
    setPeers: () => {},
    send: () => false,
    sendSnapshot: async ({ to }) => {
      throw new Error(`node ${to} cannot be reached: this node has no Raft address`)
    },
    close: async () => {},
  }
}
