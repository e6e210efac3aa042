import { expect } from 'vitest'
import type { Api } from './fixture.ts'

/** As a file they are 10 MB: more than the buffers of a connection take. */
export async function addManyNetworks(api: Api): Promise<void> {
  const description = 'x'.repeat(1_000)
  const items = Array.from({ length: 250 }, (_, i) => ({ cidr: `10.0.${i}.0/24`, description }))
  for (let i = 0; i < 40; i++) {
    const text = items.map((item) => JSON.stringify({ ...item, namespace: `space-${i}` })).join('\n')
    const answer = await api.request('POST', '/import?format=ipam-networks-jsonl', text, {
      'Content-Type': 'application/jsonl',
    })
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  }
}
