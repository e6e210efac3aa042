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
  [Symbol.asyncDispose](): Promise<void>
}

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

/** @param targets `host:port` of each API. */
export async function startPrometheus(directory: string, targets: readonly string[]): Promise<Prometheus> {
  const [port = 0] = await reservePorts(1)
  const home = join(directory, 'prometheus')
  await mkdir(home)
  const file = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
    scrape_configs: [{ job_name: 'ipam', static_configs: [{ targets }] }],
  }
  // JSON is YAML.
  await writeFile(join(home, 'prometheus.yml'), JSON.stringify(file))
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
    async [Symbol.asyncDispose]() {
      program.kill('SIGKILL')
      await exited
    },
  }
}
