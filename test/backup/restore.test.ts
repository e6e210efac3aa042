/** A snapshot file that is not whole founds nothing. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crc32c } from '../../raft/storage/crc32c.ts'
import { encodeArchive } from '../../raft/storage/snapshot-archive.ts'
import type { Membership, SnapshotMeta } from '../../raft/types.ts'
import { restoreSnapshot } from '../../src/backup/restore.ts'
import { readSnapshot } from '../../src/backup/snapshot-contents.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { readDataDirectory } from '../../src/data-directory.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { APPLIED_KEY } from '../../src/state/key-space.ts'
import { levelStorage } from '../../src/state/level-storage.ts'
import { IpamStateMachine } from '../../src/state/state-machine.ts'
import { OneNodeService } from '../http/fixture.ts'
import { temporaryDirectory } from '../raft/storage/temporary-directory.ts'
import { ManualClock, silentLog } from '../state/harness.ts'

const FLIPS = 400
const CONTEXT = { user: 'alice', requestId: null }
const ORIGIN = { clusterId: 100, nodeId: 2, takenAt: Date.UTC(2024, 0, 15), program: '1.0.0' }

function configOf(dataDir: string, clusterId = 200): Config {
  const nodes = [1, 2, 3].map((id) => ({
    node_id: id,
    addr: `127.0.0.1:500${id}`,
    api: `127.0.0.1:808${id}`,
  }))
  const text = JSON.stringify({ cluster_id: clusterId, data_dir: dataDir, nodes })
  return loadConfig(['--config', 'x.yaml', '--node-id', '2'], {}, () => text)
}

function membershipOf(schemaVersion: number): Membership {
  const member = { voter: true, incarnation: null, schemas: null, isRolledBack: false }
  return { members: [{ id: 2, addr: 'old:1', ...member }], removed: [1], schemaVersion }
}

let service: OneNodeService
let bytes: Buffer

beforeAll(async () => {
  service = await OneNodeService.open()
  for (let i = 0; i < 3; i++) {
    const network = { id: `net-${i}`, cidr: `10.0.${i}.0/24`, namespace: 'default' }
    await service.execute({ type: 'createNetwork', ...NETWORK_DEFAULTS, ...network }, CONTEXT)
  }
  bytes = await archiveOf({})
})

afterAll(() => service.close())

async function archiveOf({
  schemaVersion = 1,
  index = service.appliedIndex,
  clusterId = ORIGIN.clusterId,
  olderBy = 0,
}: {
  schemaVersion?: number
  index?: number
  clusterId?: number
  /** In formats of the state. */
  olderBy?: number
}): Promise<Buffer> {
  const image = await service.image()
  const meta: SnapshotMeta = {
    lastIndex: index,
    lastTerm: 7,
    lastTime: service.time,
    membership: membershipOf(schemaVersion),
    membershipIndex: 3,
  }
  const parts: Buffer[] = []
  const chunks = inFormat(image.chunks(), olderBy)
  for await (const part of encodeArchive({ meta, origin: { ...ORIGIN, clusterId } }, chunks)) parts.push(part)
  await image.release()
  return Buffer.concat(parts)
}

/** The format is the first number of the row that says how far the state goes. */
async function* inFormat(chunks: AsyncIterable<Uint8Array>, olderBy: number): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    const copy = Buffer.from(chunk)
    const at = copy.indexOf(APPLIED_KEY)
    if (at !== -1)
      copy.writeUInt8(copy.readUInt8(at + APPLIED_KEY.length + 1) - olderBy, at + APPLIED_KEY.length + 1)
    yield copy
  }
}

async function refusalOf(path: string, content: Buffer, config: Config): Promise<string> {
  writeFileSync(path, content)
  try {
    await restoreSnapshot(path, config)
    return ''
  } catch (error) {
    const { name, message } = error as Error
    return name === 'BackupError' ? message : `a bug: ${message}`
  }
}

