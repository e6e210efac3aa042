import { parseAddress } from './address.ts'
import type { Applying } from './apply.ts'
import { allocate, BATCH_ITEMS_MAX, resolveNetwork } from './apply-allocation.ts'
import { createNetwork } from './apply-network.ts'
import type { AllocationRequest, ImportFailure, ImportItem, ImportItems } from './command.ts'
import type { Outcome, Refusal } from './outcome.ts'
import { accept, refuse, refuseValue } from './refuse.ts'
import type { Store } from './store.ts'

/** With any failure, an atomic import is refused as a whole: the details say which items failed. */
const DETAILS_MAX = 100

export function importItems({ items, isAtomic, skipsExisting }: ImportItems, applying: Applying): Outcome {
  if (items.length > BATCH_ITEMS_MAX) {
    return refuseValue(
      'items',
      `an import has at most ${BATCH_ITEMS_MAX} rows in one request, not ${items.length}`,
    )
  }
  let created = 0
  let skipped = 0
  const failures: ImportFailure[] = []
  for (const [place, item] of items.entries()) {
    const outcome = applying.store.attempt(() => importItem(item, applying, place))
    if (outcome.ok) created += 1
    else if (skipsExisting && exists(applying.store, item, outcome.refusal as Refusal)) skipped += 1
    else {
      const { reason, message } = outcome.refusal as Refusal
      failures.push({ item: place, reason, message })
    }
  }
  if (!isAtomic || failures.length === 0) return accept({ created, skipped, failures })
  const details = failures.map(({ item, message }) => ({ field: `items[${item}]`, message }))
  const count = failures.length === 1 ? '1 row' : `${failures.length} rows`
  const message = `${count} cannot be imported, so nothing was: ${details[0]?.field}: ${details[0]?.message}`
  return refuse('batch_refused', message, details.slice(0, DETAILS_MAX))
}

function importItem(item: ImportItem, applying: Applying, place: number): Outcome {
  return item.kind === 'network' ? createNetwork(item, applying) : allocate(item, applying, place)
}

/** What is asked for is there: the same network, or the same addresses for the same host. */
function exists(store: Store, item: ImportItem, { reason }: Refusal): boolean {
  if (item.kind === 'network') return reason === 'network_exists'
  return reason === 'address_taken' && isHeldAsAsked(store, item)
}

function isHeldAsAsked(store: Store, request: AllocationRequest): boolean {
  const { ip, count, hostname } = request
  const network = resolveNetwork(store, request)
  if (ip === null || network === null) return false
  const holder = store.holderAt(network.id, parseAddress(ip).value)
  if (holder === null || holder.ip !== ip || holder.hostname !== hostname) return false
  const first = parseAddress(holder.ip).value
  const last = holder.endIp === null ? first : parseAddress(holder.endIp).value
  return last - first + 1n === BigInt(count)
}
