/** Two sides in turn, and what a row of the report needs of them. */
import { type Figure, figureOf } from '../report/row.ts'
import type { Bench, Side } from './bench.ts'

export interface Versus {
  readonly clients: number
  readonly ours: Figure
  readonly peer: Figure
}

export async function versus(
  bench: Bench,
  { ours, peer, clients }: { ours: Side; peer: Side; clients: number },
): Promise<Versus> {
  const [mine = [], theirs = []] = await bench.measure([ours, peer], { clients })
  return { clients, ours: figureOf(ours.name, mine), peer: figureOf(peer.name, theirs) }
}
