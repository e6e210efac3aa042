import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Api, allocationIdAt, openApi } from '../http/fixture.ts'
import { ipam as ipamOf, type Ran, type ShellOptions } from './client-fixture.ts'

const apis: Api[] = []
let api: Api

beforeEach(async () => {
  api = await openApi()
  apis.push(api)
})

afterAll(async () => {
  for (const each of apis) await each.close()
})

function ipam(words: string, options: ShellOptions = {}): Promise<Ran> {
  const env = { IPAM_SERVER: `http://${api.host}:${api.port}`, ...options.env }
  return ipamOf(split(words), { ...options, env })
}

/** Words at spaces; what is in double quotes stays together. */
function split(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ''))
}

describe('networks', () => {
  test('add prints the network, and takes every setting', async () => {
    const { code, out } = await ipam(
      'network add 10.0.0.0/24 --description "Office, 2nd floor" --tag prod --tag web --gateway 10.0.0.1 ' +
        '--reserved 10.0.0.2-10.0.0.9 --reserved 10.0.0.128/25 --cooldown 1h30m --strategy next --meta owner=ada --meta vlan=7',
    )

    expect(code).toBe(0)
    expect(out).toBe(`cidr         10.0.0.0/24
id           net-1
namespace    default
parent       -
description  Office, 2nd floor
tags         prod,web
gateway      10.0.0.1
reserved     10.0.0.2-10.0.0.9, 10.0.0.128/25
cooldown     5400 s
strategy     next
metadata     owner=ada, vlan=7
created      2024-01-15T10:30:00Z
updated      2024-01-15T10:30:00Z
`)
  })

  test('a list is aligned in columns, and never cut where no terminal is', async () => {
    const description = 'a long description '.repeat(20).trim()
    await ipam(`network add 10.0.0.0/24 --tag prod --description "${description}"`)
    await ipam('network add 10.0.0.0/26 --namespace laboratory')

    const { out } = await ipam('network list')

    expect(out).toBe(`CIDR         NAMESPACE   ID     TAGS  DESCRIPTION
10.0.0.0/24  default     net-1  prod  ${description}
10.0.0.0/26  laboratory  net-2  -
`)
  })

  test('on a terminal lines are cut to its width, and the head is bold unless NO_COLOR is set', async () => {
    await ipam(`network add 10.0.0.0/24 --description "${'long '.repeat(40)}"`)

    const colored = await ipam('network list', { columns: 60 })
    const plain = await ipam('network list', { columns: 60, env: { NO_COLOR: '1' } })

    expect(plain.out.split('\n').map((line) => line.length)).toEqual([48, 60, 0])
    expect(plain.out).toMatch(/long .*…\n$/)
    expect(plain.out).not.toContain('\u001b')
    expect(colored.out).toContain('\u001b[1mCIDR\u001b[0m')
  })

  test('text of others cannot steer the terminal', async () => {
    await ipam('network add 10.0.0.0/24')
    await api.request('PATCH', '/networks/net-1', { description: 'a\nb\u202ec' })

    const { out } = await ipam('network list')

    expect(out).toContain('  a b\ufffdc\n')
  })

  test('a network is named by id, or by CIDR in its namespace', async () => {
    await ipam('network add 10.0.0.0/24')
    await ipam('network add 10.0.0.0/24 --namespace lab')

    const shown = await Promise.all(
      ['net-1', '10.0.0.0/24', 'net-2', '10.0.0.0/24 --namespace lab'].map((ref) =>
        ipam(`network show ${ref} --json`),
      ),
    )

    expect(shown.map(({ out }) => JSON.parse(out).id)).toEqual(['net-1', 'net-1', 'net-2', 'net-2'])
  })

  test('set changes what is named, clears what is empty, and leaves the rest', async () => {
    await ipam(
      'network add 10.0.0.0/24 --description Office --tag prod --gateway 10.0.0.1 --meta a=1 --meta b=2',
    )

    await ipam('network set 10.0.0.0/24 --tag= --gateway= --meta a= --meta c=3')

    const { body } = await api.request('GET', '/networks/net-1')
    expect(body).toMatchObject({
      description: 'Office',
      tags: [],
      gateway: null,
      metadata: { b: '2', c: '3' },
    })
  })

  test('set and delete with --if-match do nothing once somebody else has changed it', async () => {
    await ipam('network add 10.0.0.0/24')
    const { out } = await ipam('network show net-1')
    const [, etag] = /^etag +([0-9]+)$/m.exec(out) ?? []
    await ipam('network set net-1 --description mine')

    const set = await ipam(`network set net-1 --description stale --if-match ${etag}`)
    const deleted = await ipam(`network delete net-1 --if-match ${etag}`)

    expect([set.code, deleted.code]).toEqual([4, 4])
    expect((await api.request('GET', '/networks/net-1')).body.description).toBe('mine')
  })

  test('delete says what it deleted, on standard error', async () => {
    await ipam('network add 10.0.0.0/24')

    const { code, out, complaints } = await ipam('network delete 10.0.0.0/24')

    expect({ code, out, complaints }).toEqual({
      code: 0,
      out: '',
      complaints: ['deleted 10.0.0.0/24 (net-1)'],
    })
  })

  test('free shows blocks, or the next addresses, or the next networks; carve makes them', async () => {
    await ipam('network add 10.0.0.0/24 --reserved 10.0.0.0/25')

    const blocks = await ipam('network free net-1')
    const addresses = await ipam('network free net-1 --count 2')
    const networks = await ipam('network free net-1 --length 27 --count 2')
    const carved = await ipam('network carve 10.0.0.0/24 --length 27 --count 2 --tag dmz --json')

    expect(blocks.out).toBe('10.0.0.128/25\n')
    expect(addresses.out).toBe('10.0.0.128\n10.0.0.129\n')
    expect(networks.out).toBe('10.0.0.128/27\n10.0.0.160/27\n')
    expect(JSON.parse(carved.out)).toMatchObject([
      { cidr: '10.0.0.128/27', parent_id: 'net-1', tags: ['dmz'] },
      { cidr: '10.0.0.160/27', parent_id: 'net-1' },
    ])
  })

  test('stats names every kind of address', async () => {
    await ipam('network add 10.0.0.0/24 --reserved 10.0.0.128/25')
    await ipam('allocate net-1')

    const { out } = await ipam('network stats 10.0.0.0/24')

    expect(out).toMatch(
      /^utilization +0.4 %\nusable +254\nallocated +1\nin children +0\nreserved +127\ncooling +0\navailable +126\nnext +10.0.0.2\nlast +10.0.0.1\nlargest block +10.0.0.64\/26\n$/,
    )
  })

  test('list filters by what is around, inside, below and said', async () => {
    await ipam('network add 10.0.0.0/16 --tag core')
    await ipam('network add 10.0.1.0/24 --description "Printers of Berlin"')
    await ipam('network add 10.1.0.0/16')
    const cidrs = async (flags: string) => {
      const { out } = await ipam(`network list --json ${flags}`)
      return JSON.parse(out).map(({ cidr }: { cidr: string }) => cidr)
    }

    expect(await cidrs('--within 10.0.0.0/16')).toEqual(['10.0.0.0/16', '10.0.1.0/24'])
    expect(await cidrs('--contains 10.0.1.7')).toEqual(['10.0.0.0/16', '10.0.1.0/24'])
    expect(await cidrs('--parent 10.0.0.0/16')).toEqual(['10.0.1.0/24'])
    expect(await cidrs('--tag core')).toEqual(['10.0.0.0/16'])
    expect(await cidrs('--query "berlin print"')).toEqual(['10.0.1.0/24'])
    expect(await cidrs('--namespace lab')).toEqual([])
  })
})

