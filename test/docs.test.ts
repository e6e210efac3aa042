/** What the pages for readers point to is there, in the package too. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const PAGES = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))].filter((path) =>
  path.endsWith('.md'),
)

/** Paths in code marks that are of this repository, from its root. */
const NAMED = /`((?:\.\/)?(?:bench|deploy|docs|raft|scripts|src|test)\/[\w./-]+)`/g
const LINKED = /\]\(([^)\s]+)\)/g

/** As GitHub makes them of headings. */
function anchorsOf(path: string): string[] {
  const headings = prose(path).matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Without blocks of commands and of what they print. */
function prose(path: string): string {
  return readFileSync(path, 'utf8').replaceAll(/^```[\s\S]*?^```$/gm, '')
}

function isBroken(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false
  const [file = '', anchor = ''] = link.split('#')
  const path = file === '' ? page : normalize(join(dirname(page), file))
  if (!existsSync(path)) return true
  return anchor !== '' && !anchorsOf(path).includes(anchor)
}

/** What is in the package beside `files`: npm puts these into each. */
const ALWAYS_PACKED = ['README.md', 'package.json']
const PACKED: readonly string[] = [
  ...ALWAYS_PACKED,
  ...JSON.parse(readFileSync('package.json', 'utf8')).files.filter((file: string) => !file.startsWith('!')),
]

/** A page of `docs` is read where the package is installed, which has no sources. */
function isLeftOut(page: string, link: string): boolean {
  if (/^([a-z]+:|#)/.test(link)) return false
  const [file = ''] = normalize(join(dirname(page), link)).split('#')
  return !PACKED.some((packed) => file === packed || file.startsWith(`${packed}/`))
}

test.each(PAGES.filter((page) => dirname(page) === 'docs'))('%s links to what is in the package', (page) => {
  const links = [...prose(page).matchAll(LINKED)].map(([, link = '']) => link)
  expect(links.filter((link) => isLeftOut(page, link))).toEqual([])
})

describe.each(PAGES)('%s', (page) => {
  test('links to files and headings that are there', () => {
    const links = [...prose(page).matchAll(LINKED)].map(([, link = '']) => link)
    expect(links.filter((link) => isBroken(page, link))).toEqual([])
  })

  test('names files that are there', () => {
    const paths = [...prose(page).matchAll(NAMED)].map(([, path = '']) => path)
    expect(paths.filter((path) => !existsSync(path))).toEqual([])
  })
})

test('docs/operate.md has each alert once, with what to do first', () => {
  const rules = readFileSync('deploy/alerts.yml', 'utf8')
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, alert]) => alert)
  const rows = prose('docs/operate.md').match(/^\| `Ipam.*$/gm) ?? []

  const named = rows.flatMap((row) => (row.split('|')[1] ?? '').match(/Ipam\w+/g) ?? [])

  expect(named.toSorted()).toEqual(alerts.toSorted())
})

test('each failure in docs/guarantees.md has a test that shows it', () => {
  const [, table = ''] = prose('docs/guarantees.md').split('## Failure by failure')
  const rows = (table.split('\n## ')[0] ?? '').match(/^\|.*$/gm) ?? []
  const failures = rows.slice(2).map((row) => row.split('|').map((cell) => cell.trim()))

  expect(failures.length).toBeGreaterThan(16)
  for (const [, failure, , , , shownBy] of failures) expect(shownBy, failure).toMatch(/`test\/.*\.test\.ts`/)
})
