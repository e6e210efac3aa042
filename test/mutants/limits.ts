import { type Mutant, testFile } from './mutant.ts'

const CLIENT_ADDRESS = testFile('test/http/client-address.test.ts')
const CLIENT_BUCKETS = testFile('test/http/client-buckets.test.ts')
const RATE_LIMIT = testFile('test/http/rate-limit.test.ts')
const LIMITS = testFile('test/http/limits.test.ts')

/** How much, how often and how slowly clients may ask. */
export const LIMITS_OF_HTTP: readonly Mutant[] = [
  {
    name: 'every address of a forwarding header is believed',
    source: 'RFC 7239 §8.1',
    file: 'src/http/client-address.ts',
    find: `      if (!this.#isTrusted(hop)) break
`,
    replace: '',
    caughtBy: CLIENT_ADDRESS,
  },
  {
    name: 'every address of an IPv6 host is a client of its own',
    source: 'src/http/README.md (limits)',
    file: 'src/http/client-address.ts',
    find: `const SITE_BITS = 64`,
    replace: `const SITE_BITS = 128`,
    caughtBy: CLIENT_ADDRESS,
  },
  {
    name: 'a request that is refused takes a token',
    source: 'src/http/client-buckets.ts (take)',
    file: 'src/http/client-buckets.ts',
    find: `    if (isEnough) client[kind] -= REQUEST`,
    replace: `    client[kind] -= REQUEST`,
    caughtBy: CLIENT_BUCKETS,
  },
  {
    name: 'a client with an empty bucket is forgotten before one whose is full',
    source: 'src/http/client-buckets.ts',
    file: 'src/http/client-buckets.ts',
    find: `      if (client.reads === sizeOf(reads) && client.writes === sizeOf(writes)) {`,
    replace: `      if (client.reads >= 0) {`,
    caughtBy: CLIENT_BUCKETS,
  },
  {
    name: 'who is turned away may come as often as he wants',
    source: 'src/http/README.md (limits)',
    file: 'src/http/admission.ts',
    find: `    if (error instanceof AuthError && error.failure === 'unauthenticated') quotaOf(c, access, null)
`,
    replace: '',
    caughtBy: RATE_LIMIT,
  },
  {
    name: 'headers may come as slowly as they like',
    source: 'src/http/README.md (limits)',
    file: 'src/http/listen.ts',
    find: `headersTimeout: limits.headersTimeoutMs`,
    replace: `headersTimeout: 0`,
    caughtBy: LIMITS,
  },
  {
    name: 'headers beyond what is counted are dropped unseen',
    source: 'src/http/listen.ts',
    file: 'src/http/listen.ts',
    find: `limits.headersMax + 1`,
    replace: `limits.headersMax`,
    caughtBy: LIMITS,
  },
  {
    name: 'all clients of a proxy share the connections of one',
    source: 'src/http/connection-counts.ts',
    file: 'src/http/connection-counts.ts',
    find: `    if (isTrusted) return true
`,
    replace: '',
    caughtBy: LIMITS,
  },
  {
    name: 'a slow body counts as slow headers',
    source: 'docs/configure.md (http)',
    file: 'src/http/client-error.ts',
    find: `req.complete === false ? 'request_time' : 'headers_time'`,
    replace: `req.complete === false ? 'headers_time' : 'headers_time'`,
    caughtBy: LIMITS,
  },
  {
    name: 'connections that are idle for too long are ended uncounted',
    source: 'docs/configure.md (http)',
    file: 'src/http/listen.ts',
    find: `refusals.note(answerUnderWay(socket) === null ? 'idle_time' : 'answer_time')`,
    replace: `if (answerUnderWay(socket) !== null) refusals.note('answer_time')`,
    caughtBy: LIMITS,
  },
  {
    name: 'what is cut off at the end of a listener counts once',
    source: 'docs/configure.md (http)',
    file: 'src/http/listen.ts',
    find: `refusals.note('close_time', count)`,
    replace: `refusals.note('close_time')`,
    caughtBy: LIMITS,
  },
]