describe('allocations', () => {
  beforeEach(async () => {
    await ipam('network add 10.0.0.0/24')
  })

  test('allocate takes every setting, and shows the allocation', async () => {
    const { code, out } = await ipam(
      'allocate 10.0.0.0/24 --prefer 10.0.0.64 --count 16 --align 16 --hostname web --description pool --tag a ' +
        '--mac 00-00-5E-00-53-01 --meta rack=7 --ttl 1d',
    )

    expect(code).toBe(0)
    expect(out).toBe(`address      10.0.0.64-10.0.0.79
id           ${allocationIdAt(2)}
network      net-1
status       allocated
hostname     web
description  pool
tags         a
mac          00:00:5e:00:53:01
metadata     rack=7
allocated    2024-01-15T10:30:00Z
expires      2024-01-16T10:30:00Z
`)
  })

  test('an address alone says which network', async () => {
    const { out } = await ipam('allocate --ip 10.0.0.77 --json')

    expect(JSON.parse(out)).toMatchObject({ ip: '10.0.0.77', network_id: 'net-1' })
  })

  test('an address stands for the allocation that has it now', async () => {
    await ipam('allocate net-1 --hostname old')
    await ipam('release 10.0.0.1')
    await ipam('allocate net-1 --hostname new')

    const shown = await ipam('show 10.0.0.1 --json')
    await ipam('set 10.0.0.1 --hostname newer --tag t')
    await ipam('renew 10.0.0.1 --ttl 2h')
    const { complaints } = await ipam('release 10.0.0.1')

    expect(JSON.parse(shown.out)).toMatchObject({ id: allocationIdAt(4), hostname: 'new' })
    expect(complaints).toEqual([`released 10.0.0.1 (${allocationIdAt(4)})`])
    expect((await api.request('GET', `/allocations/${allocationIdAt(4)}`)).body).toMatchObject({
      hostname: 'newer',
      tags: ['t'],
      status: 'released',
      expires_at: '2024-01-15T12:30:00Z',
    })
  })

  test('never takes the end away', async () => {
    await ipam('allocate net-1 --ttl 1h')

    await ipam(`renew ${allocationIdAt(2)} --ttl never`)

    expect((await api.request('GET', `/allocations/${allocationIdAt(2)}`)).body.expires_at).toBeNull()
  })

  test('a range is released by its id or first address, never by one in its middle', async () => {
    await ipam('allocate net-1 --count 4')

    const middle = await ipam('release 10.0.0.3')
    const first = await ipam('release 10.0.0.1')

    expect(middle).toMatchObject({
      code: 2,
      complaints: [
        `10.0.0.3 is one of the range 10.0.0.1-10.0.0.4, which ends as a whole: name it by ${allocationIdAt(2)} or 10.0.0.1`,
      ],
    })
    expect(first.code).toBe(0)
  })

  test('list filters, and shows ranges and ends', async () => {
    await ipam('allocate net-1 --hostname web-1 --tag prod --ttl 1h')
    await ipam('allocate net-1 --hostname db-1 --count 2 --mac 00:00:5e:00:53:01')
    await ipam('allocate net-1 --hostname web-2')
    await ipam(`release ${allocationIdAt(4)}`)
    const ids = async (flags: string) => {
      const { out } = await ipam(`list --json ${flags}`, { wallTime: Date.UTC(2024, 0, 15, 10) })
      return JSON.parse(out).map(({ id }: { id: string }) => id)
    }

    expect(
      (await ipam('list')).out,
    ).toBe(`ADDRESS            HOSTNAME  STATUS     EXPIRES               ID                   NETWORK  TAGS  DESCRIPTION
10.0.0.1           web-1     allocated  2024-01-15T11:30:00Z  ${allocationIdAt(2)}  net-1    prod
10.0.0.2-10.0.0.3  db-1      allocated  never                 ${allocationIdAt(3)}  net-1    -
`)
    expect(await ids('--network 10.0.0.0/24 --hostname WEB')).toEqual([allocationIdAt(2)])
    expect(await ids('--all')).toEqual([allocationIdAt(2), allocationIdAt(3), allocationIdAt(4)])
    expect(await ids('--status released')).toEqual([allocationIdAt(4)])
    expect(await ids('--tag prod')).toEqual([allocationIdAt(2)])
    expect(await ids('--mac 0000.5e00.5301')).toEqual([allocationIdAt(3)])
    expect(await ids('--expires-before 2h')).toEqual([allocationIdAt(2)])
    expect(await ids('--expires-before 1h')).toEqual([])
    expect(await ids('--query web')).toEqual([allocationIdAt(2)])
  })

  test('find tells everything about an address, now and then', async () => {
    await ipam('allocate net-1 --hostname first')
    api.service.time += 3_600_000
    await ipam(`release ${allocationIdAt(2)}`)
    await ipam('allocate net-1 --hostname second')

    const now = await ipam('find 10.0.0.1')
    const then = await ipam('find 10.0.0.1 --at 2024-01-15T11:00:00Z')
    const ago = await ipam('find 10.0.0.1 --at 1h --json')

    expect(now.out).toContain('now        allocated\n')
    expect(now.out).toMatch(/Who has it:\naddress +10.0.0.1\nid +alloc-V1StGXR8Z5jd4\n/)
    expect(now.out).toMatch(
      /History, newest first:\nFROM .*\n.* now .* second .*\n.* 2024-01-15T11:30:00Z .* first .*\n/,
    )
    expect(then.out).toMatch(/Who had it then:\naddress +10.0.0.1\nid +alloc-V1StGXR8Z5jd2\n/)
    expect(JSON.parse(ago.out)).toMatchObject({ ip: '10.0.0.1', allocation: { id: allocationIdAt(2) } })
  })

  test('find tells until when an address rests, what reserves it, and that its history is longer', async () => {
    await ipam('network add 10.0.1.0/29 --gateway 10.0.1.1 --reserved 10.0.1.2-10.0.1.5')
    for (let i = 0; i < 100; i++) {
      const { body } = await api.request('POST', '/allocations', { ip: '10.0.1.6' })
      await api.request('POST', `/allocations/${body.id}/release`)
      if (i === 98) await ipam('network set 10.0.1.0/29 --cooldown 1h')
    }

    const [gateway, reserved, resting] = [
      await ipam('find 10.0.1.1'),
      await ipam('find 10.0.1.4'),
      await ipam('find 10.0.1.6'),
    ]

    expect(gateway.out).toMatch(/^now +reserved\nreserved by +gateway$/m)
    expect(reserved.out).toMatch(/^now +reserved\nreserved by +10\.0\.1\.2-10\.0\.1\.5$/m)
    expect(resting.out).toMatch(/^now +cooling\nrests until +2024-01-15T\d\d:30:00Z$/m)
    expect(resting.out).toContain(
      'The newest 100 of its history (all of it: ipam audit --ip 10.0.1.6):\nFROM',
    )
  })

  test('find looks for a name in host names, and else in all texts', async () => {
    await ipam('allocate net-1 --hostname printer-7')
    await ipam('allocate net-1 --hostname x --description "near the printer"')
    await ipam('allocate net-1 --hostname y --description "under the desk"')

    const byName = await ipam('find printer --json')
    const byText = await ipam('find desk --json')
    const none = await ipam('find nothing --json')

    expect(JSON.parse(byName.out)).toMatchObject([{ hostname: 'printer-7' }])
    expect(JSON.parse(byText.out)).toMatchObject([{ hostname: 'y' }])
    expect(none).toMatchObject({ code: 3, out: '[]\n' })
  })

  test.each([
    { text: '10.0.0.300', says: '10.0.0.300 is not an IP address: 300 is above 255' },
    { text: '2001::db8::1', says: '2001::db8::1 has more than one ::' },
    { text: '00:00:5e:00:53:01', says: null },
  ])('find tells what is wrong with $text, which nothing has', async ({ text, says }) => {
    const { code, complaints } = await ipam(`find ${text}`)
    const err = complaints.join('\n')

    expect(code).toBe(3)
    expect(err).toContain(`nothing has "${text}" in its texts`)
    if (says === null) expect(err).not.toContain('is not an IP address')
    else expect(err).toContain(says)
  })

  test('an address that no network has is not found', async () => {
    const { code, out } = await ipam('find 192.0.2.1')

    expect(code).toBe(3)
    expect(out).toContain('now        unmanaged\n')
  })
})

