/**
 * The estate as the audit log tells it, entry by entry: each change has its rows, they join without a gap, and none of them breaks a
 * rule of the product. Slow and obvious, from the rows alone.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Entry } from '../../raft/types.ts'
import type { Scope } from '../../src/ipam/access.ts'
import type {
  AllocationRequest,
  Command,
  CommandContext,
  UpdateAllocation,
  UpdateNetwork,
} from '../../src/ipam/command.ts'
import { type CommandEnvelope, decodeCommand } from '../../src/ipam/command-codec.ts'
import type { AnswerLimits } from '../../src/ipam/idempotency.ts'
import { isSessionRefusal, type Outcome } from '../../src/ipam/outcome.ts'
import type { Allocation, AuditAction, AuditEntry, AuditRecord, Network } from '../../src/ipam/records.ts'
import { AccessLedger, isAccessCommand } from './access-ledger.ts'
import type { Seen } from './admins.ts'
import { checkChosen, checkExhausted } from './choices.ts'
import { type Claims, type Cooling, claimsOf, isBelow, overlap, spanOf, spanOfAllocation } from './claims.ts'
import { KeptAnswers } from './kept-answers.ts'
import { MemberLedger } from './member-ledger.ts'
import { checkNote, isNote } from './notes.ts'

/** One entry of the log and what it did. */
export interface Step {
  readonly entry: Entry
  /** Null if it is no command. */
  readonly outcome: Outcome | null
  /** Its audit rows. */
  readonly rows: readonly AuditEntry[]
}

export class Ledger {
  /** Those that exist, by id. */
  readonly networks = new Map<string, Network>()
  /** Ended ones, too. */
  readonly allocations = new Map<string, Allocation>()
  readonly keys: KeptAnswers
  readonly access: AccessLedger
  readonly #members = new MemberLedger()
  #coolings: Cooling[] = []
  /** Where strategy `next` goes on, by network. */
  readonly #next = new Map<string, bigint>()
  readonly #sessionWrites = new Set<string>()

  /** @param seen What nodes said of users and keys. */
  constructor(limits: AnswerLimits, seen: readonly Seen[]) {
    this.keys = new KeptAnswers(limits)
    this.access = new AccessLedger({ hasNetwork: (id) => this.networks.has(id), seen })
  }

  /** @throws if it cannot be so. */
  apply(step: Step): void {
    const { entry, rows } = step
    try {
      checkRows(entry, rows)
      const envelope = entry.type === 'command' ? decodeCommand(entry.payload) : null
      if (envelope !== null) this.#applyEnvelope(envelope, step)
      if (entry.type === 'membership') this.#members.apply(entry, rows)
      this.access.noteIndex(entry.index)
    } catch (error) {
      throw new Error(`ledger: entry ${entry.index}: ${error instanceof Error ? error.message : error}`)
    }
  }

