/** What the command line of `bench/run.ts` may say. */
import { parseArgs } from 'node:util'
import type { Placement } from '../peers/ipam.ts'
import { IPAM_LOADS, type IpamLoad } from '../sides/ipam.ts'

/** How a quick run saves time: see the report's conditions. */
const FULL = { rounds: 5, warmUpMs: 500, measureMs: 4_000 }
const QUICK = { rounds: 3, warmUpMs: 400, measureMs: 1_000 }

const PLACEMENTS: readonly Placement[] = ['leader', 'all', 'followers']
const FAMILIES = [4, 6] as const

/** What the claim `workloads` is to measure; null for what it chooses itself. */
export interface WorkloadSettings {
  readonly loads: readonly IpamLoad[] | null
  readonly placements: readonly Placement[] | null
  readonly networks: readonly number[] | null
  readonly families: readonly (4 | 6)[] | null
  readonly stored: readonly number[] | null
}

export interface Settings {
  readonly isQuick: boolean
  readonly rounds: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Instead of the numbers of clients that a claim is made for. */
  readonly clients: readonly number[] | null
  readonly workload: WorkloadSettings
  /** The folder of the report. */
  readonly out: string
  /** Names of claims; empty for all. */
  readonly names: readonly string[]
}

/** @throws an error that names the option and what it can be. */
export function parseSettings(args: readonly string[]): Settings {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      clients: { type: 'string' },
      loads: { type: 'string' },
      placements: { type: 'string' },
      networks: { type: 'string' },
      families: { type: 'string' },
      stored: { type: 'string' },
      out: { type: 'string', default: 'bench-report' },
    },
  })
  const usual = values.quick ? QUICK : FULL
  const seconds = values.seconds === undefined ? null : positive('seconds', values.seconds)
  return {
    isQuick: values.quick,
    rounds: values.rounds === undefined ? usual.rounds : wholeNumber('rounds', values.rounds, 1),
    warmUpMs: usual.warmUpMs,
    measureMs: seconds === null ? usual.measureMs : seconds * 1_000,
    clients: list(values.clients, (text) => wholeNumber('clients', text, 1)),
    workload: {
      loads: list(values.loads, (text) => oneOf('loads', text, IPAM_LOADS)),
      placements: list(values.placements, (text) => oneOf('placements', text, PLACEMENTS)),
      networks: list(values.networks, (text) => wholeNumber('networks', text, 1)),
      families: list(values.families, (text) => oneOf('families', text, FAMILIES)),
      stored: list(values.stored, (text) => wholeNumber('stored', text, 0)),
    },
    out: values.out,
    names: positionals,
  }
}

function list<T>(text: string | undefined, parse: (text: string) => T): readonly T[] | null {
  return text?.split(',').map(parse) ?? null
}

function positive(option: string, text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new Error(`--${option} ${text}: it has to be a number above 0`)
}

function wholeNumber(option: string, text: string, min: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
  throw new Error(`--${option} ${text}: it has to be a whole number from ${min}`)
}

function oneOf<T extends string | number>(option: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => String(value) === text)
  if (found !== undefined) return found
  throw new Error(`--${option} ${text}: it can be ${values.join(', ')}`)
}
