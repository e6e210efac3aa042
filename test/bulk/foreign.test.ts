import { describe, expect, test } from 'vitest'
import type { AllocationRow, NetworkRow } from '../../src/bulk/rows.ts'
import { errorOf, readFixture, readText, summary, valuesOf } from './read.ts'

function network(fields: Partial<NetworkRow> & { cidr: string }): NetworkRow {
  return {
    kind: 'network',
    namespace: null,
    description: '',
    tags: [],
    gateway: null,
    reserved: [],
    cooldown_seconds: null,
    strategy: null,
    metadata: {},
    ...fields,
  }
}

function allocation(fields: Partial<AllocationRow> & { ip: string }): AllocationRow {
  return {
    kind: 'allocation',
    end_ip: null,
    network: null,
    namespace: null,
    hostname: null,
    description: '',
    tags: [],
    mac: null,
    metadata: {},
    expires_at: null,
    ...fields,
  }
}

describe('prefixes from NetBox', () => {
  test('the table with its labels: the VRF is the namespace, the rest metadata', async () => {
    const file = await readFixture('netbox-prefixes-table.csv')

    expect(file.format).toBe('netbox-prefixes')
    expect(valuesOf(file)).toEqual([
      network({
        cidr: '10.0.0.0/8',
        namespace: 'default',
        description: 'RFC 1918',
        metadata: { netbox_id: '1', netbox_status: 'container' },
      }),
      network({
        cidr: '10.20.0.0/24',
        namespace: 'Customer-A',
        description: 'Users, first floor',
        tags: ['campus', 'wifi'],
        metadata: {
          netbox_vrf_rd: '65000:1',
          netbox_id: '17',
          netbox_tenant: 'Customer A',
          netbox_scope: 'DC1',
          netbox_vlan: 'users (120)',
          netbox_role: 'Access',
          netbox_is_pool: 'true',
          netbox_comments: 'See wiki\npage 12',
          netbox_rack_group: 'B',
        },
      }),
      network({
        cidr: '2001:db8:20::/64',
        namespace: 'Customer-A',
        metadata: { netbox_vrf_rd: '65000:1', netbox_id: '18', netbox_status: 'deprecated' },
      }),
    ])
    expect(file.results.map(({ row, line }) => [row, line])).toEqual([
      [2, 2],
      [3, 3],
      [4, 5],
    ])
  })

  test('the import format with the names of the model', async () => {
    const file = await readFixture('netbox-prefixes-import.csv')

    expect(file.format).toBe('netbox-prefixes')
    expect(valuesOf(file)).toEqual([
      network({
        cidr: '10.20.0.0/24',
        namespace: 'Customer-A',
        description: 'Users',
        tags: ['campus', 'wifi'],
        metadata: {
          netbox_tenant: 'Customer A',
          netbox_site: 'DC1',
          netbox_vlan: '120',
          netbox_role: 'Access',
          netbox_is_pool: 'true',
        },
      }),
      network({ cidr: '10.30.0.0/24', metadata: { netbox_status: 'reserved' } }),
    ])
  })

  test.each([
    { why: 'the bullets of old tables', text: 'Prefix\n"• • 10.0.0.0/8"\n', lines: ['row 2: 10.0.0.0/8'] },
    {
      why: 'host bits',
      text: 'Prefix,Status\n10.0.0.5/24,Active\n',
      lines: ['row 2: Prefix: 10.0.0.5/24 has host bits set; did you mean 10.0.0.0/24?'],
    },
    {
      why: 'a long comment names its column',
      text: `Prefix,Comments\n10.0.0.0/8,${'x'.repeat(1_025)}\n`,
      lines: ['row 2: Comments: "netbox_comments" must have at most 1024 characters, not 1025'],
    },
  ])('$why', async ({ text, lines }) => {
    expect(summary(await readText(text))).toEqual(lines)
  })
})

