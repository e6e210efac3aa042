import { describe, expect, test } from 'vitest'
import { LogFormatError, SchemaMismatchError } from '../../raft/errors.ts'
import { damage } from '../../raft/storage/damage.ts'
import { DirectoryInUseError } from '../../raft/storage/directory-lock.ts'
import { complaintAboutNode } from '../../src/cli/node-version.ts'
import { explainStartError } from '../../src/cli/start-error.ts'
import { usageFor } from '../../src/cli/usage.ts'
import { loadConfig } from '../../src/config.ts'
import { DataDirectoryError } from '../../src/data-directory.ts'
import { StateFormatError } from '../../src/state/errors.ts'

const CLUSTER_FILE = `cluster_id: 100
data_dir: /srv/ipam
nodes:
  - { node_id: 1, addr: "10.0.0.1:5001", api: "127.0.0.1:8080" }
raft: { insecure: true }
`
const CONFIG = loadConfig(['--config', 'c.yaml', '--node-id', '1'], {}, () => CLUSTER_FILE)

function systemError(code: string, fields: object = {}): Error {
  return Object.assign(new Error(`${code}: it failed`), { code, ...fields })
}

describe('why a node did not start', () => {
  test.each([
    {
      error: systemError('EADDRINUSE', { port: 8080 }),
      line: '127.0.0.1:8080 (the API) is in use: stop what listens there, or choose another with --listen host:port',
    },
    {
      error: systemError('EADDRINUSE', { port: 5001 }),
      line: "10.0.0.1:5001 (Raft) is in use: stop what listens there, or change this node's addr in the cluster file",
    },
    {
      error: systemError('EADDRNOTAVAIL', { port: 5001 }),
      line: "10.0.0.1:5001 (Raft) is not an address of this machine: change this node's addr in the cluster file",
    },
    {
      error: systemError('EACCES', { port: 8080 }),
      line: '127.0.0.1:8080 (the API) needs privileges, as ports below 1024 do: choose another with --listen host:port',
    },
    {
      error: systemError('EACCES'),
      line: 'data directory /srv/ipam/node-1 is not writable (EACCES): change its owner or permissions, or choose another with --data-dir',
    },
    {
      error: systemError('ENOENT'),
      line: 'data directory /srv/ipam/node-1 cannot be made: choose another with --data-dir',
    },
    {
      error: systemError('ENOTDIR'),
      line: 'data directory /srv/ipam/node-1 is not a directory: choose another with --data-dir',
    },
    {
      error: new Error('database is not open', { cause: systemError('ENOSPC') }),
      line: 'no space left for /srv/ipam/node-1: free some, or choose another with --data-dir',
    },
    {
      // As LevelDB words it.
      error: new Error('Database failed to open', {
        cause: Object.assign(new Error('IO error: /srv/000005.ldb: No space left on device'), {
          code: 'LEVEL_IO_ERROR',
        }),
      }),
      line: 'no space left for /srv/ipam/node-1: free some, or choose another with --data-dir',
    },
    {
      error: new DirectoryInUseError('data directory /srv/ipam/node-1 is in use by process 7'),
      line: 'data directory /srv/ipam/node-1 is in use by process 7: stop it, or choose another with --data-dir',
    },
    {
      error: new SchemaMismatchError(2, { min: 1, max: 1 }),
      line: '/srv/ipam/node-1 cannot be used: the cluster is at command schema 2 and this program reads 1 to 1: install newer software, one that reads schema 2',
    },
    {
      error: new StateFormatError('state', { found: 8, known: 7 }),
      line: '/srv/ipam/node-1 cannot be used: the state is in format 8 and this program reads 7: install newer software',
    },
    {
      error: new StateFormatError('state', { found: 6, known: 7 }),
      line: '/srv/ipam/node-1 cannot be used: the state is in format 6 and this program reads 7: put the software back that wrote it, or remove this node and join it under a new id with an empty directory',
    },
    {
      error: new LogFormatError({ file: 'log/1', offset: 33, found: 2, known: 1 }),
      line: '/srv/ipam/node-1 cannot be used: log/1 at offset 33: in format version 2, and this program reads 1; that is no damage: newer software has written it, and takes it again; put that back',
    },
    { error: new DataDirectoryError('it belongs to node 2'), line: 'it belongs to node 2' },
    {
      error: damage('log/1', 8, 'checksum'),
      line: '/srv/ipam/node-1 is damaged (log/1 at offset 8: checksum): remove this node from the cluster, then join it under a new id with an empty directory',
    },
  ])('$line', ({ error, line }) => {
    expect(explainStartError(error, CONFIG)).toBe(line)
  })

  test('a bug of ours is not explained away', () => {
    expect(explainStartError(new TypeError('x is not a function'), CONFIG)).toBeNull()
    expect(explainStartError(systemError('ECONNRESET', { port: 8080 }), CONFIG)).toBeNull()
    expect(explainStartError('a text', CONFIG)).toBeNull()
  })
})

describe('the version of Node.js', () => {
  test.each(['20.0.0', '20.20.2', '24.21.0', '100.0.0'])('%s is new enough', (version) => {
    expect(complaintAboutNode(version)).toBeNull()
  })

  test.each(['0.12.18', '8.17.0', '18.20.8', '19.9.0'])('%s is too old', (version) => {
    expect(complaintAboutNode(version)).toContain(`this is ${version}`)
  })
})

describe('help', () => {
  test.each([
    { argv: ['--help'], line: 'Usage: ipam <command> [flags]' },
    { argv: ['-h'], line: 'Usage: ipam <command> [flags]' },
    { argv: ['help', 'server'], line: 'Usage: ipam server [flags]' },
    { argv: ['server', '--config', 'x', '--help'], line: 'Usage: ipam server [flags]' },
    { argv: ['local-cluster', '-h'], line: 'Usage: ipam local-cluster [--config FILE]' },
  ])('$argv prints "$line"', ({ argv: [command = '', ...rest], line }) => {
    expect(usageFor(command, rest)).toContain(line)
  })

  test('is not what a command does without --help', () => {
    expect(usageFor('server', ['--join'])).toBeNull()
  })
})
