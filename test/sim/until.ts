import type { Cluster } from './cluster.ts'

/** Resolves when it is so, as simulated time passes. @throws with the last events after `waitMsMax`, naming `what` never was. */
export async function until(
  cluster: Cluster,
  what: string,
  isSo: () => boolean,
  { waitMsMax = 10_000, lookMs = 10 }: { waitMsMax?: number; lookMs?: number } = {},
): Promise<void> {
  const deadline = cluster.world.now + waitMsMax
  while (!isSo()) {
    if (cluster.world.now > deadline) throw new Error(`never: ${what}\n${cluster.trace}`)
    await cluster.world.sleep(lookMs)
  }
}
