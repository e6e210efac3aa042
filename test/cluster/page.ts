/** A page for readers, as a script: its commands, each with what the page says that they print. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { MAIN } from './program.ts'

const MARK = '=== what was printed by block'

export interface Step {
  readonly script: string
  /** Null: it does not matter. */
  readonly printed: string | null
}

/** The blocks of a page that are commands, each with the text that follows it. */
export function stepsOf(path: string): Step[] {
  const page = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({
    kind,
    text: text ?? '',
  }))
  return blocks.flatMap(({ kind, text }, i) => {
    const next = blocks[i + 1]
    return kind === 'sh' ? [{ script: text, printed: next?.kind === 'text' ? next.text : null }] : []
  })
}

/** For one bash: the blocks share variables, functions and jobs. */
export function scriptOf(steps: readonly Step[]): string {
  return steps.map(({ script }, i) => `${script}\necho '${MARK}' ${i}`).join('\n')
}

/** @param stdout Of `scriptOf`. */
export function expectPrinted(steps: readonly Step[], stdout: string): void {
  const printed = stdout.split(new RegExp(`${MARK} \\d+\\n`))
  for (const [i, step] of steps.entries()) {
    if (step.printed !== null) expect(printed[i], step.script).toBe(step.printed)
  }
}

/** `ipam` as an installation has it. */
export function installProgram(directory: string): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'ipam'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, {
    mode: 0o755,
  })
}
