import { describe, expect, test } from 'vitest'
import { proofOf, secretKey } from '../../../raft/transport/cluster-secret.ts'
import { MessageCodec } from '../../../raft/transport/codec.ts'
import { encodeFrame } from '../../../raft/transport/frame.ts'
import { encodeHello, encodeRefusal, encodeWelcome } from '../../../raft/transport/handshake-messages.ts'
import {
  ADMITTED,
  CHUNK,
  DONE,
  END,
  HEARD,
  MESSAGE_KINDS,
  PING,
  PROOF,
  START,
} from '../../../raft/transport/kinds.ts'
import { encodeOffer, encodeOffset } from '../../../raft/transport/snapshot-stream.ts'
import type { Message } from '../../../raft/types.ts'

/** Whoever changes one of these changes what other versions of a node understand: raise the protocol. */
const IDENTITY = {
  clusterId: 100,
  nodeId: 1,
  incarnation: 'abc',
  addr: '127.0.0.1:5001',
  schemas: { min: 1, max: 2 },
  boot: { id: 9, term: 3, lastIndex: 300 },
}
const ENVELOPE = { from: 1, to: 2, term: 3 }

const FRAMES: Record<string, { readonly frame: Buffer; readonly hex: string }> = {
  hello: {
    frame: encodeHello({ ...IDENTITY, kind: 'raft', to: 2, nonce: null }),
    hex: 'ae00000001de000ca56d61676963a96970616d2d72616674ab70726f746f636f6c4d696e01ab70726f746f636f6c4d617801a9636c7573746572496464a66e6f6465496401ab696e6361726e6174696f6ea3616263a461646472ae3132372e302e302e313a35303031a7736368656d6173de0002a36d696e01a36d617802a4626f6f74de0003a2696409a47465726d03a96c617374496e646578cd012ca46b696e64a472616674a2746f02a56e6f6e6365c0',
  },
  welcome: {
    frame: encodeWelcome({ protocol: 1, ...IDENTITY, nonce: Buffer.alloc(32, 7) }),
    hex: 'a100000002de0008a870726f746f636f6c01a9636c7573746572496464a66e6f6465496401ab696e6361726e6174696f6ea3616263a461646472ae3132372e302e302e313a35303031a7736368656d6173de0002a36d696e01a36d617802a4626f6f74de0003a2696409a47465726d03a96c617374496e646578cd012ca56e6f6e6365c4200707070707070707070707070707070707070707070707070707070707070707',
  },
  refusal: {
    frame: encodeRefusal({ reason: 'node_id', message: 'no' }),
    hex: '1e00000003de0002a6726561736f6ea76e6f64655f6964a76d657373616765a26e6f',
  },
  start: { frame: encodeFrame(START), hex: '0100000004' },
  ping: { frame: encodeFrame(PING), hex: '0100000005' },
  heard: { frame: encodeFrame(HEARD), hex: '0100000006' },
  proof: {
    frame: encodeFrame(
      PROOF,
      proofOf(secretKey('secret'), 'dialer', { hello: Buffer.from('a'), welcome: Buffer.from('b') }),
    ),
    hex: '210000000735b2c614e302f61368868e2c49be4fcab5a06e3150fcf5c710dfc28b8e568f56',
  },
  admitted: { frame: encodeFrame(ADMITTED), hex: '0100000008' },
  offer: {
    frame: encodeOffer({ from: 1, term: 3, session: 4, lastIndex: 5, sizeBytes: 6, identity: 'xyz' }),
    hex: '3c00000010de0006a466726f6d01a47465726d03a773657373696f6e04a96c617374496e64657805a973697a65427974657306a86964656e74697479a378797a',
  },
  offset: { frame: encodeOffset(262_144), hex: '1000000011de0001a66f6666736574ce00040000' },
  chunk: { frame: encodeFrame(CHUNK, Buffer.from('bytes')), hex: '06000000126279746573' },
  end: { frame: encodeFrame(END), hex: '0100000013' },
  done: { frame: encodeFrame(DONE), hex: '0100000014' },
}

