import { expect, test } from 'vitest'
import type { ClusterCommand } from '../../src/ipam/cluster-command.ts'
import { accepted, Harness } from '../state/harness.ts'

test.each<{ command: ClusterCommand; row: object }>([
  {
    command: { type: 'noteTransfer', from: 1, to: 3 },
    row: {
      action: 'leader_transferred',
      resource: 'node-3',
      details: 'Transferred leadership from node 1 to node 3',
    },
  },
  {
    command: { type: 'noteDrain', nodeId: 2, isDrained: true },
    row: { action: 'node_drained', resource: 'node-2', details: 'Drained node 2' },
  },
  {
    command: { type: 'noteDrain', nodeId: 2, isDrained: false },
    row: { action: 'node_undrained', resource: 'node-2', details: 'Undid the drain of node 2' },
  },
])('$row.action is on record with who asked and by which request', async ({ command, row }) => {
  const ipam = await Harness.open()

  accepted(ipam.apply(command, { user: 'bob', requestId: 'req-5' }))

  expect(await ipam.audit()).toMatchObject([
    { ...row, user: 'bob', requestId: 'req-5', timestamp: ipam.time, before: null, after: null },
  ])
})
