/**
 * Measures claims and writes the report, in Markdown and JSON.
 *
 * npx tsx bench/run.ts [--quick] [--rounds N] [--seconds S] [--clients N,…] [--out FOLDER] [claim…]     after `make build`
 * npx tsx bench/run.ts [--loads …] [--placements …] [--networks …] [--families 4,6] [--stored …] workloads
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Bench } from './harness/bench.ts'
import type { Claim } from './harness/claim.ts'
import { CLAIMS } from './harness/claims.ts'
import { runScript, SCRIPTS, type Script } from './harness/scripts.ts'
import { parseSettings, type Settings } from './harness/settings.ts'
import { Shelf } from './harness/shelf.ts'
import { conditions } from './report/conditions.ts'
import { costTable, resultTable } from './report/markdown.ts'
import { missingRow, type Row } from './report/row.ts'

interface Report {
  readonly measured: { readonly claim: string; readonly rows: readonly Row[] }[]
  readonly scripts: { readonly name: string; readonly lines: readonly string[] }[]
}

class Run {
  readonly #settings: Settings
  readonly #shelf = new Shelf(say)
  #bench: Bench | null = null
  #scriptPid: number | null = null
  isInterrupted = false

  constructor(settings: Settings) {
    this.#settings = settings
  }

  async all(claims: readonly Claim[], scripts: readonly Script[]): Promise<Report> {
    const report: Report = { measured: [], scripts: [] }
    for (const claim of claims) {
      if (!this.isInterrupted) report.measured.push({ claim: claim.name, rows: await this.#measure(claim) })
    }
    await this.#endBench()
    for (const script of scripts) {
      if (this.isInterrupted) break
      say(`${script.name}: ${script.says}`)
      const lines = await runScript(script, (pid) => {
        this.#scriptPid = pid
      })
      report.scripts.push({ name: script.name, lines })
      this.#scriptPid = null
    }
    await this.#shelf.close()
    return report
  }

  /** One that fails does not keep the others from being measured. */
  async #measure(claim: Claim): Promise<readonly Row[]> {
    say(`${claim.name}: ${claim.says}`)
    const lacking = claim.needs.find((peer) => !peer.isInstalled())
    if (lacking !== undefined) {
      const { TITLE, INSTALL } = lacking
      return [missingRow(claim.says, `${TITLE} is not installed: ${INSTALL}`)]
    }
    const bench = this.#bench ?? new Bench({ settings: this.#settings, shelf: this.#shelf, say })
    this.#bench = bench
    let hasFailed = false
    try {
      return await claim.measure(bench)
    } catch (error) {
      hasFailed = true
      const reason = error instanceof Error ? error.message : String(error)
      say(`${claim.name} failed: ${error instanceof Error ? error.stack : reason}`)
      return [missingRow(claim.says, `failed: ${(reason.split('\n')[0] ?? '').slice(0, 200)}`)]
    } finally {
      // In a quick run the next claim goes on with the same servers, unless it was they who failed.
      if (!this.#settings.isQuick || hasFailed) await this.#endBench()
    }
  }

  async #endBench(): Promise<void> {
    await this.#bench?.close()
    this.#bench = null
  }

  /** Ends every process and removes what they have stored. */
  async interrupt(): Promise<void> {
    this.isInterrupted = true
    if (this.#scriptPid !== null) process.kill(this.#scriptPid, 'SIGTERM')
    await this.#endBench()
    await this.#shelf.close()
  }
}

const settings = parseSettings(process.argv.slice(2))
const run = new Run(settings)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // It may come twice, from the terminal and from what started us: the second one must not end us before the first one has.
  process.on(signal, () => {
    if (run.isInterrupted) return
    say(`${signal}: ending what runs`)
    void run.interrupt().finally(() => process.exit(130))
  })
}
const startedAt = performance.now()
const report = await run.all(chosen(CLAIMS), chosen(SCRIPTS))
// The signal's handler ends this process when everything else has ended.
if (run.isInterrupted) await new Promise(() => {})
await write(report, await conditions(settings, { tookMs: performance.now() - startedAt }))

/** Those that are named; of all, only some are quick. */
function chosen<T extends Claim | Script>(from: readonly T[]): readonly T[] {
  const known = [...CLAIMS, ...SCRIPTS].map(({ name }) => name)
  const unknown = settings.names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`there is no claim ${unknown}; there are ${known.join(', ')}`)
  if (settings.names.length > 0) return from.filter(({ name }) => settings.names.includes(name))
  return settings.isQuick ? from.filter((each) => 'isQuick' in each && each.isQuick) : from
}

async function write({ measured, scripts }: Report, about: readonly string[]): Promise<void> {
  const rows = measured.flatMap((each) => each.rows)
  const lines = scripts.flatMap((script) => script.lines)
  const others =
    lines.length === 0 ? [] : [['| what | figure | conditions |', '|---|---|---|', ...lines].join('\n')]
  const compared = rows.length === 0 ? [] : [resultTable(rows), costTable(rows)]
  const markdown = `${[...compared, ...others, about.join('\n')].join('\n\n')}\n`
  const json = { conditions: about, settings, measured, scripts }
  await mkdir(settings.out, { recursive: true })
  await writeFile(join(settings.out, 'report.md'), markdown)
  await writeFile(join(settings.out, 'report.json'), `${JSON.stringify(json, null, 1)}\n`)
  process.stdout.write(markdown)
  say(`written to ${join(settings.out, 'report.md')} and report.json`)
  if (rows.some(({ missing }) => missing?.startsWith('failed') === true)) process.exitCode = 1
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
