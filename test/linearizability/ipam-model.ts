/** One network as a sequential object: the lowest free run is chosen, so nearly every answer is determined. */
import type { Model, Operation } from './history.ts'

/** An allocation is named by whoever asks for it, so that one without an answer can be told in a listing. */
export type IpamInput =
  | { readonly type: 'allocate'; readonly id: string; readonly count: number }
  | { readonly type: 'release'; readonly id: string }
  | { readonly type: 'get'; readonly id: string }
  | { readonly type: 'list' }
  | { readonly type: 'stats' }

export interface Held {
  readonly id: string
  /** As a number, or counted from the start of the network. */
  readonly first: number
  readonly count: number
}

export type IpamOutput =
  | { readonly type: 'allocated'; readonly first: number }
  | { readonly type: 'exhausted' }
  /** Also where it had been released before. */
  | { readonly type: 'released' }
  | { readonly type: 'missing' }
  /** `isActive`: not released yet. */
  | { readonly type: 'record'; readonly first: number; readonly isActive: boolean }
  /** Active allocations, in any order. */
  | { readonly type: 'listed'; readonly active: readonly Held[] }
  /** A list with the ended ones, too. */
  | { readonly type: 'recorded'; readonly records: readonly FinalRecord[] }
  | { readonly type: 'counted'; readonly allocated: number; readonly firstFree: number | null }

export type FinalRecord = Held & { readonly isActive: boolean }

export type IpamOperation = Operation<IpamInput, IpamOutput>

export interface IpamState {
  /** Active allocations, ascending by address. */
  readonly active: readonly Held[]
  /** Released ones stay on record; by id. */
  readonly ended: ReadonlyMap<string, Held>
}

type Transition = { readonly state: IpamState; readonly output: IpamOutput }

/** The network has the addresses `first` to `last`, and nothing is allocated. */
export function ipamModel(range: {
  readonly first: number
  readonly last: number
}): Model<IpamState, IpamInput, IpamOutput> {
  return {
    init: () => ({ active: [], ended: new Map() }),
    step: (state, { input, output }) => {
      if (output?.type === 'recorded') return isSame(output, recordsOf(state)) ? state : null
      const { state: next, output: expected } = transition(range, state, input)
      return output === null || isSame(output, expected) ? next : null
    },
    key: ({ active, ended }) =>
      `${active.map(formatHeld).join(' ')}|${[...ended.values()].map(formatHeld).toSorted().join(' ')}`,
  }
}

function transition(range: { first: number; last: number }, state: IpamState, input: IpamInput): Transition {
  switch (input.type) {
    case 'allocate':
      return allocate(range, state, input)
    case 'release':
      return release(state, input.id)
    case 'get':
      return { state, output: recordOf(state, input.id) }
    case 'list':
      return { state, output: { type: 'listed', active: state.active } }
    case 'stats':
      return { state, output: countUp(range, state) }
    default:
      return input satisfies never
  }
}

function allocate(
  range: { first: number; last: number },
  state: IpamState,
  { id, count }: { id: string; count: number },
): Transition {
  const place = lowestRun(range, state.active, count)
  if (place === null) return { state, output: { type: 'exhausted' } }
  const { first, position } = place
  const active = state.active.toSpliced(position, 0, { id, first, count })
  return { state: { ...state, active }, output: { type: 'allocated', first } }
}

/** `position` is where it comes in the ascending list. */
function lowestRun(
  range: { first: number; last: number },
  active: readonly Held[],
  count: number,
): { first: number; position: number } | null {
  let first = range.first
  for (const [position, held] of active.entries()) {
    if (first + count <= held.first) return { first, position }
    first = held.first + held.count
  }
  return first + count - 1 <= range.last ? { first, position: active.length } : null
}

