import { type Mutant, testFile } from './mutant.ts'

const FAMILY = testFile('test/metrics/family.test.ts')
const FAMILIES = testFile('test/metrics/families.test.ts')
const CENSUS = testFile('test/metrics/network-census.test.ts')
const DISK = testFile('test/metrics/timed-disk.test.ts')
const EVENT_LOOP = testFile('test/metrics/event-loop-delay.test.ts')
const QUEUES = testFile('test/metrics/queues.test.ts')
const SERVER = testFile('test/metrics/server.test.ts')

/** What a node tells of itself is so, and telling it costs nobody anything (docs/metrics.md). */
export const METRICS: readonly Mutant[] = [
  {
    name: 'a quote in a label ends it',
    source: 'Prometheus text format 0.0.4',
    file: 'src/metrics/text-format.ts',
    find: `replace(/[\\\\\\n"]/g, escaped)`,
    replace: `replace(/[\\\\\\n]/g, escaped)`,
    caughtBy: FAMILY,
  },
  {
    name: 'help of two lines is a line that nobody can read',
    source: 'Prometheus text format 0.0.4',
    file: 'src/metrics/text-format.ts',
    find: `\${help.replace(/[\\\\\\n]/g, escaped)}`,
    replace: `\${help}`,
    caughtBy: FAMILY,
  },
  {
    name: 'what has no bound is written as JavaScript has it',
    source: 'Prometheus text format 0.0.4',
    file: 'src/metrics/text-format.ts',
    find: `  if (value === Number.POSITIVE_INFINITY) return '+Inf'
`,
    replace: '',
    caughtBy: FAMILY,
  },
  {
    name: 'each scraper has all of it collected anew, at the same time',
    source: 'src/metrics/exposition.ts',
    file: 'src/metrics/exposition.ts',
    find: `this.#scraping ??= this`,
    replace: `this.#scraping = this`,
    caughtBy: FAMILY,
  },
  {
    name: 'a scrape that failed is the answer to all later ones',
    source: 'src/metrics/exposition.ts',
    file: 'src/metrics/exposition.ts',
    find: `this.#format().finally(() => {
      this.#scraping = null
    })`,
    replace: `this.#format().then((text) => {
      this.#scraping = null
      return text
    })`,
    caughtBy: FAMILY,
  },
  {
    name: 'a bucket of a histogram counts only what is in it',
    source: 'Prometheus text format 0.0.4 (buckets are cumulative)',
    file: 'src/metrics/family.ts',
    find: `labels: { ...labels, le }, value: count }`,
    replace: `labels: { ...labels, le }, value: inBucket }`,
    caughtBy: FAMILY,
  },
  {
    name: 'the sum of a histogram is in milliseconds',
    source: 'docs/metrics.md (seconds)',
    file: 'src/metrics/family.ts',
    find: `value: sumMs / 1_000 }`,
    replace: `value: sumMs }`,
    caughtBy: FAMILY,
  },
  {
    name: 'what takes as long as a bound is in the bucket above it',
    source: 'Prometheus text format 0.0.4 (le)',
    file: 'raft/durations.ts',
    find: `ms > (DURATION_BOUNDS_MS[bucket] as number)`,
    replace: `ms >= (DURATION_BOUNDS_MS[bucket] as number)`,
    caughtBy: FAMILY,
  },
  {
    name: 'the emptiest networks have lines of their own',
    source: 'docs/metrics.md (the fullest networks)',
    file: 'src/metrics/network-census.ts',
    find: `return b.utilization - a.utilization`,
    replace: `return a.utilization - b.utilization`,
    caughtBy: CENSUS,
  },
  {
    name: 'a parent is as empty as if it had no children',
    source: 'docs/metrics.md (ipam_network_utilization_ratio)',
    file: 'src/metrics/network-census.ts',
    find: `const taken = allocated + Number(space.delegatedCount)`,
    replace: `const taken = allocated`,
    caughtBy: CENSUS,
  },
  {
    name: 'a scrape of many networks keeps everybody waiting',
    source: 'src/metrics/network-census.ts',
    file: 'src/metrics/network-census.ts',
    find: `      if (looked % SLICE_NETWORKS === 0) await breathe()
`,
    replace: '',
    caughtBy: CENSUS,
  },
  {
    name: 'what comes later in an order than all that is kept takes a place',
    source: 'src/metrics/first.ts',
    file: 'src/metrics/first.ts',
    find: `if (this.#kept.length > this.#max) this.#kept.length = this.#max`,
    replace: `if (this.#kept.length > 2 * this.#max) this.#kept.length = this.#max`,
    caughtBy: CENSUS,
  },
  {
    name: 'a sync is timed when it begins',
    source: 'docs/metrics.md (ipam_disk_wal_fsync_duration_seconds)',
    file: 'src/metrics/timed-disk.ts',
    find: `        await file.sync()
        this.syncs.note(this.#now() - startedAt)
`,
    replace: `        this.syncs.note(this.#now() - startedAt)
        await file.sync()
`,
    caughtBy: DISK,
  },
  {
    name: 'a sync is timed, and not made',
    source: 'rule 1',
    file: 'src/metrics/timed-disk.ts',
    find: `        await file.sync()
`,
    replace: '',
    caughtBy: DISK,
  },
  {
    name: 'a snapshot that is only half received is the newest one',
    source: 'docs/metrics.md (ipam_snapshot_age)',
    file: 'src/metrics/disk-usage.ts',
    find: `snapshots.filter(({ name }) => name.endsWith('.snapshot'))`,
    replace: `snapshots`,
    caughtBy: DISK,
  },
  {
    name: 'the event loop is late by what a timer was set to',
    source: 'docs/metrics.md (event loop)',
    file: 'src/metrics/event-loop-delay.ts',
    find: `const dueAt = this.#clock.now() + SAMPLE_MS`,
    replace: `const dueAt = this.#clock.now()`,
    caughtBy: EVENT_LOOP,
  },
  {
    name: 'the event loop is looked at once',
    source: 'docs/metrics.md (event loop)',
    file: 'src/metrics/event-loop-delay.ts',
    find: `      this.start()
`,
    replace: '',
    caughtBy: EVENT_LOOP,
  },
  {
    name: 'a peer lags by what it has',
    source: 'docs/metrics.md (ipam_peer_lag_entries)',
    file: 'src/metrics/peer-metrics.ts',
    find: `Math.max(0, lastIndex - matchIndex)`,
    replace: `Math.max(0, matchIndex)`,
    caughtBy: FAMILIES,
  },
  {
    name: 'a peer that was never reached is connected',
    source: 'docs/metrics.md (ipam_peer_connected)',
    file: 'src/metrics/peer-metrics.ts',
    find: `isConnected ? 1 : 0`,
    replace: `isConnected !== null ? 1 : 0`,
    caughtBy: FAMILIES,
  },
  {
    name: 'the contact of a peer is told in milliseconds',
    source: 'docs/metrics.md (seconds)',
    file: 'src/metrics/peer-metrics.ts',
    find: `lastContactMs / 1_000`,
    replace: `lastContactMs`,
    caughtBy: FAMILIES,
  },
  {
    name: 'an expiry that is to come is overdue by less than nothing',
    source: 'docs/metrics.md (ipam_expiry_overdue_seconds)',
    file: 'src/metrics/network-metrics.ts',
    find: `Math.max(0, wallTime() - next) / 1_000`,
    replace: `(wallTime() - next) / 1_000`,
    caughtBy: FAMILIES,
  },
  {
    name: 'the bytes of a queue are shown beside the bound of its entries',
    source: 'docs/metrics.md (ipam_queue_bytes_limit)',
    file: 'raft/figures.ts',
    find: `bytes('waiting_requests', requests.bytes, limits.waitingBytesMax)`,
    replace: `bytes('waiting_requests', requests.bytes, limits.waitingRequestsMax)`,
    caughtBy: QUEUES,
  },
  {
    name: 'the queue of the slowest peer is shown without its bound',
    source: 'docs/metrics.md (ipam_queue_bytes_limit)',
    file: 'raft/figures.ts',
    find: `bytes('inflight_appends', inflightBytes, limits.inflightBytesMax)`,
    replace: `bytes('inflight_appends', inflightBytes, null)`,
    caughtBy: QUEUES,
  },
  {
    name: 'an outcome is called as the code calls it',
    source: 'docs/metrics.md (outcome)',
    file: 'src/metrics/server-metrics.ts',
    find: `return outcome.replace(/^RAFT_/, '').toLowerCase()`,
    replace: `return outcome`,
    caughtBy: FAMILIES,
  },
  {
    name: 'a voter counts as a learner',
    source: 'docs/metrics.md (ipam_raft_members)',
    file: 'src/metrics/server-metrics.ts',
    find: `members.filter(({ voter }) => voter).length`,
    replace: `members.filter(({ voter }) => !voter).length`,
    caughtBy: SERVER,
  },
]
