import { type Mutant, testFile } from './mutant.ts'

const HANDSHAKE = testFile('test/raft/transport/handshake.test.ts')
const SECRET = testFile('test/raft/transport/cluster-secret.test.ts')
const FRAMES = testFile('test/raft/transport/frame.test.ts')
const CODEC = testFile('test/raft/transport/codec.test.ts')

/** Who is at the other end of a connection, and what becomes of that (raft/transport/README.md). */
export const HANDSHAKES: readonly Mutant[] = [
  {
    name: 'a node that speaks only later protocols is spoken to in ours',
    source: 'README.md §4 (versions)',
    file: 'raft/transport/handshake-checks.ts',
    find: `protocol >= Math.max(protocolMin, PROTOCOL_MIN) ? protocol : null`,
    replace: `protocol >= PROTOCOL_MIN ? protocol : null`,
    caughtBy: HANDSHAKE,
  },
  {
    name: 'a dialer goes on in a protocol that it does not speak',
    source: 'README.md §4 (versions)',
    file: 'raft/transport/handshake-checks.ts',
    find: `if (protocol < PROTOCOL_MIN || protocol > PROTOCOL_MAX) {`,
    replace: `if (protocol < PROTOCOL_MIN) {`,
    caughtBy: HANDSHAKE,
  },
  {
    name: 'a node of another cluster is let in',
    source: 'bug 20',
    file: 'raft/transport/handshake-checks.ts',
    find: `  if (hello.clusterId !== self.clusterId) return otherCluster(hello.clusterId, self)
`,
    replace: '',
    caughtBy: HANDSHAKE,
  },
  {
    name: 'a dialer is content with a node of another cluster',
    source: 'bug 20',
    file: 'raft/transport/handshake-checks.ts',
    find: `  if (clusterId !== self.clusterId) return otherCluster(clusterId, self)
`,
    replace: '',
    caughtBy: SECRET,
  },
  {
    name: 'a dialer is content with whoever answers at an address',
    source: 'bug 20',
    file: 'raft/transport/handshake-checks.ts',
    find: `  if (nodeId === to) return null
`,
    replace: `  if (nodeId !== self.nodeId) return null
`,
    caughtBy: SECRET,
  },
  {
    name: 'a node asks who a dialer is before that has proven anything',
    source: 'raft/README.md (who is let in)',
    file: 'raft/transport/handshake.ts',
    find: `    connection.write(welcome)
    const transcript`,
    replace: `    admit()
    connection.write(welcome)
    const transcript`,
    caughtBy: SECRET,
  },
  {
    name: 'a node proves that it has the secret to whoever asks',
    source: 'raft/transport/README.md (nobody tries out secrets on our proof)',
    file: 'raft/transport/handshake.ts',
    find: `    refuse(connection, { reason: 'secret', message })
  }
  connection`,
    replace: `    connection.write(encodeFrame(PROOF, proofOf(secrets[0] as KeyObject, 'acceptor', transcript)))
    refuse(connection, { reason: 'secret', message })
  }
  connection`,
    caughtBy: SECRET,
  },
  {
    name: 'a dialer goes on before the other side has admitted it',
    source: 'raft/transport/README.md (handshake)',
    file: 'raft/transport/handshake.ts',
    find: `  const verdict = await connection.nextFrame()
  throwIfRefusal(verdict)
  if (verdict.kind !== ADMITTED) throw new ProtocolError(\`admitted was expected, not kind \${verdict.kind}\`)
`,
    replace: '',
    caughtBy: SECRET,
  },
  {
    name: 'an announced length takes that much memory',
    source: 'raft/transport/README.md (a length prefix costs its sender as much as us)',
    file: 'raft/transport/frame.ts',
    find: `Math.min(length, Math.max(2 * needed, BODY_BYTES_MIN))`,
    replace: `length`,
    caughtBy: FRAMES,
  },
  {
    name: 'a message with a field too many is taken',
    source: 'README.md §4 (versions)',
    file: 'raft/transport/shape.ts',
    find: `if (!Array.isArray(value) || value.length !== columns.length) {`,
    replace: `if (!Array.isArray(value) || value.length < columns.length) {`,
    caughtBy: CODEC,
  },
  {
    name: 'an index above what a number holds exactly is taken',
    source: 'indexes are safe integers',
    file: 'raft/transport/shape.ts',
    find: `(value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,`,
    replace: `(value): value is number => Number.isInteger(value) && (value as number) >= 0,`,
    caughtBy: CODEC,
  },
]
