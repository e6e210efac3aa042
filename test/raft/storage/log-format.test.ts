import { expect, test } from 'vitest'
import { SegmentedLog } from '../../../raft/storage/segmented-log.ts'
import { entryAt } from '../../contract/log-store.ts'
import { MemoryDisk } from '../../sim/memory-disk.ts'
import { prng } from './log-model.ts'

const SECTOR_BYTES = 512

/** Hex, where a run of zeros of 8 bytes or more is a count in brackets. */
function dump(bytes: Buffer): string {
  return bytes.toString('hex').replaceAll(/(?:00){8,}/g, (zeros) => `[${zeros.length / 2}]`)
}

test('a segment on disk looks as it always did (format version 1)', async () => {
  const device = new MemoryDisk({ random: prng(1) })
  const log = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: 4096 })
  await log.open()
  const membership = {
    members: [{ id: 1, addr: 'a:1', voter: true, incarnation: null, schemas: null, isRolledBack: false }],
    removed: [2],
    schemaVersion: 1,
  }
  await log.initialize({ lastIndex: 0, lastTerm: 0, lastTime: 0, membership, membershipIndex: 0 })
  await log.append({
    hardState: { currentTerm: 3, votedFor: 1 },
    entries: [entryAt(1, { term: 3, text: 'hi' })],
  })
  await log.close()

  const segment = device.contents().get('log/0000000000000001.log') ?? Buffer.alloc(0)

  expect(segment.length).toBe(4096)
  expect(dump(segment.subarray(0, SECTOR_BYTES))).toMatchInlineSnapshot(
    `"1400000001524c4f470002000001[11]514b3e141a00000002010001[8]1[14]04287787fd2000000047b226c617374496e646578223a302c226c6173745465726d223a302c226c61737454696d65223a302c226d656d62657273686970223a7b226d656d62657273223a5b7b226964223a312c2261646472223a22613a31222c22766f746572223a747275652c22696e6361726e6174696f6e223a6e756c6c2c22736368656d6173223a6e756c6c2c226973526f6c6c65644261636b223a66616c73657d5d2c2272656d6f766564223a5b325d2c22736368656d6156657273696f6e223a317d2c226d656d62657273686970496e646578223a307db55d66961000000005[16]b652506dc200000007[190]ffffffff6f37ebcaed"`,
  )
  expect(dump(segment.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES))).toMatchInlineSnapshot(
    `"1400000001524c4f470002000002000000000000006f37ebca94ffbe4b10000000050300000000000000010000000000000007c3d2301f00000006010000000000000003[8]108056febc78420102000000686922f04e699801000007[404]ffffffffce0afa2bed"`,
  )
  expect(segment.subarray(2 * SECTOR_BYTES).equals(Buffer.alloc(4096 - 2 * SECTOR_BYTES))).toBe(true)
})
