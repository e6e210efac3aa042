/**
 * What it takes to apply an entry of the log, counted and not timed: as much with many allocations as with few, and in a large
 * network as in a small one. Whatever goes through what there is fails here.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { countSteps } from '../counted-steps.ts'

const stepsOf = countSteps()
const { accepted, allocateCommand, Harness } = await import('./harness.ts')

const FEW = 500
const MANY = 10_000
const BATCH = 500
const ROUNDS = 50
/** Of many allocations against few, and of any network against any other. */
const RATIO_MAX = 2
const EXPIRED_PER_ENTRY = 32
/** To end an allocation against making it: both write a record, an audit row and where they are found. */
const EXPIRY_RATIO_MAX = 2.5
/** A few leaves of free runs, at some twenty steps for a run of IPv6 addresses. */
const LOOK_STEPS_MAX = 12_000
const BUILD_MS_MAX = 60_000
const HOUR_MS = 3_600_000

type Ipam = InstanceType<typeof Harness>

const NETWORKS = [
  { id: 'full', cidr: '10.0.0.0/8', why: 'a /8 of which nine tenths are taken' },
  { id: 'endless', cidr: '2001:db8::/64', why: 'a /64' },
  { id: 'empty', cidr: '192.0.2.0/24', why: 'an empty /24' },
] as const

/** Half of the allocations fill the /8, in as many pieces, and half are in the /64; all are due after an hour. */
async function build(count: number): Promise<Ipam> {
  const ipam = await Harness.open()
  for (const { id, cidr } of NETWORKS) ipam.createNetwork(id, cidr)
  const stretch = 2 ** 24 / (count / 2)
  for (let done = 0; done < count; done += BATCH) {
    const items = Array.from({ length: BATCH }, (_, i) => {
      const [name, place] = [`${done + i}`, (done + i) >> 1]
      if (i % 2 > 0) {
        return allocateCommand(name, 'endless', {
          ip: `2001:db8::${(4 * place + 1).toString(16)}`,
          ttlMs: HOUR_MS,
        })
      }
      const first = 0x0a000001 + Math.floor(place * stretch)
      const ip = [24, 16, 8, 0].map((bits) => (first >>> bits) & 255).join('.')
      return allocateCommand(name, 'full', { ip, count: Math.floor(0.9 * stretch), ttlMs: HOUR_MS })
    })
    accepted(ipam.apply({ type: 'allocateBatch', items }))
    await ipam.machine.flush()
  }
  return ipam
}

type Write = (ipam: Ipam, name: string, networkId: string) => void

/** Each does something with what those before it have left. */
const WRITES: readonly { readonly name: string; readonly write: Write }[] = [
  { name: 'an allocation', write: (ipam, name, id) => void ipam.allocate(name, id, { hostname: name }) },
  {
    name: 'a renewal',
    write: (ipam, id) =>
      accepted(ipam.apply({ type: 'renewAllocation', id, ttlMs: 1_000, ifChangedIndex: null })),
  },
  {
    name: 'a change',
    write: (ipam, id) => {
      const changes = { description: 'granite', tags: ['rack-7'] }
      accepted(ipam.apply({ type: 'updateAllocation', id, changes, ifChangedIndex: null }))
    },
  },
  { name: 'a release', write: (ipam, name) => void ipam.release(name) },
]

/** Of one, in the mean, by network. */
async function stepsPerWrite(ipam: Ipam, write: Write): Promise<number[]> {
  const steps: number[] = []
  for (const { id } of NETWORKS) {
    const all = await stepsOf(() => {
      for (let i = 0; i < ROUNDS; i++) write(ipam, `${id}-${i}`, id)
    })
    steps.push(all / ROUNDS)
  }
  return steps
}

describe(`an entry of the log, with ${FEW} allocations and with ${MANY}`, () => {
  let few: Ipam
  let many: Ipam
  beforeAll(async () => {
    few = await build(FEW)
    many = await build(MANY)
  }, BUILD_MS_MAX)

  test.each(WRITES)(
    `that is $name takes about as many steps in ${NETWORKS.map(({ why }) => why).join(', ')}`,
    async ({ write }) => {
      const steps = [...(await stepsPerWrite(few, write)), ...(await stepsPerWrite(many, write))]

      expect(Math.min(...steps), 'steps are not counted').toBeGreaterThan(100)
      expect(Math.max(...steps), `steps: ${steps.join(', ')}`).toBeLessThan(RATIO_MAX * Math.min(...steps))
    },
  )

  test.each(NETWORKS)('statistics of $why go through nothing', async ({ id }) => {
    const steps = await stepsOf(() => many.machine.query({ type: 'networkStats', id }))

    expect(steps).toBeGreaterThan(0)
    expect(steps).toBeLessThan(LOOK_STEPS_MAX)
  })

  test('that ends what is due takes as many steps for each as an allocation does, however many are due', async () => {
    const perExpiry: number[] = []
    for (const ipam of [few, many]) {
      ipam.time += HOUR_MS
      const steps = await stepsOf(() => expect(ipam.expire(EXPIRED_PER_ENTRY)).toBe(EXPIRED_PER_ENTRY))
      perExpiry.push(steps / EXPIRED_PER_ENTRY)
    }
    const allocation = (WRITES[0] as (typeof WRITES)[number]).write
    const perAllocation = Math.min(...(await stepsPerWrite(few, allocation)))

    expect(Math.max(...perExpiry)).toBeLessThan(RATIO_MAX * Math.min(...perExpiry))
    expect(Math.max(...perExpiry)).toBeLessThan(EXPIRY_RATIO_MAX * perAllocation)
  })

  test('is not needed to see that more are due', async () => {
    const steps = await stepsOf(() => many.machine.countDue(many.time, EXPIRED_PER_ENTRY + 1))

    expect(steps).toBeGreaterThan(0)
    expect(steps).toBeLessThan(LOOK_STEPS_MAX)
  })
})