function release(state: IpamState, id: string): Transition {
  if (state.ended.has(id)) return { state, output: { type: 'released' } }
  const position = state.active.findIndex((held) => held.id === id)
  const held = state.active[position]
  if (held === undefined) return { state, output: { type: 'missing' } }
  const ended = new Map(state.ended).set(id, held)
  return { state: { active: state.active.toSpliced(position, 1), ended }, output: { type: 'released' } }
}

function recordOf({ active, ended }: IpamState, id: string): IpamOutput {
  const past = ended.get(id)
  const held = past ?? active.find((candidate) => candidate.id === id)
  if (held === undefined) return { type: 'missing' }
  return { type: 'record', first: held.first, isActive: past === undefined }
}

function recordsOf({ active, ended }: IpamState): IpamOutput {
  const now = active.map((held) => ({ ...held, isActive: true }))
  const past = [...ended.values()].map((held) => ({ ...held, isActive: false }))
  return { type: 'recorded', records: [...now, ...past] }
}

function countUp(range: { first: number; last: number }, { active }: IpamState): IpamOutput {
  return {
    type: 'counted',
    allocated: active.reduce((sum, { count }) => sum + count, 0),
    firstFree: lowestRun(range, active, 1)?.first ?? null,
  }
}

function isSame(a: IpamOutput, b: IpamOutput): boolean {
  return formatOutput(a) === formatOutput(b)
}

function formatOutput(output: IpamOutput): string {
  switch (output.type) {
    case 'allocated':
      return `at ${output.first}`
    case 'record':
      return `${output.isActive ? 'active' : 'released'} at ${output.first}`
    case 'listed':
      return output.active.map(formatHeld).toSorted().join(' ')
    case 'recorded':
      return output.records.map(formatRecord).toSorted().join(' ')
    case 'counted':
      return `${output.allocated} allocated, next ${output.firstFree}`
    default:
      return output.type
  }
}

function formatRecord(record: FinalRecord): string {
  return `${formatHeld(record)}${record.isActive ? '' : ' released'}`
}

function formatHeld({ id, first, count }: Held): string {
  return `${id}@${first}+${count}`
}

/** One line of text, for people. */
export function formatIpamOperation({ client, invokedAt, returnedAt, input, output }: IpamOperation): string {
  const { type, ...rest } = input
  const answer = output === null ? 'unknown' : formatOutput(output)
  const asked = [type, ...Object.values(rest)].join(' ')
  return `[${invokedAt.toFixed(3)}, ${returnedAt.toFixed(3)}] client ${client}: ${asked} → ${answer}`
}

/** What the network is found to hold when all is over: everything that was ever allocated in it. */
export interface FinalRecords {
  /** When they were read: after every operation of known outcome. */
  readonly readAt: number
  /** By id. */
  readonly records: ReadonlyMap<string, FinalRecord>
}

/**
 * Gives operations of unknown outcome the one that the records show, and leaves out those without any effect. Every
 * one that stays doubles the work of the search at worst.
 */
export function settle(history: readonly IpamOperation[], final: FinalRecords): IpamOperation[] {
  return history.flatMap((operation) =>
    operation.output === null ? settleOne(operation, final) : [operation],
  )
}

function settleOne(operation: IpamOperation, { readAt, records }: FinalRecords): IpamOperation[] {
  const { input } = operation
  if (input.type === 'allocate') {
    const record = records.get(input.id)
    if (record === undefined) return []
    return [{ ...operation, returnedAt: readAt, output: { type: 'allocated', first: record.first } }]
  }
  // Another release may have been the one.
  if (input.type === 'release') return records.get(input.id)?.isActive === false ? [operation] : []
  return []
}

/**
 * The last look at everything, as one operation: every order must then end in what was found. One for each record
 * would be possible in any order, of which there are too many to exclude where no order is right.
 */
export function finalReads({ readAt, records }: FinalRecords): IpamOperation[] {
  const output = { type: 'recorded', records: [...records.values()] } as const
  return [{ client: -1, invokedAt: readAt, returnedAt: readAt, input: { type: 'list' }, output }]
}
