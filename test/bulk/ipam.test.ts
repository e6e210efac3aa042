import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeUtf8 } from '../../src/bulk/decode-utf8.ts'
import { exportAllocations, exportNetworks } from '../../src/bulk/ipam-export.ts'
import type { AllocationRecord, NetworkRecord } from '../../src/bulk/ipam-records.ts'
import { readBulk } from '../../src/bulk/read-bulk.ts'
import { collect, errorOf, fixtureText, readFixture, readText, summary, valuesOf } from './read.ts'

const NETWORK: NetworkRecord = {
  id: 'net-1',
  cidr: '10.0.0.0/16',
  namespace: 'default',
  parent_id: null,
  description: 'Production, all sites',
  tags: ['prod', 'web'],
  gateway: '10.0.0.1',
  reserved: ['10.0.0.2-10.0.0.9', '10.0.255.0/24'],
  cooldown_seconds: 300,
  strategy: 'next',
  metadata: { owner: 'netops' },
  created_at: '2026-01-15T10:30:00Z',
  updated_at: '2026-02-01T08:00:00Z',
}

const ALLOCATION: AllocationRecord = {
  id: 'alloc-1',
  network_id: 'net-1',
  cidr: '10.0.0.0/16',
  namespace: 'default',
  ip: '10.0.0.10',
  end_ip: '10.0.0.19',
  hostname: null,
  description: 'Load balancer pool',
  tags: ['lb'],
  mac: null,
  metadata: { ticket: 'NET-12' },
  status: 'allocated',
  allocated_at: '2026-01-15T10:30:00Z',
  expires_at: '2030-01-01T00:00:00Z',
  released_at: null,
}

/** Texts as clients may store them, and as a spreadsheet, CSV or a list would misread them. */
const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...'",;\t\n\'=@[{ -'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 20,
  })
  .filter((value) => !/(?![\n\r\t])[\p{Cc}\p{Cs}]/u.test(value))
const metadata = fc.dictionary(
  text.filter((key) => key !== ''),
  text,
  { maxKeys: 3 },
)
const tags = fc.array(
  text.filter((tag) => tag !== ''),
  { maxLength: 4 },
)

