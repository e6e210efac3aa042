/** Requests that no correct client sends. Each gets a 4xx with the documented error body, and changes nothing. */

export interface Malformed {
  /** Unique. */
  readonly why: string
  readonly bytes: Uint8Array
  readonly status: number
  readonly reason: string
  /** The field or parameter that `details` must name, or one of its elements; null where there are no details. */
  readonly field: string | null
}

const BODY_BYTES_MAX = 1 << 20
const NETWORKS = '/api/v1/networks'
const ALLOCATIONS = '/api/v1/allocations'
const NODES = '/api/v1/cluster/nodes'
const TRANSFER = '/api/v1/cluster/transfer-leader'

interface RequestParts {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Announces the length and JSON unless `headers` says otherwise; an empty value leaves a header out. */
export function requestBytes({ method = 'GET', path, headers = {}, body }: RequestParts): Uint8Array {
  const bytes = Buffer.from(body ?? '')
  const all: Record<string, string> = {
    Host: 'localhost',
    Connection: 'close',
    ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }),
    ...headers,
  }
  const lines = Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), bytes])
}

function fieldCases(path: string, valid: object, fields: Record<string, readonly unknown[]>): Malformed[] {
  return Object.entries(fields).flatMap(([field, values]) =>
    values.map((value, i) => ({
      why: `POST ${path} with ${field} #${i} ${describe(value)}`,
      bytes: requestBytes({ method: 'POST', path, body: JSON.stringify({ ...valid, [field]: value }) }),
      status: 400,
      reason: 'invalid_request',
      field,
    })),
  )
}

function describe(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 40)
}

const NOT_TEXT = [1, true, [], {}, [['x']]]
const NOT_NUMBERS = ['1', 'many', true, [], {}, [1]]
const NOT_ADDRESSES = [
  '',
  'host',
  'host:',
  ':5004',
  'host:0',
  'host:65536',
  'host:-1',
  'host:5004x',
  '::1:5004',
  '[::1]',
  'a b:5004',
  '0.0.0.0:5004',
  '[::]:5004',
  'http://host:5004',
]

const NOT_IPS = [
  '',
  'host',
  '10.0.0',
  '10.0.0.256',
  '010.0.0.1',
  '10.0.0.1 ',
  '2001:db8::1::',
  'fe80::1%eth0',
]
const NOT_METADATA = [
  1,
  true,
  'text',
  [],
  { a: 1 },
  { a: null },
  { '': 'x' },
  { a: 'nul\u0000' },
  { ['k'.repeat(65)]: 'x' },
  { a: 'x'.repeat(1_025) },
  Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'x'])),
]

