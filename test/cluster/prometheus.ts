/** The real Prometheus, on loopback, scraping a cluster twice a second. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { reservePorts } from './ports.ts'
import { until } from './until.ts'

export interface Prometheus {
  /** Resolves when the expression has this one value. */
  untilValue(expression: string, value: number): Promise<void>
  /** Each by its name, once all of them have been evaluated: whether that worked. */
  ruleHealth(): Promise<ReadonlyMap<string, string>>
  [Symbol.asyncDispose](): Promise<void>
}

interface RulesAnswer {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly { readonly name: string; readonly health: string }[]
    }[]
  }
}

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

/** @param targets `host:port` of each API. */
export async function startPrometheus(directory: string, targets: readonly string[]): Promise<Prometheus> {
  const home = join(directory, 'prometheus')
  await mkdir(home)
  const file = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
    scrape_configs: [{ job_name: 'ipam', static_configs: [{ targets }] }],
  }
  // JSON is YAML.
  await writeFile(join(home, 'prometheus.yml'), JSON.stringify(file))
  return startPrometheusIn(home)
}

/** @param home Where `prometheus.yml` is, and what it names. */
export async function startPrometheusIn(home: string): Promise<Prometheus> {
  const [port = 0] = await reservePorts(1)
  const url = `http://127.0.0.1:${port}`
  const program = spawn(
    'prometheus',
    [
      `--config.file=${join(home, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(home, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  const exited = once(program, 'exit')
  const ask = async (expression: string): Promise<number[]> => {
    const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return ((await response.json()) as QueryAnswer).data.result.map(({ value: [, text] }) => Number(text))
  }
  await until('prometheus is ready', async () => (await fetch(`${url}/-/ready`)).ok)
  return {
    async untilValue(expression, value) {
      let last: number[] = []
      await until(`${expression} is ${value}`, async () => {
        last = await ask(expression)
        return last.length === 1 && last[0] === value
      }).catch((cause: unknown) => {
        throw new Error(`${expression} is ${JSON.stringify(last)}, not ${value}`, { cause })
      })
    },
    async ruleHealth() {
      return until('the rules are evaluated', async () => {
        const answer = (await (await fetch(`${url}/api/v1/rules`)).json()) as RulesAnswer
        const rules = answer.data.groups.flatMap((group) => group.rules)
        const isEvaluated = rules.length > 0 && rules.every(({ health }) => health !== 'unknown')
        return isEvaluated && new Map(rules.map(({ name, health }) => [name, health]))
      })
    },
    async [Symbol.asyncDispose]() {
      program.kill('SIGKILL')
      await exited
    },
  }
}
