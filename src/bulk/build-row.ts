/** From what a format found in its columns to a checked row. */
import { formatPrefix } from '../ipam/prefix.ts'
import type { FieldError, RowOutcome } from './rows.ts'
import {
  checkCooldown,
  isValueError,
  parseAllocatedEnd,
  parseCidr,
  parseDescription,
  parseGateway,
  parseHostname,
  parseIp,
  parseMac,
  parseMetadata,
  parseNamespace,
  parseNetworkReference,
  parseReserved,
  parseStrategy,
  parseTags,
  parseTime,
} from './values.ts'

/** A value, not checked yet, and what the file calls it. */
export interface Found<T> {
  readonly field: string
  readonly value: T
}

export interface NetworkDraft {
  readonly cidr: Found<string>
  readonly namespace: Found<string>
  readonly description: Found<string>
  readonly tags: Found<readonly string[]>
  readonly gateway: Found<string>
  readonly reserved: Found<readonly string[]>
  readonly cooldown_seconds: Found<number | null>
  readonly strategy: Found<string>
  readonly metadata: Found<Readonly<Record<string, string>>>
}

export interface AllocationDraft {
  readonly ip: Found<string>
  readonly end_ip: Found<string>
  readonly network: Found<string>
  readonly namespace: Found<string>
  readonly hostname: Found<string>
  readonly description: Found<string>
  readonly tags: Found<readonly string[]>
  readonly mac: Found<string>
  readonly metadata: Found<Readonly<Record<string, string>>>
  readonly expires_at: Found<string>
}

/** For a format that knows nothing of some fields. */
export const NETWORK_BLANK: Omit<NetworkDraft, 'cidr'> = {
  namespace: { field: 'namespace', value: '' },
  description: { field: 'description', value: '' },
  tags: { field: 'tags', value: [] },
  gateway: { field: 'gateway', value: '' },
  reserved: { field: 'reserved', value: [] },
  cooldown_seconds: { field: 'cooldown_seconds', value: null },
  strategy: { field: 'strategy', value: '' },
  metadata: { field: 'metadata', value: {} },
}

export const ALLOCATION_BLANK: Omit<AllocationDraft, 'ip'> = {
  end_ip: { field: 'end_ip', value: '' },
  network: { field: 'network', value: '' },
  namespace: { field: 'namespace', value: '' },
  hostname: { field: 'hostname', value: '' },
  description: { field: 'description', value: '' },
  tags: { field: 'tags', value: [] },
  mac: { field: 'mac', value: '' },
  metadata: { field: 'metadata', value: {} },
  expires_at: { field: 'expires_at', value: '' },
}

/** Gathers what is wrong with one row, at most once a field. */
export class Mistakes {
  readonly #errors: FieldError[] = []

  get errors(): readonly FieldError[] {
    return this.#errors
  }

  add(field: string | null, message: string): void {
    if (!this.#errors.some((error) => error.field === field)) this.#errors.push({ field, message })
  }

  /** What `parse` makes of it; `otherwise` where it is wrong, which is then on record. */
  catch<T>(field: string, parse: () => T, otherwise: T): T {
    try {
      return parse()
    } catch (error) {
      if (!isValueError(error)) throw error
      this.add(field, error.message)
      return otherwise
    }
  }

  check<V, T>({ field, value }: Found<V>, parse: (value: V) => T, otherwise: T): T {
    return this.catch(field, () => parse(value), otherwise)
  }
}

/** @param mistakes What is already known to be wrong with the row. */
export function buildNetwork(draft: NetworkDraft, mistakes: Mistakes = new Mistakes()): RowOutcome {
  const prefix = mistakes.check(draft.cidr, parseCidr, null)
  const row = {
    kind: 'network',
    cidr: prefix === null ? '' : formatPrefix(prefix),
    namespace: mistakes.check(draft.namespace, parseNamespace, null),
    description: mistakes.check(draft.description, parseDescription, ''),
    tags: mistakes.check(draft.tags, parseTags, []),
    gateway: mistakes.check(draft.gateway, (text) => parseGateway(text, prefix), null),
    reserved: mistakes.check(draft.reserved, (texts) => parseReserved(texts, prefix), []),
    cooldown_seconds: mistakes.check(draft.cooldown_seconds, checkCooldown, null),
    strategy: mistakes.check(draft.strategy, parseStrategy, null),
    metadata: mistakes.check(draft.metadata, parseMetadata, {}),
  } as const
  return outcome(row, mistakes)
}

/** @param mistakes What is already known to be wrong with the row. */
export function buildAllocation(draft: AllocationDraft, mistakes: Mistakes = new Mistakes()): RowOutcome {
  const ip = mistakes.check(draft.ip, parseIp, null)
  const endIp = mistakes.check(draft.end_ip, (text) => parseAllocatedEnd(text, ip), null)
  const row = {
    kind: 'allocation',
    ip: ip ?? '',
    end_ip: endIp,
    network: mistakes.check(draft.network, (text) => parseNetworkReference(text, [ip, endIp]), null),
    namespace: mistakes.check(draft.namespace, parseNamespace, null),
    hostname: mistakes.check(draft.hostname, parseHostname, null),
    description: mistakes.check(draft.description, parseDescription, ''),
    tags: mistakes.check(draft.tags, parseTags, []),
    mac: mistakes.check(draft.mac, parseMac, null),
    metadata: mistakes.check(draft.metadata, parseMetadata, {}),
    expires_at: mistakes.check(draft.expires_at, parseTime, null),
  } as const
  return outcome(row, mistakes)
}

function outcome(value: Extract<RowOutcome, { type: 'row' }>['value'], mistakes: Mistakes): RowOutcome {
  return mistakes.errors.length === 0 ? { type: 'row', value } : { type: 'errors', errors: mistakes.errors }
}