const FIELDS: readonly Malformed[] = [
  ...fieldCases(
    NETWORKS,
    { cidr: '10.0.0.0/24' },
    {
      cidr: [
        undefined,
        null,
        ...NOT_TEXT,
        '',
        ' ',
        'network',
        '10.0.0.0',
        '10.0.0/24',
        '10.0.0.0.0/24',
        '10.0.0.0/',
        '/24',
        '10.0.0.0/33',
        '10.0.0.0/-1',
        '10.0.0.0/+8',
        '10.0.0.0/8.0',
        '10.0.0.0/0x8',
        '10.0.0.0/08',
        '10.0.0.0/24/24',
        '10.0.0.5/24',
        '10.0.0.1/31',
        '010.0.0.0/8',
        '0x0a.0.0.0/8',
        '256.0.0.0/8',
        '10.0.0.0/255.0.0.0',
        ' 10.0.0.0/24',
        '10.0.0.0/24 ',
        '10.0.0.0\n/24',
        '10.0.0.0/24\u0000',
        '１０.0.0.0/8',
        '2001:db8::1/64',
        '2001:db8::/129',
        '2001:db8::/',
        ':::/64',
        '2001:db8::1::/64',
        '2001:db8:0:0:0:0:0:0:0/64',
        '2001:db8/32',
        'fe80::%eth0/64',
        '[2001:db8::]/32',
        'g::/16',
        '1'.repeat(100_000),
        '10.0.0.0/24, 10.0.1.0/24',
      ],
      description: [...NOT_TEXT, 'x'.repeat(1_025), 'bell\u0007', 'nul\u0000', 'half \ud800'],
      tags: [
        'prod',
        1,
        true,
        {},
        { 0: 'prod' },
        [1],
        [null],
        [['prod']],
        [''],
        ['x'.repeat(65)],
        ['esc\u001b'],
        Array.from({ length: 65 }, (_, i) => `t${i}`),
        Array(100_000).fill(0),
      ],
      namespace: [...NOT_TEXT, '', 'two words', 'a/b', 'n'.repeat(65), '*'],
      gateway: [...NOT_TEXT, ...NOT_IPS],
      reserved: [
        '10.0.0.1',
        {},
        [1],
        [null],
        ...NOT_IPS.map((text) => [text]),
        ['10.0.0.9-10.0.0.1'],
        ['10.0.0.1-'],
        ['10.0.0.1-2001:db8::1'],
        ['10.0.0.5/24'],
        Array(1_025).fill('10.0.0.1'),
      ],
      cooldown_seconds: [...NOT_NUMBERS, -1, 0.5, 1e300],
      strategy: [...NOT_TEXT, '', 'highest', 'LOWEST'],
      metadata: NOT_METADATA,
    },
  ),
  ...fieldCases(
    ALLOCATIONS,
    { network_id: 'net-1' },
    {
      network_id: [
        undefined,
        null,
        ...NOT_TEXT,
        '',
        ' ',
        'net 1',
        'net/1',
        '../net',
        'net\u0000',
        'nét',
        'n'.repeat(65),
      ],
      count: [...NOT_NUMBERS, 0, -1, -0.5, 1.5, 1e-9, 2 ** 53, 1e300],
      hostname: [
        ...NOT_TEXT,
        'x'.repeat(254),
        'two words',
        'line\nbreak',
        'nul\u0000',
        'tab\t',
        '\u0085',
        '\udc00',
      ],
      description: [...NOT_TEXT, 'x'.repeat(1_025), 'esc\u001b[31m'],
      ttl_hours: [...NOT_NUMBERS, 0, -1, -0.001, 1e-12, 876_001, 1e300],
      ttl_seconds: [...NOT_NUMBERS, 0, -60, 1e-9, 876_000 * 3_600 + 1],
    },
  ),
  ...fieldCases(
    ALLOCATIONS,
    { cidr: '10.0.0.0/24' },
    {
      cidr: [...NOT_TEXT, '', '10.0.0.5/24', '10.0.0.0'],
      namespace: [...NOT_TEXT, '', 'two words'],
      ip: [...NOT_TEXT, ...NOT_IPS],
      preferred_ip: [...NOT_TEXT, ...NOT_IPS],
      alignment: [...NOT_NUMBERS, 0, -1, 3, 1.5, 2 ** 53],
      tags: ['prod', {}, [1], [''], ['x'.repeat(65)]],
      mac: [...NOT_TEXT, '', '02:00:00:00:00', '02:00:00:00:00:0g', '02-00:00-00:00-00', 'x'.repeat(100)],
      metadata: NOT_METADATA,
    },
  ),
  ...fieldCases(
    `${NETWORKS}/net-1/subnets`,
    { prefix_length: 26 },
    {
      prefix_length: [undefined, null, ...NOT_NUMBERS, -1, 129, 26.5],
      count: [...NOT_NUMBERS, 0, 257, 1.5],
    },
  ),
  ...fieldCases(
    `${ALLOCATIONS}/alloc-1/renew`,
    {},
    { ttl_hours: [undefined, ...NOT_NUMBERS, 0, -1, 876_001], ttl_seconds: [...NOT_NUMBERS, 0, 1e-9] },
  ),
  ...fieldCases(
    NODES,
    { node_id: 4, addr: '127.0.0.1:5004' },
    {
      node_id: [undefined, null, ...NOT_NUMBERS, 0, -1, 1.5, 2 ** 53],
      addr: [undefined, null, ...NOT_TEXT, ...NOT_ADDRESSES],
    },
  ),
  ...fieldCases(TRANSFER, {}, { node_id: [...NOT_NUMBERS, 0, -1, 2.5] }),
]

