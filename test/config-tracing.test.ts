import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { configWarnings, loadConfig } from '../src/config.ts'
import { complaintOf } from './config-error.ts'

const ENDPOINT = 'http://127.0.0.1:4318/v1/traces'
const SECRET = 'not-to-be-seen'

function load(tracing: string) {
  const file = `cluster_id: 1\nnodes: [{ node_id: 1, addr: "127.0.0.1:5001", api: "127.0.0.1:8080" }]\n${tracing}\n`
  return loadConfig(['--config', 'cluster.yaml', '--node-id', '1'], {}, () => file)
}

describe('the section tracing', () => {
  test.each(['', 'tracing: {}', 'tracing: { sample_ratio: 1 }', 'tracing: { otlp_endpoint: null }'])(
    'without an endpoint is as if it were not there: %j',
    (section) => {
      expect(load(section).tracing).toBeNull()
    },
  )

  test('with an endpoint has defaults for everything else', () => {
    expect(load(`tracing: { otlp_endpoint: "${ENDPOINT}" }`).tracing).toEqual({
      endpoint: new URL(ENDPOINT),
      headers: {},
      sampleRatio: 0.01,
      serviceName: 'ipam',
      spansMax: 4_096,
    })
  })

  test('may set everything', () => {
    const section = `tracing: { otlp_endpoint: "https://c.example/v1/traces?x=1", sample_ratio: 0, service_name: s, spans_max: 256, headers: { Authorization: "Bearer ${SECRET}" } }`
    const tracing = load(section).tracing

    expect(tracing).toMatchObject({ sampleRatio: 0, serviceName: 's', spansMax: 256 })
    expect(tracing?.endpoint.href).toBe('https://c.example/v1/traces?x=1')
    expect(tracing?.headers['Authorization']?.reveal()).toBe(`Bearer ${SECRET}`)
    expect(inspect(tracing, { depth: 9 }) + JSON.stringify(tracing)).not.toContain(SECRET)
  })

  test.each([
    { why: 'no URL', keys: 'otlp_endpoint: collector', says: 'must be a whole URL such as' },
    { why: 'only host and port', keys: 'otlp_endpoint: "127.0.0.1:4318"', says: 'must be a whole URL' },
    {
      why: 'a host that looks like a scheme',
      keys: 'otlp_endpoint: "localhost:4318"',
      says: 'must start with http://',
    },
    { why: 'gRPC', keys: 'otlp_endpoint: "grpc://h:4317/v1/traces"', says: 'as OTLP over HTTP; not "grpc:"' },
    { why: 'no path', keys: 'otlp_endpoint: "http://h:4318"', says: 'whole path, which is /v1/traces' },
    { why: 'a fragment', keys: 'otlp_endpoint: "http://h:4318/v1/traces#a"', says: 'must end before the #' },
    { why: 'a number', keys: 'otlp_endpoint: 4318', says: 'must be a URL such as' },
    {
      why: 'a password in it',
      keys: `otlp_endpoint: "http://u:${SECRET}@h/v1/traces"`,
      says: 'set tracing.headers',
    },
    {
      why: 'above 1',
      keys: 'sample_ratio: 1.5',
      says: 'sample_ratio: must be a number from 0 to 1, not 1.5',
    },
    { why: 'below 0', keys: 'sample_ratio: -1', says: 'sample_ratio: must be a number from 0 to 1' },
    { why: 'a percentage', keys: 'sample_ratio: 1%', says: 'sample_ratio: must be a number from 0 to 1' },
    { why: 'no name', keys: 'service_name: ""', says: 'service_name: must not be empty' },
    {
      why: 'a misspelt key',
      keys: 'endpoint: x',
      says: 'tracing.endpoint: unknown key; did you mean otlp_endpoint?',
    },
    { why: 'headers for nobody', keys: `headers: { a: "${SECRET}" }`, says: 'set tracing.otlp_endpoint' },
    { why: 'no section', keys: null, says: 'tracing: must be a section of keys' },
  ])('is refused with the way out: $why', ({ keys, says }) => {
    const message = complaintOf(() => load(keys === null ? 'tracing: true' : `tracing: { ${keys} }`))

    expect(message).toContain(says)
    expect(message).toMatch(/^cluster\.yaml:3:\d+: tracing/)
    expect(message).not.toContain(SECRET)
  })

  test.each([
    { why: 'no text', headers: `{ a: [${SECRET}] }`, says: 'tracing.headers.a: must be a text' },
    { why: 'a line break', headers: `{ a: "${SECRET}\\r\\nX: 1" }`, says: 'printable ASCII' },
    { why: 'too long', headers: `{ a: "${SECRET.repeat(400)}" }`, says: 'at most 4096 characters' },
    { why: 'no name of a header', headers: `{ "a b": ${SECRET} }`, says: 'is no name of a header' },
    { why: 'one of ours', headers: `{ Content-Type: ${SECRET} }`, says: 'is set by the node itself' },
    { why: 'a list', headers: `[${SECRET}]`, says: 'must be a section of header names and values' },
    { why: 'a text', headers: SECRET, says: 'must be a section of header names and values' },
    {
      why: 'too many',
      headers: `{ ${Array.from({ length: 17 }, (_, i) => `h${i}: ${SECRET}`).join(', ')} }`,
      says: 'at most 16 headers',
    },
  ])('has headers that are refused without being shown: $why', ({ headers, says }) => {
    const message = complaintOf(() => load(`tracing: { otlp_endpoint: "${ENDPOINT}", headers: ${headers} }`))

    expect(message).toContain(says)
    expect(message).not.toContain(SECRET)
  })

  test.each([
    { endpoint: 'http://10.0.0.9:4318/v1/traces', headers: '{ a: b }', warns: true },
    { endpoint: 'https://10.0.0.9:4318/v1/traces', headers: '{ a: b }', warns: false },
    { endpoint: 'http://10.0.0.9:4318/v1/traces', headers: '{}', warns: false },
    { endpoint: 'http://127.0.0.1:4318/v1/traces', headers: '{ a: b }', warns: false },
    { endpoint: 'http://[::1]:4318/v1/traces', headers: '{ a: b }', warns: false },
  ])('warns of headers in clear: $endpoint with $headers: $warns', ({ endpoint, headers, warns }) => {
    const config = load(`tracing: { otlp_endpoint: "${endpoint}", headers: ${headers} }`)

    expect(configWarnings(config).some((warning) => warning.includes('tracing.headers'))).toBe(warns)
  })
})
