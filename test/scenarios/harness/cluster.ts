/** Real cores of a whole cluster, and a test that is their network, their disks and their clock. */
import { assert } from '../../../raft/assert.ts'
import type { MembershipFate, ProposalFate } from '../../../raft/core/effects.ts'
import type { Event } from '../../../raft/core/event.ts'
import { HEALTHY_DISK } from '../../../raft/core/progress.ts'
import type { Limits, Raft } from '../../../raft/core/state.ts'
import type { LogIndex, MembershipChange, NodeId, RaftMessage } from '../../../raft/types.ts'
import { membershipOf } from '../../raft/core/solo-node.ts'
import { Engine } from './engine.ts'
import { formatLog, type Shown } from './format.ts'
import { type Content, Machine, TIMING } from './machine.ts'
import type { Link } from './network.ts'
import { SnapshotStreams } from './snapshot-streams.ts'
import type { Trace } from './trace.ts'

export interface ClusterOptions {
  /** Members from the start. */
  readonly voters: readonly NodeId[]
  readonly learners?: readonly NodeId[]
  /** What is on the disks: the terms of a log of commands, one an entry. Empty unless told. */
  readonly disks?: Readonly<Record<NodeId, Content>>
  readonly limits?: Partial<Limits>
  readonly shown?: Partial<Shown>
}

export class Cluster {
  readonly #engine: Engine
  readonly #limits: Partial<Limits>
  readonly #snapshots: SnapshotStreams
  #nextId = 1

  constructor({ voters, learners = [], disks = {}, limits = {}, shown = {} }: ClusterOptions) {
    this.#engine = new Engine({ isConfigShown: false, isSessionShown: false, ...shown })
    this.#snapshots = new SnapshotStreams(this.#engine)
    this.#limits = limits
    const membership = membershipOf({ voters, learners })
    for (const { id } of membership.members) {
      const machine = new Machine({ id, membership, content: disks[id] ?? { terms: [] }, limits })
      this.#engine.machines.set(id, machine)
      machine.start(0)
    }
  }

  // What there is to see.

  get trace(): Trace {
    return this.#engine.trace
  }

  raft(id: NodeId): Raft {
    return this.#engine.raft(id)
  }

  /** As the trace shows it: the terms, `|` where the disk ends. */
  log(id: NodeId): string {
    return formatLog(this.raft(id))
  }

  commitIndex(id: NodeId): LogIndex {
    return this.raft(id).commitIndex
  }

  /** Null: nobody could say. Undefined: not answered yet. */
  readResult(number: number): LogIndex | null | undefined {
    return this.#engine.reads.get(number)
  }

  /** Null: leadership is gone from here. A text: why it failed. Undefined: under way. */
  transferResult(number: number): string | null | undefined {
    return this.#engine.transfers.get(number)
  }

  note(text: string): void {
    this.#engine.trace.note(text)
  }

  /** Sets the stage: what happens in `act` is not in the trace, `text` is. */
  unrecorded(text: string, act: () => void): void {
    const { trace } = this.#engine
    trace.note(text)
    const wasRecording = trace.isRecording
    trace.isRecording = false
    act()
    trace.isRecording = wasRecording
  }

  /** A row for every node that runs. */
  showNodes(): void {
    for (const { raft } of this.#engine.machines.values()) {
      if (raft !== null) this.#engine.trace.stand({ ...raft, now: this.#engine.now })
    }
  }

  // Time.

  /** From its next deadline on, node `id` waits that long for a leader. */
  setElectionTimeout(id: NodeId, ms: number): void {
    this.#engine.machine(id).electionTimeoutMs = ms
  }