function unknownField(path: string, body: string, field: string): Malformed {
  return {
    why: `POST ${path} with an unknown field: ${body.slice(0, 60)}`,
    bytes: requestBytes({ method: 'POST', path, body }),
    status: 400,
    reason: 'invalid_request',
    field,
  }
}

const UNKNOWN_FIELDS: readonly Malformed[] = [
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","descripton":"x"}', 'descripton'),
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","CIDR":"10.0.0.0/24"}', 'CIDR'),
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","id":"net-mine"}', 'id'),
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","":1}', ''),
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","__proto__":{"admin":true}}', '__proto__'),
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","constructor":{"prototype":{"admin":true}}}', 'constructor'),
  unknownField(NETWORKS, '{"cidr":"10.0.0.0/24","toString":null}', 'toString'),
  unknownField(
    NETWORKS,
    `{"cidr":"10.0.0.0/24","deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'deep',
  ),
  unknownField(ALLOCATIONS, '{"network_id":"net-1","networkId":"net-1"}', 'networkId'),
  unknownField(ALLOCATIONS, '{"network_id":"net-1","ttl":5}', 'ttl'),
  unknownField(ALLOCATIONS, '{"network_id":"net-1","ttl_hours":1,"ttl_seconds":1}', 'ttl_seconds'),
  unknownField(
    ALLOCATIONS,
    '{"cidr":"10.0.0.0/24","ip":"10.0.0.1","preferred_ip":"10.0.0.2"}',
    'preferred_ip',
  ),
  unknownField(ALLOCATIONS, '{"cidr":"10.0.0.0/24","ip":"10.0.0.1","alignment":2}', 'alignment'),
  unknownField(ALLOCATIONS, '{"cidr":"10.0.0.0/24","preferred_ip":"10.0.0.1","alignment":2}', 'preferred_ip'),
  unknownField(ALLOCATIONS, '{"network_id":"net-1","cidr":"10.0.0.0/24"}', 'cidr'),
  unknownField(NODES, '{"node_id":4,"addr":"127.0.0.1:5004","voter":true}', 'voter'),
  unknownField(TRANSFER, '{"node":2}', 'node'),
  unknownField(`${ALLOCATIONS}/alloc-1/release`, '{"force":true}', 'force'),
]

const NOT_OBJECTS: readonly Malformed[] = [
  'null',
  'true',
  '0',
  '-1.5e3',
  '"text"',
  '[]',
  '[{"cidr":"10.0.0.0/24"}]',
].map((body) => ({
  why: `a body that is JSON but no object: ${body}`,
  bytes: requestBytes({ method: 'POST', path: NETWORKS, body }),
  status: 400,
  reason: 'invalid_request',
  field: 'body',
}))

const NOT_JSON: readonly Malformed[] = [
  '',
  ' ',
  '{',
  '}',
  '[',
  '{"cidr"',
  '{"cidr":',
  '{"cidr":}',
  '{"cidr":"10.0.0.0/24"',
  '{"cidr":"10.0.0.0/24",}',
  '{"cidr" "x"}',
  '{cidr:"10.0.0.0/24"}',
  "{'cidr':'10.0.0.0/24'}",
  '{"cidr":"10.0.0.0/24"}}',
  '{"cidr":"10.0.0.0/24"} {}',
  '{,}',
  '{"a":1 "b":2}',
  '{"cidr":"10.0.0.0/24}',
  '{"cidr":"\\x"}',
  '{"cidr":"\\u12"}',
  '{"cidr":"a\nb"}',
  '{"cidr":"a\u0000b"}',
  '{"count":01}',
  '{"count":+1}',
  '{"count":.5}',
  '{"count":1.}',
  '{"count":1e}',
  '{"count":0x10}',
  '{"count":NaN}',
  '{"count":Infinity}',
  '{"count":-Infinity}',
  '{"count":undefined}',
  '{"count":1_000}',
  '{"count":10n}',
  'cidr=10.0.0.0/24',
  '<xml/>',
  '// note\n{}',
  '{"a":1/* note */}',
  'nulL',
  '\u0000',
  '{"a":tru}',
  '['.repeat(100_000),
  '{"a":'.repeat(100_000),
  '\u00a0{}',
  '{"a"\u2003:1}',
].map((body, i) => ({
  why: `a body that is no JSON, #${i}: ${JSON.stringify(body.slice(0, 40))}`,
  bytes: requestBytes({ method: 'POST', path: NETWORKS, body }),
  status: 400,
  reason: 'invalid_json',
  field: null,
}))