/** With the right checksum over the header, as a later version would write it. */
function withVersion(version: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt32LE(version, 8)
  const end = 16 + copy.readUInt32LE(12)
  copy.writeUInt32LE(crc32c(copy, 0, end, 0), end)
  return copy
}

describe('a snapshot file', () => {
  test('says what is in it', async () => {
    const path = join(temporaryDirectory(), 'a.snapshot')
    writeFileSync(path, bytes)

    const contents = await readSnapshot(path)

    expect(contents).toMatchObject({
      clusterId: 100,
      nodeId: 2,
      index: 3,
      program: '1.0.0',
      sizeBytes: bytes.length,
      counts: { networks: 3, allocations: 0, auditRows: 3, users: 0 },
    })
  })

  test('of which any one bit is another is refused, and nothing is written', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.snapshot')
    const config = configOf(join(directory, 'data'))
    const accepted: number[] = []

    // Spread evenly, and at each of the first and last bytes: magic, version, lengths, digest.
    const spread = Array.from({ length: FLIPS }, (_, i) => Math.floor((i * bytes.length * 8) / FLIPS))
    const ends = Array.from({ length: 64 }, (_, i) => [i * 8 + (i % 8), (bytes.length - 1 - i) * 8 + (i % 8)])
    for (const bit of [...spread, ...ends.flat()]) {
      const altered = Buffer.from(bytes)
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const refusal = await refusalOf(path, altered, config)
      if (!refusal.includes('is no snapshot that can be used')) accepted.push(bit)
    }

    expect(accepted).toEqual([])
    expect(readdirSync(directory)).toEqual(['a.snapshot'])
  })

  test('that is cut anywhere, or goes on, is refused, and nothing is written', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.snapshot')
    const config = configOf(join(directory, 'data'))
    const accepted: number[] = []

    const lengths = [0, 1, 8, 12, 16, 20, bytes.length - 1, bytes.length - 4, bytes.length - 60]
    for (let i = 1; i < 200; i++) lengths.push(Math.floor((i * bytes.length) / 200))
    for (const length of lengths) {
      if (!(await refusalOf(path, bytes.subarray(0, length), config)).includes('is no snapshot')) {
        accepted.push(length)
      }
    }
    const longer = await refusalOf(path, Buffer.concat([bytes, Buffer.alloc(1)]), config)

    expect(accepted).toEqual([])
    expect(longer).toContain('is no snapshot')
    expect(readdirSync(directory)).toEqual(['a.snapshot'])
  })

  test.each([
    {
      why: 'is of a newer format',
      content: () => withVersion(2),
      says: 'in format version 2, and this program reads 1; nothing is damaged: use the newer ipam that has made it',
    },
    {
      why: 'is of an older format',
      content: () => withVersion(0),
      says: 'in format version 0, and this program reads 1; nothing is damaged: use the older ipam that has made it',
    },
    {
      why: 'has a state in a newer format',
      content: () => archiveOf({ olderBy: -1 }),
      says: 'nothing is damaged: use the newer ipam that has made it',
    },
    {
      why: 'has a state in an older format',
      content: () => archiveOf({ olderBy: 1 }),
      says: 'nothing is damaged: use the older ipam that has made it',
    },
    {
      why: 'only seems to be of a newer format',
      content: () => Buffer.from(bytes.with(8, 2)),
      says: 'a checksum does not match',
    },
    {
      why: 'has commands that only a newer version reads',
      content: () => archiveOf({ schemaVersion: 9 }),
      says: 'from a newer version: it has command schema 9',
    },
    {
      why: 'has a header of another index than its rows',
      content: () => archiveOf({ index: 2 }),
      says: 'its rows are those of index 3, not 2',
    },
  ])('that $why is refused, and nothing is written', async ({ content, says }) => {
    const directory = temporaryDirectory()

    const refusal = await refusalOf(join(directory, 'a'), await content(), configOf(join(directory, 'data')))

    expect(refusal).toContain(says)
    expect(readdirSync(directory)).toEqual(['a'])
  })
})

