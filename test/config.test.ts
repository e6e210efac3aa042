import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { configWarnings, loadConfig } from '../src/config.ts'
import { AUTH_DEFAULTS } from '../src/config-auth.ts'
import { HTTP_DEFAULTS } from '../src/config-http.ts'
import { QUEUE_LIMITS } from '../src/config-limits.ts'
import { parsePrefix } from '../src/ipam/prefix.ts'
import { Secret } from '../src/secret.ts'
import { complaintOf } from './config-error.ts'

const FILE = `cluster_id: 100
data_dir: ./data
nodes:
  - { node_id: 1, addr: "10.0.0.1:5001", api: "127.0.0.1:8080" }
  - { node_id: 2, addr: "10.0.0.2:5001", api: "127.0.0.1:8080" }
  - { node_id: 3, addr: "[2001:db8::3]:5001", api: "0.0.0.0:8080" }
`

/** Without it no node of this file starts: their addresses are no loopback addresses. */
const SECRET = '0123456789abcdef0123456789abcdef'

function load(argv: string, { env = {}, file = FILE }: { env?: Record<string, string>; file?: string } = {}) {
  return loadConfig(argv.split(' ').filter(Boolean), { IPAM_CLUSTER_SECRET: SECRET, ...env }, (path) => {
    if (path !== 'etc/cluster.yaml') throw Object.assign(new Error(path), { code: 'ENOENT' })
    return file
  })
}

const MEMBER = '--config etc/cluster.yaml --node-id 2'

