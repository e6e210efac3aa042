import { type Mutant, testFile } from './mutant.ts'

const DESCRIPTION = testFile('test/http/description.test.ts')
const LINTED = testFile('test/http/linted.test.ts')
const EXAMPLES = testFile('test/http/examples.test.ts')
const PAGE = testFile('test/http/docs-page.test.ts')
const CLIENT = testFile('test/client/client.test.ts')

/** The description of the API, the page, and the typed client. */
export const API_DESCRIPTION: readonly Mutant[] = [
  {
    name: 'a limit is described that is not the one that holds',
    source: 'issue 6 (from the very schemas that validate)',
    file: 'src/http/params.ts',
    find: `.meta({ type: 'integer', minimum: min, maximum: max })`,
    replace: `.meta({ type: 'integer', minimum: min, maximum: max - 1 })`,
    caughtBy: DESCRIPTION,
  },
  {
    name: 'a request is described by the schema of another',
    source: 'issue 6 (from the very schemas that validate)',
    file: 'src/http/openapi/operations/networks.ts',
    find: `body: jsonBody(UpdateNetworkBody),`,
    replace: `body: jsonBody(CreateNetworkBody),`,
    caughtBy: DESCRIPTION,
  },
  {
    name: 'parameters are described without what they are for',
    source: 'issue 6 (valid by a public linter)',
    file: 'src/http/openapi/document.ts',
    find: `return { ...(description !== undefined && { description }), schema }`,
    replace: `return { schema: { ...schema, description } }`,
    caughtBy: LINTED,
  },
  {
    name: 'a route is described as open to everybody',
    source: 'issue 6 (required role)',
    file: 'src/http/openapi/document.ts',
    find: `...(access.role === null && { security: [] }),`,
    replace: `security: [],`,
    caughtBy: DESCRIPTION,
  },
  {
    name: 'a change of the cluster is described without its index',
    source: 'src/http/README.md (X-Raft-Index)',
    file: 'src/http/openapi/document.ts',
    find: `  membership: ['X-Raft-Index'],`,
    replace: `  membership: [],`,
    caughtBy: EXAMPLES,
  },
  {
    name: 'a route is not described',
    source: 'issue 6 (a new route cannot be forgotten)',
    file: 'src/http/openapi/operations.ts',
    find: `  ...CLUSTER_OPERATIONS,\n`,
    replace: ``,
    caughtBy: DESCRIPTION,
  },
  {
    name: 'a refusal is described under another status',
    source: 'issue 6 (problems by route)',
    file: 'src/http/openapi/problems.ts',
    find: `const ANY: Reasons = { 400:`,
    replace: `const ANY: Reasons = { 422:`,
    caughtBy: DESCRIPTION,
  },
  {
    name: 'an answer has a field less than described',
    source: 'issue 6 (replays every documented example)',
    file: 'src/http/allocation-body.ts',
    find: `    tags,
    mac,
    metadata,
  }
}`,
    replace: `    tags,
    mac,
  } as never
}`,
    caughtBy: EXAMPLES,
  },
  {
    name: 'an answer has a field more than described',
    source: 'issue 6 (replays every documented example)',
    file: 'src/http/user-body.ts',
    find: `  return { name, role, created_at`,
    replace: `  return { ...{ is_new: true }, name, role, created_at`,
    caughtBy: EXAMPLES,
  },
  {
    name: 'text becomes markup',
    source: 'src/http/README.md, the page',
    file: 'src/http/openapi/page/html.ts',
    find: `.replaceAll(/[&<>"']/g,`,
    replace: `.replaceAll(/[&>"']/g,`,
    caughtBy: PAGE,
  },
  {
    name: 'the page lets any style in',
    source: 'src/http/README.md, the page',
    file: 'src/http/openapi/page/page.ts',
    find: `\`style-src '\${hashOf(STYLE)}'\`,`,
    replace: `"style-src 'unsafe-inline'",`,
    caughtBy: PAGE,
  },
  {
    name: 'a change without a key is sent twice',
    source: 'promise 4',
    file: 'src/client/sender.ts',
    find: `if (sending.isUncertain && !sending.isRepeatable) return`,
    replace: `if (!sending.isUncertain && !sending.isRepeatable) return`,
    caughtBy: CLIENT,
  },
  {
    name: 'a signal stops no pause',
    source: 'docs/client.md',
    file: 'src/client/caller.ts',
    find: `    signal?.addEventListener('abort', stop)\n`,
    replace: ``,
    caughtBy: CLIENT,
  },
  {
    name: 'an id in a path can be more than one part of it',
    source: 'RFC 3986 §3.3',
    file: 'src/client/generated/ipam-client.ts',
    find: `path: \`/api/v1/networks/\${encodeURIComponent(id)}\`, query`,
    replace: `path: \`/api/v1/networks/\${id}\`, query`,
    caughtBy: CLIENT,
  },
  {
    name: 'a list of the client is its first page',
    source: 'api.md (Link)',
    file: 'src/client/rows.ts',
    find: `query = nextQuery(page.headers.get('link'))`,
    replace: `query = page.headers.has('link') ? null : null`,
    caughtBy: CLIENT,
  },
]
