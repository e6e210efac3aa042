import { type Mutant, testFile } from './mutant.ts'

const SERVERS = testFile('test/cli/client-servers.test.ts')
const CLIENT = testFile('test/cli/client.test.ts')
const CLIENT_BULK = testFile('test/cli/client-bulk.test.ts')

const API = 'src/cli/client/api.ts'
const ATTEMPT = 'src/client/attempt.ts'
const SENDER = 'src/client/sender.ts'
const REFERENCES = 'src/cli/client/references.ts'

/** `ipam …`: what it was told to do, once, and the truth about it. */
export const COMMAND_LINE_CLIENT: readonly Mutant[] = [
  {
    name: 'each attempt of a write has a key of its own',
    source: 'promise 4',
    file: SENDER,
    find: `const result = await attempt(server, request, { fetch, ...limits })`,
    replace: `const headers = { ...request.headers, 'Idempotency-Key': String(now()) }
      const result = await attempt(server, { ...request, headers }, { fetch, ...limits })`,
    caughtBy: SERVERS,
  },
  {
    name: 'a write has a key only if the user gives one',
    source: 'promise 4',
    file: API,
    find: `key = newKey(), contentType`,
    replace: `key = null, contentType`,
    caughtBy: SERVERS,
  },
  {
    name: 'only the first server is asked',
    source: 'issue 4 (several servers)',
    file: SENDER,
    find: `for (let i = 0; i < servers.length; i++) {`,
    replace: `for (let i = 0; i < 1; i++) {`,
    caughtBy: SERVERS,
  },
  {
    name: 'each request begins with the first server, also if that hangs',
    source: 'issue 4 (several servers)',
    file: SENDER,
    find: `        this.#preferred = place
`,
    replace: ``,
    caughtBy: SERVERS,
  },
  {
    name: 'a server that hangs takes the time of all',
    source: 'issue 4 (several servers)',
    file: SENDER,
    find: `Math.min(ATTEMPT_MS_MAX, allowedMs / (servers.length + 1))`,
    replace: `Math.min(ATTEMPT_MS_MAX, allowedMs)`,
    caughtBy: SERVERS,
  },
  {
    name: 'a write of which nobody knows is called failed',
    source: 'promise 5',
    file: API,
    find: `(\${reasons})\${next}\`, 5)`,
    replace: `(\${reasons})\${next}\`, 1)`,
    caughtBy: SERVERS,
  },
  {
    name: 'a lost answer is forgotten when the next attempt is turned away',
    source: 'promise 5; bug 34',
    file: SENDER,
    find: `sending.isUncertain ||= isUncertain(result)`,
    replace: `sending.isUncertain = isUncertain(result)`,
    caughtBy: SERVERS,
  },
  {
    name: 'what a proxy answers for a lost server counts as not applied',
    source: 'promise 5',
    file: ATTEMPT,
    find: `problem.applied === null ? status !== 429 : problem.applied === 'unknown'`,
    replace: `problem.applied === 'unknown'`,
    caughtBy: SERVERS,
  },
  {
    name: 'a connection that breaks counts as one that never was',
    source: 'promise 5; bug 34',
    file: ATTEMPT,
    find: `  ['ECONNREFUSED', 'connection refused'],
`,
    replace: `  ['ECONNREFUSED', 'connection refused'],
  ['UND_ERR_SOCKET', 'the connection broke'],
`,
    caughtBy: SERVERS,
  },
  {
    name: 'the client asks again before it was told to',
    source: 'RFC 9110 §10.2.3',
    file: SENDER,
    find: `Math.max(round.retryAfterMs ?? 0, pauseMs)`,
    replace: `pauseMs`,
    caughtBy: SERVERS,
  },
  {
    name: 'a conflict has the exit code of a failure',
    source: 'docs/cli.md (exit codes)',
    file: API,
    find: `  [409, 4],
`,
    replace: ``,
    caughtBy: CLIENT,
  },
  {
    name: 'a change that came too late has the exit code of a failure',
    source: 'docs/cli.md (exit codes)',
    file: API,
    find: `  [412, 4],
`,
    replace: ``,
    caughtBy: CLIENT,
  },
  {
    name: '--if-match is not sent',
    source: 'api.md (If-Match)',
    file: API,
    find: `    if (ifMatch !== null) headers['If-Match'] = \`"\${ifMatch}"\`\n`,
    replace: ``,
    caughtBy: CLIENT,
  },
  {
    name: 'whoever stops a write is told that nothing was done',
    source: 'promise 5',
    file: 'src/cli/client/run.ts',
    find: `if (!api.isWriting) throw`,
    replace: `if (api.servers.length > 0) throw`,
    caughtBy: SERVERS,
  },
  {
    name: 'an address in the middle of a range releases the range',
    source: 'api.md (release, never by address)',
    file: REFERENCES,
    find: `if (isWhole && allocation.end_ip !== null && allocation.ip !== ip) {`,
    replace: `if (isWhole && allocation.end_ip === allocation.ip && allocation.ip !== ip) {`,
    caughtBy: CLIENT,
  },
  {
    name: 'a CIDR means a network of any namespace',
    source: 'api.md (a namespace is its own address space)',
    file: REFERENCES,
    find: `'/networks', { cidr, namespace }, { limit: 1 })`,
    replace: `'/networks', { cidr }, { limit: 1 })`,
    caughtBy: CLIENT,
  },
  {
    name: 'a filter by a CIDR that is in two namespaces takes one of them',
    source: 'api.md (a namespace is its own address space)',
    file: REFERENCES,
    find: `if (other === undefined) return network.id`,
    replace: `if (other === undefined || namespace === null) return network.id`,
    caughtBy: CLIENT,
  },
  {
    name: 'a list ends after the first page',
    source: 'api.md (Link)',
    file: 'src/cli/client/pages.ts',
    find: `query = left > 0 ? nextQuery(headers.get('link')) : null`,
    replace: `query = left > pageRows ? nextQuery(headers.get('link')) : null`,
    caughtBy: CLIENT,
  },
  {
    name: 'the second page of a list has other filters',
    source: 'api.md (Link)',
    file: 'src/client/query.ts',
    find: `return Object.fromEntries(new URL(target, 'http://server').searchParams)`,
    replace: `return { cursor: new URL(target, 'http://server').searchParams.get('cursor') }`,
    caughtBy: CLIENT,
  },
  {
    name: 'an export that breaks off looks whole',
    source: 'promise 5',
    file: 'src/cli/client/export.ts',
    find: '    throw new ClientError(`the export broke off',
    replace: '    if (byteCount > 0) return\n    throw new ClientError(`the export broke off',
    caughtBy: CLIENT_BULK,
  },
  {
    name: 'the file of an export is there before it is whole',
    source: 'docs/cli.md (export)',
    file: 'src/cli/client/export.ts',
    find: `const partial = \`\${path}.part\``,
    replace: `const partial = path.length === 0 ? \`\${path}.part\` : path`,
    caughtBy: CLIENT_BULK,
  },
]