const NOT_UTF8: readonly Malformed[] = [
  [0xff],
  [0xfe, 0xff, 0x00, 0x7b],
  [0xc3, 0x28],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xc0, 0x80],
  [0xe2, 0x82],
].map((bytes) => ({
  why: `a text that is not UTF-8: ${Buffer.from(bytes).toString('hex')}`,
  bytes: requestBytes({
    method: 'POST',
    path: NETWORKS,
    body: Buffer.concat([Buffer.from('{"cidr":"'), Buffer.from(bytes), Buffer.from('"}')]),
  }),
  status: 400,
  reason: 'invalid_json',
  field: null,
}))

const MEDIA_TYPES: readonly Malformed[] = [
  ['', ''],
  ['text/plain', ''],
  ['text/json', ''],
  ['application/x-www-form-urlencoded', ''],
  ['multipart/form-data; boundary=x', ''],
  ['application/xml', ''],
  ['application/jsonp', ''],
  ['application/json-patch+json', ''],
  ['application/octet-stream', ''],
  ['application/json; charset=latin1', ''],
  ['application/json; charset=utf-16', ''],
  ['application/json, text/plain', ''],
  ['*/*', ''],
  ['json', ''],
  ['application/json', 'gzip'],
  ['application/json', 'br'],
  ['application/json', 'nonsense'],
].map(([type = '', encoding = '']) => ({
  why: `Content-Type "${type}", Content-Encoding "${encoding}"`,
  bytes: requestBytes({
    method: 'POST',
    path: NETWORKS,
    headers: { 'Content-Type': type, 'Content-Encoding': encoding },
    body: '{"cidr":"10.0.0.0/24"}',
  }),
  status: 415,
  reason: 'unsupported_media_type',
  field: null,
}))