describe('our own files', () => {
  test('networks from CSV, with what a spreadsheet would run defused', async () => {
    const file = await readFixture('ipam-networks.csv')

    expect(file.format).toBe('ipam-networks-csv')
    expect(valuesOf(file)).toEqual([
      {
        kind: 'network',
        cidr: '10.0.0.0/16',
        namespace: 'default',
        description: 'Production, all sites',
        tags: ['prod', 'web'],
        gateway: '10.0.0.1',
        reserved: ['10.0.0.2-10.0.0.9', '10.0.255.0/24'],
        cooldown_seconds: 300,
        strategy: 'next',
        metadata: { owner: 'netops' },
      },
      {
        kind: 'network',
        cidr: '2001:db8:1::/64',
        namespace: 'customer-a',
        description: '=HYPERLINK is no formula here',
        tags: ['a,b', 'c'],
        gateway: null,
        reserved: [],
        cooldown_seconds: 0,
        strategy: 'lowest',
        metadata: {},
      },
    ])
  })

  test('allocations from JSON lines: what is over is skipped', async () => {
    const file = await readFixture('ipam-allocations.jsonl')

    expect(file.format).toBe('ipam-allocations-jsonl')
    expect(valuesOf(file)).toEqual([
      {
        kind: 'allocation',
        ip: '10.0.0.10',
        end_ip: '10.0.0.19',
        network: '10.0.0.0/16',
        namespace: 'default',
        hostname: null,
        description: 'Load balancer pool',
        tags: ['lb'],
        mac: null,
        metadata: { ticket: 'NET-12' },
        expires_at: '2030-01-01T00:00:00Z',
      },
      {
        kind: 'allocation',
        ip: '10.0.0.20',
        end_ip: null,
        network: null,
        namespace: null,
        hostname: 'web-1',
        description: '',
        tags: [],
        mac: '00:00:5e:00:53:01',
        metadata: {},
        expires_at: null,
      },
    ])
    expect(summary(file).at(-1)).toBe('row 4: skipped: 10.0.0.21 is released')
  })

  test('an export is the text that it always was', async () => {
    const [header = '', first = ''] = fixtureText('ipam-networks.csv').replace('\ufeff', '').split('\n')
    const [allocation = ''] = fixtureText('ipam-allocations.jsonl').split('\n')

    const csv = await collect(exportNetworks([NETWORK], { notation: 'csv' }))
    const jsonl = await collect(exportAllocations([ALLOCATION], { notation: 'jsonl' }))

    expect(csv.join('')).toBe(`${header}\r\n${first}\r\n`)
    expect(jsonl.join('')).toBe(`${allocation}\n`)
  })

  test.each(['csv', 'jsonl'] as const)(
    'every network that is exported as %s is imported unchanged',
    async (notation) => {
      const record = fc.record({
        description: text,
        tags,
        metadata,
        namespace: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
        gateway: fc.constantFrom(null, '10.0.0.1'),
        cooldown_seconds: fc.constantFrom(null, 0, 3_600),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 4 }), async (records) => {
          const networks = records.map((fields) => ({ ...NETWORK, ...fields }))

          const file = await readText(await collect(exportNetworks(networks, { notation })))

          expect(file.format).toBe(`ipam-networks-${notation}`)
          const expected = networks.map(({ id, parent_id, created_at, updated_at, ...fields }) => ({
            kind: 'network',
            ...fields,
          }))
          expect(valuesOf(file)).toEqual(expected)
        }),
      )
    },
  )

  test.each(['csv', 'jsonl'] as const)(
    'every allocation that is exported as %s is imported unchanged',
    async (notation) => {
      const record = fc.record({
        description: text,
        tags,
        metadata,
        hostname: fc.constantFrom(null, 'web-1', '-x', "'=x"),
        end_ip: fc.constantFrom(null, '10.0.0.19'),
        mac: fc.constantFrom(null, '00:00:5e:00:53:01'),
        expires_at: fc.constantFrom(null, '2030-01-01T00:00:00Z', '2030-01-01T00:00:00.125Z'),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 4 }), async (records) => {
          const allocations = records.map((fields) => ({ ...ALLOCATION, ...fields }))

          const file = await readText(await collect(exportAllocations(allocations, { notation })))

          const expected = allocations.map(
            ({ id, network_id, cidr, status, allocated_at, released_at, ...fields }) => ({
              kind: 'allocation',
              network: cidr,
              ...fields,
            }),
          )
          expect(valuesOf(file)).toEqual(expected)
        }),
      )
    },
  )

  test('records are handed on by chunks, never the whole file together', async () => {
    let inFlight = 0
    function* records() {
      for (let i = 0; i < 10_000; i++) {
        inFlight += 1
        yield { ...ALLOCATION, end_ip: null, ip: `10.0.${i >> 8}.${i % 256}` }
      }
    }
    let rows = 0
    let inFlightMax = 0

    const { results } = await readBulk(exportAllocations(records(), { notation: 'csv' }), { format: null })
    for await (const result of results) {
      if (result.type === 'row') rows += 1
      inFlight -= 1
      inFlightMax = Math.max(inFlightMax, inFlight)
    }

    expect(rows).toBe(10_000)
    expect(inFlightMax).toBeLessThan(1_000)
  })

  test('whoever stops reading stops the source', async () => {
    let isClosed = false
    async function* source() {
      try {
        yield 'ip\n10.0.0.1\n'
        yield '10.0.0.2\n'
        yield '10.0.0.3\n'
      } finally {
        isClosed = true
      }
    }

    const { results } = await readBulk(source(), { format: null })
    for await (const result of results) if (result.row === 2) break

    expect(isClosed).toBe(true)
  })
})

