import { DEFAULT_PROPOSAL_LIMITS, type ProposalLimits } from '../../raft/proposal-limits.ts'
import { Proposals } from '../../raft/proposals.ts'
import type { FollowPeerRequest } from '../../raft/request-trace.ts'
import type { ForwardedOutcome, ForwardReplies, ForwardRequests, Message, NodeId } from '../../raft/types.ts'

export const COMMAND = {
  type: 'command',
  payload: Buffer.from('a'),
  traits: { isIdempotent: false, needsRoom: true },
} as const
export const IDEMPOTENT = { ...COMMAND, traits: { isIdempotent: true, needsRoom: true } } as const

export const RESULTS = {
  encodeResult: (result: unknown): Uint8Array => Buffer.from(JSON.stringify(result)),
  decodeResult: (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString()),
}

/** One node's proposals; the test is its core and its network. */
export class Desk {
  now = 0
  leaderId: number | null = null
  leadingTerm: number | null = null
  isConnected = true
  readonly sent: Message[] = []
  readonly proposals: Proposals

  constructor({
    id = 1,
    firstId = 1,
    limits = {},
    followPeer = null,
  }: {
    id?: number
    firstId?: number
    limits?: Partial<ProposalLimits>
    followPeer?: FollowPeerRequest | null
  } = {}) {
    this.proposals = new Proposals({
      id,
      limits: { ...DEFAULT_PROPOSAL_LIMITS, ...limits },
      stateMachine: RESULTS,
      firstId,
      now: () => this.now,
      send: (message) => {
        if (this.isConnected) this.sent.push(message)
        return this.isConnected
      },
      leaderId: () => this.leaderId,
      leadingTerm: () => this.leadingTerm,
      followPeer,
    })
  }

  /** What was forwarded last. */
  get forwarded(): ForwardRequests | undefined {
    return this.sent.findLast((message): message is ForwardRequests => message.type === 'ForwardRequests')
  }

  get replied(): ForwardReplies | undefined {
    this.proposals.flushReplies()
    return this.sent.findLast((message): message is ForwardReplies => message.type === 'ForwardReplies')
  }

  /** As a leader: the core puts everything that waits into the log, from `index` on. */
  append(index: number, term: number): void {
    for (const [i, event] of this.proposals.takeEvents(0).entries()) {
      if (event.type === 'propose')
        this.proposals.handleProposalFate({ id: event.id, index: index + i, term })
    }
  }

  /** What the core says of everything that waits. */
  refuse(refusal: 'not_leader' | 'transferring' | 'overloaded'): void {
    for (const event of this.proposals.takeEvents(0)) {
      if (event.type === 'propose') this.proposals.handleProposalFate({ id: event.id, refusal })
    }
  }

  /** The core says so of everything that waits: those voters are low on disk, and no quorum has room. */
  refuseWithoutRoom(lowVoters: readonly NodeId[]): void {
    for (const event of this.proposals.takeEvents(0)) {
      if (event.type === 'propose')
        this.proposals.handleProposalFate({ id: event.id, refusal: 'disk_low', lowVoters })
    }
  }

  reply(id: number, outcome: ForwardedOutcome, from = 2): void {
    this.proposals.handleForwardReplies({ type: 'ForwardReplies', from, to: 1, replies: [{ id, outcome }] })
  }

  /** Time passes as the ticks of a node show it. */
  pass(ms: number): void {
    this.now += ms
    this.proposals.handleTick()
  }
}

export function refusedWith(code: string): ForwardedOutcome {
  return { type: 'error', code, message: '', leaderId: null }
}

export function resultOf(result: unknown, index: number): ForwardedOutcome {
  return { type: 'result', result: RESULTS.encodeResult(result), index }
}
