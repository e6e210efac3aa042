import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVERY_STATUS, Harness, listAllocations, nameOf, page } from './harness.ts'

/** Few, so that parts of one name are in others, and of all kinds: plain, upper case, outside ASCII, escaped in keys. */
const HOSTNAME = fc
  .array(fc.constantFrom('a', 'b', 'A', '-', '.', '7', 'é', 'ß', '%', '/', '𝒳'), {
    minLength: 1,
    maxLength: 40,
  })
  .map((characters) => characters.join(''))

test('a search for a part of a host name finds each allocation that has it once, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(HOSTNAME, { minLength: 1, maxLength: 30 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 36 })), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 7 }),
      async (hostnames, parts, limit) => {
        const ipam = await Harness.open()
        ipam.createNetwork('net-1', '10.0.0.0/24')
        for (const [i, hostname] of hostnames.entries()) ipam.allocate(`alloc-${i}`, 'net-1', { hostname })
        for (let i = 0; i < hostnames.length; i += 3) ipam.release(`alloc-${i}`)
        await ipam.machine.flush()
        for (const [which, from, length] of parts) {
          const whole = [...(hostnames[which % hostnames.length] ?? '')]
          const part = whole.slice(from % whole.length, (from % whole.length) + length).join('')
          const isPart = (hostname: string) => hostname.toLowerCase().includes(part.toLowerCase())
          for (const statuses of [EVERY_STATUS, ['allocated'] as const]) {
            const wanted = hostnames.flatMap((hostname, i) => {
              return isPart(hostname) && (statuses.length > 1 || i % 3 !== 0) ? [`alloc-${i}`] : []
            })
            expect([part, (await everyPage(ipam, { hostname: part, statuses }, limit)).toSorted()]).toEqual([
              part,
              wanted.toSorted(),
            ])
          }
        }
      },
    ),
    { numRuns: 60 },
  )
})

async function everyPage(
  ipam: Harness,
  filter: Parameters<typeof listAllocations>[1],
  limit: number,
): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const { rows, nextCursor }: Awaited<ReturnType<typeof listAllocations>> = await listAllocations(
      ipam.machine,
      filter,
      page(limit, cursor),
    )
    ids.push(...rows.map(nameOf))
    cursor = nextCursor
  } while (cursor !== null)
  return ids
}
