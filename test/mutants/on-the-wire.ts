import { type Mutant, testFile } from './mutant.ts'

const SECRET = testFile('test/raft/transport/cluster-secret.test.ts')
const HANDSHAKE = testFile('test/raft/transport/handshake.test.ts')
const TLS = testFile('test/raft/transport/tls.test.ts')
const HTTPS = testFile('test/http/https.test.ts')

/** Whom a connection is with. */
export const ON_THE_WIRE: readonly Mutant[] = [
  {
    name: 'a proof does not say which side has made it',
    source: 'raft/transport/README.md (reflection)',
    file: 'raft/transport/cluster-secret.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: code, as text.
    find: '.update(`${CONTEXT} ${prover}\\0`)',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: code, as text.
    replace: '.update(`${CONTEXT} ${prover.slice(0, 0)}\\0`)',
    caughtBy: SECRET,
  },
  {
    name: 'the number that should be fresh is always the same',
    source: 'raft/transport/README.md (replay)',
    file: 'raft/transport/cluster-secret.ts',
    find: '  return randomBytes(NONCE_BYTES)\n',
    replace: '  return Buffer.alloc(NONCE_BYTES, randomBytes(0))\n',
    caughtBy: SECRET,
  },
  {
    name: 'what the dialer has said is not proven',
    source: 'raft/transport/README.md (transcript)',
    file: 'raft/transport/cluster-secret.ts',
    find: '  for (const body of [hello, welcome]) {\n',
    replace: '  for (const body of [hello.subarray(0, 0), welcome]) {\n',
    caughtBy: SECRET,
  },
  {
    name: 'a stranger may tell a node that it was removed',
    source: 'raft/transport/README.md (refusals)',
    file: 'raft/transport/handshake-messages.ts',
    find: 'if (isProven || STRANGERS_REASONS.includes(refusal.reason))',
    replace: "if (isProven || refusal.reason !== '')",
    caughtBy: SECRET,
  },
  {
    name: 'a node with a secret talks to one without',
    source: 'raft/transport/README.md (cluster secret)',
    file: 'raft/transport/handshake-checks.ts',
    find: '  if (hasOurs === (peer.nonce !== null)) return null\n',
    replace: '  if (hasOurs || peer.nonce === null) return null\n',
    caughtBy: SECRET,
  },
  {
    name: 'a refused dial leaves its socket behind',
    source: 'CHANGELOG.md (fixed)',
    file: 'raft/transport/dial.ts',
    find: "    connection.close(isNetworkError(error) ? error : new ConnectionError('failed', { cause: error }))\n",
    replace: "    if (!isNetworkError(error)) throw new ConnectionError('failed', { cause: error })\n",
    caughtBy: HANDSHAKE,
  },
  {
    name: 'any certificate will do',
    source: 'docs/security.md, on the wire',
    file: 'raft/transport/tls.ts',
    find: '    if (!socket.authorized) {\n',
    replace: "    if (socket.authorizationError?.message === 'never') {\n",
    caughtBy: TLS,
  },
  {
    name: 'a certificate of one host is good for another',
    source: 'docs/security.md, on the wire',
    file: 'raft/transport/tls.ts',
    find: 'if (name !== null && checkServerIdentity(name, certificate) === undefined) return null',
    replace: 'if (name !== null && checkServerIdentity(name, certificate)?.name !== name) return null',
    caughtBy: TLS,
  },
  {
    name: 'a member is where it says, not where we know it',
    source: 'docs/security.md, on the wire',
    file: 'raft/transport/inbound.ts',
    find: 'addr: this.#addrOf(nodeId) ?? addr }',
    replace: 'addr }',
    caughtBy: TLS,
  },
  {
    name: 'the name in a certificate that nobody has verified is a user',
    source: 'docs/security.md, client certificates',
    file: 'src/http/client-certificate.ts',
    find: 'if (!(socket instanceof TLSSocket) || !socket.authorized) return null',
    replace: 'if (!(socket instanceof TLSSocket)) return null',
    caughtBy: HTTPS,
  },
  {
    name: 'whoever shows a certificate is an admin',
    source: 'docs/security.md, client certificates',
    file: 'src/auth/authenticator.ts',
    find: '    return user === null ? this.#unknownName(name) : identityOf(user)\n',
    replace: '    return user === null ? this.#unknownName(name) : ANYBODY\n',
    caughtBy: HTTPS,
  },
]