describe('config', () => {
  test('without arguments it is one node on the loopback interface', () => {
    expect(load('')).toEqual({
      mode: 'standalone',
      clusterId: 1,
      nodeId: 1,
      isJoining: false,
      dataDir: 'data/standalone/node-1',
      api: { host: '127.0.0.1', port: 8080 },
      raft: null,
      nodes: [{ id: 1, addr: '127.0.0.1:0', api: '127.0.0.1:8080' }],
      clusterSecrets: [expect.any(Secret)],
      raftTls: null,
      httpTls: null,
      shutdownDelayMs: 0,
      http: HTTP_DEFAULTS,
      timing: { tickMs: 50, heartbeatMs: 100, electionMinMs: 1_000, electionMaxMs: 2_000 },
      retainedEntriesMin: 100_000,
      diskLowBytes: 256 * 1024 * 1024,
      queues: QUEUE_LIMITS,
      auditKeptMs: null,
      metricsNetworksMax: 1_000,
      tracing: null,
      auth: AUTH_DEFAULTS,
      logLevel: 'info',
    })
  })

  test('with a cluster file it is the node that --node-id names', () => {
    expect(load(MEMBER)).toEqual({
      mode: 'cluster',
      clusterId: 100,
      nodeId: 2,
      isJoining: false,
      dataDir: 'etc/data/node-2',
      api: { host: '127.0.0.1', port: 8080 },
      raft: { host: '10.0.0.2', port: 5001, addr: '10.0.0.2:5001' },
      nodes: [
        { id: 1, addr: '10.0.0.1:5001', api: '127.0.0.1:8080' },
        { id: 2, addr: '10.0.0.2:5001', api: '127.0.0.1:8080' },
        { id: 3, addr: '[2001:db8::3]:5001', api: '0.0.0.0:8080' },
      ],
      clusterSecrets: [expect.any(Secret)],
      raftTls: null,
      httpTls: null,
      shutdownDelayMs: 1_000,
      http: HTTP_DEFAULTS,
      timing: { tickMs: 50, heartbeatMs: 100, electionMinMs: 1_000, electionMaxMs: 2_000 },
      retainedEntriesMin: 100_000,
      diskLowBytes: 256 * 1024 * 1024,
      queues: QUEUE_LIMITS,
      auditKeptMs: null,
      metricsNetworksMax: 1_000,
      tracing: null,
      auth: AUTH_DEFAULTS,
      logLevel: 'info',
    })
  })

  test('an IPv6 address loses its brackets', () => {
    expect(load('--config etc/cluster.yaml --node-id 3 --auth required').raft).toMatchObject({
      host: '2001:db8::3',
      port: 5001,
    })
  })

  test('a flag wins over the environment, that over the file, that over the default', () => {
    const file = `${FILE}log: { level: warn }\n`
    const env = { IPAM_LOG_LEVEL: 'error', IPAM_DATA_DIR: '/env', IPAM_LISTEN: '[::1]:9000' }

    expect(load(MEMBER).logLevel).toBe('info')
    expect(load(MEMBER, { file }).logLevel).toBe('warn')
    expect(load(MEMBER, { file, env }).logLevel).toBe('error')
    expect(load(`${MEMBER} --log-level debug`, { file, env }).logLevel).toBe('debug')
    expect(load(MEMBER, { env })).toMatchObject({ dataDir: '/env/node-2', api: { host: '::1', port: 9000 } })
    expect(load(`${MEMBER} --data-dir=flag --auth open --listen 0.0.0.0:1`, { env })).toMatchObject({
      dataDir: 'flag/node-2',
      api: { host: '0.0.0.0', port: 1 },
    })
  })

  test('everything can come from the environment', () => {
    const env = {
      IPAM_CONFIG: 'etc/cluster.yaml',
      IPAM_NODE_ID: '3',
      IPAM_JOIN: 'true',
      IPAM_AUTH: 'required',
      IPAM_PORT: 'tcp://10.0.0.1:80',
    }

    expect(load('', { env })).toMatchObject({ mode: 'cluster', nodeId: 3, isJoining: true })
    expect(load('', { env: { ...env, IPAM_JOIN: '' } }).isJoining).toBe(false)
  })

  test('timing is in the file', () => {
    const file = `${FILE}raft: { tick_ms: 10, heartbeat_ms: 20, election_min_ms: 60, election_max_ms: 61 }\n`

    expect(load(MEMBER, { file }).timing).toEqual({
      tickMs: 10,
      heartbeatMs: 20,
      electionMinMs: 60,
      electionMaxMs: 61,
    })
  })

  test.each([
    { why: 'another limit', mib: 1, bytes: 1_048_576 },
    { why: 'none at all', mib: 0, bytes: 0 },
  ])('below which free space the disk is low is in the file: $why', ({ mib, bytes }) => {
    const file = `${FILE}raft: { disk_low_mib: ${mib} }\n`

    expect(load(MEMBER, { file }).diskLowBytes).toBe(bytes)
  })

  test('an absolute data_dir stays, a relative one is beside the file', () => {
    expect(load(MEMBER, { file: FILE.replace('./data', '/srv') }).dataDir).toBe('/srv/node-2')
    expect(load(MEMBER, { file: FILE.replace('data_dir: ./data\n', '') }).dataDir).toBe('etc/data/node-2')
  })

  test.each([1, 2, 3])('cluster.example.yaml works as it stands, for node %i', (id) => {
    const argv = ['--config', 'cluster.example.yaml', '--node-id', String(id)]
    const config = loadConfig(argv, {}, (path) => readFileSync(path, 'utf8'))

    expect(config).toMatchObject({
      dataDir: `data/node-${id}`,
      api: { host: '127.0.0.1', port: 8079 + id },
      raft: { host: '127.0.0.1', port: 5000 + id },
      timing: load('').timing,
      diskLowBytes: load('').diskLowBytes,
      shutdownDelayMs: load(MEMBER).shutdownDelayMs,
      logLevel: 'info',
    })
    expect(configWarnings(config)).toEqual([])
  })
})

