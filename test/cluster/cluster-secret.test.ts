import { describe, expect } from 'vitest'
import type { NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'
import { until } from './until.ts'

const SECRET = 'the-secret-of-this-cluster-0123456789'
const OTHER = 'the-secret-of-another-cluster-0123456'

describe('a cluster with a cluster secret', () => {
  test('works, and keeps out a member with another one until that has the right one', async ({
    startCluster,
  }) => {
    const own: Record<number, string> = {}
    const cluster = await startCluster({
      keys: { cluster_secret: SECRET },
      environmentOf: (id) => ({ IPAM_CLUSTER_SECRET: own[id] ?? '' }),
    })
    const leader = await cluster.leader()
    const [wrong, other] = cluster.others(leader)
    if (wrong === undefined || other === undefined) throw new Error('there are no followers')
    await other.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    await wrong.terminate()

    own[wrong.id] = OTHER
    cluster.launch(wrong)

    const reasons = await until('the node says why it is not ready', async () => {
      const found = await wrong.client.readiness()
      return found?.some((reason) => reason.includes('cluster secret')) === true && found
    })
    expect(reasons.join(' ')).toContain(`node ${wrong.id} does not know the cluster secret of node`)
    await until('the others say whom they refuse', () => {
      const lines = [leader, other].flatMap(({ program }) => program?.stderr ?? [])
      return lines.some((line) => /"reason":"secret"/.test(line))
    })
    await leader.client.post<NetworkBody>('/networks', { cidr: '10.0.1.0/24' })
    const spoken = cluster.nodes.flatMap(({ program }) => program?.stderr ?? []).join('\n')
    expect(spoken).not.toContain(SECRET)
    expect(spoken).not.toContain(OTHER)

    await wrong.terminate()
    delete own[wrong.id]
    await cluster.restart(wrong)
    const { rows } = await wrong.client.list<NetworkBody>('/networks')
    expect(rows.map(({ cidr }) => cidr)).toEqual(['10.0.0.0/24', '10.0.1.0/24'])
  })
})