describe('a data directory', () => {
  test('gets the very state that the file has, and a name of its own', async () => {
    const directory = temporaryDirectory()
    const config = configOf(join(directory, 'data'))
    const path = join(directory, 'a.snapshot')
    writeFileSync(path, bytes)

    await restoreSnapshot(path, config)
    const first = await readDataDirectory(config.dataDir)
    const state = await IpamStateMachine.open({
      storage: levelStorage(join(config.dataDir, 'state')),
      clock: new ManualClock(),
      logger: silentLog,
    })
    const digests = [await state.stateDigest(), state.stateHash]
    await state.close()
    await rm(config.dataDir, { recursive: true })
    await restoreSnapshot(path, config)
    const second = await readDataDirectory(config.dataDir)

    expect(digests).toEqual([await service.stateDigest(), service.stateHash])
    expect(first).toMatchObject({ cluster_id: 200, node_id: 2 })
    const [origin, random] = first?.incarnation.split('.') ?? []
    expect(second?.incarnation.split('.')[0]).toBe(origin)
    expect(second?.incarnation.split('.')[1]).not.toBe(random)
    expect(readdirSync(join(directory, 'data'))).toEqual(['node-2'])
  })

  test('that holds anything at all is left as it is', async () => {
    const directory = temporaryDirectory()
    const config = configOf(join(directory, 'data'))
    mkdirSync(config.dataDir, { recursive: true })
    writeFileSync(join(config.dataDir, 'note.txt'), 'mine')

    const refusal = await refusalOf(join(directory, 'a'), bytes, config)

    expect(refusal).toContain('is not empty')
    expect(readdirSync(config.dataDir)).toEqual(['note.txt'])
    expect(readFileSync(join(config.dataDir, 'note.txt'), 'utf8')).toBe('mine')
  })

  test('that is empty is used, and so is what an attempt that was killed has left beside it', async () => {
    const directory = temporaryDirectory()
    const config = configOf(join(directory, 'data'))
    mkdirSync(config.dataDir, { recursive: true })
    mkdirSync(`${config.dataDir}.restoring/state`, { recursive: true })
    writeFileSync(`${config.dataDir}.restoring/state/000005.log`, 'half')
    writeFileSync(`${config.dataDir}.restoring/of-before`, 'half')

    const refusal = await refusalOf(join(directory, 'a'), bytes, config)

    expect(refusal).toBe('')
    expect(existsSync(`${config.dataDir}.restoring`)).toBe(false)
    expect(readdirSync(config.dataDir).toSorted()).toEqual(['log', 'node.json', 'state'])
  })

  test('of the cluster that the snapshot comes from is none to restore it into', async () => {
    const directory = temporaryDirectory()

    const refusal = await refusalOf(join(directory, 'a'), bytes, configOf(join(directory, 'data'), 100))

    expect(refusal).toContain('cluster_id 100 is that of the cluster which the snapshot comes from')
    expect(readdirSync(directory)).toEqual(['a'])
  })

  test('of a standalone node keeps its cluster id, which nobody can reach, and no cluster has it', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a')
    const standalone = loadConfig(['--data-dir', join(directory, 'data')], {}, () => '')
    const snapshot = await archiveOf({ clusterId: standalone.clusterId })

    expect(await refusalOf(path, snapshot, standalone)).toBe('')
    const founded = await readDataDirectory(standalone.dataDir)
    const refusal = await refusalOf(path, snapshot, configOf(join(directory, 'other'), standalone.clusterId))

    expect(founded).toMatchObject({ cluster_id: 1, node_id: 1 })
    expect(standalone.raft).toBeNull()
    expect(refusal).toContain('cluster_id 1 is that of the cluster which the snapshot comes from')
  })
})
