import { type Mutant, testFile } from './mutant.ts'

const REQUEST_TRACE = testFile('test/raft/request-trace.test.ts')
const TRACER = testFile('test/tracing/tracer.test.ts')
const TRACE_CONTEXT = testFile('test/tracing/trace-context.test.ts')
const EXPORTER = testFile('test/tracing/span-exporter.test.ts')
const SENDER = testFile('test/tracing/otlp-sender.test.ts')
const HTTP = testFile('test/http/tracing.test.ts')
const CONFIG = testFile('test/config-tracing.test.ts')

/** Requests that are followed: what a trace says, and that nobody pays for it who does not want it. */
export const TRACING: readonly Mutant[] = [
  {
    name: 'a leader does not follow what a follower follows',
    source: 'traces: one trace over all nodes',
    file: 'raft/proposals.ts',
    find: `this.#open.admit(work, origin, this.#follow(peer, context))`,
    replace: `this.#open.admit(work, origin, null)`,
    caughtBy: REQUEST_TRACE,
  },
  {
    name: 'an attempt counts as forwarded although there was no connection',
    source: 'traces: what they say is true',
    file: 'raft/forwarded-requests.ts',
    find: `      return { id, request: work, trace: trace === null ? null : trace.contextForLeader() }`,
    replace: `      const context = trace === null ? null : trace.contextForLeader()
      trace?.forwarded(to)
      return { id, request: work, trace: context }`,
    caughtBy: REQUEST_TRACE,
  },
  {
    name: 'what another leader puts at an index counts for the entry that was there',
    source: 'traces: what they say is true',
    file: 'raft/request-trace.ts',
    find: `      if (entry.term !== leadingTerm) return false
`,
    replace: ``,
    caughtBy: REQUEST_TRACE,
  },
  {
    name: 'the context of a trace takes no room among what waits',
    source: 'every queue has a maximum',
    file: 'raft/open-requests.ts',
    find: `bytes: trace === null ? bytesOf(work) : bytesOf(work) + TRACE_CONTEXT_CHARS_MAX,`,
    replace: `bytes: bytesOf(work),`,
    caughtBy: REQUEST_TRACE,
  },
  {
    name: 'a request is followed although its client does not want it',
    source: 'W3C Trace Context §3.2.2.5.1',
    file: 'src/tracing/tracer.ts',
    find: `const span = isSampled(parent) ? this.#below(parent, options) : null`,
    replace: `const span = this.#below(parent, options)`,
    caughtBy: TRACER,
  },
  {
    name: 'times of spans follow the wall clock when that is set',
    source: 'traces: what they say is true',
    file: 'src/tracing/tracer.ts',
    find: `const now = (): number => offset + this.#clock.now()`,
    replace: `const now = (): number => this.#clock.wallTime()`,
    caughtBy: TRACER,
  },
  {
    name: 'a stage goes on while the request is sent to another leader',
    source: 'traces: what they say is true',
    file: 'src/tracing/request-spans.ts',
    find: `  forwarded(leader: NodeId): void {
    this.#leaveStages()`,
    replace: `  forwarded(leader: NodeId): void {`,
    caughtBy: TRACER,
  },
  {
    name: 'a tracestate of any length travels on',
    source: 'every frame has a maximum; an assertion of the codec would end the process',
    file: 'src/tracing/trace-context.ts',
    find: `if (text === null || text.length > TRACE_STATE_CHARS_MAX) return ''`,
    replace: `if (text === null) return ''`,
    caughtBy: TRACE_CONTEXT,
  },
  {
    name: 'the trace id that is none is taken for one',
    source: 'W3C Trace Context §3.2.2.3',
    file: 'src/tracing/trace-context.ts',
    find: `  if (isZero(traceId) || isZero(spanId)) return null
`,
    replace: ``,
    caughtBy: TRACE_CONTEXT,
  },
  {
    name: 'spans wait without a limit for a collector that is gone',
    source: 'every queue has a maximum',
    file: 'src/tracing/span-exporter.ts',
    find: `this.#waiting.length + this.#sendingCount >= this.#limits.spansMax`,
    replace: `this.#sendingCount >= this.#limits.spansMax`,
    caughtBy: EXPORTER,
  },
  {
    name: 'each failed export is complained about',
    source: 'a collector that is gone does not fill the log',
    file: 'src/tracing/span-exporter.ts',
    find: `    this.#complainedAt = now
`,
    replace: ``,
    caughtBy: EXPORTER,
  },
  {
    name: 'a collector that has trouble gets each full batch at once',
    source: 'OTLP/HTTP, failures: exponential backoff',
    file: 'src/tracing/span-exporter.ts',
    find: `if (isBatchFull && this.#retryMs === 0) {`,
    replace: `if (isBatchFull) {`,
    caughtBy: EXPORTER,
  },
  {
    name: 'a node does not end before its collector answers',
    source: 'stopping is bounded in time',
    file: 'src/tracing/span-exporter.ts',
    find: `      this.#abort?.abort()
`,
    replace: ``,
    caughtBy: EXPORTER,
  },
  {
    name: 'the headers of the collector go wherever it points to',
    source: 'secrets are not handed on',
    file: 'src/tracing/otlp-sender.ts',
    find: `redirect: 'manual',`,
    replace: `redirect: 'follow',`,
    caughtBy: SENDER,
  },
  {
    name: 'times of spans are no whole numbers',
    source: 'OTLP/JSON: 64-bit integers are texts of digits',
    file: 'src/tracing/otlp.ts',
    find: '000`',
    replace: '000.0`',
    caughtBy: SENDER,
  },
  {
    name: 'a token that is put into a path is shown in its trace',
    source: 'secrets are not handed on',
    file: 'src/http/handle.ts',
    find: `      const path = withoutTokens(c.req.path).slice(0, LOGGED_PATH_CHARS_MAX)`,
    replace: `      const path = c.req.path.slice(0, LOGGED_PATH_CHARS_MAX)`,
    caughtBy: HTTP,
  },
  {
    name: 'each probe of a load balancer begins a trace',
    source: 'traces: what is worth one',
    file: 'src/http/request-trace.ts',
    find: `canBegin: !access.toleratesStale,`,
    replace: `canBegin: true,`,
    caughtBy: HTTP,
  },
  {
    name: 'a wrong endpoint is shown with the password in it',
    source: 'secrets are not shown',
    file: 'src/config-tracing.ts',
    find: `    return 'must not have a user or password in it:`,
    replace: `    return password + ' must not have a user or password in it:`,
    caughtBy: CONFIG,
  },
]