const METHODS: readonly Malformed[] = [
  [NETWORKS, ['PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'PURGE']],
  [`${NETWORKS}/net-1`, ['POST', 'PUT']],
  [`${NETWORKS}/net-1/stats`, ['POST', 'PUT', 'PATCH', 'DELETE']],
  [`${NETWORKS}/net-1/subnets`, ['GET', 'PUT', 'DELETE']],
  [`${NETWORKS}/net-1/available`, ['POST', 'DELETE']],
  [`${NETWORKS}/net-1/available-subnets`, ['POST', 'DELETE']],
  [ALLOCATIONS, ['PUT', 'PATCH', 'DELETE']],
  [`${ALLOCATIONS}/alloc-1/renew`, ['GET', 'PUT', 'DELETE']],
  ['/api/v1/addresses/10.0.0.1', ['POST', 'PUT', 'PATCH', 'DELETE']],
  [`${ALLOCATIONS}/alloc-1`, ['POST', 'PUT', 'DELETE']],
  [`${ALLOCATIONS}/alloc-1/release`, ['GET', 'PUT', 'DELETE']],
  ['/api/v1/cluster/status', ['POST', 'DELETE']],
  [NODES, ['GET', 'PUT', 'DELETE']],
  [`${NODES}/4`, ['GET', 'POST', 'PUT']],
  [TRANSFER, ['GET', 'PUT']],
  ['/api/v1/health', ['POST', 'DELETE']],
  ['/api/v1/health/ready', ['POST']],
  ['/api/v1/health/leader', ['POST']],
  ['/api/v1/audit', ['POST', 'DELETE']],
].flatMap(([path, methods]) =>
  (methods as string[]).map((method) => ({
    why: `${method} ${path}`,
    bytes: requestBytes({ method, path: String(path) }),
    status: 405,
    reason: 'method_not_allowed',
    field: null,
  })),
)

const UNKNOWN_PATHS: readonly Malformed[] = [
  '/',
  '/api',
  '/api/v1',
  '/api/v1/',
  '/api/v2/networks',
  '/networks',
  '/api/v1/network',
  '/api/v1/networks/',
  '/api/v1//networks',
  '//api/v1/networks',
  '/api/v1/NETWORKS',
  '/api/v1/networks/net-1/',
  '/api/v1/networks/net-1/stats/x',
  '/api/v1/networks/net-1/other',
  '/api/v1/networks/../../../etc/passwd',
  '/api/v1/allocations/alloc-1/release/now',
  '/api/v1/cluster',
  '/api/v1/cluster/nodes/4/x',
  '/api/v1/health/live',
  '/api/v1/%6eetworks%2f',
  '/favicon.ico',
  '/api/v1/networks;a=b',
  '/%00',
  '/%',
  '/%zz',
  '/api/v1/%ff',
  `/${'a/'.repeat(2_000)}`,
  '/.git/config',
  '/api/v1/__proto__',
  '/api/v1/constructor',
].map((path) => ({
  why: `the path ${path.slice(0, 60)}`,
  bytes: requestBytes({ path }),
  status: 404,
  reason: 'route_not_found',
  field: null,
}))

const ID_GARBAGE = [
  '%zz',
  '%',
  '%%',
  '%0',
  '%00',
  'net-1%00',
  'net%2f1',
  '..%2f..%2fetc%2fpasswd',
  '%252e%252e',
  'net%201',
  'net+1',
  '%c3%28',
  '%ff%fe',
  '%ed%a0%80',
  '%e2%80%ae',
  "'%20or%20'1'='1",
  '<script>',
  '$(id)',
  '*',
  ':id',
  '{id}',
  'net-1;x',
  'net-1,net-2',
  '%0d%0aX-Injected:%201',
  '%F0%9F%92%A9',
  'n'.repeat(65),
  'n'.repeat(8_000),
]

const IDS: readonly Malformed[] = ID_GARBAGE.flatMap((id) => [
  idCase('GET', `${NETWORKS}/${id}`, 'network_not_found'),
  idCase('DELETE', `${NETWORKS}/${id}`, 'network_not_found'),
  idCase('GET', `${NETWORKS}/${id}/stats`, 'network_not_found'),
  idCase('GET', `${NETWORKS}/${id}/available`, 'network_not_found'),
  idCase('GET', `${NETWORKS}/${id}/available-subnets`, 'network_not_found'),
  idCase('GET', `${ALLOCATIONS}/${id}`, 'allocation_not_found'),
  idCase('POST', `${ALLOCATIONS}/${id}/release`, 'allocation_not_found'),
])

const HEADERS: readonly Malformed[] = [
  { why: 'an empty idempotency key', header: { 'Idempotency-Key': ' ' }, status: 400 },
  {
    why: 'an idempotency key of 256 characters',
    header: { 'Idempotency-Key': 'k'.repeat(256) },
    status: 400,
  },
  { why: 'an idempotency key with a space', header: { 'Idempotency-Key': 'a b' }, status: 400 },
  { why: 'an idempotency key beyond ASCII', header: { 'Idempotency-Key': 'caf\u00e9' }, status: 400 },
  { why: 'an ETag without quotes', header: { 'If-Match': '17' }, status: 412 },
  { why: 'a weak ETag', header: { 'If-Match': 'W/"17"' }, status: 412 },
  { why: 'an ETag of another service', header: { 'If-Match': '"abc"' }, status: 412 },
].map(({ why, header, status }) => ({
  why: `DELETE ${NETWORKS}/net-1 with ${why}`,
  bytes: requestBytes({
    method: 'DELETE',
    path: `${NETWORKS}/net-1`,
    headers: header as Record<string, string>,
  }),
  status,
  reason: status === 412 ? 'precondition_failed' : 'invalid_request',
  field: status === 412 ? null : 'Idempotency-Key',
}))

function idCase(method: string, path: string, reason: string): Malformed {
  return {
    why: `${method} ${path.slice(0, 60)} (${path.length})`,
    bytes: requestBytes({ method, path }),
    status: 404,
    reason,
    field: null,
  }
}

const NODE_IDS: readonly Malformed[] = [
  '0',
  '-1',
  '1.5',
  'one',
  '01',
  '1e3',
  '0x1',
  '%31%00',
  '%zz',
  '9007199254740993',
  '9'.repeat(40),
].map((id) => ({
  why: `DELETE ${NODES}/${id}`,
  bytes: requestBytes({ method: 'DELETE', path: `${NODES}/${id}` }),
  status: 400,
  reason: 'invalid_request',
  field: 'node_id',
}))

const QUERIES: readonly Malformed[] = [
  ...['0', '-1', '1.5', '', 'ten', '10001', '1e3', '0x10', '%2010', '9'.repeat(30), 'NaN', '١'].flatMap(
    (limit) => [
      queryCase(NETWORKS, `limit=${limit}`, 'limit'),
      queryCase('/api/v1/audit', `limit=${limit}`, 'limit'),
    ],
  ),
  queryCase(NETWORKS, 'Limit=5', 'Limit'),
  queryCase(NETWORKS, 'limt=5', 'limt'),
  queryCase(NETWORKS, 'limit=5&limit=6', 'limit'),
  queryCase(NETWORKS, 'limit=5&%6cimit=5', 'limit'),
  queryCase(NETWORKS, 'limit[]=5', 'limit[]'),
  queryCase(NETWORKS, '=5', ''),
  queryCase(NETWORKS, '__proto__=1', '__proto__'),
  queryCase(NETWORKS, 'constructor=1', 'constructor'),
  queryCase(NETWORKS, 'cursor=', 'cursor'),
  queryCase(NETWORKS, `cursor=${'x'.repeat(1_025)}`, 'cursor'),
  { ...queryCase(NETWORKS, 'cursor=nonsense', 'cursor'), reason: 'invalid_cursor' },
  { ...queryCase(ALLOCATIONS, 'cursor=%00%00', 'cursor'), reason: 'invalid_cursor' },
  queryCase(ALLOCATIONS, 'all=yes', 'all'),
  queryCase(ALLOCATIONS, 'all', 'all'),
  queryCase(ALLOCATIONS, 'all=TRUE', 'all'),
  queryCase(ALLOCATIONS, 'network_id=', 'network_id'),
  queryCase(ALLOCATIONS, 'network_id=a%20b', 'network_id'),
  queryCase(ALLOCATIONS, `network_id=${'n'.repeat(65)}`, 'network_id'),
  queryCase(ALLOCATIONS, 'network=net-1', 'network'),
  queryCase(ALLOCATIONS, 'all=true&status=released', 'status'),
  queryCase(ALLOCATIONS, 'status=active', 'status'),
  queryCase(ALLOCATIONS, 'ip=10.0.0', 'ip'),
  queryCase(ALLOCATIONS, 'mac=zz', 'mac'),
  queryCase(ALLOCATIONS, 'hostname=', 'hostname'),
  queryCase(ALLOCATIONS, 'tag=%20', 'tag'),
  queryCase(ALLOCATIONS, `q=${'x'.repeat(257)}`, 'q'),
  queryCase(ALLOCATIONS, 'expires_before=tomorrow', 'expires_before'),
  queryCase(ALLOCATIONS, 'expires_before=2026-01-31', 'expires_before'),
  queryCase(ALLOCATIONS, 'expires_before=2026-01-31T12:00:00', 'expires_before'),
  queryCase(ALLOCATIONS, 'expires_before=2026-13-31T12:00:00Z', 'expires_before'),
  queryCase(ALLOCATIONS, 'expires_before=2026-02-31T12:00:00Z', 'expires_before'),
  queryCase(ALLOCATIONS, 'namespace=a/b', 'namespace'),
  queryCase(NETWORKS, 'cidr=10.0.0.5/24', 'cidr'),
  queryCase(NETWORKS, 'contains=10.0.0.0/24', 'contains'),
  queryCase(NETWORKS, 'within=10.0.0.1', 'within'),
  queryCase(NETWORKS, 'parent_id=', 'parent_id'),
  queryCase(NETWORKS, 'namespace=', 'namespace'),
  queryCase(NETWORKS, 'offset=-1', 'offset'),
  queryCase(NETWORKS, 'offset=10001', 'offset'),
  queryCase(NETWORKS, 'offset=1&cursor=x', 'offset'),
  queryCase(`${NETWORKS}/net-1/available`, 'count=0', 'count'),
  queryCase(`${NETWORKS}/net-1/available`, 'count=1001', 'count'),
  queryCase(`${NETWORKS}/net-1/available`, 'limit=5', 'limit'),
  queryCase(`${NETWORKS}/net-1/available-subnets`, 'prefix_length=129', 'prefix_length'),
  queryCase(`${NETWORKS}/net-1/available-subnets`, 'prefix_length=/26', 'prefix_length'),
  queryCase('/api/v1/audit', 'action=deleted', 'action'),
  queryCase('/api/v1/audit', 'since=yesterday', 'since'),
  queryCase('/api/v1/audit', 'until=1700000000', 'until'),
  queryCase('/api/v1/audit', 'after_index=-1', 'after_index'),
  queryCase('/api/v1/audit', 'resource=', 'resource'),
  queryCase('/api/v1/addresses/10.0.0.1', 'at=now', 'at'),
  queryCase('/api/v1/addresses/10.0.0.256', 'at=2026-01-31T12:00:00Z', 'ip'),
  queryCase(NETWORKS, 'consistency=eventual', 'consistency'),
  queryCase(NETWORKS, 'consistency=', 'consistency'),
  queryCase(NETWORKS, 'min_index=-1', 'min_index'),
  queryCase(NETWORKS, 'min_index=x', 'min_index'),
  queryCase(NETWORKS, 'min_index=9007199254740992', 'min_index'),
  queryCase(NETWORKS, 'consistency=linearizable&min_index=1', 'min_index'),
  queryCase('/api/v1/health', 'verbose=true', 'verbose'),
  queryCase('/api/v1/health/ready', 'x=1', 'x'),
  queryCase('/api/v1/cluster/status', 'consistency=stale', 'consistency'),
  {
    ...queryCase(`${NODES}/4`, 'force=yes', 'force'),
    bytes: requestBytes({ method: 'DELETE', path: `${NODES}/4?force=yes` }),
  },
  {
    ...queryCase(NETWORKS, 'dry_run=true', 'dry_run'),
    why: 'POST with a query',
    bytes: requestBytes({ method: 'POST', path: `${NETWORKS}?dry_run=true`, body: '{"cidr":"10.0.0.0/24"}' }),
  },
  ...['limit=%zz', 'limit=%', '%=1', 'cursor=%ff', 'limit=%c3%28', 'cursor=%ed%a0%80'].map((query) => ({
    ...queryCase(NETWORKS, query, ''),
    reason: 'invalid_query',
    field: null,
  })),
]

function queryCase(path: string, query: string, field: string): Malformed {
  return {
    why: `${path}?${query.slice(0, 60)}`,
    bytes: requestBytes({ path: `${path}?${query}` }),
    status: 400,
    reason: 'invalid_request',
    field,
  }
}

const BIG = `{"cidr":"10.0.0.0/24","description":"${'x'.repeat(BODY_BYTES_MAX)}"}`

function chunked(body: string, chunkBytes: number): string {
  let text = ''
  for (let i = 0; i < body.length; i += chunkBytes) {
    const chunk = body.slice(i, i + chunkBytes)
    text += `${chunk.length.toString(16)}\r\n${chunk}\r\n`
  }
  return `${text}0\r\n\r\n`
}

const POST_HEAD = `POST ${NETWORKS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n`

const SIZES: readonly Malformed[] = [
  [
    'a body above the limit',
    requestBytes({ method: 'POST', path: NETWORKS, body: BIG }),
    413,
    'body_too_large',
  ],
  [
    'a chunked body above the limit',
    Buffer.from(`${POST_HEAD}Transfer-Encoding: chunked\r\n\r\n${chunked(BIG, 60_000)}`),
    413,
    'body_too_large',
  ],
  [
    'an announced body of a terabyte',
    Buffer.from(`${POST_HEAD}Content-Length: 1099511627776\r\n\r\n{`),
    413,
    'body_too_large',
  ],
  [
    'a release with a body above the limit',
    requestBytes({ method: 'POST', path: `${ALLOCATIONS}/alloc-1/release`, body: BIG }),
    413,
    'body_too_large',
  ],
  [
    'one header above the limit',
    requestBytes({ path: NETWORKS, headers: { 'X-Big': 'x'.repeat(40_000) } }),
    431,
    'headers_too_large',
  ],
  [
    'a path above the limit of all headers',
    requestBytes({ path: `${NETWORKS}/${'n'.repeat(40_000)}` }),
    414,
    'url_too_long',
  ],
  [
    'a path just above the limit',
    requestBytes({ path: `${NETWORKS}/${'n'.repeat(8_192 - NETWORKS.length)}` }),
    414,
    'url_too_long',
  ],
  [
    'a query above the limit, of a POST with a body',
    requestBytes({ method: 'POST', path: `${NETWORKS}?q=${'n'.repeat(9_000)}`, body: '{}' }),
    414,
    'url_too_long',
  ],
  [
    'one header more than the limit',
    requestBytes({
      path: NETWORKS,
      headers: Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`X-${i}`, '1'])),
    }),
    431,
    'too_many_headers',
  ],
  [
    'thousands of headers',
    requestBytes({
      path: NETWORKS,
      headers: Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`X-${i}`, '1'])),
    }),
    431,
    'headers_too_large',
  ],
].map(([why, bytes, status, reason]) => ({ why, bytes, status, reason, field: null }) as Malformed)

