import type { KeyObject } from 'node:crypto'
import type { Clock, Log, TransportHandlers } from '../ports.ts'
import type { Introduction } from './handshake-messages.ts'
import type { TransportLimits } from './limits.ts'
import type { TlsIdentity } from './tls.ts'

/** What both directions of a transport work with. */
export interface TransportContext {
  readonly self: Introduction
  /** What members know: we prove the first one, and take any. Empty for none. */
  readonly secrets: readonly KeyObject[]
  /** Null: nothing is encrypted. */
  readonly tls: TlsIdentity | null
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Log
  readonly limits: TransportLimits
  readonly handlers: TransportHandlers
  readonly onFatal: (error: unknown) => void
}
