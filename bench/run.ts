/**
 * Measures claims and writes the report, in Markdown and JSON.
 *
 * npx tsx bench/run.ts [--quick] [--rounds N] [--seconds S] [--clients N,N] [--out FOLDER] [claim...]     after `make build`
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Claim } from './claim.ts'
import { CLAIMS } from './claims.ts'
import { Bench, type Settings } from './measure-rounds.ts'
import { conditions } from './report/conditions.ts'
import { costTable, resultTable } from './report/markdown.ts'
import { missingRow, type Row } from './report/row.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    clients: { type: 'string' },
    out: { type: 'string', default: 'bench-report' },
  },
})
const settings: Settings = {
  isQuick: values.quick,
  rounds: Number(values.rounds ?? (values.quick ? 3 : 5)),
  warmUpMs: values.quick ? 500 : 1_000,
  measureMs: Number(values.seconds ?? (values.quick ? 1.5 : 4)) * 1_000,
  clients: values.clients?.split(',').map(Number) ?? null,
}
const chosen =
  positionals.length === 0
    ? CLAIMS.filter(({ isQuick }) => isQuick || !values.quick)
    : positionals.map(claimOf)

let current: Bench | null = null
let isInterrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say(`${signal}: ending what runs`)
    isInterrupted = true
    void (current?.close() ?? Promise.resolve()).finally(() => process.exit(130))
  })
}

const startedAt = performance.now()
const measured: { claim: string; says: string; rows: readonly Row[] }[] = []
for (const claim of chosen) {
  if (!isInterrupted) measured.push({ claim: claim.name, says: claim.says, rows: await measure(claim) })
}
// The signal's handler ends this process when everything else has ended.
if (isInterrupted) await new Promise(() => {})
const rows = measured.flatMap((each) => each.rows)
const about = await conditions(settings, { tookMs: performance.now() - startedAt })
const markdown = `${resultTable(rows)}\n\n${costTable(rows)}\n\n${about.join('\n')}\n`
await mkdir(values.out, { recursive: true })
await writeFile(join(values.out, 'report.md'), markdown)
await writeFile(
  join(values.out, 'report.json'),
  `${JSON.stringify({ conditions: about, settings, measured }, null, 1)}\n`,
)
process.stdout.write(markdown)
say(`written to ${join(values.out, 'report.md')} and report.json`)
if (rows.some(({ missing }) => missing?.startsWith('failed') === true)) process.exitCode = 1

function claimOf(name: string): Claim {
  const claim = CLAIMS.find((each) => each.name === name)
  if (claim !== undefined) return claim
  throw new Error(`there is no claim ${name}; there are ${CLAIMS.map((each) => each.name).join(', ')}`)
}

/** One that fails does not keep the others from being measured. */
async function measure(claim: Claim): Promise<Row[]> {
  say(`${claim.name}: ${claim.says}`)
  const lacking = claim.needs.find((peer) => !peer.isInstalled())
  if (lacking !== undefined) return [missingRow(claim.says, `not installed: ${lacking.INSTALL}`)]
  const bench = new Bench(settings, say)
  current = bench
  try {
    return await claim.measure(bench)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${claim.name} failed: ${error instanceof Error ? error.stack : reason}`)
    return [missingRow(claim.says, `failed: ${(reason.split('\n')[0] ?? '').slice(0, 200)}`)]
  } finally {
    await bench.close()
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