  #applyEnvelope(envelope: CommandEnvelope, { entry, outcome, rows }: Step): void {
    if (outcome === null) return
    const { command: given, context } = envelope
    const hasEffect = this.#hasEffect(envelope, { outcome, time: entry.time })
    const scope = given.type === 'withinScope' ? given.scope : null
    const command = given.type === 'withinScope' ? given.command : given
    if (hasEffect && isAccessCommand(command)) {
      this.access.apply(command, { at: entry, context, outcome, rows })
    } else if (hasEffect && isNote(command)) checkNote(command, { context, outcome, rows })
    else if (!hasEffect || !outcome.ok) {
      check(rows.length === 0, `it had no effect, and ${rows.length} audit rows`)
      if (hasEffect && !outcome.ok) this.#checkRefusal(command, outcome.refusal.reason, entry)
    } else this.#applyCommand({ command, context, scope }, { entry, outcome, rows })
  }

  claims(network: Network, { time }: { readonly time: number }): Claims {
    const coolings = this.#coolings.filter(({ until }) => until > time)
    return claimsOf(network, { networks: this.networks.values(), active: this.active(), coolings })
  }

  *active(): Generator<Allocation> {
    for (const allocation of this.allocations.values())
      if (allocation.status === 'allocated') yield allocation
  }

  /** The smallest network around it. */
  parentOf(network: Network): Network | null {
    let parent: Network | null = null
    for (const other of this.networks.values()) {
      if (isBelow(network, other) && (parent === null || isBelow(other, parent))) parent = other
    }
    return parent
  }

  #hasEffect(
    { session, idempotency }: CommandEnvelope,
    { outcome, time }: { outcome: Outcome; time: number },
  ): boolean {
    if (session !== null) {
      const write = `${session.sessionId} ${session.sequence}`
      if (this.#sessionWrites.has(write)) return false
      this.#sessionWrites.add(write)
    }
    if (!outcome.ok && isSessionRefusal(outcome.refusal)) return false
    return idempotency === null || this.keys.note(idempotency, { outcome, time })
  }

  #applyCommand(
    {
      command,
      context,
      scope,
    }: { readonly command: Command; readonly context: CommandContext; readonly scope: Scope | null },
    { entry, outcome, rows }: Step & { readonly outcome: Outcome & { readonly ok: true } },
  ): void {
    const expected = this.#rowsOf(command, { entry, value: outcome.value })
    const isExpiry = command.type === 'expireAllocations'
    const by: CommandContext = isExpiry ? { user: 'system', requestId: null } : context
    check(
      rows.length === expected.length,
      `${command.type} has ${rows.length} audit rows, not ${expected.length}`,
    )
    for (const [i, { action, resource, user, requestId, ...records }] of rows.entries()) {
      const [before, after] = [ofIpam(records.before), ofIpam(records.after)]
      const row = { action, resource, after }
      check(
        isDeepStrictEqual(row, expected[i]),
        `audit row ${i} is ${show(row)}, and should be ${show(expected[i])}`,
      )
      check(user === by.user && requestId === by.requestId, `audit row ${i} is by ${user}, ${requestId}`)
      const known = this.networks.get(resource) ?? this.allocations.get(resource) ?? null
      check(isDeepStrictEqual(before, known), `${resource} was ${show(known)}, and not ${show(before)}`)
      if (scope !== null) this.#checkWithin(scope, before ?? after)
      this.#applyRow(command, { entry, place: i, before, after })
    }
    if (isExpiry) this.#endCoolings(entry.time)
  }

  /** Whoever has a key for a part of the networks has changed nothing else. @param changed As it was; what is new, as it is. */
  #checkWithin({ networks, tags }: Scope, changed: Network | Allocation | null): void {
    check(changed !== null, 'an audit row without any record')
    const own = 'cidr' in changed ? changed : (this.networks.get(changed.networkId) ?? null)
    // A network that is made is in what is around it, whatever tags it gives itself.
    const isNew = own !== null && !this.networks.has(own.id)
    for (let at = own; at !== null; at = this.parentOf(at)) {
      const isInside = networks.includes(at.id) || at.tags.some((tag) => tags.includes(tag))
      if (isInside && !(isNew && at === own)) return
    }
    throw new Error(`${changed.id} is outside of ${show({ networks, tags })}`)
  }

  /** What the answer says must be on record. */
  #rowsOf(command: Command, { entry, value }: { entry: Entry; value: unknown }): Expected[] {
    switch (command.type) {
      case 'createNetwork':
        return [{ action: 'network_created', resource: command.id, after: recordOf(value) }]
      case 'carveNetworks':
        return command.ids.map((id, i) => {
          return { action: 'network_created', resource: id, after: recordOf((value as unknown[])[i]) }
        })
      case 'updateNetwork':
        return updateRows('network_updated', command, this.networks.get(command.id), recordOf(value))
      case 'deleteNetwork':
        return [{ action: 'network_deleted', resource: command.id, after: null }]
      case 'allocateAddresses':
        return [allocatedRow(command, { entry, place: 0, value })]
      case 'allocateBatch':
        return command.items.map((request, place) => {
          return allocatedRow(request, { entry, place, value: (value as unknown[])[place] })
        })
      case 'updateAllocation':
        return updateRows('ip_updated', command, this.allocations.get(command.id), value as Allocation)
      case 'renewAllocation':
        return [{ action: 'ip_renewed', resource: command.id, after: value as Allocation }]
      case 'releaseAllocation': {
        const known = this.allocations.get(command.id)
        if (known?.status === 'allocated') {
          return [{ action: 'ip_released', resource: command.id, after: value as Allocation }]
        }
        check(isDeepStrictEqual(value, known), `a second release of ${command.id} is answered ${show(value)}`)
        return []
      }
      case 'expireAllocations':
        return this.#due(entry.time, command.limit).map((before) => {
          const { time: releasedAt, index: changedIndex } = entry
          const after = { ...before, status: 'expired' as const, releasedAt, changedIndex }
          return { action: 'ip_expired', resource: before.id, after }
        })
      default:
        return []
    }
  }

  /** Oldest expiry first, then in the order of creation. */
  #due(time: number, limit: number): Allocation[] {
    const due = [...this.active()].filter(({ expiresAt }) => expiresAt !== null && expiresAt <= time)
    return due.toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0)).slice(0, limit)
  }

  #applyRow(
    command: Command,
    {
      entry,
      place,
      before,
      after,
    }: { entry: Entry; place: number; before: IpamRecord | null; after: IpamRecord | null },
  ): void {
    const changed = after ?? before
    check(changed !== null, 'an audit row without any record')
    check(
      after === null || after.changedIndex === entry.index,
      `${changed.id} changed at ${after?.changedIndex}, it says`,
    )
    if ('cidr' in changed) this.#applyNetwork(command, before as Network | null, after as Network | null)
    else this.#applyAllocation(command, { entry, place, before, after: after as Allocation })
  }

  #applyNetwork(command: Command, before: Network | null, after: Network | null): void {
    if (after === null) this.#delete(before as Network)
    else {
      if (before === null) this.#checkCreated(command, after)
      else checkChanged(command, before, after)
      this.networks.set(after.id, after)
    }
  }

  #delete({ id }: Network): void {
    for (const { networkId, id: held } of this.active())
      check(networkId !== id, `${id} is deleted with ${held}`)
    this.networks.delete(id)
    this.#next.delete(id)
    this.#coolings = this.#coolings.filter(({ networkId }) => networkId !== id)
  }

  #checkCreated(command: Command, network: Network): void {
    for (const other of this.networks.values()) {
      const isTwin = other.namespace === network.namespace && other.cidr === network.cidr
      check(!isTwin, `${other.id} has ${network.cidr} in ${network.namespace} already`)
    }
    const parent = this.parentOf(network)
    if (command.type === 'carveNetworks')
      check(parent?.id === command.parentId, `${network.cidr} is no child of ${command.parentId}`)
    if (parent === null) return
    const span = spanOf(network.cidr)
    for (const held of this.active()) {
      const isTaken = held.networkId === parent.id && overlap(spanOfAllocation(held), span)
      check(!isTaken, `${network.cidr} takes the addresses of ${held.id} of its parent`)
    }
    const isResting = this.#coolings.some(
      (cooling) => cooling.networkId === parent.id && overlap(cooling, span),
    )
    check(!isResting, `${network.cidr} takes addresses of its parent that rest`)
    if (command.type === 'carveNetworks') {
      const siblings = [...this.networks.values()].filter((other) => other.namespace === network.namespace)
      const isTaken = siblings.some((other) => !isBelow(network, other) && overlap(spanOf(other.cidr), span))
      check(!isTaken, `${network.cidr} is carved out of what a child has`)
    }
  }

  #applyAllocation(
    command: Command,
    {
      entry,
      place,
      before,
      after,
    }: { entry: Entry; place: number; before: IpamRecord | null; after: Allocation },
  ): void {
    const { time } = entry
    if (before === null) this.#checkAllocated(command, { place, after, time })
    else if (after.status === 'allocated' || command.type === 'updateAllocation') {
      checkChanged(command, before as Allocation, after, time)
    } else this.#end(before as Allocation, after, time)
    this.allocations.set(after.id, after)
  }

  #checkAllocated(
    command: Command,
    { place, after, time }: { place: number; after: Allocation; time: number },
  ): void {
    const network = this.networks.get(after.networkId)
    check(network !== undefined, `${after.id} is in ${after.networkId}, which is not there`)
    const request =
      command.type === 'allocateBatch'
        ? command.items[place]
        : command.type === 'allocateAddresses'
          ? command
          : undefined
    check(request !== undefined, `${after.id} was not asked for`)
    const next = this.#next.get(network.id) ?? null
    checkChosen({ request, network, allocation: after, claims: this.claims(network, { time }), next })
    this.#checkAlone(after, network)
    const { ttlMs } = request
    const expiresAt = ttlMs === null ? request.expiresAt : time + ttlMs
    check(after.expiresAt === expiresAt && after.allocatedAt === time, `${after.id} has other times`)
    if (this.#coolings.some(({ networkId }) => networkId === network.id)) this.#endCoolings(time)
    if (network.strategy === 'next') this.#next.set(network.id, spanOfAllocation(after).last + 1n)
  }

  /** Promise 1, in so many words. */
  #checkAlone(allocation: Allocation, { namespace }: Network): void {
    const span = spanOfAllocation(allocation)
    for (const other of this.active()) {
      if (this.networks.get(other.networkId)?.namespace !== namespace) continue
      check(!overlap(spanOfAllocation(other), span), `${allocation.id} and ${other.id} share an address`)
    }
  }

  #end(before: Allocation, after: Allocation, time: number): void {
    const { status } = after
    check(before.status === 'allocated', `${before.id} ends a second time`)
    const isDue = before.expiresAt !== null && before.expiresAt <= time
    check(status === 'released' || isDue, `${before.id} expired before its time`)
    const expected = { ...before, status, releasedAt: time, changedIndex: after.changedIndex }
    check(isDeepStrictEqual(after, expected), `${before.id} ended as ${show(after)}`)
    const network = this.networks.get(before.networkId)
    check(network !== undefined, `${before.id} outlives its network`)
    const { cooldownMs } = network
    if (cooldownMs === 0) return
    this.#coolings.push({ ...spanOfAllocation(before), networkId: network.id, until: time + cooldownMs })
  }

  #endCoolings(time: number): void {
    this.#coolings = this.#coolings.filter(({ until }) => until > time)
  }

  #checkRefusal(command: Command, reason: string, { time }: Entry): void {
    if (command.type !== 'allocateAddresses' || reason !== 'network_exhausted') return
    for (const network of this.networks.values()) {
      const ref = command.network
      const isMeant = 'id' in ref ? ref.id === network.id : 'cidr' in ref && isNamed(network, ref)
      if (isMeant) checkExhausted(command, network, this.claims(network, { time }))
    }
  }
}

