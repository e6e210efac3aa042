import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, openApi } from '../http/fixture.ts'
import { temporaryDirectory } from '../raft/storage/temporary-directory.ts'
import {
  type Fate,
  ipam as ipamOf,
  NO_LEADER,
  openRelay,
  type Ran,
  type Relay,
  type Seen,
  type ShellOptions,
} from './client-fixture.ts'

let api: Api
let relays: Relay[]
let directory: string

beforeEach(async () => {
  api = await openApi()
  relays = []
  directory = temporaryDirectory()
  await api.request('POST', '/networks', { cidr: '10.0.0.0/16' })
})

afterEach(async () => {
  for (const proxy of relays) await proxy.close()
  await api.close()
})

async function relay(fateOf: (seen: Seen, count: number) => Fate): Promise<Relay> {
  const opened = await openRelay(apiUrl(), fateOf)
  relays.push(opened)
  return opened
}

function apiUrl(): string {
  return `http://${api.host}:${api.port}`
}

function ipam(words: readonly string[], options: ShellOptions & { server?: string } = {}): Promise<Ran> {
  return ipamOf([...words, '--server', options.server ?? apiUrl()], options)
}

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

/** Allocations 10.0.0.1 and on, a line each below the header. */
function csv(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => `10.0.${(i + 1) >> 8}.${(i + 1) & 255},host-${i + 1}`)
  return `ip,hostname\n${lines.join('\n')}\n`
}

async function allocationCount(): Promise<number> {
  return (await api.request('GET', '/allocations?limit=10000')).body.length
}

/** Thousands of rows, and the machine may be busy. */
const TIMEOUT = { timeout: 120_000 }