describe('IP addresses from NetBox', () => {
  test('the table with its labels: the mask is no network, and kept', async () => {
    const file = await readFixture('netbox-ip-addresses-table.csv')

    expect(file.format).toBe('netbox-ip-addresses')
    expect(valuesOf(file)).toEqual([
      allocation({
        ip: '10.20.0.5',
        namespace: 'Customer-A',
        hostname: 'web1.example.net',
        description: 'Web server',
        tags: ['web'],
        metadata: {
          netbox_address: '10.20.0.5/24',
          netbox_vrf_rd: '65000:1',
          netbox_tenant: 'Customer A',
          netbox_interface: 'eth0',
          netbox_parent: 'web1',
        },
      }),
      allocation({
        ip: '10.20.0.1',
        namespace: 'Customer-A',
        metadata: {
          netbox_address: '10.20.0.1/24',
          netbox_vrf_rd: '65000:1',
          netbox_status: 'reserved',
          netbox_role: 'VIP',
        },
      }),
      allocation({
        ip: '192.0.2.7',
        namespace: 'default',
        hostname: 'nat.example.net',
        metadata: { netbox_nat_inside: '10.20.0.5/24' },
      }),
      allocation({
        ip: '2001:db8:20::5',
        namespace: 'default',
        metadata: { netbox_address: '2001:db8:20::5/64', netbox_status: 'dhcp' },
      }),
    ])
    expect(summary(file).at(-1)).toBe('row 6: IP Address: 10.20.0.300 is not an IP address: 300 is above 255')
  })

  test('the import format with the names of the model', async () => {
    const file = await readFixture('netbox-ip-addresses-import.csv')

    expect(file.format).toBe('netbox-ip-addresses')
    expect(valuesOf(file)).toEqual([
      allocation({
        ip: '10.20.0.5',
        namespace: 'Customer-A',
        hostname: 'web1.example.net',
        description: 'Web server',
        tags: ['web'],
        metadata: {
          netbox_address: '10.20.0.5/24',
          netbox_tenant: 'Customer A',
          netbox_device: 'web1',
          netbox_interface: 'eth0',
          netbox_is_primary: 'true',
        },
      }),
    ])
  })

  test.each([
    { mask: '33', message: 'has no number from 0 to 32 after the slash' },
    { mask: '', message: 'has no number from 0 to 32 after the slash' },
    { mask: '24/25', message: 'has no number from 0 to 32 after the slash' },
  ])('10.0.0.5/$mask $message', async ({ mask, message }) => {
    expect(summary(await readText(`address\n10.0.0.5/${mask}\n`))).toEqual([`row 2: address: ${message}`])
  })
})

describe('addresses from phpIPAM', () => {
  test('the table: the subnet is the network, the rest metadata', async () => {
    const file = await readFixture('phpipam-addresses.csv')

    expect(file.format).toBe('phpipam-addresses')
    expect(valuesOf(file)).toEqual([
      allocation({
        ip: '10.10.1.1',
        network: '10.10.1.0/24',
        namespace: 'default',
        hostname: 'gw1.example.net',
        mac: '00:00:5e:00:53:01',
        metadata: {
          phpipam_section: 'Customers',
          phpipam_owner: 'netops',
          phpipam_device: 'sw1',
          phpipam_note: 'ask first; always',
          phpipam_gateway: 'Yes',
        },
      }),
      allocation({
        ip: '10.10.1.20',
        network: '10.10.1.0/24',
        namespace: 'red',
        hostname: 'printer',
        description: 'Printer 2nd floor',
        mac: '00:00:5e:00:53:02',
        metadata: { phpipam_section: 'Customers', phpipam_tag: 'DHCP', phpipam_rack: 'R12' },
      }),
    ])
    expect(summary(file).at(-1)).toBe('row 4: Subnet: 10.10.1.21 is not in 10.10.2.0/24')
  })
})

describe('subnets from phpIPAM', () => {
  test('the table: folders are skipped', async () => {
    const file = await readFixture('phpipam-subnets.csv')

    expect(file.format).toBe('phpipam-subnets')
    expect(file.results[0]).toEqual({
      type: 'skipped',
      reason: 'Buildings (folder) is no network',
      row: 2,
      line: 2,
    })
    expect(valuesOf(file)).toEqual([
      network({
        cidr: '10.10.0.0/16',
        description: 'All buildings',
        metadata: { phpipam_section: 'Customers', phpipam_master_subnet: 'Buildings [folder]' },
      }),
      network({
        cidr: '10.10.1.0/24',
        namespace: 'red',
        description: 'Building 1',
        metadata: {
          phpipam_section: 'Customers',
          phpipam_vlan: '120',
          phpipam_vlan_domain: 'default',
          phpipam_master_subnet: '10.10.0.0/16',
          phpipam_requests: '1',
          phpipam_host_check: '1',
          phpipam_customer: 'ACME',
        },
      }),
    ])
  })

  test('the mask may stand beside the address, as a length or as a netmask', async () => {
    const file = await readFixture('phpipam-subnets-mask.tsv')

    expect(summary(file)).toEqual([
      'row 2: 10.10.1.0/24',
      'row 3: 10.10.2.0/25',
      'row 4: Mask: 255.0.255.0 is no netmask',
    ])
  })
})