describe('lists', { timeout: 120_000 }, () => {
  test('--json is what the API answered, all pages as one array', async () => {
    await ipam('network add 10.0.0.0/16')
    const items = Array.from({ length: 1_000 }, () => ({ network_id: 'net-1' }))
    for (let i = 0; i < 2; i++) await api.request('POST', '/allocations/batch', { items })
    await api.request('POST', '/allocations', { network_id: 'net-1' })

    const { out } = await ipam('list --json')
    const { body } = await api.request('GET', '/allocations?limit=10000')
    const limited = await ipam('list --json --limit 1500')
    const table = await ipam('list --limit 1500')

    expect(body).toHaveLength(2_001)
    expect(JSON.parse(out)).toEqual(body)
    expect(JSON.parse(limited.out)).toEqual(body.slice(0, 1_500))
    expect(table.out.match(/^ADDRESS/gm)).toHaveLength(1)
    expect(table.out.split('\n')).toHaveLength(1_502)
  })

  test('all pages have the filters of the first', async () => {
    const place = { cidr: '10.0.0.0/16', namespace: 'default' }
    for (const namespace of ['default', 'lab']) await ipam(`network add 10.0.0.0/16 --namespace ${namespace}`)
    const items = Array.from({ length: 1_000 }, () => place)
    await api.request('POST', '/allocations/batch', { items })
    // The second page.
    await api.request('POST', '/allocations/batch', { items: [place, { ...place, namespace: 'lab' }] })

    const { out } = await ipam('list --json --namespace default')

    const rows = JSON.parse(out)
    expect(rows).toHaveLength(1_001)
    expect(rows.every((row: { network_id: string }) => row.network_id === 'net-1')).toBe(true)
  })

  test('an empty list is an empty array, and no table', async () => {
    expect(await ipam('list --json')).toMatchObject({ code: 0, out: '[]\n' })
    expect(await ipam('list')).toMatchObject({ code: 0, out: '' })
  })

  test('one record is printed byte by byte as the API wrote it', async () => {
    await ipam('network add 10.0.0.0/24')
    const response = await fetch(`http://${api.host}:${api.port}/api/v1/networks/net-1`)

    expect((await ipam('network show net-1 --json')).out).toBe(`${await response.text()}\n`)
  })

  test('whoever has seen enough, as head does, is no failure', async () => {
    await ipam('network add 10.0.0.0/24')

    expect(await ipam('network list --json', { isClosedEarly: true })).toMatchObject({
      code: 0,
      complaints: [],
    })
  })

  test('the audit log comes oldest first, and filters', async () => {
    await ipam('network add 10.0.0.0/24')
    await ipam('allocate net-1')
    api.service.time += 3_600_000
    await ipam(`release ${allocationIdAt(2)}`)

    const all = await ipam('audit')
    const newest = await ipam('audit --limit 2 --json')
    const recent = await ipam('audit --since 1h --json', { wallTime: api.service.time + 60_000 })
    const older = await ipam('audit --until 2024-01-15T11:00:00Z --action ip_allocated --json')
    const ofAddress = await ipam('audit --ip 10.0.0.1 --json')

    expect(all.out).toMatch(/^TIME .*\n.* network_created .*\n.* ip_allocated .*\n.* ip_released .*\n$/)
    const actions = ({ out }: Ran) => JSON.parse(out).map(({ action }: { action: string }) => action)
    expect(actions(newest)).toEqual(['ip_allocated', 'ip_released'])
    expect(actions(recent)).toEqual(['ip_released'])
    expect(actions(older)).toEqual(['ip_allocated'])
    expect(actions(ofAddress)).toEqual(['ip_allocated', 'ip_released'])
  })
})

