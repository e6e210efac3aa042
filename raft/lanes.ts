/** What changes a node's own log and state machine: the disk lane, the apply lane, and all that has to keep to them. */
import { ApplyLane } from './apply-lane.ts'
import type { Effects, PersistBatch } from './core/effects.ts'
import { lowestInstalling } from './core/install-snapshot.ts'
import type { Raft } from './core/state.ts'
import { DiskLane } from './disk-lane.ts'
import { DiskWatch } from './disk-watch.ts'
import type { Inbox } from './inbox.ts'
import { LogKeeper } from './log-keeper.ts'
import type { RaftNodeOptions } from './node-options.ts'
import type { Ports } from './ports.ts'
import { Snapshots } from './snapshots.ts'
import type { DiskHealth, Entry, SnapshotMeta } from './types.ts'

/** What `Lanes` needs from its node. */
export interface LanesHost {
  readonly options: RaftNodeOptions
  readonly ports: Ports
  /** To be looked at only. */
  readonly raft: Raft
  readonly inbox: Inbox
  onApplied(entry: Entry, result: unknown): void
  /** After each slice, when `appliedIndex` has moved. */
  onSlice(): void
  /** Of this node's own. */
  isStateWrong(): boolean
  /** A snapshot has taken the place of log and state machine; the core is still to be told. */
  onInstalled(meta: SnapshotMeta): void
  onFatal(error: unknown): void
}

export class Lanes {
  readonly disk: DiskLane
  readonly apply: ApplyLane
  readonly snapshots: Snapshots
  readonly #host: LanesHost
  readonly #diskWatch: DiskWatch
  readonly #keeper: LogKeeper

  constructor(host: LanesHost) {
    const { options, ports, raft, inbox } = host
    this.#host = host
    this.disk = this.#createDiskLane()
    this.apply = this.#createApplyLane()
    this.#diskWatch = new DiskWatch({
      disk: ports.disk,
      lowBytes: options.diskLowBytes,
      timing: options.timing,
      logger: ports.logger,
    })
    this.#keeper = new LogKeeper({
      store: ports.log,
      log: raft.log,
      disk: this.disk,
      retainedEntriesMin: options.retainedEntriesMin,
      retainedBytesMax: options.retainedBytesMax,
      emit: (event) => inbox.add(event),
      onFatal: (error) => host.onFatal(error),
    })
    this.snapshots = new Snapshots({
      raft,
      ports,
      disk: this.disk,
      keeper: this.#keeper,
      apply: this.apply,
      emit: (event) => inbox.add(event),
      isStateWrong: () => host.isStateWrong(),
      isStopped: () => inbox.isClosed,
      onInstalled: (meta) => host.onInstalled(meta),
    })
  }

  #createDiskLane(): DiskLane {
    const { ports, inbox, onFatal } = this.#host
    return new DiskLane({
      log: ports.log,
      onPersisted: ({ messages, batchNumber }) => {
        for (const message of messages) ports.transport.send(message)
        inbox.add({ type: 'persisted', batchNumber })
      },
      onFatal,
    })
  }

  #createApplyLane(): ApplyLane {
    const { options, ports, onApplied, onSlice, onFatal } = this.#host
    return new ApplyLane({
      limits: options.applyLimits,
      stateMachine: ports.stateMachine,
      clock: ports.clock,
      onApplied,
      onSlice,
      onFatal,
    })
  }

  /** Entries wait for those before them to be applied where these are too many; so a leader's clients, and then its peers, wait. */
  persist(batch: PersistBatch): void {
    const { disk, apply } = this
    if (batch.entries.length > 0 && apply.isFull) disk.pushTask(() => apply.room(), { isLong: true })
    disk.push(batch)
  }

  /** Entries that are no longer in memory, for a peer that lags. */
  fetch(wanted: Effects['fetches'][number]): void {
    this.#keeper.fetch(wanted)
  }

  /** @returns How the disk has been. */
  handleTick(sinceLastMs: number): DiskHealth {
    const { disk, apply } = this
    for (const lane of [disk, apply]) lane.elapse(sinceLastMs)
    const stallMs = Math.max(disk.stallMs, apply.stallMs)
    return this.#diskWatch.health({ now: this.#host.ports.clock.now(), stallMs })
  }

  /** Rule 10: the log goes only where the state machine is durable, and nothing under way needs it. */
  compact(): void {
    const { raft, ports } = this.#host
    if (raft.installing !== null) return
    const { durableIndex } = ports.stateMachine
    // How long a peer takes has no bound. A disk that is full ends this process; the peer only needs another snapshot.
    const lowestSending = raft.disk.isLow ? Number.POSITIVE_INFINITY : this.snapshots.lowestSending
    this.#keeper.compact(Math.min(durableIndex, lowestSending, lowestInstalling(raft)))
  }

  /** Applies nothing more. */
  stop(): void {
    this.#diskWatch.stop()
    this.apply.stop()
  }

  /** After `stop`, and when no peer sends anything any more: makes what is applied durable, and lets go of the disk. */
  async close(): Promise<void> {
    const { log, stateMachine } = this.#host.ports
    await this.disk.stop()
    await this.snapshots.close()
    await stateMachine.flush()
    await stateMachine.close()
    await log.close()
  }
}
