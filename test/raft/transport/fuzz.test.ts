/** 100,000 inputs that nobody should send: nothing fails but with a protocol error, nothing grows, the connection ends. */
import type { KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { pack } from 'msgpackr'
import { afterEach, describe, expect, test } from 'vitest'
import { proofOf, provenSecret, secretKey } from '../../../raft/transport/cluster-secret.ts'
import { MessageCodec } from '../../../raft/transport/codec.ts'
import { isNetworkError, ProtocolError } from '../../../raft/transport/errors.ts'
import {
  encodeFrame,
  type Frame,
  FrameReader,
  HANDSHAKE_FRAME_BYTES_MAX,
} from '../../../raft/transport/frame.ts'
import { greet, receiveGreeting } from '../../../raft/transport/handshake.ts'
import { encodeHello, encodeRefusal, encodeWelcome } from '../../../raft/transport/handshake-messages.ts'
import { ADMITTED, HELLO, MESSAGE_KINDS, PROOF, START, WELCOME } from '../../../raft/transport/kinds.ts'
import { anyMessage } from './arbitrary.ts'
import { bootOf, CLUSTER_ID, framesIn, HandClock, RawPeer, TestNode } from './support.ts'

const SECRET = secretKey('the secret of this cluster, 0123456789')
const OTHER = secretKey('a secret that is guessed, 012345678901')
const NONCE = Buffer.alloc(32, 5)
const FUZZ_MS_MAX = 120_000
const codec = new MessageCodec()
const nodes: TestNode[] = []

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.transport.close()))
})

function introductionOf(nodeId: number) {
  return {
    clusterId: CLUSTER_ID,
    nodeId,
    incarnation: `inc-${nodeId}`,
    addr: `127.0.0.1:${5000 + nodeId}`,
    schemas: { min: 1, max: 1 },
    boot: bootOf(nodeId),
  }
}

const HELLO_OF_2 = encodeHello({ ...introductionOf(2), kind: 'raft', to: 1, nonce: NONCE })
const WELCOME_OF_2 = encodeWelcome({ ...introductionOf(2), protocol: 1, nonce: NONCE })

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
/** Bytes to exchange, at places modulo the length; then how much is cut from the end. */
const damage = fc.record({
  flips: fc.array(fc.tuple(fc.nat({ max: 4096 }), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
  cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 64 }) }),
})

function damaged(
  whole: Buffer,
  { flips, cut }: { flips: readonly (readonly [number, number])[]; cut: number },
): Buffer {
  const copy = Buffer.from(whole.subarray(0, Math.max(0, whole.length - cut)))
  for (const [place, mask] of flips) {
    const at = place % copy.length
    if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ mask, at)
  }
  return copy
}

/** What comes of bytes: whole frames until one is refused. */
function read(chunks: readonly Buffer[], frameBytesMax: number): Frame[] {
  const reader = new FrameReader(frameBytesMax)
  const frames: Frame[] = []
  try {
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame)
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
  return frames
}

/** A message, or a complaint that closes the connection; any other error is our bug. */
function decodes(frame: Frame): boolean {
  try {
    codec.decode(frame)
    return true
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return false
  }
}

/** A connection in memory, on which the other side has said everything already. */
class Script {
  readonly written: Buffer[] = []
  isFinished = false
  readonly #frames: Frame[]

  constructor(frames: readonly Frame[]) {
    this.#frames = [...frames]
  }

  write(...parts: Buffer[]): void {
    this.written.push(...parts)
  }

  async nextFrame(): Promise<Frame> {
    const frame = this.#frames.shift()
    if (frame === undefined) throw new ProtocolError('nothing more comes')
    return frame
  }

  finish(): void {
    this.isFinished = true
  }
}

type Outcome = 'accepted' | 'refused'

/** @throws what is no network error: a bug. */
async function outcomeOf(run: (connection: never) => Promise<unknown>, script: Script): Promise<Outcome> {
  try {
    await run(script as never)
    return 'accepted'
  } catch (error) {
    if (!isNetworkError(error)) throw error
    return 'refused'
  }
}

function accept(script: Script, secrets: readonly KeyObject[]): Promise<Outcome> {
  const options = {
    self: introductionOf(1),
    secrets,
    whyNotTrusted: () => null,
    authorize: () => null,
    onRefused: () => {},
  }
  return outcomeOf((connection) => receiveGreeting(connection, options), script)
}

function dial(script: Script, secrets: readonly KeyObject[]): Promise<Outcome> {
  const options = {
    self: introductionOf(1),
    to: 2,
    kind: 'raft' as const,
    secrets,
    whyNotTrusted: () => null,
    authorize: () => null,
  }
  return outcomeOf((connection) => greet(connection, options), script)
}

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.nat({ max: 255 }), body: bytes }),
  fc.record({
    kind: fc.constant(PROOF),
    body: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array)),
  }),
  fc.constantFrom(...[ADMITTED, START, HELLO, WELCOME].map((kind) => ({ kind, body: Buffer.alloc(0) }))),
  fc.constantFrom(
    ...framesIn(Buffer.concat([HELLO_OF_2, WELCOME_OF_2, encodeRefusal({ reason: 'removed', message: '' })])),
  ),
  // Any value in the place of any field.
  fc
    .tuple(
      fc.constantFrom(
        'clusterId',
        'nodeId',
        'incarnation',
        'addr',
        'schemas',
        'boot',
        'nonce',
        'to',
        'kind',
        'protocol',
      ),
      fc.anything(),
    )
    .map(([field, value]) => {
      const said = {
        magic: 'ipam-raft',
        protocolMin: 1,
        protocolMax: 1,
        ...introductionOf(2),
        kind: 'raft',
        to: 1,
        nonce: NONCE,
      }
      return { kind: HELLO, body: safelyPacked({ ...said, [field]: value }) }
    }),
)

