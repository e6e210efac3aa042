import { describe, expect, test } from 'vitest'
import { formatAddr, parseAddr } from '../../../raft/transport/addr.ts'

describe('addresses', () => {
  test.each([
    { addr: '127.0.0.1:5001', host: '127.0.0.1', port: 5001 },
    { addr: 'node-1.example.com:1', host: 'node-1.example.com', port: 1 },
    { addr: 'ipam_1:65535', host: 'ipam_1', port: 65_535 },
    { addr: '[::1]:5001', host: '::1', port: 5001 },
    { addr: '[2001:db8::7]:5001', host: '2001:db8::7', port: 5001 },
  ])('$addr is read and written', ({ addr, host, port }) => {
    expect(parseAddr(addr)).toEqual({ host, port })
    expect(formatAddr({ host, port })).toBe(addr)
  })

  test.each([
    { addr: '', complaint: 'the port is missing' },
    { addr: '127.0.0.1', complaint: 'the port is missing' },
    { addr: ':5001', complaint: 'write host:port' },
    { addr: 'host:', complaint: 'the port is missing' },
    { addr: 'host:abc', complaint: 'the port is missing' },
    { addr: 'host:0', complaint: 'port 0 is not in 1 to 65535' },
    { addr: 'host:65536', complaint: 'port 65536 is not in 1 to 65535' },
    { addr: '::1', complaint: 'in brackets' },
    { addr: '::1:5001', complaint: 'in brackets' },
    { addr: '[::1]', complaint: 'in brackets' },
    { addr: '[localhost]:5001', complaint: '[localhost] is not an IPv6 address' },
    { addr: 'a b:5001', complaint: '"a b" is not a host name' },
    { addr: '-x:5001', complaint: '"-x" is not a host name' },
    { addr: 'http://host:5001', complaint: 'in brackets' },
  ])('$addr is refused with the reason', ({ addr, complaint }) => {
    expect(() => parseAddr(addr)).toThrow(complaint)
    expect(() => parseAddr(addr)).toThrow(JSON.stringify(addr))
  })
})