function isNamed(network: Network, ref: { cidr: string; namespace: string }): boolean {
  return network.cidr === ref.cidr && network.namespace === ref.namespace
}

type Expected = {
  readonly action: AuditAction
  readonly resource: string
  readonly after: Network | Allocation | null
}

/** The id says where in the log it was allocated. @param at.place Of the row in its entry. */
function allocatedRow(
  { token }: AllocationRequest,
  { entry: { index }, place, value }: { entry: Entry; place: number; value: unknown },
): Expected {
  const after = value as Allocation
  const id = `alloc-${token}${index.toString(36)}${place === 0 ? '' : `_${place.toString(36)}`}`
  check(after.id === id, `what ${id} is the id of has ${after.id}`)
  return { action: 'ip_allocated', resource: id, after }
}

/** The record of a network in an answer, which also says where it lies. */
function recordOf(placed: unknown): Network {
  const { parentId: _, ...network } = placed as Network & { parentId: string | null }
  return network
}

function checkRows({ index, time }: Entry, rows: readonly AuditEntry[]): void {
  for (const [i, row] of rows.entries()) {
    check(row.index === index && row.sequence === i, `audit row ${i} says ${row.index}.${row.sequence}`)
    check(row.timestamp === time, `audit row ${i} is of ${row.timestamp}, the entry of ${time}`)
  }
}