const MESSAGES: { readonly [T in Message['type']]: readonly [Extract<Message, { type: T }>, string] } = {
  RequestVote: [
    {
      type: 'RequestVote',
      ...ENVELOPE,
      isPreVote: true,
      isTransfer: false,
      lastLogIndex: 300,
      lastLogTerm: 2,
    },
    '0b0000002097010203c3c2cd012c02',
  ],
  RequestVoteReply: [
    { type: 'RequestVoteReply', ...ENVELOPE, isPreVote: true, voteGranted: false },
    '070000002195010203c3c2',
  ],
  AppendEntries: [
    {
      type: 'AppendEntries',
      ...ENVELOPE,
      prevLogIndex: 300,
      prevLogTerm: 2,
      entries: [
        { index: 301, term: 3, time: 1_700_000_000_000, type: 'noop', payload: Buffer.alloc(0) },
        { index: 302, term: 3, time: 1_700_000_000_001, type: 'command', payload: Buffer.from('command') },
      ],
      leaderCommit: 299,
      leaderDurable: 301,
      session: 7,
      readRound: 8,
    },
    '550000002211009a010203cd012c02cd012bcd012d0708022d01000000000000030000000000000000008056febc784200000000002e01000000000000030000000000000000108056febc78420107000000636f6d6d616e64',
  ],
  AppendEntriesReply: [
    {
      type: 'AppendEntriesReply',
      ...ENVELOPE,
      success: true,
      matchIndex: 302,
      conflictIndex: 0,
      conflictTerm: 0,
      rejectedIndex: 0,
      session: 7,
      readRound: 8,
      isDrained: true,
      disk: { stallMs: 250, isLow: true },
    },
    '13000000239c010203c3cd012e0000000708c392ccfac3',
  ],
  InstallSnapshot: [
    { type: 'InstallSnapshot', ...ENVELOPE, lastIndex: 2 ** 40, session: 7, readRound: 8 },
    '100000002496010203cb42700000000000000708',
  ],
  InstallSnapshotReply: [
    {
      type: 'InstallSnapshotReply',
      ...ENVELOPE,
      success: false,
      lastIndex: 300,
      session: 7,
      readRound: 8,
      disk: { stallMs: 0, isLow: false },
    },
    '0e0000002598010203c2cd012c07089200c2',
  ],
  TimeoutNow: [{ type: 'TimeoutNow', ...ENVELOPE }, '050000002693010203'],
  ReadIndexRequest: [{ type: 'ReadIndexRequest', ...ENVELOPE, requestId: 9 }, '06000000279401020309'],
  ReadIndexReply: [
    { type: 'ReadIndexReply', ...ENVELOPE, requestId: 9, readIndex: null },
    '07000000289501020309c0',
  ],
  ForwardRequests: [
    {
      type: 'ForwardRequests',
      from: 1,
      to: 2,
      requests: [
        {
          id: 1,
          request: {
            type: 'command',
            payload: Buffer.from('command'),
            traits: { isIdempotent: true, needsRoom: false },
          },
          trace: 'ctx',
        },
        {
          id: 2,
          request: { type: 'membership', change: { type: 'add', id: 4, addr: 'h:1' }, note: 'a' },
          trace: null,
        },
        {
          id: 3,
          request: { type: 'membership', change: { type: 'remove', id: 4, isForced: true }, note: '' },
          trace: null,
        },
        { id: 4, request: { type: 'transfer', target: null }, trace: null },
      ],
    },
    '3d00000029930102949301920092c407636f6d6d616e6492c3c2a3637478930292019292009204a3683a31a161c0930392019292019204c3a0c09304920291c0c0',
  ],
  ForwardReplies: [
    {
      type: 'ForwardReplies',
      from: 1,
      to: 2,
      replies: [
        { id: 1, outcome: { type: 'result', result: Buffer.from('result'), index: 302 } },
        { id: 2, outcome: { type: 'error', code: 'RAFT_NOT_LEADER', message: 'm', leaderId: 3 } },
        { id: 3, outcome: { type: 'transferred', leaderId: 3 } },
      ],
    },
    '330000002a930102939201920092c406726573756c74cd012e9202920193af524146545f4e4f545f4c4541444552a16d03920392029103',
  ],
  StateHashes: [
    {
      type: 'StateHashes',
      from: 1,
      to: 2,
      checkpoints: [
        { index: 1_024, hash: '00c0ffee' },
        { index: 2_048, hash: '0000beef' },
      ],
    },
    '1f0000002b9301029292cd0400a8303063306666656592cd0800a83030303062656566',
  ],
}

describe('the wire format is fixed', () => {
  test.each(Object.entries(FRAMES))('%s', (_, { frame, hex }) => {
    expect(frame.toString('hex')).toBe(hex)
  })

  test.each(Object.entries(MESSAGES))('%s', (_, [message, hex]) => {
    expect(Buffer.concat(new MessageCodec().encode(message)).toString('hex')).toBe(hex)
  })

  test('every type of message has a kind of its own', () => {
    const kinds = Object.values(MESSAGE_KINDS)

    expect(new Set(kinds).size).toBe(kinds.length)
    expect(Object.keys(MESSAGE_KINDS)).toEqual(Object.keys(MESSAGES))
  })
})
