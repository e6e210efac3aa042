/** Headers of requests and answers, as the description has them. */

export type HeaderName = keyof typeof RESPONSE_HEADERS

/** Where two answers have a header of the same name that says another thing. */
export function nameOf(header: HeaderName): string {
  if (header === 'DocumentETag') return 'ETag'
  return header === 'MissingAtIndex' ? 'X-Raft-Index' : header
}

/** On every answer of an operation whose requests are counted, where the node limits rates. */
export const RATE_HEADERS = [
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'RateLimit-Policy',
] as const satisfies readonly HeaderName[]

/** Those that are `required` are on every answer that has them in its list; the others say themselves when they come. */
export const RESPONSE_HEADERS = {
  'X-Request-Id': {
    description: 'The one that was sent, or a new one: it is in the log of the node and in audit rows.',
    required: true,
    schema: { type: 'string' },
  },
  'X-Raft-Index': {
    description:
      'The log index that the answer reflects: a later read with min_index shows at least as much.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
  MissingAtIndex: {
    description: 'The log index as of which there is none; missing for what cannot be an id.',
    schema: { type: 'integer', minimum: 0 },
  },
  'X-Raft-Last-Contact-Ms': {
    description: 'On answers with consistency=stale: how long ago this node heard from the leader.',
    schema: { type: 'integer', minimum: 0 },
  },
  ETag: {
    description: 'The log index of the last change, in quotes: what If-Match takes.',
    required: true,
    schema: { type: 'string', pattern: '^"[1-9][0-9]*"$', examples: ['"17"'] },
  },
  DocumentETag: {
    description: 'Of these very bytes: with If-None-Match they are not sent again (RFC 9110 §13.1.2).',
    required: true,
    schema: { type: 'string' },
  },
  Location: { description: 'Path of what was created.', required: true, schema: { type: 'string' } },
  Link: {
    description:
      'Path of the next page, with rel="next" (RFC 8288); missing on the last one. Where filters are combined, a page may be short of `limit`, or empty, and have it: one request reads no more.',
    schema: { type: 'string' },
  },
  'X-Total-Count': {
    description:
      'How many rows there are in all. Always there for networks by `namespace` and `within`, and for allocations by `network_id` and `namespace`, active or all. With any other filter it is on answers to requests without a cursor, if the index has at most 1,024 rows to look at or the page is all there is; in the audit log, only in the latter case.',
    schema: { type: 'integer', minimum: 0 },
  },
  'Idempotency-Replayed': {
    description: 'On the answer to a request that had been carried out before with the same key.',
    schema: { type: 'string', const: 'true' },
  },
  'Content-Disposition': { description: 'A name for the file.', required: true, schema: { type: 'string' } },
  'Content-Security-Policy': {
    description: 'What the page may do.',
    required: true,
    schema: { type: 'string' },
  },
  'Referrer-Policy': {
    description: 'What the page tells others.',
    required: true,
    schema: { type: 'string' },
  },
  'X-Content-Type-Options': {
    description: 'It is what its media type says.',
    required: true,
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'Seconds after which to try again; missing where that does not help.',
    schema: { type: 'integer', minimum: 0 },
  },
  'RateLimit-Limit': {
    description: 'Where the node limits rates, on every answer: the requests of a quiet client at once.',
    schema: { type: 'integer', minimum: 1 },
  },
  'RateLimit-Remaining': {
    description: 'Requests that this client has left.',
    schema: { type: 'integer', minimum: 0 },
  },
  'RateLimit-Reset': {
    description: 'Seconds until it has all of them again.',
    schema: { type: 'integer', minimum: 0 },
  },
  'RateLimit-Policy': {
    description: 'The limit, and in how many seconds so many come again.',
    schema: { type: 'string', examples: ['50;w=5'] },
  },
  'WWW-Authenticate': {
    description: 'How to log in (RFC 9110 §11.6.1).',
    required: true,
    schema: { type: 'string' },
  },
} as const

export const REQUEST_HEADERS = {
  'X-Request-Id': {
    description:
      'Your name for the request: comes back, and is in the log and in audit rows. Made if left out.',
    schema: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[\\x20-\\x7e]+$' },
  },
  'Idempotency-Key': {
    description:
      'With a key, a request is carried out once, however often it is sent, and on whichever node. The answer is remembered for 24 hours.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
  },
  'If-Match': {
    description:
      'The ETag that the resource must still have, or several, one of which it must have; else 412 (RFC 9110 §13.1.1). Weak ones never match; `*` is for any.',
    schema: { type: 'string', examples: ['"17"', '"17", "21"'] },
  },
} as const

export type RequestHeaderName = keyof typeof REQUEST_HEADERS