describe('the cluster', () => {
  test('status shows the members', async () => {
    const { out } = await ipam('cluster status')

    expect(out).toMatch(/^cluster +100\nleader +node 1 \(127.0.0.1:5001\)\n/)
    expect(out).toMatch(
      /NODE {2}ADDR +ROLE +VOTES +HEALTHY +MATCH +CONTACT +REASONS\n +1 {2}127.0.0.1:5001 +leader +yes +yes +0 +0 ms\n$/,
    )
  })

  test('members come and go', async () => {
    const runs = [await ipam('cluster add 4 10.0.0.4:5004'), await ipam('cluster remove 4 --force')]

    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    expect(runs[0]?.complaints).toEqual([
      'node 4 is a member; start it at 10.0.0.4:5004 with: ipam server --config FILE --node-id 4 --join, and node 4 in FILE',
    ])
  })

  test('a node that follows is drained, and undrained', async () => {
    api.service.role = 'follower'

    expect((await ipam('cluster drain')).code).toBe(0)
    expect(api.service.readiness().reasons).toEqual(['draining'])
    expect((await ipam('cluster undrain')).code).toBe(0)
    expect(api.service.readiness().ready).toBe(true)
  })

  test.each([
    { words: 'cluster remove 1', complaint: 'node 1 is the only voter' },
    { words: 'cluster transfer', complaint: 'no other voter could take over' },
    { words: 'cluster drain', complaint: 'no other voter could take over' },
  ])('a refused change is a conflict: $words', async ({ words, complaint }) => {
    const { code, complaints } = await ipam(words)

    expect({ code, complaints }).toEqual({ code: 4, complaints: [complaint] })
  })

  test('who was never a member is not there', async () => {
    expect((await ipam('cluster remove 9')).code).toBe(3)
  })

  test('a transfer to the node that leads is done already', async () => {
    expect((await ipam('cluster transfer 1')).code).toBe(0)
  })

  test('drain is for the one node that is named', async () => {
    const { code, complaints } = await ipam('cluster drain --server node1:8080,node2:8080')

    expect(code).toBe(2)
    expect(complaints[0]).toContain('one node at a time')
  })
})

