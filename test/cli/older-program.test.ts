/** What an older program says of what a newer one has written: nothing is damaged, and nothing is changed. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { Packr } from 'msgpackr'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileDisk } from '../../raft/index.ts'
import { FORMAT_VERSION } from '../../raft/storage/batch.ts'
import {
  CRC_BYTES,
  RECORD_HEADER_BYTES,
  RECORD_TYPE,
  recordEnd,
  writeRecordCrc,
} from '../../raft/storage/record.ts'
import { verifyDirectory } from '../../src/cli/log-verify.ts'
import { explainStartError } from '../../src/cli/start-error.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { claimDataDirectory, IDENTITY_FILE } from '../../src/data-directory.ts'
import { startServer } from '../../src/server.ts'

const packr = new Packr({ useRecords: false })

let directory: string
let config: Config

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipam-older-'))
  const loaded = loadConfig(['--data-dir', directory, '--log-level', 'error'], {}, () => '')
  config = { ...loaded, api: { host: '127.0.0.1', port: 0 } }
})

afterEach(() => rmSync(directory, { recursive: true }))

async function complaint(): Promise<string | null> {
  const error = await startServer(config).then(
    () => null,
    (reason: unknown) => reason,
  )
  return explainStartError(error, config)
}

test('a state of a later format is refused, and the way out is newer software', async () => {
  const server = await startServer(config)
  for (;;) if ((await fetch(`${server.url}/api/v1/health/ready`)).ok) break
  await server.close()
  const level = new Level<Buffer, Buffer>(join(config.dataDir, 'state'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  const key = Buffer.from('!applied')
  const [format, ...rest] = packr.unpack((await level.get(key)) ?? Buffer.alloc(0)) as [number, ...unknown[]]
  await level.put(key, packr.pack([format + 1, ...rest]))
  await level.close()

  expect(await complaint()).toBe(
    `${config.dataDir} cannot be used: the state is in format ${format + 1} and this program reads ${format}: install newer software`,
  )
})

test('a log of a later format is refused as such, and nobody is told to throw it away', async () => {
  const server = await startServer(config)
  await server.close()
  const path = join(config.dataDir, 'log', '0000000000000001.log')
  const later = withNextVersion(readFileSync(path))
  writeFileSync(path, later)

  const verified = await verifyDirectory(
    { root: config.dataDir, log: 'log', isWholeNode: true },
    new FileDisk(config.dataDir, { isReadOnly: true }),
  )

  const what = 'log/0000000000000001.log at offset 29: in format version 2, and this program reads 1'
  const wayOut = 'that is no damage: newer software has written it, and takes it again; put that back'
  expect(await complaint()).toBe(`${config.dataDir} cannot be used: ${what}; ${wayOut}`)
  expect(verified).toMatchObject({ verdict: 'other_format', message: `not readable: ${what}; ${wayOut}` })
  expect(readFileSync(path).equals(later)).toBe(true)
})

/** As a later program would begin a segment, its checksums included. */
function withNextVersion(segment: Buffer): Buffer {
  const begin = recordEnd(segment, 0)
  segment.writeUInt16LE(FORMAT_VERSION + 1, begin + RECORD_HEADER_BYTES)
  let crc = segment.readUInt32LE(begin - CRC_BYTES)
  for (let at = begin, isLast = false; !isLast; at = recordEnd(segment, at)) {
    isLast = segment.readUInt8(at + 4) === RECORD_TYPE.end
    crc = writeRecordCrc(segment, at, recordEnd(segment, at) - CRC_BYTES, crc)
  }
  return segment
}

test('a directory whose identity is of a later format is refused, and left as it is', async () => {
  await claimDataDirectory({ directory, clusterId: 1, nodeId: 1 })
  const path = join(directory, IDENTITY_FILE)
  const later = JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), format: 2, more: true })
  writeFileSync(path, later)

  const claimed = claimDataDirectory({ directory, clusterId: 1, nodeId: 1 })

  await expect(claimed).rejects.toThrow(
    `${path} is in format 2 and this program reads 1: the directory cannot be used; install newer software`,
  )
  expect(readFileSync(path, 'utf8')).toBe(later)
  expect(readdirSync(directory)).toEqual([IDENTITY_FILE])
})
