/** A page for readers, as a script: its commands, each with what the page says that they print. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { typingEnvironment } from './checkout.ts'
import { reservePorts } from './ports.ts'
import { MAIN } from './program.ts'

const MARK = '=== what was printed by block'

export interface Step {
  readonly script: string
  /** Null: it does not matter. */
  readonly printed: string | null
}

/** A block of a page, by the language that stands behind its three marks. */
export interface Block {
  readonly language: string
  readonly text: string
}

export function blocksOf(path: string): Block[] {
  const page = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => {
    return { language, text }
  })
}

/** The blocks of a page that are commands, each with the text that follows it. */
export function stepsOf(path: string): Step[] {
  const blocks = blocksOf(path)
  return blocks.flatMap(({ language, text }, i) => {
    const next = blocks[i + 1]
    return language === 'sh' ? [{ script: text, printed: next?.language === 'text' ? next.text : null }] : []
  })
}

/** In the directory of a run: where its commands run. What a page finds there is put there before. */
export const PAGE_DIRECTORY = 'page'

export interface PageRun {
  readonly directory: string
  /** Where `ipam` is, or will be; by default it is the build under test. */
  readonly programs?: string
  /** Instead of the ports of the page; by default itself. */
  readonly withPorts?: (text: string) => string
  /** What varies from run to run, and is not compared. */
  readonly withoutVariation?: (text: string) => string
  readonly env?: Readonly<Record<string, string>>
  readonly withinMs: number
}

/** Runs all commands of a page in one bash, and compares what each block prints. */
export async function expectPageRuns(
  steps: readonly Step[],
  {
    directory,
    programs,
    withPorts = (text) => text,
    withoutVariation = (text) => text,
    env = {},
    withinMs,
  }: PageRun,
): Promise<void> {
  const cwd = join(directory, PAGE_DIRECTORY)
  mkdirSync(cwd, { recursive: true })
  const { PATH, ...inherited } = typingEnvironment()
  const { code, stdout, stderr } = await runInGroup(withPorts(scriptOf(steps)), {
    cwd,
    env: { ...inherited, ...env, PATH: `${programs ?? installProgram(directory)}:${PATH}` },
    withinMs,
  })

  expect({ code, stderr: code === 0 ? '' : `${stdout}\n${stderr}` }).toEqual({ code: 0, stderr: '' })
  const printed = stdout.split(new RegExp(`${MARK} \\d+\\n`))
  for (const [i, step] of steps.entries()) {
    if (step.printed === null) continue
    expect(withoutVariation(printed[i] ?? ''), step.script).toBe(withoutVariation(withPorts(step.printed)))
  }
}

/** The blocks share variables, functions and jobs; what they leave running is stopped. */
function scriptOf(steps: readonly Step[]): string {
  const blocks = steps.map(({ script }, i) => `${script}\necho '${MARK}' ${i}`)
  return [`trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT`, ...blocks].join('\n')
}

/** The same free port for the same port of these texts. */
export async function reservePortsOf(texts: readonly string[]): Promise<(text: string) => string> {
  const documented = [...new Set(texts.flatMap((text) => text.match(/(?<=127\.0\.0\.1:)\d+/g) ?? []))]
  const ports = await reservePorts(documented.length)
  return (text) => {
    return text.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => `${ports[documented.indexOf(port)] ?? port}`)
  }
}

/** `ipam` as an installation has it. @returns where it is. */
function installProgram(directory: string): string {
  const programs = join(directory, 'programs')
  mkdirSync(programs)
  writeFileSync(join(programs, 'ipam'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, { mode: 0o755 })
  return programs
}

interface Ended {
  /** Null: not within the time. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Everything that the script starts is in its process group, and ends with it, however it ends. */
async function runInGroup(
  script: string,
  { withinMs, ...options }: { cwd: string; env: NodeJS.ProcessEnv; withinMs: number },
): Promise<Ended> {
  const shell = spawn('bash', ['-euc', script], {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    shell[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text
    })
  }
  const endGroup = (): void => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  const deadline = setTimeout(endGroup, withinMs)
  const [code] = (await once(shell, 'exit')) as [number | null]
  clearTimeout(deadline)
  endGroup()
  // What is still in the pipes; whoever held their other ends is gone.
  await Promise.all([shell.stdout, shell.stderr].map((stream) => stream.closed || once(stream, 'close')))
  return { code, ...printed }
}