describe('import', TIMEOUT, () => {
  test('rows are sent 500 at a time, as JSON lines of one kind', async () => {
    const server = await relay(() => 'pass')

    const { code, out } = await ipam(['import', file('a.csv', csv(1_201))], { server: server.url })

    expect({ code, out }).toEqual({
      code: 0,
      out: '1201 created, 0 skipped, 0 failed (ipam-allocations-csv)\n',
    })
    expect(server.seen.map(({ body }) => body.trim().split('\n').length)).toEqual([500, 500, 201])
    expect(server.seen[0]).toMatchObject({
      path: '/api/v1/import?format=ipam-allocations-jsonl&on_conflict=error',
      body: expect.stringMatching(/^\{"ip":"10.0.0.1","hostname":"host-1"\}\n/),
    })
    expect(await allocationCount()).toBe(1_201)
  })

  test('wrong rows are named as in the file, whether they are found here or there, and the rest is imported', async () => {
    const path = file('a.csv', 'ip,hostname\n10.0.0.1,a\n10.0.0.300,b\n\n172.16.0.1,c\n10.0.0.2,d\n')

    const { code, out, complaints } = await ipam(['import', path])
    const { out: json } = await ipam(['import', path, '--json', '--skip-existing'])

    expect({ code, out }).toEqual({ code: 1, out: '2 created, 0 skipped, 2 failed (ipam-allocations-csv)\n' })
    expect(complaints[0]).toBe('row 3: ip: 10.0.0.300 is not an IP address: 300 is above 255')
    expect(complaints[1]).toMatch(/^row 5: (?!row)/)
    expect(complaints).toHaveLength(2)
    expect(JSON.parse(json)).toMatchObject({
      created: 0,
      skipped: 2,
      failed: 2,
      errors: [{ row: 5, field: null }],
    })
  })

  test('nothing is sent of a file that cannot be read to its end', async () => {
    const server = await relay(() => 'pass')
    const path = file('a.csv', `${csv(600)}10.0.9.9,"open`)

    const { code, complaints } = await ipam(['import', path], { server: server.url })

    expect(code).toBe(1)
    expect(complaints[0]).toMatch(/^row 602.*; nothing was imported$/)
    expect(server.seen).toEqual([])
  })

  test('a chunk whose answer is lost is sent again, and is not taken for one of an earlier run', async () => {
    const server = await relay((_, count) => (count === 2 ? 'cutAfter' : 'pass'))

    const ran = await ipam(['import', file('a.csv', csv(1_201))], { server: server.url })

    expect(ran).toMatchObject({
      code: 0,
      out: '1201 created, 0 skipped, 0 failed (ipam-allocations-csv)\n',
      complaints: [],
    })
  })

  test('after a failure the same command goes on where it was, and says so', async () => {
    let isBroken = true
    const server = await relay((_, count) => (isBroken && count >= 2 ? 'cutAfter' : 'pass'))
    const path = file('a.csv', csv(1_201))

    const failed = await ipam(['import', path], { server: server.url })
    isBroken = false
    const went = await ipam(['import', path], { server: server.url })

    expect(failed.code).toBe(5)
    expect(failed.complaints[0]).toContain(
      '500 of 1201 rows are done, up to row 501: to go on, run the same command again, which does nothing twice',
    )
    expect(went).toMatchObject({
      code: 0,
      out: '1201 created, 0 skipped, 0 failed (ipam-allocations-csv)\n',
      complaints: [
        '1000 rows had been imported by an earlier run, so it went on after them; to send them again: --again',
      ],
    })
    expect(await allocationCount()).toBe(1_201)
  })

  test('rows that failed are tried again by the next run, without the others', async () => {
    const path = file('a.csv', 'ip,hostname\n10.0.0.1,a\n10.9.0.1,b\n10.0.0.2,c\n172.16.0.1,d\n')
    const server = await relay(() => 'pass')
    const first = await ipam(['import', path], { server: server.url })
    await api.request('POST', '/networks', { cidr: '172.16.0.0/24' })
    await api.request('POST', '/networks', { cidr: '10.9.0.0/24' })

    const second = await ipam(['import', path], { server: server.url })
    const third = await ipam(['import', path], { server: server.url })

    expect(first.out).toBe('2 created, 0 skipped, 2 failed (ipam-allocations-csv)\n')
    expect(second).toMatchObject({ code: 0, out: '4 created, 0 skipped, 0 failed (ipam-allocations-csv)\n' })
    expect(third).toMatchObject({ code: 0, out: '4 created, 0 skipped, 0 failed (ipam-allocations-csv)\n' })
    expect(server.seen.map(({ body }) => body.trim().split('\n').length)).toEqual([4, 4, 2, 4, 2])
  })

  test('other options are another import, and --again is always one', async () => {
    const path = file('a.csv', csv(3))
    await ipam(['import', path])

    const skipping = await ipam(['import', path, '--skip-existing'])
    const again = await ipam(['import', path, '--again'])

    expect(skipping.out).toBe('0 created, 3 skipped, 0 failed (ipam-allocations-csv)\n')
    expect(again).toMatchObject({ code: 1, out: '0 created, 0 skipped, 3 failed (ipam-allocations-csv)\n' })
  })

  test('a dry run says what would happen, and changes nothing', async () => {
    const server = await relay(() => 'pass')

    const { code, out } = await ipam(['import', file('a.csv', csv(3)), '--dry-run'], { server: server.url })

    expect({ code, out }).toEqual({
      code: 0,
      out: '3 would be created, 0 skipped, 0 failed (ipam-allocations-csv)\n',
    })
    expect(server.seen[0]?.path).toContain('dry_run=true')
    expect(await allocationCount()).toBe(0)
  })

  test('--atomic is one request, all or none', async () => {
    const server = await relay(() => 'pass')
    const good = await ipam(['import', file('a.csv', csv(1_000)), '--atomic'], { server: server.url })
    const clash = await ipam(['import', file('b.csv', 'ip\n10.0.9.1\n10.0.0.1\n'), '--atomic'])
    const long = await ipam(['import', file('c.csv', csv(1_001)), '--atomic'])
    const wrong = await ipam(['import', file('d.csv', 'ip\n10.0.9.1\n10.0.0\n'), '--atomic'])

    expect(good.out).toBe('1000 created, 0 skipped, 0 failed (ipam-allocations-csv)\n')
    expect(server.seen).toHaveLength(1)
    expect(clash).toMatchObject({ code: 1, out: '0 created, 0 skipped, 1 failed (ipam-allocations-csv)\n' })
    expect(clash.complaints).toEqual([
      expect.stringMatching(/^row 3: .*10\.0\.0\.1/),
      'nothing was imported: --atomic is all or none',
    ])
    expect(long.complaints[0]).toBe(
      '--atomic takes at most 1000 rows in 1 MiB, and this has 1001 rows; leave it out, or split the file',
    )
    expect(wrong.complaints[1]).toBe('1 row is wrong, and --atomic is all or none: nothing was imported')
    expect(await allocationCount()).toBe(1_000)
  })

  test('other formats are seen by their first line, named by --format, and come from standard input', async () => {
    const hosts = await ipam(['import', '-'], { input: '127.0.0.1 localhost\n10.0.0.7 web www # front\n' })
    const networks = await ipam(['import', '-', '--format', 'phpipam-subnets'], {
      input: 'Section,Subnet,Mask,Description\nA,192.0.2.0,24,Docs\n',
    })
    const unknown = await ipam(['import', '-'], { input: 'what,is,this\n1,2,3\n' })
    const misspelt = await ipam(['import', '-', '--format', 'netbox-prefix'], { input: '' })

    expect(hosts.out).toBe('1 created, 1 skipped, 0 failed (hosts)\n')
    expect(hosts.complaints[0]).toMatch(/^row 1: skipped: /)
    expect(networks.out).toBe('1 created, 0 skipped, 0 failed (phpipam-subnets)\n')
    expect(unknown.code).toBe(1)
    expect(misspelt).toMatchObject({
      code: 2,
      complaints: [expect.stringContaining('did you mean netbox-prefixes?')],
    })
  })

  test('whoever stops it lets the chunk at hand end, and is told how to go on', async () => {
    const stopped = Promise.resolve()

    const { code, complaints } = await ipam(['import', file('a.csv', csv(1_201))], { stopped })

    expect({ code, complaints }).toEqual({
      code: 1,
      complaints: [
        'stopping after the rows at hand; once more to stop at once',
        'stopped; 500 of 1201 rows are done, up to row 501: to go on, run the same command again, which does nothing twice',
      ],
    })
    expect(await allocationCount()).toBe(500)
  })

  test('without a terminal, a line says every ten seconds how far it is', async () => {
    const busy: Fate = { ...NO_LEADER, headers: { 'Retry-After': '11' } }
    const server = await relay((_, count) => (count === 2 ? busy : 'pass'))

    const { code, complaints, drawn } = await ipam(['import', file('a.csv', csv(1_201))], {
      server: server.url,
    })

    expect(code).toBe(0)
    expect(complaints).toEqual([expect.stringMatching(/^1000 of 1201 rows \(83 %\), \d+ rows\/s$/)])
    expect(drawn).toBe('')
  })

  test('a terminal gets a bar, and a file none', async () => {
    const bar = await ipam(['import', file('a.csv', csv(501))], { isErrorTerminal: true })
    const none = await ipam(['import', file('b.csv', 'ip\n10.0.200.1\n')])

    expect(bar.drawn).toMatch(/\r\[#{30}\] 501 of 501 rows \(100 %\).*\n$/)
    expect(none.drawn).toBe('')
  })

  test('a file that is not there is named', async () => {
    const { code, complaints } = await ipam(['import', join(directory, 'none.csv')])

    expect(code).toBe(1)
    expect(complaints[0]).toMatch(/^the file cannot be read: ENOENT.*none\.csv/)
  })
})

describe('export', TIMEOUT, () => {
  beforeEach(async () => {
    await ipam(['import', '-'], { input: csv(3) })
  })

  test('what is written is what an import reads', async () => {
    const networks = join(directory, 'networks.csv')
    const allocations = join(directory, 'allocations.jsonl')

    const written = await ipam(['export', 'networks', '--output', networks])
    await ipam(['export', 'allocations', '--format', 'jsonl', '--output', allocations])
    const other = await openApi()
    const server = `http://${other.host}:${other.port}`
    const runs = [
      await ipam(['import', networks], { server }),
      await ipam(['import', allocations], { server }),
    ]
    await other.close()

    expect(written.complaints[0]).toMatch(/^wrote \d+ bytes to .*networks\.csv$/)
    expect(runs.map(({ out }) => out)).toEqual([
      '1 created, 0 skipped, 0 failed (ipam-networks-csv)\n',
      '3 created, 0 skipped, 0 failed (ipam-allocations-jsonl)\n',
    ])
  })

  test('it takes the filters of the list, and goes to standard output', async () => {
    const { out } = await ipam(['export', 'allocations', '--hostname', 'host-2', '--format', 'jsonl'])

    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).ip),
    ).toEqual(['10.0.0.2'])
  })

  test('a file is there when all of it is, or not at all', async () => {
    const path = join(directory, 'allocations.csv')
    const server = await relay(() => ({ status: 200, body: 'ip\n', headers: { 'Content-Length': '100' } }))

    const broken = await ipam(['export', 'allocations', '--output', path], { server: server.url })
    const isThere = existsSync(path) || existsSync(`${path}.part`)
    const nowhere = await ipam(['export', 'allocations', '--output', join(directory, 'no', 'a.csv')])
    await ipam(['export', 'allocations', '--output', path])
    const whole = readFileSync(path, 'utf8')
    await ipam(['export', 'allocations', '--output', path], { server: server.url })

    expect(broken.code).toBe(1)
    expect(isThere).toBe(false)
    expect(readFileSync(path, 'utf8'), 'the file of before').toBe(whole)
    expect(nowhere.complaints[0]).toContain('cannot be written: ENOENT')
    expect(whole.trim().split('\n')).toHaveLength(4)
  })
})