const NOT_HTTP: readonly Malformed[] = [
  'nonsense\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001',
  'GET\r\n\r\n',
  `GET ${NETWORKS}\r\n\r\n`,
  `GET ${NETWORKS} HTTP/9.9\r\nHost: localhost\r\n\r\n`,
  `GET ${NETWORKS} SMTP/1.1\r\nHost: localhost\r\n\r\n`,
  `FLY ${NETWORKS} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `get ${NETWORKS} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `GET ${NETWORKS} HTTP/1.1\r\n\r\n`,
  `GET ${NETWORKS} HTTP/1.1\r\nHost: a b\r\n\r\n`,
  `GET ${NETWORKS} HTTP/1.1\r\nHost: localhost\r\nBad Header: x\r\n\r\n`,
  `GET ${NETWORKS} HTTP/1.1\r\nHost: localhost\r\nX: a\u0000b\r\n\r\n`,
  `GET ${NETWORKS} HTTP/1.1\r\nHost: localhost\r\n: empty\r\n\r\n`,
  `GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `GET networks HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `${POST_HEAD}Content-Length: -1\r\n\r\n`,
  `${POST_HEAD}Content-Length: ten\r\n\r\n`,
  `${POST_HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
  `${POST_HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `${POST_HEAD}Transfer-Encoding: gzip\r\n\r\n{}`,
  `${POST_HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
  `${POST_HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n`,
].map((text) => ({
  why: `not HTTP: ${JSON.stringify(text.replace(POST_HEAD, 'POST … ').slice(0, 100))}`,
  bytes: Buffer.from(text, 'latin1'),
  status: 400,
  reason: 'malformed_http',
  field: null,
}))

const ODD_HTTP: readonly Malformed[] = [
  {
    why: 'CONNECT',
    bytes: Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'),
    status: 405,
    reason: 'method_not_allowed',
    field: null,
  },
  {
    why: 'an expectation',
    bytes: requestBytes({ path: NETWORKS, headers: { Expect: 'the-unexpected' } }),
    status: 417,
    reason: 'expectation_failed',
    field: null,
  },
]

export const MALFORMED: readonly Malformed[] = [
  ...FIELDS,
  ...UNKNOWN_FIELDS,
  ...NOT_OBJECTS,
  ...NOT_JSON,
  ...NOT_UTF8,
  ...MEDIA_TYPES,
  ...METHODS,
  ...UNKNOWN_PATHS,
  ...IDS,
  ...HEADERS,
  ...NODE_IDS,
  ...QUERIES,
  ...SIZES,
  ...NOT_HTTP,
  ...ODD_HTTP,
]
