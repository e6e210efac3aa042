/** Which faults a seed has, and how often: each draws its own subset, so that no fault always hides another. */
import { DEFAULT_LIMITS } from '../../raft/core/state.ts'
import { ANSWER_LIMITS } from '../../src/ipam/idempotency.ts'
import type { ClusterOptions } from './cluster.ts'
import type { Random } from './random.ts'
import type { RetrySwarm } from './retries.ts'

/** Times are means between two faults of a kind; Infinity: never. */
export interface Swarm {
  readonly nodeCount: number
  readonly durationMs: number
  readonly clientCount: number
  readonly networkCount: number
  readonly isMembershipChanging: boolean
  readonly crashEveryMs: number
  readonly powerFailureEveryMs: number
  readonly partitionEveryMs: number
  readonly clogEveryMs: number
  readonly slowDiskEveryMs: number
  readonly stallEveryMs: number
  /** Of LevelDB alone, while the log goes on. */
  readonly stateHangEveryMs: number
  readonly diskErrorEveryMs: number
  readonly fullDiskEveryMs: number
  readonly pauseEveryMs: number
  readonly wallClockEveryMs: number
  readonly transferEveryMs: number
  /** A disk that is lost for good: bits that turn over, a disk that was wiped. Never more than a minority of them. */
  readonly ruinEveryMs: number
  /** Nodes get newer software one by one, and now and then older software again. */
  readonly isUpgrading: boolean
  /**
   * Rows of a state are changed behind its back. Until the next checkpoint such a node may answer with what is not true, so all
   * that is checked of such a seed is that no two nodes serve different states in the end.
   */
  readonly isTampering: boolean
  /** How long a machine stays down after a crash. */
  readonly downMs: number
  /** How likely a process that starts crashes again while it reads its disk. */
  readonly crashInRecovery: number
  readonly retries: RetrySwarm
  /** Clients of the whole estate. */
  readonly estateClientCount: number
  /** Mean between two requests of one. */
  readonly estatePauseMs: number
  /** Clients that change users and keys. */
  readonly adminCount: number
}

/**
 * @param streams.traffic Beside `random`, so that faults do not depend on what is asked for.
 * @param streams.staff Beside both, so that without admins a seed is the run that it would be if there were none anywhere.
 * @param streams.store Beside all, so that a seed whose state never hangs is the run that it would be if none did.
 */
export function drawSwarm(
  random: Random,
  { traffic, staff, store }: { traffic: Random; staff: Random; store: Random },
): Swarm {
  const often = (probability: number, min: number, max: number, from = random): number =>
    from.chance(probability) ? from.between(min, max) : Number.POSITIVE_INFINITY
  const isTampering = random.chance(0.04)
  return {
    nodeCount: random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5]) ?? 3,
    durationMs: random.between(3_000, 8_000),
    clientCount: random.integer(2, 8),
    networkCount: random.integer(1, 3),
    isMembershipChanging: random.chance(0.35),
    crashEveryMs: often(0.7, 400, 3_000),
    powerFailureEveryMs: often(0.4, 1_000, 4_000),
    partitionEveryMs: often(0.6, 500, 4_000),
    clogEveryMs: often(0.3, 500, 4_000),
    slowDiskEveryMs: often(0.5, 500, 4_000),
    stallEveryMs: often(0.3, 1_000, 4_000),
    stateHangEveryMs: often(0.2, 1_000, 4_000, store),
    diskErrorEveryMs: often(0.3, 500, 4_000),
    fullDiskEveryMs: often(0.25, 800, 3_000),
    pauseEveryMs: often(0.4, 800, 4_000),
    wallClockEveryMs: often(0.3, 500, 4_000),
    transferEveryMs: often(0.4, 300, 3_000),
    ruinEveryMs: isTampering ? 1_500 : often(0.25, 1_000, 4_000),
    isTampering,
    isUpgrading: random.chance(0.15),
    downMs: random.pick([5, 100, 800]) ?? 100,
    crashInRecovery: random.pick([0, 0, 0.3]) ?? 0,
    retries: drawRetries(traffic),
    estateClientCount: traffic.pick([0, 1, 1, 2]) ?? 1,
    estatePauseMs: traffic.pick([30, 80, 200]) ?? 80,
    adminCount: staff.pick([0, 1, 1]) ?? 1,
  }
}

function drawRetries(random: Random): RetrySwarm {
  const isForgetful = random.chance(0.4)
  return {
    keyedShare: random.pick([0, 0.2, 0.6, 0.9]) ?? 0.2,
    againShare: random.pick([0.1, 0.3, 0.6]) ?? 0.3,
    reusedShare: 0.25,
    pauseMs: random.pick([20, 150, 800]) ?? 150,
    // Wall clocks are an hour off, so that much may pass in the log at once.
    answerLimits: {
      ...ANSWER_LIMITS,
      keptMs: isForgetful && random.chance(0.6) ? random.integer(200, 5_000) : ANSWER_LIMITS.keptMs,
      keysMax: isForgetful && random.chance(0.6) ? random.integer(1, 30) : ANSWER_LIMITS.keysMax,
    },
  }
}

/** Every few allocations, and in many pieces. */
const FINE_CHECKPOINTS = { changesMin: 4, blockEntriesMax: 2, partBytes: 1, batchBytes: 1, sliceBytes: 1 }

export function drawClusterOptions(
  seed: number,
  { nodeCount, isUpgrading, retries }: Swarm,
  random: Random,
): ClusterOptions {
  const isLossy = random.chance(0.5)
  return {
    seed,
    nodeCount,
    isUpgrading,
    answerLimits: retries.answerLimits,
    network: {
      lossProbability: isLossy ? random.between(0, 0.3) : 0,
      duplicateProbability: random.chance(0.5) ? random.between(0, 0.3) : 0,
      breakProbability: random.chance(0.5) ? random.between(0, 0.03) : 0,
      meanDelayMs: random.pick([0.5, 2, 10]) ?? 2,
      bufferBytesMax: random.pick([4 * 1024, 1024 * 1024]) ?? 1024 * 1024,
    },
    limits: {
      appendBytesMax: random.pick([200, 2_000, 1024 * 1024]) ?? 2_000,
      inflightMessagesMax: random.integer(1, 8),
      cacheBytesMax: random.pick([0, 1_000, 1024 * 1024]) ?? 0,
      uncommittedEntriesMax: random.pick([20, DEFAULT_LIMITS.uncommittedEntriesMax]) ?? 20,
    },
    retainedEntriesMin: random.pick([5, 30, 1_000]) ?? 30,
    // Drawn from the seed: one more number of `random` would make every seed another run.
    retainedBytesMax: seed % 3 === 0 ? 8 * 1024 : Number.POSITIVE_INFINITY,
    checkpointLimits: seed % 4 === 0 ? FINE_CHECKPOINTS : {},
    dirtyBytesMax: random.pick([8 * 1024, 32 * 1024 * 1024]) ?? 8 * 1024,
    clockSkew: random.pick([1, 1, 1.25, 2]) ?? 1,
  }
}
