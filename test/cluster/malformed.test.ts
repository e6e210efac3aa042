import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { MALFORMED } from '../http/malformed.ts'
import { type RawResponse, sendRaw } from '../http/raw-http.ts'
import type { NetworkBody } from './client.ts'
import { test } from './cluster-test.ts'

const WARM_UP_ROUNDS = 6
const ROUNDS = 6
const CONCURRENCY = 16
/** Per round of several hundred requests, some with a body above the limit of 1 MiB: a leak of either would show. */
const GROWTH_BYTES_MAX = 8 << 20

describe('malformed requests to a real process', () => {
  test('are each answered with a 4xx and the documented body, and memory stays flat', async ({
    startCluster,
  }) => {
    const cluster = await startCluster({ nodeCount: 1, logLevel: 'error' })
    const node = cluster.node(1)
    const target = { host: '127.0.0.1', port: node.client.port }

    const answers = await sendAll(target)
    for (let round = 1; round < WARM_UP_ROUNDS; round++) await sendAll(target)
    const startBytes = residentBytes(node.program?.pid ?? 0)
    for (let round = 0; round < ROUNDS; round++) await sendAll(target)
    const endBytes = residentBytes(node.program?.pid ?? 0)

    for (const [i, { why, status, reason }] of MALFORMED.entries()) {
      const answer = answers[i]
      expect(answer?.status, why).toBe(status)
      expect(status, why).toBeGreaterThanOrEqual(400)
      expect(status, why).toBeLessThan(500)
      expect(JSON.parse(answer?.body ?? 'null'), why).toMatchObject({
        error: expect.stringMatching(/\S/),
        code: status,
        reason,
        request_id: expect.stringMatching(/\S/),
      })
    }
    const grownMib = (endBytes - startBytes) / 2 ** 20
    process.stdout.write(
      `${MALFORMED.length} malformed requests, ${ROUNDS} rounds: RSS ${Math.round(startBytes / 2 ** 20)} MiB, grew by ${grownMib.toFixed(1)} MiB\n`,
    )
    expect(endBytes - startBytes).toBeLessThan(ROUNDS * GROWTH_BYTES_MAX)
    expect(node.isRunning).toBe(true)
    expect(await node.client.get('/audit')).toEqual([])
    expect(await node.client.get('/networks')).toEqual([])
    const network = await node.client.post<NetworkBody>('/networks', { cidr: '10.0.0.0/24' })
    expect(network.cidr).toBe('10.0.0.0/24')
  })
})

async function sendAll(target: { host: string; port: number }): Promise<(RawResponse | null)[]> {
  const answers: (RawResponse | null)[] = new Array(MALFORMED.length).fill(null)
  const waiting = MALFORMED.entries()
  const work = async (): Promise<void> => {
    for (const [i, { bytes }] of waiting) answers[i] = await sendRaw(target, bytes)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return answers
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) * 1_024
}
