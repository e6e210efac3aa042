/** The rhythm of a client. */
import type { Cluster, Machine } from './cluster.ts'
import type { Random } from './random.ts'

/**
 * Asks nodes that run, until it is over. What a client is told and what cannot be ends the simulation.
 *
 * @param options.pauseMs Mean between two requests; sometimes ten times that.
 */
export async function keepAsking(
  cluster: Cluster,
  options: {
    readonly random: Random
    readonly pauseMs: number
    readonly isOver: () => boolean
    readonly ask: (machine: Machine) => Promise<void>
  },
): Promise<void> {
  const { random, pauseMs, isOver, ask } = options
  const hanging = new Set<Promise<void>>()
  while (!isOver()) {
    const machine = random.pick(cluster.running)
    if (machine !== null) {
      const asking = ask(machine).catch((error: unknown) => {
        if (!cluster.isTampered) cluster.fail(error)
      })
      hanging.add(asking)
      void asking.then(() => hanging.delete(asking))
      // Some wait for their answer, some do not: a client that hangs must not be all that there is.
      if (random.chance(0.5)) await asking
    }
    await cluster.world.sleep(random.exponential(random.chance(0.1) ? 10 * pauseMs : pauseMs))
  }
  await Promise.all(hanging)
}
