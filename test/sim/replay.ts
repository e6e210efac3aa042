/** The state that a log makes of nothing, without any cluster, snapshot or restart. */
import type { Entry } from '../../raft/types.ts'
import type { AnswerLimits } from '../../src/ipam/idempotency.ts'
import type { Outcome } from '../../src/ipam/outcome.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import { SimProcess } from './process.ts'
import { Random } from './random.ts'
import { StateDisk } from './state-disk.ts'
import type { World } from './world.ts'

const NO_LOG = { info: () => {}, warn: () => {}, error: () => {} }

export interface Replay {
  /** As `IpamStateMachine.stateDigest`. */
  readonly digest: string
  /** Of each entry; null where it is no command. */
  readonly outcomes: readonly (Outcome | null)[]
}

/** @param entries From index 1. */
export async function replay(
  entries: readonly Entry[],
  { world, answerLimits }: { readonly world: World; readonly answerLimits: AnswerLimits },
): Promise<Replay> {
  const process = new SimProcess(world, { rate: 1, wallOffsetMs: 0 })
  const machine = await IpamStateMachine.open({
    storage: new StateDisk().mount(process, new Random(1)),
    clock: process.clock,
    logger: NO_LOG,
    answerLimits,
  })
  const outcomes = entries.map((entry) => machine.apply(entry))
  const digest = await machine.stateDigest()
  process.kill()
  return { digest, outcomes }
}
