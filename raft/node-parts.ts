/** The parts of a node, and which of them tells which. */
import { committedMembership } from './core/membership.ts'
import type { Raft } from './core/state.ts'
import { StateDivergedError } from './errors.ts'
import { Gate } from './gate.ts'
import { HandOvers } from './hand-over.ts'
import type { Inbox } from './inbox.ts'
import { Lanes } from './lanes.ts'
import type { RaftNodeOptions } from './node-options.ts'
import { AddressBook } from './peers.ts'
import type { Boot, Ports } from './ports.ts'
import { Proposals } from './proposals.ts'
import { Reads } from './reads.ts'
import { StateWatch } from './state-watch.ts'
import type { SnapshotMeta } from './types.ts'
import { Witness } from './witness.ts'

export interface NodeParts {
  /** What callers and peers want of the cluster. */
  readonly proposals: Proposals
  readonly reads: Reads
  readonly handOvers: HandOvers
  /** What it has itself, and whether that is what the others have. */
  readonly lanes: Lanes
  readonly watch: StateWatch
  /** Who the others are. */
  readonly boot: Boot
  readonly addresses: AddressBook
  readonly witness: Witness
  readonly gate: Gate
}

export interface NodePartsHost {
  readonly options: RaftNodeOptions
  readonly ports: Ports
  /** To be looked at only. */
  readonly raft: Raft
  readonly inbox: Inbox
  onFatal(error: unknown): void
}

/** Each after those that it tells: what they call of each other goes round in no circle. */
export function createNodeParts(host: NodePartsHost): NodeParts {
  const { options, ports, raft } = host
  const proposals = createProposals(host)
  const reads = new Reads(options.readLimits, {
    now: () => ports.clock.now(),
    firstId: someId(ports.random),
  })
  const handOvers = createHandOvers(host, proposals)
  const watch = createStateWatch(host, { proposals, reads, handOvers })
  const lanes = createLanes(host, { proposals, reads, watch })
  const addresses = new AddressBook(options.identity, options.addresses)
  const witness = new Witness({ confirmMs: options.timing.electionMinMs })
  const boot = { id: someId(ports.random), term: raft.currentTerm, lastIndex: raft.log.lastIndex }
  const gate = createGate(host, { addresses, witness })
  return { proposals, reads, handOvers, lanes, watch, boot, addresses, witness, gate }
}

/** Two processes of a node hardly ever count through the same ids, and ids stay far below 2^53. */
function someId(random: () => number): number {
  return 1 + Math.floor(random() * 2 ** 48)
}

function createProposals({ options, ports, raft }: NodePartsHost): Proposals {
  const { clock, transport, stateMachine, random } = ports
  return new Proposals({
    id: raft.id,
    limits: options.proposalLimits,
    stateMachine,
    firstId: someId(random),
    now: () => clock.now(),
    send: (message) => transport.send(message),
    leaderId: () => raft.leaderId,
    leadingTerm: () => (raft.role === 'leader' ? raft.currentTerm : null),
    followPeer: options.followPeer ?? null,
  })
}

function createHandOvers({ options, ports, raft, inbox }: NodePartsHost, proposals: Proposals): HandOvers {
  return new HandOvers({
    isLeader: () => raft.role === 'leader',
    isQuiet: () => raft.leaderId !== null && proposals.waitingCount === 0,
    clock: ports.clock,
    timing: options.timing,
    tickMs: options.tickMs,
    emit: (event) => inbox.add(event),
  })
}

function createStateWatch(
  { options, ports, raft, inbox, onFatal }: NodePartsHost,
  { proposals, reads, handOvers }: Pick<NodeParts, 'proposals' | 'reads' | 'handOvers'>,
): StateWatch {
  const { stateMachine, transport, logger } = ports
  return new StateWatch({
    id: raft.id,
    stateMachine,
    interval: options.checkpointInterval,
    logger,
    members: () => committedMembership(raft).members,
    send: (message) => transport.send(message),
    onDiverged: ({ index }) => {
      const error = (): StateDivergedError => new StateDivergedError(index)
      proposals.distrustState(error)
      reads.rejectAll(error)
      inbox.wake()
    },
    onWrongStates: (nodes) => inbox.add({ type: 'wrongStates', nodes, transferId: handOvers.takeId() }),
    onFatal,
  })
}

function createLanes(
  host: NodePartsHost,
  { proposals, reads, watch }: Pick<NodeParts, 'proposals' | 'reads' | 'watch'>,
): Lanes {
  const { ports, inbox } = host
  return new Lanes({
    ...host,
    onApplied: (entry, result) => {
      // First: it may find that the result is worth nothing.
      watch.handleApplied(entry)
      proposals.handleApplied(entry.index, entry.term, result)
    },
    onSlice: () => {
      reads.handleApplied(ports.stateMachine.appliedIndex)
      proposals.flushReplies()
    },
    isStateWrong: () => watch.divergence !== null,
    onInstalled: (meta: SnapshotMeta) => {
      proposals.handleSnapshotInstalled(meta.lastIndex)
      proposals.trustState()
      watch.handleRestored()
      inbox.add({ type: 'snapshotInstalled', meta })
      reads.handleApplied(meta.lastIndex)
    },
  })
}

function createGate(
  { options, ports, raft, inbox }: NodePartsHost,
  { addresses, witness }: Pick<NodeParts, 'addresses' | 'witness'>,
): Gate {
  const { clock, transport, logger } = ports
  return new Gate({
    raft,
    addresses,
    witness,
    clock,
    transport,
    logger,
    settleMs: options.timing.electionMinMs,
    emit: (event) => inbox.add(event),
  })
}
