import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { Secret } from '../src/secret.ts'
import { complaintOf } from './config-error.ts'

const OLD = 'the-old-secret-of-this-cluster-0001'
const NEW = 'the-new-secret-of-this-cluster-0002'

function load({ addr = '10.0.0.1:5001', more = '', env = {} as Record<string, string> }) {
  const file = `cluster_id: 1\nnodes: [{ node_id: 1, addr: "${addr}", api: "127.0.0.1:8080" }]\n${more}`
  return loadConfig(['--config', 'cluster.yaml', '--node-id', '1'], env, () => file)
}

function secretsOf(options: Parameters<typeof load>[0]): string[] {
  return load(options).clusterSecrets.map((secret) => secret.reveal())
}

describe('the cluster secret', () => {
  test('is in the file or in the environment, which wins', () => {
    expect(secretsOf({ more: `cluster_secret: ${OLD}\n` })).toEqual([OLD])
    expect(secretsOf({ env: { IPAM_CLUSTER_SECRET: NEW } })).toEqual([NEW])
    expect(secretsOf({ more: `cluster_secret: ${OLD}\n`, env: { IPAM_CLUSTER_SECRET: NEW } })).toEqual([NEW])
    expect(secretsOf({ more: `cluster_secret: ${OLD}\n`, env: { IPAM_CLUSTER_SECRET: '' } })).toEqual([OLD])
  })

  test('may be several while it is changed', () => {
    expect(secretsOf({ more: `cluster_secret: [${NEW}, ${OLD}]\n` })).toEqual([NEW, OLD])
    expect(secretsOf({ env: { IPAM_CLUSTER_SECRET: `${NEW}, ${OLD}` } })).toEqual([NEW, OLD])
  })

  test.each([
    {
      value: 'short',
      complaint: 'must have 32 characters or more, not 5; make one with: openssl rand -hex 32',
    },
    {
      value: '12345678901234567890123456789012345',
      complaint: 'must be a text, in quotes; make one with: openssl rand -hex 32',
    },
    { value: '[]', complaint: 'must have at least one secret; make one with: openssl rand -hex 32' },
    {
      value: `[${OLD}, hidden]`,
      complaint: 'must have 32 characters or more, not 6; make one with: openssl rand -hex 32',
    },
    { value: `[${Array(5).fill(OLD).join(', ')}]`, complaint: 'must have at most 4 secrets' },
    { value: `"${'x'.repeat(1025)}"`, complaint: 'must have at most 1024 characters, not 1025' },
    { value: '', complaint: 'must be a text, in quotes; make one with: openssl rand -hex 32' },
  ])('of $value is refused without being shown', ({ value, complaint }) => {
    const message = complaintOf(() => load({ more: `cluster_secret: ${value}\n` }))

    expect(message).toBe(`cluster.yaml:3:1: cluster_secret: ${complaint}`)
  })

  test('that is wrong in the environment is named as it is there', () => {
    expect(complaintOf(() => load({ env: { IPAM_CLUSTER_SECRET: 'hidden' } }))).toBe(
      'IPAM_CLUSTER_SECRET must have 32 characters or more, not 6; make one with: openssl rand -hex 32',
    )
  })

  test('shows itself to nobody by accident', () => {
    const config = load({ more: `cluster_secret: ${OLD}\n` })

    expect(JSON.stringify(config)).toContain('"clusterSecrets":["(secret)"]')
    for (const text of [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      `${new Secret(OLD)}`,
    ]) {
      expect(text).not.toContain(OLD)
    }
  })
})

describe('a node whose Raft address others reach', () => {
  test.each([
    { addr: '10.0.0.1:5001', why: 'another machine in a private network' },
    { addr: '[2001:db8::1]:5001', why: 'the same over IPv6' },
    { addr: 'node1.example:5001', why: 'a host name: it may be any address' },
  ])('does not start without a secret: $addr, $why', ({ addr }) => {
    expect(complaintOf(() => load({ addr }))).toBe(
      `cluster.yaml: node 1 would listen on ${addr}, where anybody could pass for a member: set raft.tls, or the same cluster_secret on all nodes (make one with: openssl rand -hex 32), or raft.insecure: true if the network is yours alone`,
    )
  })

  test.each([
    { why: 'it has a secret', more: `cluster_secret: ${OLD}\n` },
    { why: 'the file says that it needs none', more: 'raft: { insecure: true }\n' },
  ])('starts where $why', ({ more }) => {
    expect(load({ more }).raft?.host).toBe('10.0.0.1')
  })

  test.each(['127.0.0.1:5001', '127.9.9.9:5001', '[::1]:5001', 'localhost:5001'])(
    'needs none on %s, which is this machine alone',
    (addr) => {
      expect(load({ addr }).clusterSecrets).toEqual([])
    },
  )

  test('says so with true or false', () => {
    expect(complaintOf(() => load({ more: 'raft: { insecure: yes }\n' }))).toBe(
      'cluster.yaml:3:9: raft.insecure: must be true or false, not "yes"',
    )
  })
})