/** What changes nothing is answered with what there is, and is not on record. */
function updateRows<R extends Network | Allocation>(
  action: Expected['action'],
  command: UpdateNetwork | UpdateAllocation,
  known: R | undefined,
  answer: R,
): Expected[] {
  if (known === undefined || !isDeepStrictEqual(withChanges(known, command), known)) {
    return [{ action, resource: command.id, after: answer }]
  }
  check(isDeepStrictEqual(answer, known), `${command.id} is left as it is, and answered ${show(answer)}`)
  return []
}

function withChanges<R extends Network | Allocation>(
  before: R,
  { changes }: UpdateNetwork | UpdateAllocation,
): R {
  const metadata = { ...before.metadata }
  for (const [key, value] of Object.entries(changes.metadata ?? {})) {
    if (value === null) delete metadata[key]
    else metadata[key] = value
  }
  return { ...before, ...changes, metadata }
}

/** Only what was named has changed. */
function checkChanged<R extends Network | Allocation>(
  command: Command,
  before: R,
  after: R,
  time: number | null = null,
): void {
  check('id' in command && command.id === after.id, `${after.id} changed, which was not meant`)
  const { changedIndex } = after
  if (command.type === 'renewAllocation') {
    const lease = before as Allocation
    check(lease.status === 'allocated', `${after.id} has ended, and is renewed`)
    check(
      lease.expiresAt === null || time === null || lease.expiresAt > time,
      `${after.id} is renewed too late`,
    )
    const expiresAt = command.ttlMs === null ? null : (time ?? 0) + command.ttlMs
    check(isDeepStrictEqual(after, { ...before, expiresAt, changedIndex }), `${after.id} is not only renewed`)
    return
  }
  check(command.type === 'updateNetwork' || command.type === 'updateAllocation', `${after.id} changed`)
  const updated = 'updatedAt' in after ? { updatedAt: after.updatedAt } : {}
  const expected = { ...withChanges(before, command), changedIndex, ...updated }
  check(isDeepStrictEqual(after, expected), `${after.id} became ${show(after)}, not ${show(expected)}`)
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

type IpamRecord = Network | Allocation

function ofIpam(record: AuditRecord | null): IpamRecord | null {
  if (record === null || !('kind' in record)) return record
  throw new Error(`an audit row about a ${record.kind} among those of networks and allocations`)
}
