import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS, flagsOf } from '../../src/cli/client/commands.ts'
import { type Api, openApi } from '../http/fixture.ts'
import { ipam } from './client-fixture.ts'

const PAGE = readFileSync('docs/cli.md', 'utf8')

interface Step {
  readonly line: string
  /** What the page says that it prints; null where it does not say. */
  readonly prints: string | null
}

/** The lines of each block of `sh`; a block of `text` behind it is what the last one prints. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```(sh|text)\n([\s\S]*?)^```$/gm)]
  return blocks.flatMap(([, language, code = ''], i) => {
    if (language !== 'sh') return []
    const next = blocks[i + 1]
    const prints = next?.[1] === 'text' ? (next[2] ?? '') : null
    const lines = code.trim().split('\n')
    return lines.map((line, j) => ({ line, prints: j === lines.length - 1 ? prints : null }))
  })
}

const STEPS = stepsOf(PAGE)

describe('docs/cli.md', () => {
  let api: Api
  let directory: string

  beforeAll(async () => {
    api = await openApi()
    directory = mkdtempSync(join(tmpdir(), 'ipam-docs-'))
  })

  afterAll(async () => {
    await api.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test.each(STEPS)('$line', async ({ line, prints }) => {
    const password = 'a long password'
    const passwords = { IPAM_PASSWORD: password, IPAM_NEW_PASSWORD: password }
    const env = { IPAM_SERVER: `http://${api.host}:${api.port}`, ...passwords }

    const { code, out, complaints } = await ipam(wordsOf(line, directory), { env })

    api.service.time += 60_000

    expect({ code, complaints: code === 0 ? [] : complaints }).toEqual({ code: 0, complaints: [] })
    if (prints !== null) expect(out).toBe(prints)
  })

  test.each(COMMANDS.map(({ name }) => name))('it shows %s and each of its flags', (name) => {
    const command = COMMANDS.find((each) => each.name === name)
    const flags = command === undefined ? [] : flagsOf(command)

    expect(STEPS.some(({ line }) => line.startsWith(`ipam ${name}`))).toBe(true)
    expect(flags.map((flag) => flag.name).filter((flag) => !PAGE.includes(`--${flag}`))).toEqual([])
  })
})

/** Words as a shell makes them, without "ipam". Files are in a directory of the test. */
function wordsOf(line: string, directory: string): string[] {
  const words = [...line.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ''))
  return words
    .slice(1)
    .map((word) => (/\.(?:csv|jsonl|snapshot|directory)$/.test(word) ? `${directory}/${word}` : word))
}
