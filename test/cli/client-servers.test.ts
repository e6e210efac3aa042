import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newKey } from '../../src/cli/client/api.ts'
import { RATE_LIMITS } from '../../src/http/limits.ts'
import { type Api, openApi } from '../http/fixture.ts'
import {
  deadServer,
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
let apiUrl: string
let relays: Relay[]

beforeEach(async () => {
  api = await openApi()
  apiUrl = `http://${api.host}:${api.port}`
  relays = []
})

afterEach(async () => {
  for (const proxy of relays) await proxy.close()
  await api.close()
})

async function relay(fateOf: (seen: Seen, count: number) => Fate): Promise<Relay> {
  const opened = await openRelay(apiUrl, fateOf)
  relays.push(opened)
  return opened
}

function ipam(words: string, servers: readonly string[], options: ShellOptions = {}): Promise<Ran> {
  return ipamOf([...words.split(' '), '--server', servers.join(',')], options)
}

async function networkCount(): Promise<number> {
  return (await api.request('GET', '/networks')).body.length
}

describe('the status of the cluster', () => {
  async function withAnother(act: (another: Api, url: string) => Promise<void>): Promise<void> {
    const another = await openApi()
    try {
      await act(another, `http://${another.host}:${another.port}`)
    } finally {
      await another.close()
    }
  }

  test('is what the leader says, whichever server is named first, and whoever else is down or hangs', async () => {
    await withAnother(async (leader, url) => {
      api.service.role = 'follower'
      leader.service.term = 7
      const hung = await relay((_, count) => (count === 1 ? NO_LEADER : 'hang'))

      const { out, code } = await ipam('cluster status', [hung.url, apiUrl, await deadServer(), url])

      expect(code).toBe(0)
      expect(out).toMatch(/^term +7$/m)
      expect(out).toMatch(/^asked +node 1 \(leader\)/m)
    })
  })

  test('is that of the newest leader, where one that was cut off does not know it yet', async () => {
    await withAnother(async (newest, url) => {
      api.service.role = 'follower'
      newest.service.term = 7
      await withAnother(async (old, oldUrl) => {
        old.service.term = 6

        const { out } = await ipam('cluster status --json', [apiUrl, oldUrl, url])

        expect(JSON.parse(out)).toMatchObject({ role: 'leader', term: 7 })
      })
    })
  })

  test('is what the first says that answers, where no leader is among them', async () => {
    await withAnother(async (other, url) => {
      api.service.role = 'follower'
      api.service.term = 3
      other.service.role = 'follower'

      const { out, code } = await ipam('cluster status --json', [await deadServer(), apiUrl, url])

      expect([code, JSON.parse(out)]).toMatchObject([0, { role: 'follower', term: 3 }])
    })
  })
})

describe('several servers', () => {
  test('a read and a write go to the next one where nobody listens', async () => {
    const servers = [await deadServer(), apiUrl]

    const added = await ipam('network add 10.0.0.0/24', servers)
    const listed = await ipam('network list --json', servers)

    expect([added.code, listed.code]).toEqual([0, 0])
    expect(JSON.parse(listed.out)).toHaveLength(1)
  })

  test('they go to the next one at once where there is no leader', async () => {
    const first = await relay(() => NO_LEADER)

    const { code } = await ipam('network add 10.0.0.0/24', [first.url, apiUrl])

    expect(code).toBe(0)
    expect(first.seen).toHaveLength(1)
    expect(await networkCount()).toBe(1)
  })

  test('they go to the next one where one hangs, within the time for all', async () => {
    const first = await relay(() => 'hang')

    const { code } = await ipam('network add 10.0.0.0/24 --timeout 9s', [first.url, apiUrl])

    expect(code).toBe(0)
    expect(first.seen).toHaveLength(1)
  })

  test('the variable names them too, without scheme, with the path of the API, and the flag wins', async () => {
    const addr = `${api.host}:${api.port}`
    const env = { IPAM_SERVER: `${addr}/api/v1/, http://${addr}` }

    const byVariable = await ipamOf(['network', 'list'], { env })
    const byFlag = await ipam('network list', [await deadServer()], { env })

    expect(byVariable.code).toBe(0)
    expect(byFlag.code).toBe(1)
  })

  test('a command of several requests stays with the server that answers', async () => {
    const first = await relay(() => NO_LEADER)
    await ipam('network add 10.0.0.0/24', [apiUrl])

    await ipam('network delete 10.0.0.0/24', [first.url, apiUrl])

    expect(first.seen).toHaveLength(1)
  })
})

describe('retries', () => {
  test('every write has a key of its own, also one without a retry', async () => {
    const server = await relay(() => 'pass')

    await ipam('network add 10.0.0.0/24', [server.url])
    await ipam('network add 10.0.1.0/24', [server.url])

    const keys = server.seen.map(({ key }) => key ?? '')
    expect(keys.every((key) => /^[\w-]{21}$/.test(key))).toBe(true)
    expect(new Set(keys).size).toBe(2)
  })

  test('a write whose answer was lost is sent again with the same key, and done once', async () => {
    const server = await relay((_, count) => (count === 1 ? 'cutAfter' : 'pass'))

    const { code, out } = await ipam('network add 10.0.0.0/24 --json', [server.url])

    expect(code).toBe(0)
    expect(JSON.parse(out).id).toBe('net-1')
    expect(server.seen).toHaveLength(2)
    expect(server.seen[1]).toEqual(server.seen[0])
    expect(await networkCount()).toBe(1)
  })

  test('the answer that was lost may be asked of another node', async () => {
    const first = await relay(() => 'cutAfter')

    const { code, out } = await ipam('network add 10.0.0.0/24 --json', [first.url, apiUrl])

    expect(code).toBe(0)
    expect(JSON.parse(out).id).toBe('net-1')
    expect(await networkCount()).toBe(1)
  })

  test.each<{ why: string; fate: Fate }>([
    { why: 'no leader for a moment', fate: NO_LEADER },
    {
      why: 'the outcome is unknown, which the key makes harmless',
      fate: {
        status: 504,
        body: '{"error": "outcome unknown", "reason": "outcome_unknown", "applied": "unknown"}',
        headers: {},
      },
    },
    {
      why: 'throttled',
      fate: {
        status: 429,
        body: '{"error": "slow", "reason": "overloaded", "applied": "no"}',
        headers: { 'Retry-After': '2' },
      },
    },
    { why: 'a proxy says so, which knows nothing', fate: { status: 503, body: '<html>', headers: {} } },
    { why: 'a proxy lost its server', fate: { status: 502, body: '', headers: {} } },
    { why: 'the connection broke before anything was done', fate: 'cutBefore' },
  ])('a write is tried again: $why', async ({ fate }) => {
    const server = await relay((_, count) => (count <= 2 ? fate : 'pass'))

    const { code } = await ipam('network add 10.0.0.0/24', [server.url])

    expect(code).toBe(0)
    expect(new Set(server.seen.map(({ key }) => key)).size).toBe(1)
    expect(server.seen).toHaveLength(3)
  })

  test.each([
    { why: 'the API says that a retry does not help', status: 503, reason: 'state_diverged' },
    { why: 'the disk is full', status: 507, reason: 'disk_low' },
    { why: 'our own bug, before anything was done', status: 500, reason: 'internal_error' },
  ])('a write is not tried again, and nothing was changed: $why', async ({ status, reason }) => {
    const body = JSON.stringify({ error: 'the reason', reason, applied: 'no' })
    const server = await relay(() => ({ status, body, headers: {} }))

    const { code, complaints } = await ipam('network add 10.0.0.0/24', [server.url])

    expect(code).toBe(1)
    expect(complaints[0]).toContain('the reason')
    expect(server.seen).toHaveLength(1)
  })

  test('Retry-After is honoured, and a wait beyond the time for all is not begun', async () => {
    const server = await relay(() => NO_LEADER)

    const patient = await ipam('network add 10.0.0.0/24 --timeout 5s', [server.url])
    const attempts = server.seen.length
    const hasty = await ipam('network add 10.0.0.0/24 --timeout 500ms', [server.url])

    // One at the start, and one each second or, where the pause has grown, two.
    expect(attempts).toBe(5)
    expect(server.seen.length - attempts).toBe(1)
    expect(patient).toMatchObject({ code: 1 })
    expect(patient.complaints[0]).toMatch(/^gave up after \d s: .*: no leader; nothing was changed$/)
    expect(hasty.code).toBe(1)
  })
})

describe('a server that limits the rate', () => {
  test('is asked again when it said so, within the time, and each write is carried out once', async () => {
    const rates = { ...RATE_LIMITS, reads: null, writes: { perSecond: 1, burst: 1 } }
    const limited = await openApi({ http: { rates } })
    const waits: number[] = []
    const onWait = (ms: number): void => {
      waits.push(Math.round(ms))
      limited.clock.ms += Math.round(ms)
    }
    try {
      const url = `http://${limited.host}:${limited.port}`
      const first = await ipam('network add 10.0.0.0/24', [url], { onWait })
      const second = await ipam('network add 10.0.1.0/24', [url], { onWait })
      const hasty = await ipam('network add 10.0.2.0/24 --timeout 500ms', [url], { onWait })

      expect([first.code, second.code]).toEqual([0, 0])
      expect(waits).toEqual([1_000])
      expect(limited.refusals.of('writes')).toBe(2)
      expect(hasty.code).toBe(1)
      expect(hasty.complaints[0]).toMatch(/too many requests of 127\.0\.0\.1: .*; nothing was changed/)
      expect((await limited.request('GET', '/networks')).body).toHaveLength(2)
    } finally {
      await limited.close()
    }
  })
})

describe('outcomes', () => {
  test('no server at all fails at once, and says how to name or start one', async () => {
    const dead = await deadServer()

    const { code, complaints } = await ipam('network add 10.0.0.0/24', [dead])

    expect(code).toBe(1)
    expect(complaints).toEqual([
      `no server can answer: ${dead}: connection refused; nothing was changed. Name others with --server or IPAM_SERVER; to start one: ipam server`,
    ])
  })

  test('a key that is made never looks like a flag', () => {
    expect(Array.from({ length: 2_000 }, newKey).filter((key) => !/^k[\w-]{20}$/.test(key))).toEqual([])
  })

  test('a write whose answer never comes is unknown, and the key it names tells later', async () => {
    const server = await relay(() => 'cutAfter')

    const lost = await ipam('network add 10.0.0.0/24', [server.url])
    const [, key] = /--idempotency-key (\S+),/.exec(lost.complaints[0] ?? '') ?? []
    const found = await ipam(`network add 10.0.0.0/24 --idempotency-key ${key} --json`, [apiUrl])

    expect(lost.code).toBe(5)
    expect(lost.complaints[0]).toContain('the outcome is unknown after')
    expect(found.code).toBe(0)
    expect(JSON.parse(found.out).id).toBe('net-1')
    expect(await networkCount()).toBe(1)
  })

  test('once an answer was lost, a later "not applied" does not make it known', async () => {
    const server = await relay((_, count) => (count === 1 ? 'cutAfter' : NO_LEADER))

    expect((await ipam('network add 10.0.0.0/24', [server.url])).code).toBe(5)
  })

  test('a proxy that has lost its server does not know what became of a write', async () => {
    const server = await relay(() => ({ status: 502, body: '<html>', headers: {} }))

    const { code, complaints } = await ipam('network add 10.0.0.0/24 --timeout 2s', [server.url])

    expect(code).toBe(5)
    expect(complaints[0]).toContain('the outcome is unknown')
  })

  test('a read that gets no answer has failed, and is never unknown', async () => {
    const server = await relay(() => 'cutBefore')

    expect((await ipam('network list', [server.url])).code).toBe(1)
  })

  test('a bug of the server leaves a write unknown', async () => {
    const body = '{"error": "see the log", "reason": "internal_error", "applied": "unknown"}'
    const server = await relay(() => ({ status: 500, body, headers: {} }))

    expect((await ipam('network add 10.0.0.0/24', [server.url])).code).toBe(5)
  })

  test('whoever stops a write in flight is told that it may have been done', async () => {
    let stop = (): void => {}
    const stopped = new Promise<void>((resolve) => {
      stop = resolve
    })
    const server = await relay(() => {
      stop()
      return 'hang'
    })

    const { code, complaints } = await ipam('network add 10.0.0.0/24 --timeout 2s', [server.url], { stopped })

    expect({ code, complaints }).toEqual({
      code: 5,
      complaints: ['stopped before the answer came: it may have been done'],
    })
  })

  test('a node that was added, though the answer was lost, is added, also when it is asked for again', async () => {
    const server = await relay(({ method }, count) =>
      method === 'POST' && count === 1 ? 'cutAfter' : 'pass',
    )

    const added = await ipam('cluster add 4 10.0.0.4:5004', [server.url])
    const again = await ipam('cluster add 4 10.0.0.4:5004', [server.url])
    const elsewhere = await ipam('cluster add 4 10.0.0.9:5004', [server.url])

    expect([added.code, again.code]).toEqual([0, 0])
    expect(elsewhere.code).toBe(4)
  })

  test('what is no ipam server is called so', async () => {
    const server = await relay(() => ({ status: 200, body: '<html>hello', headers: {} }))

    expect(await ipam('network list', [server.url])).toMatchObject({
      code: 1,
      complaints: ['what answers is no ipam server; see --server and IPAM_SERVER'],
    })
  })
})
