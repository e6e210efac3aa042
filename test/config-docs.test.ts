/** docs/configure.md and cluster.example.yaml against the schema: a key cannot be forgotten, nor its default change alone. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../src/config.ts'
import { FileSchema } from '../src/config-file.ts'
import { REFUSING_LIMITS } from '../src/http/refusal-counts.ts'

interface Setting {
  readonly key: string
  /** As the table shows it. */
  readonly default: string
  readonly range: string | null
}

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: readonly Node[]
  readonly type?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
}

/** What the schema says. Elements of lists are named `nodes[].addr`. */
function settings(node: Node, key = ''): Setting[] {
  const inner = node.anyOf?.find(({ type }) => type !== 'null') ?? node
  if (inner.properties !== undefined) {
    return Object.entries(inner.properties).flatMap(([name, child]) =>
      settings(child, key === '' ? name : `${key}.${name}`),
    )
  }
  if (inner.items?.properties !== undefined) return settings(inner.items, `${key}[]`)
  return [{ key, default: shown(node.default), range: rangeOf(inner) }]
}

/** A list or text that has none says so in its own words. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'none'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : JSON.stringify(value)
  return String(value)
}

function rangeOf({ minimum, maximum, enum: words }: Node): string | null {
  if (words !== undefined) return words.join(', ')
  return minimum === undefined || maximum === undefined ? null : `${minimum} to ${maximum}`
}

const SCHEMA = z.toJSONSchema(FileSchema, { io: 'input', unrepresentable: 'any' }) as Node
const SETTINGS = settings(SCHEMA)

const DOCS = readFileSync('docs/configure.md', 'utf8')
const EXAMPLE = readFileSync('cluster.example.yaml', 'utf8')
const ROWS = DOCS.split('\n')
  .filter((line) => /^\| `[a-z_.[\]]+` \|/.test(line))
  .map((line) => {
    const [, key = '', standard = '', , range = '', meaning = ''] = line.split('|').map((cell) => cell.trim())
    return { key: key.replaceAll('`', ''), standard, range, meaning }
  })

describe('docs/configure.md', () => {
  test('has a row for each key of the cluster file, in its order, and no other', () => {
    expect(SETTINGS.length).toBeGreaterThan(40)
    expect(ROWS.map(({ key }) => key)).toEqual(SETTINGS.map(({ key }) => key))
  })

  test.each(SETTINGS)('says the default and the range of $key', (setting) => {
    const row = ROWS.find(({ key }) => key === setting.key)

    const isRequired = setting.default === 'none' && row?.standard === 'required'
    if (!isRequired) expect(row?.standard.replaceAll(/[`,]/g, '').split(' (')[0]).toBe(setting.default)
    if (setting.range !== null)
      expect(row?.range.replaceAll('`', '').replaceAll(/(\d),(?=\d)/g, '$1')).toBe(setting.range)
    expect(row?.meaning).toMatch(/\S.{10}/)
  })

  test('has a count for each limit of http, which docs/metrics.md names', () => {
    const limits = SETTINGS.map(({ key }) =>
      /^http\.(?:rate_limit\.)?(\w+)_(max|timeout_seconds|per_second)$/.exec(key),
    )
      .filter((match) => match !== null)
      .map(([, name, unit]) => (unit === 'timeout_seconds' ? `${name}_time` : name))
    const named = readFileSync('docs/metrics.md', 'utf8')

    // The clients that are remembered are no limit for anybody.
    expect(limits.filter((name) => name !== 'clients').toSorted()).toEqual(REFUSING_LIMITS.toSorted())
    for (const name of REFUSING_LIMITS) expect(named).toContain(`\`${name}\``)
  })

  test('names each flag and variable of ipam server', () => {
    const source = readFileSync('src/config-flags.ts', 'utf8')
    const flags = /const FLAGS = \{([\s\S]*?)\} as const/.exec(source)?.[1] ?? ''
    const names = [...flags.matchAll(/^ {2}'?([a-z-]+)'?: \{/gm)].map(([, name = '']) => name)

    expect(names.length).toBeGreaterThan(5)
    for (const name of names) {
      expect(DOCS).toContain(`| \`--${name}`)
      expect(DOCS).toContain(`\`IPAM_${name.toUpperCase().replaceAll('-', '_')}\``)
    }
  })
})

describe('cluster.example.yaml', () => {
  const last = (key: string) => key.split('.').at(-1)?.replace('[]', '') ?? ''

  test.each(SETTINGS)('mentions $key', ({ key }) => {
    expect(EXAMPLE).toMatch(new RegExp(`(?:^|[\\s{,#])${last(key)}:`, 'm'))
  })

  test('shows the defaults: without what may be left out it means the same', () => {
    const { cluster_id, nodes } = parse(EXAMPLE)
    const load = (text: string) => loadConfig(['--config', 'x.yaml', '--node-id', '1'], {}, () => text)

    expect(load(EXAMPLE)).toEqual(load(JSON.stringify({ cluster_id, nodes })))
  })
})