interface Wrong {
  readonly words: string
  readonly code: number
  readonly says: string
}

describe('exit codes', () => {
  beforeEach(async () => {
    await ipam('network add 10.0.0.0/24')
    await ipam('network add 10.9.0.0/24 --namespace lab')
    await ipam('network add 10.9.0.0/24 --namespace prod')
    await ipam('allocate --ip 10.9.0.5 --namespace lab --hostname web')
  })

  test.each<Wrong>([
    { words: 'network add 10.0.0.5/24', code: 2, says: 'did you mean 10.0.0.0/24?' },
    { words: 'network add 10.0.0.0/24', code: 4, says: 'net-1' },
    { words: 'network add', code: 2, says: 'CIDR is missing: ipam network add CIDR' },
    { words: 'network add 10.0.0.0/24 10.0.1.0/24', code: 2, says: '"10.0.1.0/24" is one too many' },
    { words: 'network ad 10.0.0.0/24', code: 2, says: 'did you mean ipam network add?' },
    { words: 'network', code: 2, says: 'what to do is missing: ipam network add|list|' },
    {
      words: 'network list --namspace lab',
      code: 2,
      says: 'unknown flag --namspace; did you mean --namespace?',
    },
    { words: 'network list -n lab', code: 2, says: 'unknown flag -n; see ipam network list --help' },
    { words: 'network list --tag', code: 2, says: '--tag needs a value: --tag TAG' },
    {
      words: 'network list --tag --json',
      code: 2,
      says: '--tag needs a value; if "--json" is it, write --tag=--json',
    },
    { words: 'network list --tag a --tag b', code: 2, says: '--tag is given more than once' },
    { words: 'network list --json=yes', code: 2, says: '--json takes no value, but has "yes"' },
    { words: 'network set net-1 --strategy lowst', code: 2, says: 'did you mean lowest?' },
    { words: 'network set net-1', code: 2, says: 'nothing to change is named' },
    { words: 'network carve net-1', code: 2, says: '--length is missing' },
    { words: 'network show 10.0.0.5', code: 2, says: 'ipam network list --contains 10.0.0.5' },
    { words: 'network show "a b"', code: 2, says: '"a b" is no id' },
    { words: 'network show net-1 --namespace lab', code: 2, says: 'net-1 is an id' },
    { words: 'network show net-99', code: 3, says: 'no network has the id net-99' },
    {
      words: 'network show 10.7.0.0/24',
      code: 3,
      says: 'no network 10.7.0.0/24 is in namespace default; to see',
    },
    { words: 'network show 10.9.0.0/24', code: 3, says: 'there is with --namespace lab or --namespace prod' },
    { words: 'list --network 10.9.0.0/24', code: 2, says: '(lab, prod); say which with --namespace' },
    { words: 'list --all --status released', code: 2, says: '--all does not go with --status' },
    { words: 'list --limit 0', code: 2, says: '--limit takes a whole number from 1' },
    { words: 'list --limit ten', code: 2, says: '--limit takes a whole number, not "ten"' },
    { words: 'list --expires-before soon', code: 2, says: 'a time such as 2026-01-31T12:00:00Z' },
    { words: 'audit --since 999999999w', code: 2, says: 'not "999999999w"' },
    { words: 'list --expires-before 1001w', code: 0, says: '' },
    { words: 'find 10.0.0.5 --at 9999999d', code: 2, says: 'not "9999999d"' },
    { words: 'allocate', code: 2, says: 'which network?' },
    { words: 'allocate net-99', code: 3, says: 'net-99' },
    {
      words: 'allocate net-1 --ttl 5',
      code: 2,
      says: 'a duration such as 90s, 24h or 7d, or never; not "5"',
    },
    { words: 'allocate net-1 --mac 00:00', code: 2, says: '--mac: 00:00 is not a MAC address' },
    { words: 'allocate net-1 --meta owner', code: 2, says: '--meta takes KEY=VALUE, not "owner"' },
    { words: 'allocate --ip 10.9.0.5 --namespace lab', code: 4, says: '10.9.0.5' },
    { words: 'allocate net-1 --ip 010.0.0.1', code: 2, says: '--ip: ' },
    {
      words: 'show 10.0.0.77',
      code: 3,
      says: 'nobody has 10.0.0.77, it is free; who had it: ipam find 10.0.0.77',
    },
    { words: 'show 10.9.0.5', code: 3, says: `in another namespace ${allocationIdAt(4)} (web) has it` },
    { words: 'show 10.0.0.300', code: 2, says: '300 is above 255' },
    { words: `show ${allocationIdAt(99)}`, code: 3, says: `no allocation has the id ${allocationIdAt(99)}` },
    { words: `renew ${allocationIdAt(4)}`, code: 2, says: '--ttl is missing' },
    { words: 'network delete 10.9.0.0/24 --namespace lab', code: 4, says: 'allocation' },
    { words: 'find web --at 1h', code: 2, says: '--at goes with an address' },
    { words: 'audit --action ip_alocated', code: 2, says: 'action: must be one of' },
    { words: 'cluster add four 10.0.0.4:5004', code: 2, says: 'a whole number from 1, not "four"' },
    { words: 'completion tcsh', code: 2, says: 'SHELL cannot be "tcsh": ipam completion bash|zsh|fish' },
    { words: 'list --server ftp://a', code: 2, says: 'takes URLs such as http://127.0.0.1:8080' },
    { words: 'list --timeout never', code: 2, says: '--timeout takes a duration above 0' },
  ])('ipam $words: $code, $says', async ({ words, code, says }) => {
    const ran = await ipam(words)

    expect(ran.complaints.join('\n')).toContain(says)
    expect(ran.code).toBe(code)
    expect(ran.out).toBe('')
  })
})
