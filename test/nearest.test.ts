import { describe, expect, test } from 'vitest'
import { nearest } from '../src/nearest.ts'

const KNOWN = ['cluster_id', 'data_dir', 'nodes', 'raft', 'log', 'node_id', 'addr', 'api']

describe('did you mean', () => {
  test.each([
    { name: 'cluser_id', meant: 'cluster_id' },
    { name: 'clusterId', meant: 'cluster_id' },
    { name: 'data-dir', meant: 'data_dir' },
    { name: 'dtaa_dir', meant: 'data_dir' },
    { name: 'node', meant: 'nodes' },
    { name: 'NODES', meant: 'nodes' },
    { name: 'adr', meant: 'addr' },
    { name: 'logs', meant: 'log' },
    { name: 'zebra', meant: null },
    { name: '', meant: null },
    { name: 'x'.repeat(1_000_000), meant: null },
  ])('$name: $meant', ({ name, meant }) => {
    expect(nearest(name, KNOWN)).toBe(meant)
  })
})