describe('who has to log in', () => {
  const HASH = `$scrypt$ln=15,r=8,p=3$${'s'.repeat(22)}$${'h'.repeat(43)}`

  test.each([
    { argv: '', mode: null, why: 'nobody, and only this machine reaches it' },
    { argv: '--listen [::1]:8080', mode: null, why: 'the same by another address' },
    { argv: '--listen 0.0.0.0:8080 --auth required', mode: 'required', why: 'everybody' },
    { argv: '--listen 10.0.0.1:8080 --auth open', mode: 'open', why: 'nobody, as somebody wrote down' },
  ])('"$argv": $why', ({ argv, mode }) => {
    expect(load(argv).auth.mode).toBe(mode)
  })

  test.each(['0.0.0.0:8080', '[::]:8080', '10.0.0.1:8080', 'db.example.org:8080'])(
    'a node that others reach at %s does not start until somebody has chosen',
    (listen) => {
      expect(complaintOf(() => load(`--listen ${listen}`))).toMatch(
        /without authentication: set auth\.mode .* to required, or to open .*; or listen on 127\.0\.0\.1$/,
      )
    },
  )

  const LOGINS =
    'failed_logins_per_minute: 120, failed_logins_burst: 5, password_checks_max: 1, password_checks_waiting_max: 0'

  test('all of it is in the file', () => {
    const auth = `{ mode: required, metrics: open, stale_max_seconds: 60, ${LOGINS}, first_admin: { name: root, password_hash: "${HASH}" } }`

    expect(load(MEMBER, { file: `${FILE}auth: ${auth}\n` }).auth).toEqual({
      failures: { burst: 5, refillMs: 500, bucketsMax: 10_000 },
      checks: { checksMax: 1, waitingMax: 0, knownMax: 1_000, knownMs: 300_000 },
      mode: 'required',
      isMetricsOpen: true,
      staleMsMax: 60_000,
      firstAdmin: { name: 'root', passwordHash: HASH },
    })
  })

  test.each([
    { auth: '{ mod: open }', message: '8:9: auth.mod: unknown key; did you mean mode?' },
    { auth: '{ mode: off }', message: '8:9: auth.mode: must be one of required, open, not "off"' },
    {
      auth: '{ first_admin: { name: a, password: x } }',
      message: '8:33: auth.first_admin.password: unknown key; did you mean password_hash?',
    },
    {
      auth: '{ first_admin: { name: a, password_hash: hunter2 } }',
      message:
        '8:33: auth.first_admin.password_hash: must be what "ipam auth hash" prints, such as "$scrypt$ln=15,r=8,p=3$…"',
    },
  ])('a mistake is named, but no secret: $message', ({ auth, message }) => {
    expect(complaintOf(() => load(MEMBER, { file: `${FILE}\nauth: ${auth}\n` }))).toBe(
      `etc/cluster.yaml:${message}`,
    )
  })
})

describe('limits of the API', () => {
  const httpOf = (http: string) => load(MEMBER, { file: `${FILE}http: ${http}\n` }).http

  test('all of them are in the file', () => {
    const sizes = 'url_bytes_max: 1000, header_bytes_max: 2000, headers_max: 30, body_bytes_max: 4000'
    const times =
      'headers_timeout_seconds: 2, request_timeout_seconds: 3, answer_timeout_seconds: 15, idle_timeout_seconds: 5, close_timeout_seconds: 6'
    const proxies = 'trusted_proxies: [10.0.0.0/8, "2001:db8::/32"], forwarded_header: forwarded'
    const rates =
      'rate_limit: { reads_per_second: 7, writes_per_second: 8, writes_burst: 9, clients_max: 10 }'

    expect(
      httpOf(`{ connections_max: 1, client_connections_max: 2, ${sizes}, ${times}, ${proxies}, ${rates} }`),
    ).toEqual({
      limits: {
        connectionsMax: 1,
        clientConnectionsMax: 2,
        urlBytesMax: 1_000,
        headerBytesMax: 2_000,
        headersMax: 30,
        headersTimeoutMs: 2_000,
        requestTimeoutMs: 3_000,
        answerTimeoutMs: 15_000,
        keepAliveTimeoutMs: 5_000,
        closeTimeoutMs: 6_000,
      },
      bodyBytesMax: 4_000,
      rates: {
        // Without a burst, what comes together in 5 s.
        reads: { perSecond: 7, burst: 35 },
        writes: { perSecond: 8, burst: 9 },
        clientsMax: 10,
      },
      trust: { proxies: [parsePrefix('10.0.0.0/8'), parsePrefix('2001:db8::/32')], header: 'forwarded' },
    })
  })

  test.each([
    {
      http: '{ body_bytes_max: 2000000 }',
      message: 'body_bytes_max: must be a whole number from 1024 to 1048576, not 2000000',
    },
    {
      http: '{ url_bytes_max: 20000 }',
      message: 'url_bytes_max: 20000 is above header_bytes_max 16384, of which the URL is a part',
    },
    {
      http: '{ headers_timeout_seconds: 60 }',
      message:
        'headers_timeout_seconds: 60 is above request_timeout_seconds 30, of which the headers are the beginning',
    },
    {
      http: '{ answer_timeout_seconds: 5 }',
      message: 'answer_timeout_seconds: must be a whole number from 15 to 3600, not 5',
    },
    {
      http: '{ trusted_proxies: ["10.0.0.1"] }',
      message: 'trusted_proxies[0]: 10.0.0.1 has no prefix length; did you mean 10.0.0.1/32?',
    },
    {
      http: '{ trusted_proxies: 10.0.0.0/8 }',
      message: 'trusted_proxies: must be a list of CIDRs, not "10.0.0.0/8"',
    },
    {
      http: '{ forwarded_header: x-real-ip }',
      message: 'forwarded_header: must be one of x-forwarded-for, forwarded, not "x-real-ip"',
    },
    {
      http: '{ rate_limit: { reads: 5 } }',
      message:
        'rate_limit.reads: unknown key; known are reads_per_second, reads_burst, writes_per_second, writes_burst, clients_max',
    },
    {
      http: '{ rate_limit: { reads_burst: 0 } }',
      message: 'rate_limit.reads_burst: must be a whole number from 1 to 1000000, not 0',
    },
    { http: '{ conections_max: 5 }', message: 'conections_max: unknown key; did you mean connections_max?' },
  ])('a mistake is named: $message', ({ http, message }) => {
    expect(complaintOf(() => httpOf(http))).toMatch(/^etc\/cluster\.yaml:7:\d+: http\./)
    expect(complaintOf(() => httpOf(http)).replace(/^[^ ]* http\./, '')).toBe(message)
  })
})