  /** Time passes for the nodes `ids`, or all that run. Steps in which nothing happens leave no row. */
  tick(ms: number, ids: readonly NodeId[] = [...this.#engine.machines.keys()]): void {
    this.#engine.now += ms
    const running = ids.filter((id) => this.#engine.machine(id).raft !== null)
    for (const id of running) this.#engine.step(id, 'time passes', { type: 'tick', disk: HEALTHY_DISK })
  }

  /** Time passes until node `id` has waited long enough for a leader. Other nodes do not look at their clocks. */
  timeout(id: NodeId): void {
    this.#engine.now = Math.max(this.#engine.now, this.raft(id).electionDeadline)
    this.#engine.step(id, 'election timeout', { type: 'tick', disk: HEALTHY_DISK })
  }

  /** Heartbeats go around for `ms`. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += TIMING.heartbeatMs) {
      this.tick(TIMING.heartbeatMs)
      this.deliverAll()
    }
  }

  /** `timeout`, everybody answers, and one heartbeat tells what is committed. */
  elect(id: NodeId): void {
    this.timeout(id)
    this.deliverAll()
    this.run(TIMING.heartbeatMs)
    assert(this.raft(id).role === 'leader', `node ${id} is not elected`)
  }

  // Requests.

  propose(id: NodeId): ProposalFate {
    const number = this.#takeId()
    const payload = new Uint8Array([number])
    const proposal = { type: 'propose', id: number, peer: null, payload, needsRoom: false, time: 0 } as const
    const effects = this.#engine.step(id, 'propose', proposal)
    const fate = effects.proposals[0]
    assert(fate !== undefined, 'a proposal without a fate')
    return fate
  }

  add(id: NodeId, added: NodeId): MembershipFate {
    // It waits to be added: it knows of no member.
    if (!this.#engine.machines.has(added)) {
      const membership = membershipOf({ voters: [] })
      const machine = new Machine({ id: added, membership, content: { terms: [] }, limits: this.#limits })
      this.#engine.machines.set(added, machine)
      machine.start(this.#engine.now)
    }
    return this.#change(id, `add ${added}`, { type: 'add', id: added, addr: `node-${added}:1` })
  }

  remove(id: NodeId, removed: NodeId): MembershipFate {
    return this.#change(id, `remove ${removed}`, { type: 'remove', id: removed, isForced: false })
  }

  /** Time for what a leader changes by itself. */
  maintain(id: NodeId): void {
    this.#engine.step(id, 'maintain the membership', { type: 'maintain', time: 0 })
  }

  read(id: NodeId): number {
    const number = this.#takeId()
    this.#engine.step(id, `read ${number}`, { type: 'readIndex', id: number })
    return number
  }

  transfer(id: NodeId, target: NodeId): number {
    const number = this.#takeId()
    this.#engine.step(id, `transfer to ${target}`, { type: 'transfer', id: number, target })
    return number
  }

  // The network.

  /** What is under way on `link` now, oldest first; not what it leads to. */
  deliver(link: Link): void {
    const messages = this.#engine.network.on(link)
    assert(messages.length > 0, `nothing is under way on ${link}`)
    for (const message of messages) this.#engine.deliver(message)
  }

  /** The oldest that is under way on `link`. */
  deliverOne(link: Link): void {
    const [message] = this.#engine.network.on(link)
    assert(message !== undefined, `nothing is under way on ${link}`)
    this.#engine.deliver(message)
  }

  /** Everything that is not held, and all that it leads to, until nobody has more to say. */
  deliverAll(): void {
    this.#engine.deliverAll()
  }

  /** The oldest on `link`, out of the queue: for `deliverLate`, once or more often. */
  intercept(link: Link): RaftMessage {
    const [message] = this.#engine.network.on(link)
    assert(message !== undefined, `nothing is under way on ${link}`)
    this.#engine.network.take(message)
    this.#engine.trace.event(`delayed ${message.from}→${message.to}  ${this.#engine.format(message)}`)
    return message
  }

  deliverLate(message: RaftMessage): void {
    this.#engine.deliver(message)
  }

  /** Oldest first. */
  underWay(link: Link): RaftMessage[] {
    return this.#engine.network.on(link)
  }

  dropAll(link: Link): void {
    for (const message of this.#engine.network.on(link)) {
      this.#engine.network.take(message)
      this.#engine.trace.event(`lost ${message.from}→${message.to}  ${this.#engine.format(message)}`)
    }
  }

  /** From now on everything sent there is lost; what is under way is too. */
  cut(...links: Link[]): void {
    this.#engine.trace.event(`cut ${links.join(', ')}`)
    this.#engine.network.cut(links)
    for (const link of links) this.dropAll(link)
  }

  isolate(id: NodeId): void {
    this.cut(`${id}→*`, `*→${id}`)
  }

  /** `deliverAll` leaves these alone: they wait for `deliver`. */
  hold(...links: Link[]): void {
    this.#engine.network.hold(links)
  }

  heal(): void {
    this.#engine.trace.event('heal')
    this.#engine.network.heal()
  }

  // Snapshots, which travel beside the messages.

  /** The sender has a snapshot of what it has applied, and begins to send it. */
  startSnapshot(link: Link): void {
    this.#snapshots.start(link)
  }

  /** All its bytes arrive. */
  finishSnapshot(link: Link): void {
    this.#snapshots.finish(link)
  }

  // Disks and processes.

  /** From now on its writes wait for `persist`. */
  holdDisk(id: NodeId): void {
    this.#engine.machine(id).isDiskHeld = true
  }

  /** Everything asked for so far is on disk. Writes go on to wait if they did. */
  persist(id: NodeId): void {
    const count = this.#engine.machine(id).disk.pending.length
    assert(count > 0, `node ${id} has nothing to write`)
    for (let i = 0; i < count; i++) this.#engine.completeWrite(id)
  }

  /** The oldest of its writes is on disk. */
  persistOne(id: NodeId): void {
    this.#engine.completeWrite(id)
  }

  releaseDisk(id: NodeId): void {
    this.#engine.machine(id).isDiskHeld = false
    if (this.#engine.machine(id).disk.pending.length > 0) this.persist(id)
  }

  /** Lets the log of node `id` start after `index`. */
  compact(id: NodeId, index: LogIndex): void {
    const base = this.#engine.machine(id).disk.compact(this.raft(id), index)
    this.#engine.step(id, `compacts its log through ${index}`, { type: 'compacted', base })
  }

  /** What was not on its disk is gone. What it has sent is still under way. */
  crash(id: NodeId): void {
    this.#engine.trace.event(`crash ${id}`)
    this.#engine.machine(id).crash()
  }

  restart(id: NodeId): void {
    this.#engine.machine(id).start(this.#engine.now)
    this.#engine.trace.step(this.raft(id), 'restarts from its disk', [])
  }

  #takeId(): number {
    const id = this.#nextId
    this.#nextId += 1
    return id
  }

  #change(id: NodeId, cause: string, change: MembershipChange): MembershipFate {
    const event: Event = {
      type: 'changeMembership',
      id: this.#takeId(),
      peer: null,
      change,
      note: '',
      time: 0,
    }
    const fate = this.#engine.step(id, cause, event).memberships[0]
    assert(fate !== undefined, 'a change without a fate')
    return fate
  }
}
