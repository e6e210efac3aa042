import { describe, expect, test } from 'vitest'
import { MessageCodec } from '../../../raft/transport/codec.ts'
import { encodeFrame } from '../../../raft/transport/frame.ts'
import { encodeHello, encodeRefusal, encodeWelcome } from '../../../raft/transport/handshake.ts'
import { CHUNK, DONE, END, HEARD, MESSAGE_KINDS, PING, START } from '../../../raft/transport/kinds.ts'
import { encodeOffer, encodeOffset } from '../../../raft/transport/snapshot-stream.ts'
import type { Message } from '../../../raft/types.ts'

/** Whoever changes one of these changes what other versions of a node understand: raise the protocol. */
const IDENTITY = { clusterId: 100, nodeId: 1, incarnation: 'abc', addr: '127.0.0.1:5001' }
const ENVELOPE = { from: 1, to: 2, term: 3 }

const FRAMES: Record<string, { readonly frame: Buffer; readonly hex: string }> = {
  hello: { frame: encodeHello({ ...IDENTITY, kind: 'raft', to: 2 }), hex: 'HELLO' },
  welcome: { frame: encodeWelcome({ protocol: 1, ...IDENTITY }), hex: '' },
  refusal: { frame: encodeRefusal({ reason: 'node_id', message: 'no' }), hex: '' },
  start: { frame: encodeFrame(START), hex: '' },
  ping: { frame: encodeFrame(PING), hex: '' },
  heard: { frame: encodeFrame(HEARD), hex: '' },
  offer: {
    frame: encodeOffer({ from: 1, term: 3, session: 4, lastIndex: 5, sizeBytes: 6, identity: 'xyz' }),
    hex: '',
  },
  offset: { frame: encodeOffset(262_144), hex: '' },
  chunk: { frame: encodeFrame(CHUNK, Buffer.from('bytes')), hex: '' },
  end: { frame: encodeFrame(END), hex: '' },
  done: { frame: encodeFrame(DONE), hex: '' },
}

const MESSAGES: { readonly [T in Message['type']]: readonly [Extract<Message, { type: T }>, string] } = {
  RequestVote: [
    { type: 'RequestVote', ...ENVELOPE, isPreVote: true, isTransfer: false, lastLogIndex: 300, lastLogTerm: 2 },
    '',
  ],
  RequestVoteReply: [{ type: 'RequestVoteReply', ...ENVELOPE, isPreVote: true, voteGranted: false }, ''],
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
      session: 7,
      readRound: 8,
    },
    '',
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
    },
    '',
  ],
  InstallSnapshot: [{ type: 'InstallSnapshot', ...ENVELOPE, lastIndex: 2 ** 40, session: 7, readRound: 8 }, ''],
  InstallSnapshotReply: [
    { type: 'InstallSnapshotReply', ...ENVELOPE, success: false, lastIndex: 300, session: 7, readRound: 8 },
    '',
  ],
  TimeoutNow: [{ type: 'TimeoutNow', ...ENVELOPE }, ''],
  ReadIndexRequest: [{ type: 'ReadIndexRequest', ...ENVELOPE, requestId: 9 }, ''],
  ReadIndexReply: [{ type: 'ReadIndexReply', ...ENVELOPE, requestId: 9, readIndex: null }, ''],
  ForwardRequests: [
    {
      type: 'ForwardRequests',
      from: 1,
      to: 2,
      requests: [
        { id: 1, request: { type: 'command', payload: Buffer.from('command') } },
        { id: 2, request: { type: 'membership', change: { type: 'add', id: 4, addr: 'h:1' }, note: 'a' } },
        { id: 3, request: { type: 'membership', change: { type: 'remove', id: 4, isForced: true }, note: '' } },
        { id: 4, request: { type: 'transfer', target: null, note: 'b' } },
      ],
    },
    '',
  ],
  ForwardReplies: [
    {
      type: 'ForwardReplies',
      from: 1,
      to: 2,
      replies: [
        { id: 1, outcome: { type: 'result', result: Buffer.from('result'), index: 302 } },
        { id: 2, outcome: { type: 'error', code: 'RAFT_NOT_LEADER', message: 'm', leaderId: 3 } },
      ],
    },
    '',
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
