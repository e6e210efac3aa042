/** What every format is read into: the fields of the API by its names. Null or empty is what the source does not say. */

import type { Strategy } from '../ipam/records.ts'

export interface NetworkRow {
  readonly kind: 'network'
  /** Canonical. */
  readonly cidr: string
  readonly namespace: string | null
  readonly description: string
  readonly tags: readonly string[]
  /** Canonical, and inside the network. */
  readonly gateway: string | null
  /** Canonical addresses, ranges "10.0.0.1-10.0.0.9" and prefixes, all inside the network. */
  readonly reserved: readonly string[]
  readonly cooldown_seconds: number | null
  readonly strategy: Strategy | null
  readonly metadata: Readonly<Record<string, string>>
}

export interface AllocationRow {
  readonly kind: 'allocation'
  /** Canonical. */
  readonly ip: string
  /** Canonical and above `ip`; null for one address. */
  readonly end_ip: string | null
  /** A canonical CIDR that holds the addresses, or an id; null: the longest network that contains them. */
  readonly network: string | null
  readonly namespace: string | null
  readonly hostname: string | null
  readonly description: string
  readonly tags: readonly string[]
  /** Canonical: "00:00:5e:00:53:01". */
  readonly mac: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** RFC 3339 in UTC. */
  readonly expires_at: string | null
}

export type Row = NetworkRow | AllocationRow

export interface FieldError {
  /** What the file calls it: the header of its column, or the key. Null where the row as a whole is meant. */
  readonly field: string | null
  readonly message: string
}

/** What becomes of one row of the file. */
export type RowOutcome =
  | { readonly type: 'row'; readonly value: Row }
  | { readonly type: 'errors'; readonly errors: readonly FieldError[] }
  /** Nothing is wrong with it, and nothing is to be imported. */
  | { readonly type: 'skipped'; readonly reason: string }

/**
 * `row` is what a spreadsheet shows beside it (a header is row 1, an empty line counts); `line` the line of the text on
 * which it begins, from 1.
 */
export type RowResult = RowOutcome & { readonly row: number; readonly line: number }

/** "row 3: ip: 10.0.0.300 is not an IP address: 300 is above 255", one text an error. */
export function formatRowErrors(row: number, errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => `row ${row}: ${field === null ? '' : `${field}: `}${message}`)
}
