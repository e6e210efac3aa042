/** What a benchmark of the harness is: a claim, how it is measured, and what it must come to. */
import type { Row } from '../report/row.ts'
import type { Bench } from './bench.ts'

export interface Claim {
  /** The file's, without its ending. */
  readonly name: string
  readonly says: string
  /** Also in the run of two minutes. */
  readonly isQuick: boolean
  readonly needs: readonly Peer[]
  measure(bench: Bench): Promise<Row[]>
}

export interface Peer {
  readonly TITLE: string
  /** The command that installs it. */
  readonly INSTALL: string
  isInstalled(): boolean
}