describe('warnings', () => {
  test('an API that others reach has no authentication, or shows passwords to who listens in', () => {
    expect(configWarnings(load('--listen 0.0.0.0:8080 --auth required'))).toEqual([
      'the API listens on 0.0.0.0:8080 in clear: whoever listens in reads passwords and keys, unless something in front of it encrypts',
    ])
    expect(configWarnings(load('--listen 0.0.0.0:8080 --auth open'))).toEqual([
      'the API listens on 0.0.0.0:8080 and has no authentication: whoever reaches it can change everything',
    ])
    expect(configWarnings(load('--listen localhost:8080'))).toEqual([])
    expect(configWarnings(load('--listen 127.1.2.3:8080'))).toEqual([])
  })

  test('an even number of nodes gains nothing, but while one joins', () => {
    const file = FILE.replace(/ {2}- \{ node_id: 3.*\n/, '')

    expect(configWarnings(load(MEMBER, { file }))).toEqual([
      '2 nodes survive no more failures than 1: use an odd number',
    ])
    expect(configWarnings(load(`${MEMBER} --join`, { file }))).toEqual([])
  })
})

describe('wrong flags', () => {
  test.each([
    { argv: '--confg x', message: 'unknown flag --confg; did you mean --config? (see ipam server --help)' },
    { argv: '-x', message: 'unknown flag -x (see ipam server --help)' },
    { argv: 'start', message: 'unexpected argument "start" (see ipam server --help)' },
    { argv: '--config', message: '--config needs a value (see ipam server --help)' },
    { argv: '--config --join', message: '--config needs a value (see ipam server --help)' },
    { argv: '--data-dir=', message: '--data-dir needs a value (see ipam server --help)' },
    { argv: '--join=yes', message: '--join takes no value (see ipam server --help)' },
    { argv: '--listen a:1 --listen b:2', message: '--listen is given twice (see ipam server --help)' },
    { argv: '--join', message: "--join needs --config with a file that names the cluster's nodes" },
    { argv: '--config nowhere.yaml --node-id 1', message: 'cannot read nowhere.yaml: there is no such file' },
    {
      argv: '--config etc/cluster.yaml',
      message: '--node-id is missing: which of the nodes 1, 2, 3 is this one? (see ipam server --help)',
    },
    {
      argv: '--config etc/cluster.yaml --node-id 4',
      message: '--node-id 4 is not in etc/cluster.yaml, which has nodes 1, 2, 3',
    },
    {
      argv: '--config etc/cluster.yaml --node-id two',
      message: '--node-id must be a whole number from 1, not "two"',
    },
    {
      argv: '--config etc/cluster.yaml --node-id 0',
      message: '--node-id must be a whole number from 1, not "0"',
    },
    { argv: '--node-id 2', message: '--node-id 2 needs --config: without a file there is node 1 only' },
    { argv: '--log-level loud', message: '--log-level must be one of debug, info, warn, error, not "loud"' },
    { argv: '--listen 8080', message: '--listen: address "8080": the port is missing, write host:port' },
    { argv: '--listen :8080', message: '--listen: address ":8080": write host:port or [v6]:port' },
    {
      argv: '--listen ::1:8080',
      message: '--listen: address "::1:8080": write an IPv6 address in brackets, [::1]:5001',
    },
    { argv: '--listen localhost:0', message: '--listen: address "localhost:0": port 0 is not in 1 to 65535' },
    {
      argv: '--listen localhost:65536',
      message: '--listen: address "localhost:65536": port 65536 is not in 1 to 65535',
    },
  ])('$argv: $message', ({ argv, message }) => {
    expect(complaintOf(() => load(argv))).toBe(message)
  })

  test('in the environment they are named as they are there', () => {
    expect(complaintOf(() => load('', { env: { IPAM_LOG_LEVEL: 'loud' } }))).toMatch(
      /^IPAM_LOG_LEVEL must be/,
    )
    expect(complaintOf(() => load('', { env: { IPAM_JOIN: 'maybe' } }))).toBe(
      'IPAM_JOIN must be true or false, not "maybe"',
    )
    expect(complaintOf(() => load('', { env: { IPAM_DATA_DIR: ' ' } }))).toBe(
      'IPAM_DATA_DIR must not be empty',
    )
  })
})

describe('a wrong cluster file', () => {
  const edit = (from: string | RegExp, to: string): string => {
    const edited = FILE.replace(from, to)
    if (edited === FILE) throw new Error(`${from} is not in the file`)
    return edited
  }

  test.each([
    { file: '', message: '1:1: must be a section of keys, not null' },
    { file: 'nodes', message: '1:1: must be a section of keys, not "nodes"' },
    { file: '- 1', message: '1:1: must be a section of keys, not a list' },
    {
      file: 'a: [',
      message: '1:5: Flow sequence in block collection must be sufficiently indented and end with a ]',
    },
    { file: `${FILE}cluster_id: 2\n`, message: '7:1: Map keys must be unique' },
    {
      file: edit('cluster_id', 'cluser_id'),
      message: '1:1: cluser_id: unknown key; did you mean cluster_id?',
    },
    {
      file: `${FILE}tls: {}\n`,
      message:
        '7:1: tls: unknown key; known are cluster_id, data_dir, nodes, cluster_secret, raft, http, limits, audit_retention, metrics, tracing, auth, log',
    },
    {
      file: edit('cluster_id: 100\n', ''),
      message: '1:1: cluster_id: is missing: a whole number from 1 to 9007199254740991',
    },
    {
      file: edit('100', '0'),
      message: '1:1: cluster_id: must be a whole number from 1 to 9007199254740991, not 0',
    },
    {
      file: edit('100', '"100"'),
      message: '1:1: cluster_id: must be a whole number from 1 to 9007199254740991, not "100"',
    },
    { file: edit('./data', '""'), message: '2:1: data_dir: must not be empty' },
    { file: edit('./data', '[a]'), message: '2:1: data_dir: must be a directory, not a list' },
    { file: 'cluster_id: 1\nnodes: []\n', message: '2:1: nodes: must name at least one node' },
    { file: 'cluster_id: 1\nnodes: node1\n', message: '2:1: nodes: must be a list of nodes, not "node1"' },
    { file: 'cluster_id: 1\n', message: '1:1: nodes: is missing: a list of nodes' },
    {
      file: edit('node_id: 2', 'id: 2'),
      message: '5:7: nodes[1].id: unknown key; known are node_id, addr, api',
    },
    {
      file: edit('node_id: 2, ', ''),
      message: '5:5: nodes[1].node_id: is missing: a whole number from 1 to 9007199254740991',
    },
    {
      file: edit('node_id: 2', 'node_id: 2, adress: x'),
      message: '5:19: nodes[1].adress: unknown key; known are node_id, addr, api',
    },
    {
      file: edit('node_id: 2', 'nodeid: 2, node_id: 2'),
      message: '5:7: nodes[1].nodeid: unknown key; did you mean node_id?',
    },
    { file: edit('node_id: 2', 'node_id: 1'), message: '5:7: nodes[1].node_id: 1 is given twice' },
    {
      file: edit('10.0.0.2:5001', '10.0.0.2'),
      message: '5:19: nodes[1].addr: address "10.0.0.2": the port is missing, write host:port',
    },
    {
      file: edit('10.0.0.2:5001', '10.0.0.2:70000'),
      message: '5:19: nodes[1].addr: address "10.0.0.2:70000": port 70000 is not in 1 to 65535',
    },
    {
      file: edit('10.0.0.2:5001', '0.0.0.0:5001'),
      message:
        '5:19: nodes[1].addr: address "0.0.0.0:5001": others cannot connect to 0.0.0.0, write this node\'s own host',
    },
    {
      file: edit('10.0.0.2:5001', '10.0.0.1:5001'),
      message: '5:19: nodes[1].addr: "10.0.0.1:5001" is also that of node 1',
    },
    {
      file: edit('10.0.0.2:5001', '10.0.0.1:5002'),
      message: '5:42: nodes[1].api: "127.0.0.1:8080" is also that of node 1 on the same host',
    },
    {
      file: edit('0.0.0.0:8080', '0.0.0.0:5001'),
      message: "6:47: nodes[2].api: is also this node's addr; use another port",
    },
    {
      file: edit(', api: "0.0.0.0:8080"', ''),
      message: '6:5: nodes[2].api: is missing: host:port, such as "127.0.0.1:8080"',
    },
    { file: `${FILE}raft: fast\n`, message: '7:1: raft: must be a section of keys, not "fast"' },
    {
      file: `${FILE}raft: { tick: 5 }\n`,
      message: '7:9: raft.tick: unknown key; did you mean tick_ms?',
    },
    {
      file: `${FILE}raft: { heartbeat: 5 }\n`,
      message: '7:9: raft.heartbeat: unknown key; did you mean heartbeat_ms?',
    },
    {
      file: `${FILE}raft:\n  tick_ms: 0.5\n`,
      message: '8:3: raft.tick_ms: must be a whole number from 1 to 600000, not 0.5',
    },
    {
      file: `${FILE}raft: { disk_low_mib: -1 }\n`,
      message: '7:9: raft.disk_low_mib: must be a whole number from 0 to 1048576, not -1',
    },
    {
      file: `${FILE}raft: { tick_ms: 101 }\n`,
      message: '7:9: raft.tick_ms: 101 is above heartbeat_ms 100, which could then not be kept',
    },
    {
      file: `${FILE}raft: { heartbeat_ms: 334 }\n`,
      message:
        '7:1: raft.election_min_ms: 1000 is below three times heartbeat_ms 334: one lost heartbeat would start an election',
    },
    {
      file: `${FILE}raft: { election_min_ms: 2000 }\n`,
      message:
        '7:1: raft.election_max_ms: 2000 is not above election_min_ms 2000: nodes would campaign at the same time',
    },
    {
      file: `${FILE}log: { level: loud }\n`,
      message: '7:8: log.level: must be one of debug, info, warn, error, not "loud"',
    },
    { file: `${FILE}log: { levl: info }\n`, message: '7:8: log.levl: unknown key; did you mean level?' },
  ])('$message', ({ file, message }) => {
    expect(complaintOf(() => load(MEMBER, { file }))).toBe(`etc/cluster.yaml:${message}`)
  })

  test('aliases that would expand without end are refused', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)

    expect(complaintOf(() => load(MEMBER, { file: ['a0: &a0 x', ...levels].join('\n') }))).toMatch(/alias/)
  })
})
