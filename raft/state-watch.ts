/**
 * Watches over the state machine: nodes tell each other what their state is at checkpoints of the log, and the one
 * whose state is not the majority's stops serving. Beside consensus: nothing here decides what is committed.
 */
import { StateDivergedError } from './errors.ts'
import type { Log, StateMachine } from './ports.ts'
import { CHECKPOINTS_MAX, isCheckpoint, type Judgement, StateComparison } from './state-comparison.ts'
import type {
  Checkpoint,
  Divergence,
  Entry,
  LogIndex,
  Member,
  Message,
  NodeId,
  StateHashes,
} from './types.ts'

/** A peer whose state is not ours. */
export interface StateAlarm {
  readonly peer: NodeId
  readonly index: LogIndex
  /** A majority has our state. False: nobody can tell which of the two is right. */
  readonly isPeerWrong: boolean
}

export interface StateWatchHost {
  readonly id: NodeId
  readonly stateMachine: Pick<StateMachine, 'stateHash' | 'divergence' | 'markDiverged'>
  /** Entries from one checkpoint to the next. The same on every node. */
  readonly interval: number
  readonly logger: Log
  /** Of the committed configuration. */
  members(): readonly Member[]
  send(message: Message): boolean
  /** This node must not serve its state from now on. */
  onDiverged(divergence: Divergence): void
  /** Which members' states are known to be wrong, perhaps our own, when that has changed. */
  onWrongStates(nodes: readonly NodeId[]): void
  onFatal(error: unknown): void
}

export class StateWatch {
  readonly #host: StateWatchHost
  readonly #comparison: StateComparison
  readonly #alarms = new Map<NodeId, StateAlarm>()
  /** The newest index at which each peer had our state: what arrives late about older ones is about an earlier state. */
  readonly #agreed = new Map<NodeId, LogIndex>()
  #divergence: Divergence | null
  #previousTime: number | null = null

  constructor(host: StateWatchHost) {
    this.#host = host
    this.#comparison = new StateComparison(host.id)
    this.#divergence = host.stateMachine.divergence
    if (this.#divergence !== null) this.#tellDiverged(this.#divergence)
  }

  /** Tells the host what has been so since before the process started. */
  start(): void {
    if (this.#divergence === null) return
    this.#host.onDiverged(this.#divergence)
    this.#host.onWrongStates(this.wrongStates)
  }

  /** Why this node does not serve; null if it does. */
  get divergence(): Divergence | null {
    return this.#divergence
  }

  /** About members only. */
  get alarms(): readonly StateAlarm[] {
    const members = this.#host.members()
    return [...this.#alarms.values()].filter(({ peer }) => members.some(({ id }) => id === peer))
  }

  get wrongStates(): readonly NodeId[] {
    const peers = this.alarms.filter(({ isPeerWrong }) => isPeerWrong).map(({ peer }) => peer)
    return this.#divergence === null ? peers : [this.#host.id, ...peers]
  }

  /** @throws {StateDivergedError} */
  check(): void {
    if (this.#divergence !== null) throw new StateDivergedError(this.#divergence.index)
  }

  /** `entry` is the last that was applied. */
  handleApplied(entry: Entry): void {
    const { interval, stateMachine } = this.#host
    const previousTime = this.#previousTime
    this.#previousTime = entry.time
    if (!isCheckpoint(entry, { interval, previousTime })) return
    const checkpoint = { index: entry.index, hash: stateMachine.stateHash }
    const members = this.#host.members().map(({ id }) => id)
    this.#comparison.retain(members)
    this.#comparison.note(this.#host.id, checkpoint)
    for (const peer of members) this.#tell(peer, [checkpoint])
    this.#judge(entry.index)
  }

  /** What was sent before it was connected was lost. */
  handlePeer(peer: NodeId): void {
    this.#tell(peer, this.#comparison.own)
  }

  handleStateHashes({ from, checkpoints }: StateHashes): void {
    if (!this.#host.members().some(({ id }) => id === from)) return
    for (const checkpoint of checkpoints.slice(-CHECKPOINTS_MAX)) {
      this.#comparison.note(from, checkpoint)
      this.#judge(checkpoint.index)
    }
  }

  /** A snapshot has taken the place of the state. */
  handleRestored(): void {
    this.#comparison.forgetOwn()
    this.#alarms.clear()
    this.#agreed.clear()
    this.#previousTime = null
    if (this.#divergence !== null) {
      this.#host.logger.info(this.#divergence, 'the state that differed was replaced: this node serves again')
    }
    this.#divergence = null
    this.#host.onWrongStates(this.wrongStates)
  }

  #tell(to: NodeId, checkpoints: readonly Checkpoint[]): void {
    const { id: from, send } = this.#host
    if (to !== from && checkpoints.length > 0) send({ type: 'StateHashes', from, to, checkpoints })
  }

  #judge(index: LogIndex): void {
    if (this.#divergence !== null) return
    const voters = this.#host.members().filter(({ voter }) => voter)
    const judgement = this.#comparison.judge(
      index,
      voters.map(({ id }) => id),
    )
    if (judgement === null) return
    const { hash, majorityHash } = judgement
    if (majorityHash !== null && majorityHash !== hash) this.#diverge({ index, hash, majorityHash })
    else this.#compare(judgement)
  }

  #diverge(divergence: Divergence): void {
    this.#divergence = divergence
    this.#alarms.clear()
    this.#tellDiverged(divergence)
    this.#host.stateMachine.markDiverged(divergence).catch((error: unknown) => this.#host.onFatal(error))
    this.#host.onDiverged(divergence)
    this.#host.onWrongStates(this.wrongStates)
  }

  #tellDiverged(divergence: Divergence): void {
    this.#host.logger.error(
      { node: this.#host.id, ...divergence },
      'the state of this node is not what the majority has: it serves nothing. Remove it from the cluster, and let the machine join under a new id with an empty data directory',
    )
  }

  #compare({ index, hash, majorityHash, agreeing, differing }: Judgement): void {
    for (const peer of agreeing) this.#noteAgreement(peer, index)
    const isPeerWrong = majorityHash === hash
    const suspects = differing.filter((peer) => index > (this.#agreed.get(peer) ?? 0))
    for (const peer of suspects) this.#raise({ peer, index, isPeerWrong }, hash)
  }

  #noteAgreement(peer: NodeId, index: LogIndex): void {
    this.#agreed.set(peer, Math.max(index, this.#agreed.get(peer) ?? 0))
    const alarm = this.#alarms.get(peer)
    if (alarm === undefined || alarm.index > index) return
    this.#alarms.delete(peer)
    this.#host.logger.info({ peer, index }, 'the state of a peer is ours again')
    this.#host.onWrongStates(this.wrongStates)
  }

  /** Once for each peer, and again when it becomes known who is wrong. */
  #raise(alarm: StateAlarm, hash: string): void {
    const known = this.#alarms.get(alarm.peer)
    if (known !== undefined && (known.isPeerWrong || !alarm.isPeerWrong)) return
    this.#alarms.set(alarm.peer, alarm)
    const { peer, index, isPeerWrong } = alarm
    if (isPeerWrong) {
      this.#host.logger.error(
        { peer, index, hash },
        'the state of a peer is not what the majority has: it stops serving. Remove it from the cluster, and let the machine join under a new id with an empty data directory',
      )
      this.#host.onWrongStates(this.wrongStates)
    } else {
      this.#host.logger.warn(
        { peer, index, hash },
        'the state of a peer is not ours, and no majority tells yet which of the two is right',
      )
    }
  }
}