describe('what is wrong with a row', () => {
  test.each([
    { field: 'ip', value: '10.0.0.300', message: '10.0.0.300 is not an IP address: 300 is above 255' },
    { field: 'ip', value: '', message: 'is required: an address such as "10.0.0.5"' },
    { field: 'ip', value: ' 10.0.0.5', message: '" 10.0.0.5" has spaces around it; did you mean 10.0.0.5?' },
    { field: 'end_ip', value: '10.0.0.1', message: '10.0.0.1 is before 10.0.0.5' },
    {
      field: 'end_ip',
      value: '2001:db8::1',
      message: '2001:db8::1 is of another address family than 10.0.0.5',
    },
    { field: 'cidr', value: '10.1.0.0/16', message: '10.0.0.5 is not in 10.1.0.0/16' },
    { field: 'cidr', value: '10.0.0.0/33', message: '10.0.0.0/33 has a prefix length above 32' },
    { field: 'hostname', value: 'web 1', message: 'must not have spaces, as "web 1" does' },
    { field: 'hostname', value: 'x'.repeat(254), message: 'must have at most 253 characters, not 254' },
    {
      field: 'description',
      value: 'x'.repeat(1_025),
      message: 'must have at most 1024 characters, not 1025',
    },
    { field: 'description', value: 'a\u0000', message: 'must not have control characters' },
    { field: 'tags', value: 'a,,b', message: 'must not have an empty tag' },
    { field: 'tags', value: 'x'.repeat(65), message: 'must have at most 64 characters, not 65' },
    { field: 'tags', value: 'x,'.repeat(64), message: 'must have at most 64 tags, not 65' },
    { field: 'tags', value: '[1]', message: 'must be a list of texts, not of 1' },
    { field: 'tags', value: '["a"', message: 'is not valid JSON: unexpected end at line 1, column 5' },
    {
      field: 'mac',
      value: '00:00:5e:00:53',
      message:
        '00:00:5e:00:53 is not a MAC address: it has 6 octets, or 8, in hex, such as 00:00:5e:00:53:01',
    },
    { field: 'metadata', value: '{"a":1}', message: '"a" must be text, not 1' },
    {
      field: 'metadata',
      value: '[]',
      message: 'must be an object of texts such as {"owner":"net"}, not a list',
    },
    {
      field: 'metadata',
      value: `{"a":"${'x'.repeat(1_025)}"}`,
      message: '"a" must have at most 1024 characters, not 1025',
    },
    { field: 'status', value: 'gone', message: 'must be allocated, released or expired, not "gone"' },
    {
      field: 'expires_at',
      value: 'tomorrow',
      message: 'must be a time such as "2030-01-31T10:30:00Z", not "tomorrow"',
    },
    {
      field: 'expires_at',
      value: '2030-02-30T00:00:00Z',
      message: 'must be a time such as "2030-01-31T10:30:00Z", not "2030-02-30T00:00:00Z"',
    },
    {
      field: 'expires_at',
      value: '2030-01-01T00:00:00',
      message: 'must be a time such as "2030-01-31T10:30:00Z", not "2030-01-01T00:00:00"',
    },
  ])('an allocation: $field $message', async ({ field, value, message }) => {
    const names = field === 'ip' ? ['ip', 'hostname'] : ['ip', field]
    const fields = field === 'ip' ? [value, 'a'] : ['10.0.0.5', value]
    const quoted = fields.map((text) => `"${text.replaceAll('"', '""')}"`)

    const file = await readText(`${names.join(',')}\n10.0.0.9,\n${quoted.join(',')}\n`)

    expect(summary(file)).toEqual(['row 2: 10.0.0.9', `row 3: ${field}: ${message}`])
  })

  test.each([
    {
      field: 'cidr',
      value: '10.0.0.5/24',
      message: '10.0.0.5/24 has host bits set; did you mean 10.0.0.0/24?',
    },
    { field: 'cidr', value: '', message: 'is required: a prefix such as "10.0.0.0/24"' },
    { field: 'gateway', value: '10.0.1.1', message: '10.0.1.1 is not in 10.0.0.0/24' },
    { field: 'reserved', value: '10.0.0.1-10.0.1.1', message: '10.0.1.1 is not in 10.0.0.0/24' },
    { field: 'reserved', value: '10.0.0.9-10.0.0.1', message: '10.0.0.1 is before 10.0.0.9' },
    { field: 'reserved', value: '10.0.0.0/23', message: '10.0.0.0/23 is not in 10.0.0.0/24' },
    { field: 'reserved', value: '1-2-3', message: '"1-2-3" is neither an address, a range nor a prefix' },
    { field: 'cooldown_seconds', value: '-1', message: 'must be a whole number, not "-1"' },
    {
      field: 'cooldown_seconds',
      value: '31622401',
      message: 'must be a whole number from 0 to 31622400, not 31622401',
    },
    { field: 'strategy', value: 'best', message: 'must be lowest, next or random, not "best"' },
    {
      field: 'namespace',
      value: 'Customer A',
      message: 'must be 1 to 64 letters, digits, -, _ and ., not "Customer A"',
    },
  ])('a network: $field $message', async ({ field, value, message }) => {
    const names = field === 'cidr' ? ['cidr', 'description'] : ['cidr', field]
    const fields = field === 'cidr' ? [value, 'a'] : ['10.0.0.0/24', value]

    const file = await readText(`${names.join(';')}\n${fields.join(';')}\n`)

    expect(summary(file)).toEqual([`row 2: ${field}: ${message}`])
  })

  test('all fields that are wrong are named, each once', async () => {
    const file = await readText(
      '{"ip":"10.0.0.1","hostnam":"a","tags":"b","mac":7,"metadata":{"x":null},"end_ip":"x"}',
    )

    expect(summary(file)).toEqual([
      'row 1: hostnam: unknown field; did you mean hostname?',
      'row 1: tags: must be a list of texts, not "b"',
      'row 1: mac: must be text, not 7',
      'row 1: metadata: "x" must be text, not null',
      'row 1: end_ip: x is not an IP address: IPv4 has four numbers with dots between them',
    ])
  })

  test.each([
    {
      why: 'a typo',
      header: 'ip,hostnam',
      message: 'row 1, column "hostnam": unknown column; did you mean hostname?',
    },
    {
      why: 'our names have small letters',
      header: 'IP,Hostname',
      message: 'row 1, column "IP": unknown column; did you mean ip?',
    },
    {
      why: 'nothing near',
      header: 'cidr,zebra',
      message:
        'row 1, column "zebra": unknown column; known are id, cidr, namespace, parent_id, description, tags, gateway, reserved, cooldown_seconds, strategy, metadata, created_at, updated_at',
    },
  ])('an unknown column stops it all: $why', async ({ header, message }) => {
    expect(await errorOf(readText(`${header}\n`))).toBe(message)
  })

  test.each([
    {
      why: 'a field too few',
      text: 'ip,hostname,mac\n10.0.0.1,a\n',
      lines: ['row 2: has 2 fields where the header has 3'],
    },
    {
      why: 'a field too many',
      text: 'ip,mac\n10.0.0.1,,x\n',
      lines: ['row 2: has 3 fields where the header has 2'],
    },
    { why: 'empty ones too many', text: 'ip,mac\n10.0.0.1,,,\n', lines: ['row 2: 10.0.0.1'] },
    { why: 'a column without name or values', text: 'ip,,\n10.0.0.1,,\n', lines: ['row 2: 10.0.0.1'] },
    {
      why: 'a column without a name',
      text: 'ip,,\n10.0.0.1,,x\n',
      lines: ['row 2: column 3: has a value, and the header has no name for it'],
    },
    {
      why: 'an empty row of a spreadsheet',
      text: 'ip,mac\n,\n10.0.0.1,\n',
      lines: ['row 2: skipped: the row is empty', 'row 3: 10.0.0.1'],
    },
    { why: 'spaces around a name', text: 'ip, hostname\n10.0.0.1,a\n', lines: ['row 2: 10.0.0.1'] },
  ])('a row has the columns of the header: $why', async ({ text, lines }) => {
    expect(summary(await readText(text))).toEqual(lines)
  })

  test.each([
    { why: 'not JSON', line: '{"ip":"10.0.0.1",}', message: 'row 3: column 18: unexpected "}"' },
    { why: 'cut short', line: '{"ip":"10', message: 'row 3: column 10: unexpected end' },
    { why: 'not an object', line: '[1]', message: 'row 3: must be a JSON object, not a list' },
    {
      why: 'too long',
      line: `{"ip":"${'x'.repeat(64 * 1_024)}"}`,
      message: 'row 3: the line is above 65536 characters',
    },
  ])('a wrong line of JSON is one wrong row: $why', async ({ line, message }) => {
    const file = await readText(`{"ip":"10.0.0.1"}\r\n\r\n${line}\n{"ip":"10.0.0.2"}`)

    expect(summary(file)).toEqual(['row 1: 10.0.0.1', message, 'row 4: 10.0.0.2'])
  })

  test('a JSON list, as the API answers it, is told how to be lines', async () => {
    expect(await errorOf(readText('[\n  {"ip": "10.0.0.1"}\n]\n'))).toContain(
      'one object a line, as jq -c ".[]"',
    )
  })

  test('keys that JavaScript knows are keys like others', async () => {
    const file = await readText('{"ip":"10.0.0.1","metadata":{"__proto__":"x","constructor":"y"}}')

    expect(Object.entries(valuesOf(file)[0]?.metadata ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })

  test('rows before broken quotes are read', async () => {
    const { results } = await readBulk(['ip,mac\n10.0.0.1,\n10.0.0.2,"\n'], { format: null })

    expect((await results.next()).value).toMatchObject({ type: 'row', row: 2 })
    expect(await errorOf(results.next())).toBe('row 3, column "mac": a quote is not closed')
  })
})

describe('bytes', () => {
  test('characters may be cut anywhere', async () => {
    const bytes = new TextEncoder().encode('\ufeffgrüße \u{1f4a9}')

    const chunks = await collect(decodeUtf8([...bytes].map((byte) => Uint8Array.of(byte))))

    expect(chunks.join('')).toBe('\ufeffgrüße \u{1f4a9}')
  })

  test.each([
    { why: 'Latin-1', bytes: [0x67, 0x72, 0xfc, 0xdf, 0x65] },
    { why: 'UTF-16', bytes: [0xff, 0xfe, 0x69, 0x00] },
    { why: 'cut in a character', bytes: [0x61, 0xc3] },
  ])('are refused that are not UTF-8: $why', async ({ bytes }) => {
    expect(await errorOf(collect(decodeUtf8([Uint8Array.from(bytes)])))).toBe(
      'the file is not UTF-8; save it as "CSV UTF-8"',
    )
  })
})
