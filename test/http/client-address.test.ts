import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClientAddresses, type ForwardedHeader } from '../../src/http/client-address.ts'
import { parsePrefix } from '../../src/ipam/prefix.ts'

const PROXIES = ['10.0.0.0/8', '2001:db8:1::/48'].map(parsePrefix)

function clientOf(
  peer: string | undefined,
  headers: IncomingMessage['headers'],
  { proxies = PROXIES, header = 'x-forwarded-for' as ForwardedHeader } = {},
): { address: string; client: string } {
  const socket = { remoteAddress: peer } as Socket
  const { address, client } = new ClientAddresses({ proxies, header }).of({ socket, headers })
  return { address, client }
}

describe('who is behind X-Forwarded-For', () => {
  test.each([
    { why: 'no header', peer: '10.0.0.1', value: undefined, client: '10.0.0.1' },
    { why: 'the proxy says so', peer: '10.0.0.1', value: '192.0.2.7', client: '192.0.2.7' },
    { why: 'no proxy of ours says so', peer: '192.0.2.1', value: '192.0.2.7', client: '192.0.2.1' },
    {
      why: 'what the client wrote is left of it',
      peer: '10.0.0.1',
      value: '1.1.1.1, 192.0.2.7',
      client: '192.0.2.7',
    },
    { why: 'two proxies of ours', peer: '10.0.0.1', value: '192.0.2.7, 10.0.0.2', client: '192.0.2.7' },
    {
      why: 'one of ours wrote behind a stranger',
      peer: '10.0.0.1',
      value: '1.1.1.1, 192.0.2.7,10.9.9.9',
      client: '192.0.2.7',
    },
    { why: 'all are ours', peer: '10.0.0.1', value: '10.0.0.3, 10.0.0.2', client: '10.0.0.3' },
    {
      why: 'a client that calls itself a proxy of ours',
      peer: '10.0.0.1',
      value: '10.0.0.9, 192.0.2.7',
      client: '192.0.2.7',
    },
    { why: 'with a port, as some write', peer: '10.0.0.1', value: '192.0.2.7:4711', client: '192.0.2.7' },
    { why: 'nothing', peer: '10.0.0.1', value: '', client: '10.0.0.1' },
    { why: 'no address', peer: '10.0.0.1', value: 'unknown', client: '10.0.0.1' },
    {
      why: 'no address behind a proxy of ours',
      peer: '10.0.0.1',
      value: '192.0.2.7, x, 10.0.0.2',
      client: '10.0.0.2',
    },
    { why: 'IPv6', peer: '10.0.0.1', value: '2001:DB8:2::1', client: '2001:db8:2::/64' },
    { why: 'IPv6 with a port', peer: '10.0.0.1', value: '[2001:db8:2::1]:80', client: '2001:db8:2::/64' },
    { why: 'a proxy that has IPv6', peer: '2001:db8:1::5', value: '192.0.2.7', client: '192.0.2.7' },
    {
      why: 'a socket for both families',
      peer: '::ffff:10.0.0.1',
      value: '::ffff:192.0.2.7',
      client: '192.0.2.7',
    },
    { why: 'a connection that is gone', peer: undefined, value: '192.0.2.7', client: 'unknown' },
    { why: 'an address of the link', peer: 'fe80::1%eth0', value: '192.0.2.7', client: 'fe80::1%eth0' },
  ])('$why: $peer, "$value"', ({ peer, value, client }) => {
    expect(clientOf(peer, value === undefined ? {} : { 'x-forwarded-for': value }).client).toBe(client)
  })

  test('IPv6 is counted by /64, and named in full', () => {
    expect(clientOf('2001:db8:7:8:1::2', {})).toEqual({
      address: '2001:db8:7:8:1::2',
      client: '2001:db8:7:8::/64',
    })
  })

  test('without trusted proxies nobody is believed', () => {
    const headers = { 'x-forwarded-for': '1.1.1.1', forwarded: 'for=1.1.1.1' }

    expect(clientOf('127.0.0.1', headers, { proxies: [] }).client).toBe('127.0.0.1')
  })

  test('the header that our proxies do not write is not believed', () => {
    const headers = { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=1.1.1.1' }

    expect(clientOf('10.0.0.1', headers).client).toBe('192.0.2.7')
    expect(clientOf('10.0.0.1', headers, { header: 'forwarded' }).client).toBe('1.1.1.1')
  })

  test('whatever a client writes, what the proxy appends is what counts', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (written) => {
        expect(clientOf('10.0.0.1', { 'x-forwarded-for': `${written}, 192.0.2.7` }).client).toBe('192.0.2.7')
      }),
    )
  })
})

describe('who is behind Forwarded (RFC 7239)', () => {
  test.each([
    { why: 'one', value: 'for=192.0.2.7', client: '192.0.2.7' },
    {
      why: 'with more about it',
      value: 'proto=https;For="192.0.2.7:47";by=10.0.0.1;host="a,b;c"',
      client: '192.0.2.7',
    },
    { why: 'IPv6', value: 'for="[2001:db8:2::17]:4711"', client: '2001:db8:2::/64' },
    { why: 'what the client wrote is left of it', value: 'for=1.1.1.1, for=192.0.2.7', client: '192.0.2.7' },
    { why: 'two proxies of ours', value: 'for=192.0.2.7;proto=http,for=10.0.0.2', client: '192.0.2.7' },
    { why: 'it hides the client', value: 'for=_hidden', client: '10.0.0.1' },
    { why: 'it does not know', value: 'for=192.0.2.7, for=unknown', client: '10.0.0.1' },
    { why: 'it says other things', value: 'for=1.1.1.1, proto=http', client: '10.0.0.1' },
    { why: 'an escaped quote', value: 'for="\\192.0.2.7"', client: '192.0.2.7' },
    { why: 'a quote without an end', value: 'for="192.0.2.7', client: '10.0.0.1' },
    { why: 'a comma in a quote', value: 'host="x, for=1.1.1.1";for=192.0.2.7', client: '192.0.2.7' },
    { why: 'no pair', value: '192.0.2.7', client: '10.0.0.1' },
    { why: 'empty elements', value: ', ,for=192.0.2.7', client: '192.0.2.7' },
    { why: 'spaces', value: ' for=1.1.1.1 ,\tfor=192.0.2.7 ', client: '192.0.2.7' },
  ])('$why: $value', ({ value, client }) => {
    expect(clientOf('10.0.0.1', { forwarded: value }, { header: 'forwarded' }).client).toBe(client)
  })

  test('whatever a client writes, it passes for nobody but itself: what cannot be read is of the proxy', () => {
    const hostile = fc.array(
      fc.constantFrom('for=', '1.1.1.1', '"', '\\', ',', ';', ' ', '[', ']', 'x=', '_h', ':80', '='),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(hostile, fc.constantFrom('192.0.2.7', '"[2001:db8:2::7]:80"'), (parts, node) => {
        const value = `${parts.join('')}, for=${node}`
        const { client } = clientOf('10.0.0.1', { forwarded: value }, { header: 'forwarded' })
        expect(['192.0.2.7', '2001:db8:2::/64', '10.0.0.1']).toContain(client)
      }),
      { numRuns: 20_000 },
    )
  })
})
