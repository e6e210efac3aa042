import { type Mutant, testFile } from './mutant.ts'

const VECTORS = testFile('test/state/vectors.test.ts')
const KEPT_ANSWERS = testFile('test/state/kept-answers.test.ts')
const RETRIES = testFile('test/http/retries.test.ts')

const KEYS = 'src/ipam/idempotency.ts'
const ROWS = 'src/state/idempotency-rows.ts'
const TABLE = 'src/state/answer-table.ts'

/** Writes that a client may repeat: promise 4. */
export const IDEMPOTENCY_KEYS: readonly Mutant[] = [
  {
    name: 'another request with a key that was used gets the answer of the first',
    source: 'promise 4; api.md (422)',
    file: KEYS,
    find: `if (fingerprint === stamp.fingerprint) return`,
    replace: `if (fingerprint !== '') return`,
    caughtBy: VECTORS,
  },
  {
    name: 'a refused request is tried anew when it is repeated',
    source: 'promise 4; api.md (retry)',
    file: KEYS,
    find: `  store.keepAnswer({ keyDigest, fingerprint, outcome, time })
`,
    replace: `  if (outcome.ok) store.keepAnswer({ keyDigest, fingerprint, outcome, time })
`,
    caughtBy: VECTORS,
  },
  {
    name: 'an answer is forgotten as soon as another one is kept',
    source: 'promise 4; api.md (24 h of log time)',
    file: ROWS,
    find: `oldest.time + keptMs > now && !isTooMany`,
    replace: `oldest.time > now + keptMs && !isTooMany`,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'no answer is ever forgotten',
    source: 'issue 4 (bounded, deterministic eviction)',
    file: ROWS,
    find: `count < FORGOTTEN_PER_ANSWER_MAX && this.#forgetOldest(time)`,
    replace: `count < 0 && this.#forgetOldest(time)`,
    caughtBy: VECTORS,
  },
  {
    name: 'after a restart a node forgets no answers, and the others do',
    source: 'determinism (a restart must not matter)',
    file: 'src/state/load.ts',
    find: `answers.add(keyDigest, { index: parseKeptAnswerKey(key), time, bytes: row.length })`,
    replace: `parseKeptAnswerKey(key + keyDigest + time)`,
    caughtBy: VECTORS,
  },
  {
    name: 'any number of answers is kept',
    source: 'issue 4 (bounded, deterministic eviction)',
    file: ROWS,
    find: `const isTooMany = size >= keysMax || totalBytes`,
    replace: `const isTooMany = keysMax < 0 || totalBytes`,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'answers of any size are kept',
    source: 'issue 4 (bounded, deterministic eviction)',
    file: ROWS,
    find: `|| totalBytes >= bytesMax`,
    replace: `|| totalBytes < -bytesMax`,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'the bytes of an answer that is forgotten stay counted',
    source: 'issue 4 (bounded, deterministic eviction)',
    file: TABLE,
    find: `    this.#totalBytes -= at(this.#bytes, this.#first)
`,
    replace: ``,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'the newest answers are lost when their table grows',
    source: 'issue 4 (bounded, deterministic eviction)',
    file: TABLE,
    find: `  into.set(ring.subarray(0, first), ring.length - first)
`,
    replace: ``,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'an answer that is gone hides those behind it in the table',
    source: 'promise 4; TAOCP 6.4, algorithm R',
    file: TABLE,
    find: `      this.#slots[hole] = at(this.#slots, slot)
      hole = slot
`,
    replace: ``,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'keys of one hash count as the same',
    source: 'promise 4',
    file: ROWS,
    find: `      if (kept.keyDigest !== keyDigest) continue
`,
    replace: ``,
    caughtBy: KEPT_ANSWERS,
  },
  {
    name: 'a request for another thing counts as the same if the body is',
    source: 'promise 4; api.md (422)',
    file: 'src/http/write.ts',
    find: `[c.req.method, c.req.path, headerOf`,
    replace: `[c.req.method, headerOf`,
    caughtBy: RETRIES,
  },
  {
    name: 'a request with another If-Match counts as the same',
    source: 'promise 4; api.md (422)',
    file: 'src/http/write.ts',
    find: `headerOf(c, 'if-match'), body]`,
    replace: `body]`,
    caughtBy: RETRIES,
  },
  {
    name: 'an import with other options counts as the same',
    source: 'promise 4; api.md (422)',
    file: 'src/http/import.ts',
    find: `const body = [params, Buffer`,
    replace: `const body = [Buffer`,
    caughtBy: RETRIES,
  },
  {
    name: 'nobody is told that an answer is that of an earlier request',
    source: 'api.md (Idempotency-Replayed)',
    file: 'src/http/write.ts',
    find: `  if (isReplay) headers['Idempotency-Replayed'] = 'true'
`,
    replace: ``,
    caughtBy: RETRIES,
  },
]
