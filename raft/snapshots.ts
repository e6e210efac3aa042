/** Snapshots of a node: sent to peers that lag, taken from the leader, and put in place of log and state machine (ch. 5). */
import type { ApplyLane } from './apply-lane.ts'
import { assert } from './assert.ts'
import type { Effects } from './core/effects.ts'
import type { Event } from './core/event.ts'
import { snapshotMetaAt } from './core/log.ts'
import type { Raft } from './core/state.ts'
import type { DiskLane } from './disk-lane.ts'
import { OverloadedError } from './errors.ts'
import type { LogKeeper } from './log-keeper.ts'
import type { Ports, SnapshotFile, SnapshotOffer, SnapshotReceiver, StateImage } from './ports.ts'
import { SnapshotTransfer } from './snapshot-transfer.ts'
import type { LogIndex, SnapshotMeta } from './types.ts'

type Wanted = Effects['snapshots'][number]

/** A failed snapshot is not tried again before this has passed. */
const SNAPSHOT_RETRY_MS = 1_000

/** What `Snapshots` needs from its node. */
export interface SnapshotsHost {
  /** To be looked at only. */
  readonly raft: Raft
  readonly ports: Ports
  readonly disk: DiskLane
  readonly keeper: LogKeeper
  readonly apply: ApplyLane
  emit(event: Event): void
  /** Of this node's own. */
  isStateWrong(): boolean
  isStopped(): boolean
  /** Log and state machine are the snapshot's now; the core is still to be told. */
  onInstalled(meta: SnapshotMeta): void
}

export class Snapshots {
  readonly #host: SnapshotsHost
  readonly #transfer: SnapshotTransfer
  #isRestoring = false

  constructor(host: SnapshotsHost) {
    this.#host = host
    const { raft, ports } = host
    const { snapshots, stateMachine, transport, logger } = ports
    this.#transfer = new SnapshotTransfer({
      id: raft.id,
      snapshots,
      stateMachine,
      transport,
      logger,
      currentTerm: () => raft.currentTerm,
      metaAt: (index) => snapshotMetaAt(raft.log, index),
      baseIndex: () => raft.log.base.lastIndex,
      isInstalling: () => raft.installing !== null,
    })
  }

  /** The state machine is just now being replaced. */
  get isRestoring(): boolean {
    return this.#isRestoring
  }

  /** The lowest index that a snapshot under way brings a peer to; the log may not be compacted past it. */
  get lowestSending(): LogIndex {
    return this.#transfer.lowestSending
  }

  /** @throws {OverloadedError} while log and state machine do not fit together, in an installation. */
  async image(): Promise<{ meta: SnapshotMeta; image: StateImage }> {
    const { raft, ports } = this.#host
    if (this.#isRestoring || raft.installing !== null) {
      throw new OverloadedError('this node is being brought up to date by a snapshot')
    }
    const { stateMachine } = ports
    // Before anything is awaited: the log may be compacted past it meanwhile.
    const meta = snapshotMetaAt(raft.log, stateMachine.appliedIndex)
    const image = await stateMachine.snapshot()
    assert(
      image.appliedIndex === meta.lastIndex,
      'an image of {}, not {}',
      image.appliedIndex,
      meta.lastIndex,
    )
    return { meta, image }
  }

  async send({ to, session }: Wanted): Promise<void> {
    // A wrong state must not spread: whoever leads next sends its own.
    const isSent =
      !this.#host.isStateWrong() &&
      (await this.#transfer.send(to, session, (lastIndex) => {
        this.#host.emit({ type: 'snapshotStarted', to, session, lastIndex })
      }))
    const report = (): void => this.#host.emit({ type: 'snapshotSent', to, session, isSent })
    if (isSent) report()
    else this.#host.ports.clock.setTimer(SNAPSHOT_RETRY_MS, report)
  }

  /** @returns Null if the snapshot is not wanted. */
  async handleOffer(offer: SnapshotOffer): Promise<SnapshotReceiver | null> {
    const { currentTerm, leaderId, installing, commitIndex } = this.#host.raft
    const isWanted =
      offer.term === currentTerm &&
      offer.from === leaderId &&
      installing === null &&
      offer.lastIndex > commitIndex
    return isWanted && !this.#host.isStopped() ? this.#transfer.receive(offer) : null
  }

  /** It is all here, and durable: the core says whether it is still wanted. */
  handleReceived({ from, term }: SnapshotOffer, file: SnapshotFile): void {
    this.#transfer.keepReceived(file)
    this.#host.emit({ type: 'snapshotReceived', from, term, meta: file.meta })
  }

  /** The core has seen what was received, and did not want it. */
  dropReceived(): void {
    this.#transfer.dropReceived()
  }

  /**
   * Puts a snapshot in place of log and state machine. The file is durable; resetting the log is the commit
   * point: a crash before it leaves the old state, one after it is finished at the next start (`recovery.ts`).
   */
  install(meta: SnapshotMeta): void {
    const file = this.#transfer.takeReceived()
    assert(file !== null && file.meta.lastIndex === meta.lastIndex, 'the snapshot to install is not here')
    this.#host.disk.pushTask(() => this.#restore(meta, file), { isLong: true })
  }

  async #restore(meta: SnapshotMeta, file: SnapshotFile): Promise<void> {
    const { ports, apply, keeper } = this.#host
    await apply.idle()
    this.#isRestoring = true
    await keeper.settled()
    await ports.log.reset(meta)
    await ports.stateMachine.restore(meta, file.chunks())
    await file.close()
    this.#isRestoring = false
    ports.logger.info({ lastIndex: meta.lastIndex }, 'installed a snapshot')
    this.#host.onInstalled(meta)
  }

  async close(): Promise<void> {
    await this.#transfer.close()
  }
}