/** Not everything that there is can be packed. */
function safelyPacked(value: unknown): Buffer {
  try {
    return Buffer.from(pack(value))
  } catch {
    return Buffer.alloc(0)
  }
}

describe('what a stranger sends', () => {
  test('is frames or an error, however it is cut, and holds no more memory than was sent', {
    timeout: FUZZ_MS_MAX,
  }, () => {
    const before = process.memoryUsage().arrayBuffers
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 4 }), (chunks) => {
        const frames = read(chunks, HANDSHAKE_FRAME_BYTES_MAX)
        const sent = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
        expect(frames.reduce((sum, { body }) => sum + body.length + 5, 0)).toBeLessThanOrEqual(sent)
      }),
      { numRuns: 30_000 },
    )
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024 * 1024)
  })

  test('is a message or an error, when a message was damaged on its way', { timeout: FUZZ_MS_MAX }, () => {
    fc.assert(
      fc.property(anyMessage, damage, (message, harm) => {
        for (const one of read([damaged(Buffer.concat(codec.encode(message)), harm)], 1_000_000)) decodes(one)
      }),
      { numRuns: 20_000 },
    )
  })

  test('is a message or an error, when it is any bytes of any kind', { timeout: FUZZ_MS_MAX }, () => {
    const kind = fc.oneof(fc.constantFrom(...Object.values(MESSAGE_KINDS)), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(kind, fc.oneof(bytes, fc.anything().map(safelyPacked)), (kind, body) => {
        decodes({ kind, body })
      }),
      { numRuns: 20_000 },
    )
  })

  test('does not make it a member that accepts or dials, without the secret', {
    timeout: FUZZ_MS_MAX,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 6 }), fc.boolean(), async (frames, isDialled) => {
        const opening = framesIn(isDialled ? WELCOME_OF_2 : HELLO_OF_2)
        const script = new Script([...opening, ...frames])
        const outcome = isDialled ? await dial(script, [SECRET]) : await accept(script, [SECRET])
        expect(outcome).toBe('refused')
      }),
      { numRuns: 15_000 },
    )
  })

  test('breaks nothing without a secret either', { timeout: FUZZ_MS_MAX }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 4 }), fc.boolean(), async (frames, isDialled) => {
        const script = new Script(frames)
        await (isDialled ? dial(script, []) : accept(script, []))
      }),
      { numRuns: 10_000 },
    )
  })

  test('is no proof when it was forged, reflected, replayed or damaged', { timeout: FUZZ_MS_MAX }, () => {
    const transcript = fc.record({ hello: bytes, welcome: bytes })
    fc.assert(
      fc.property(transcript, transcript, damage, (said, before, harm) => {
        const proof = proofOf(SECRET, 'dialer', said)
        expect(provenSecret(proof, [OTHER, SECRET], 'dialer', said)).toBe(SECRET)
        expect(provenSecret(proof, [OTHER], 'dialer', said)).toBeNull()
        expect(provenSecret(proof, [SECRET], 'acceptor', said)).toBeNull()
        const isSame = said.hello.equals(before.hello) && said.welcome.equals(before.welcome)
        expect(provenSecret(proof, [SECRET], 'dialer', before) !== null).toBe(isSame)
        const harmed = damaged(proof, harm)
        expect(provenSecret(harmed, [SECRET], 'dialer', said) !== null).toBe(harmed.equals(proof))
      }),
      { numRuns: 4_500 },
    )
  })

  test('closes a real connection, and others go on', { timeout: FUZZ_MS_MAX }, async () => {
    const node = await new TestNode({
      id: 1,
      secrets: [SECRET.export().toString()],
      clock: new HandClock(),
    }).start()
    nodes.push(node)
    const attack = fc.oneof(
      bytes,
      fc
        .array(frame, { maxLength: 4 })
        .map((frames) => Buffer.concat(frames.map(({ kind, body }) => encodeFrame(kind, body)))),
      fc
        .array(frame, { maxLength: 4 })
        .map((frames) =>
          Buffer.concat([HELLO_OF_2, ...frames.map(({ kind, body }) => encodeFrame(kind, body))]),
        ),
    )
    await fc.assert(
      fc.asyncProperty(attack, damage, async (whole, harm) => {
        const peer = RawPeer.dial(node.transport.port)
        peer.socket.end(damaged(whole, harm))
        await peer.closed()
      }),
      { numRuns: 500 },
    )

    expect(node.fatal).toEqual([])
    expect(node.peersSeen).toEqual([])
    const pending = node.transport.queues().find(({ queue }) => queue === 'pending_handshakes')
    expect(pending?.size).toBe(0)
    const member = await new TestNode({ id: 2, secrets: [SECRET.export().toString()] }).start()
    nodes.push(member)
    await member.connect(node)
  })
})