describe('hosts files', () => {
  test('a line is an allocation; what belongs to every host is skipped', async () => {
    const file = await readFixture('hosts.txt')

    expect(file.format).toBe('hosts')
    expect(valuesOf(file)).toEqual([
      allocation({
        ip: '10.0.0.5',
        hostname: 'web1.example.net',
        description: 'first web server',
        metadata: { hosts_aliases: 'web1 www' },
      }),
      allocation({ ip: '2001:db8::5', hostname: 'web1.example.net' }),
    ])
    expect(summary(file)).toEqual([
      'row 2: skipped: 127.0.0.1 is a loopback address',
      'row 3: skipped: 127.0.1.1 is a loopback address',
      'row 4: skipped: ::1 is a loopback address',
      'row 5: skipped: fe00::0 is a name for the local network',
      'row 6: skipped: ff02::1 is a multicast address',
      'row 7: skipped: fe80::1%lo0 is a link-local address',
      'row 9: 10.0.0.5',
      'row 10: 2001:db8::5',
      'row 11: ip: 10.0.0.300 is not an IP address: 300 is above 255',
      'row 12: hostname: 10.0.0.6 has no name',
    ])
  })

  test.each([
    { ip: '255.255.255.255', what: 'the broadcast address' },
    { ip: '0.0.0.0', what: 'the unspecified address' },
    { ip: '::', what: 'the unspecified address' },
    { ip: '239.1.2.3', what: 'a multicast address' },
  ])('$ip is skipped: $what', async ({ ip, what }) => {
    expect(summary(await readText(`${ip} x\n`))).toEqual([`row 1: skipped: ${ip} is ${what}`])
  })
})

describe('which format it is', () => {
  test.each([
    { header: 'cidr,description', format: 'ipam-networks-csv', why: 'only we say cidr' },
    { header: 'ip,cidr,hostname', format: 'ipam-allocations-csv', why: 'only we say ip' },
    { header: 'PREFIX;Status', format: 'netbox-prefixes', why: 'case does not count' },
    { header: 'address,status', format: 'netbox-ip-addresses', why: 'the name of the model' },
    {
      header: 'ip address\tdns name\tdescription',
      format: 'netbox-ip-addresses',
      why: 'the DNS name is NetBox',
    },
    {
      header: 'IP address,Hostname,Description',
      format: 'phpipam-addresses',
      why: 'the hostname is phpIPAM',
    },
    { header: 'ip_addr,hostname', format: 'phpipam-addresses', why: 'the name of the field' },
    { header: 'Section,Subnet', format: 'phpipam-subnets', why: 'no address in it' },
    { header: '{"cidr":"10.0.0.0/8"}', format: 'ipam-networks-jsonl', why: 'an object' },
    { header: '\ufeff{"ip":"10.0.0.1"}', format: 'ipam-allocations-jsonl', why: 'an object' },
    { header: '# hosts\n\n  10.0.0.1 a', format: 'hosts', why: 'an address and a name' },
  ])('$header is $format: $why', async ({ header, format }) => {
    expect((await readText(`${header}\n`)).format).toBe(format)
  })

  test('a format that was asked for is not detected', async () => {
    const header = 'IP Address,Description\n10.0.0.1,x\n'

    const file = await readText(header, { format: 'phpipam-addresses' })

    expect(summary(file)).toEqual(['row 2: 10.0.0.1'])
  })

  const KNOWN =
    'ipam-networks-csv, ipam-allocations-csv, ipam-networks-jsonl, ipam-allocations-jsonl, netbox-prefixes, netbox-ip-addresses, phpipam-subnets, phpipam-addresses, hosts'
  test.each([
    {
      why: 'two formats fit',
      text: 'IP Address,Description\n',
      format: null,
      message: `the columns "IP Address", "Description" tell no format; name it: one of ${KNOWN}`,
    },
    {
      why: 'none fits',
      text: '10.0.0.1,web\n',
      format: null,
      message: `the columns "10.0.0.1", "web" tell no format; name it: one of ${KNOWN}`,
    },
    {
      why: 'nothing there',
      text: '\n\n',
      format: null,
      message: 'the file is empty; its first line has to name the columns',
    },
    {
      why: 'a typo',
      text: '',
      format: 'netbox-prefixs',
      message: 'unknown format "netbox-prefixs"; did you mean netbox-prefixes?',
    },
    { why: 'unknown', text: '', format: 'excel', message: `unknown format "excel"; known are ${KNOWN}` },
    {
      why: 'another file',
      text: 'cidr\n',
      format: 'netbox-prefixes',
      message: 'netbox-prefixes has a column prefix, and this file has "cidr"',
    },
    {
      why: 'an object of something else',
      text: '{"name":"x"}\n',
      format: null,
      message: 'the first object has neither "cidr", as a network has, nor "ip", as an allocation has',
    },
    {
      why: 'not JSON',
      text: '{"ip":}\n',
      format: null,
      message: 'the first line begins like JSON, and is none: column 7: unexpected "}"',
    },
    { why: 'a column twice', text: 'ip,ip\n', format: null, message: 'row 1: column "ip" is there twice' },
    {
      why: 'a column twice, in other letters',
      text: 'Prefix,prefix\n',
      format: null,
      message: 'row 1: column "prefix" is there twice, also as "Prefix"',
    },
  ])('is refused: $why', async ({ text, format, message }) => {
    expect(await errorOf(readText(text, { format }))).toBe(message)
  })
})
