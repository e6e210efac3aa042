import { expect } from 'vitest'
import type { AllocationBody } from './client.ts'
import type { Write } from './write-load.ts'

/** What the cluster holds is what the writers were told: all that is done, nothing that is not, nothing twice. */
export function expectHonest(writes: readonly Write[], rows: readonly AllocationBody[]): void {
  const addresses = new Map<string, string>()
  for (const { ip, hostname } of rows.filter(({ status }) => status === 'allocated')) {
    expect(addresses.get(ip), `${ip} belongs to ${hostname} only`).toBeUndefined()
    addresses.set(ip, String(hostname))
  }
  const byHostname = groupByHostname(rows)
  for (const { hostname, fate, allocation } of writes) {
    const found = byHostname.get(hostname) ?? []
    if (allocation !== null) expect(found, `${hostname} was acknowledged`).toEqual([allocation])
    else if (fate === 'unknown') expect(found.length, `${hostname} is there at most once`).toBeLessThan(2)
    else expect(found, `${hostname} was not carried out`).toEqual([])
  }
}

function groupByHostname(rows: readonly AllocationBody[]): Map<string, AllocationBody[]> {
  const groups = new Map<string, AllocationBody[]>()
  for (const row of rows) {
    const name = String(row.hostname)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [row])
    else group.push(row)
  }
  return groups
}
