import fs from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { beforeEach, describe, expect, test } from 'vitest'
import { encodeMembership } from '../../raft/core/membership-entry.ts'
import { lockDirectory } from '../../raft/storage/directory-lock.ts'
import { FileDisk } from '../../raft/storage/file-disk.ts'
import { SegmentedLog } from '../../raft/storage/segmented-log.ts'
import { SnapshotFiles } from '../../raft/storage/snapshot-files.ts'
import type { Entry } from '../../raft/types.ts'
import { runLog } from '../../src/cli/log.ts'
import { dumpLog } from '../../src/cli/log-dump.ts'
import { OutputClosedError, type Shell, writerTo } from '../../src/cli/shell.ts'
import { claimDataDirectory } from '../../src/data-directory.ts'
import { COMMAND_SCHEMAS, encodeCommand } from '../../src/ipam/command-codec.ts'
import { NETWORK_DEFAULTS } from '../../src/ipam/defaults.ts'
import { metaAt } from '../contract/log-store.ts'
import { chunksOf } from '../contract/snapshot-store.ts'
import { carryOut, prng, readAll, WorkSource } from '../raft/storage/log-model.ts'
import { writeAfterLast } from '../raft/storage/senseless-batch.ts'
import { temporaryDirectory } from '../raft/storage/temporary-directory.ts'
import { MemoryDisk } from '../sim/memory-disk.ts'

const SEGMENT_BYTES = 2048
const SECTOR_BYTES = 512
const SEGMENT_1 = 'log/0000000000000001.log'
const CREATE = {
  command: {
    ...NETWORK_DEFAULTS,
    type: 'createNetwork',
    id: 'net-1',
    cidr: '10.0.0.0/24',
    description: '\u009b2J',
    metadata: { ownedBy: 'Ada' },
  },
  context: { user: 'ada', requestId: 'r-1' },
  session: { sessionId: 9, sequence: 4, floor: 2 },
  idempotency: { keyDigest: 'digest', fingerprint: 'print' },
} as const

/** Above the directories of nodes. */
let data: string

beforeEach(() => {
  data = temporaryDirectory()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly complaints: readonly string[]
}

/**
 * @param linesMax Whoever reads the output goes away after about this many.
 * @param output Takes the output instead.
 */
async function ipamLog(
  argv: readonly string[],
  { linesMax = Infinity, output = null }: { linesMax?: number; output?: Writable | null } = {},
): Promise<Ran> {
  let out = ''
  const complaints: string[] = []
  const shell: Shell = {
    env: {},
    self: ['node'],
    print: (text) => {
      out += text
    },
    write: async (text) => {
      if (output !== null) await writerTo(output)(text)
      if (out.split('\n').length > linesMax) throw new OutputClosedError('closed')
      out += text
    },
    complain: (line) => void complaints.push(line),
    stopped: new Promise(() => {}),
  }
  return { code: await runLog(argv, shell), out, complaints }
}

function entry(index: number, fields: Partial<Entry>): Entry {
  const time = 1_700_000_000_000 + index
  return { index, term: 1, time, type: 'command', payload: Buffer.alloc(0), ...fields }
}

const ENTRIES: readonly Entry[] = [
  entry(1, { type: 'noop' }),
  entry(2, {
    type: 'membership',
    payload: encodeMembership({ membership: metaAt(0).membership, note: 'who' }),
  }),
  entry(3, { payload: encodeCommand(CREATE, COMMAND_SCHEMAS.max) }),
  entry(4, { payload: Buffer.concat([Buffer.of(99), Buffer.alloc(200, 0xab)]) }),
  entry(5, { payload: Buffer.from('replaced') }),
]

/** A directory as a node leaves it: two segments and a spare one, a snapshot, entry 5 replaced in term 2. */
async function makeNode(id = 1): Promise<string> {
  const directory = join(data, `node-${id}`)
  fs.mkdirSync(directory)
  await claimDataDirectory({ directory, clusterId: 7, nodeId: id })
  const disk = new FileDisk(directory)
  const log = new SegmentedLog({ disk, directory: 'log', segmentBytes: SEGMENT_BYTES })
  await log.open()
  await log.initialize(metaAt(0))
  await log.append({ hardState: { currentTerm: 1, votedFor: 1 }, entries: ENTRIES })
  await log.append({ hardState: { currentTerm: 2, votedFor: null }, entries: [entry(5, { term: 2 })] })
  await log.append({ hardState: null, entries: [entry(6, { term: 2, type: 'noop' })] })
  await log.close()
  const snapshots = new SnapshotFiles({ disk, directory: 'snapshots' })
  await snapshots.open()
  await (await snapshots.create(metaAt(4), chunksOf('rows'))).close()
  return directory
}

function flip(path: string, offset: number): void {
  const bytes = fs.readFileSync(path)
  bytes[offset] = (bytes[offset] ?? 0) ^ 1
  fs.writeFileSync(path, bytes)
}

/** Every name below `directory`, with bytes and times. */
function pictureOf(directory: string): unknown[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const path = join(directory, name)
      const { mtimeMs, ctimeMs, size, mode } = fs.statSync(path)
      const content = fs.statSync(path).isFile() ? fs.readFileSync(path, 'hex') : null
      return { name, mtimeMs, ctimeMs, size, mode, content }
    })
}

describe('ipam log verify', () => {
  test('says of a log what it holds, and that it is intact', async () => {
    const node = await makeNode()

    const { code, out, complaints } = await ipamLog(['verify', node])

    expect({ code, complaints }).toEqual({ code: 0, complaints: [] })
    const lines = out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/node-1: node 1 of cluster 7, incarnation [0-9a-f]{32}$/)
    expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual(
      expect.arrayContaining([
        '0000000000000001.log 2048 3 1..5 1..2 intact',
        '0000000000000002.log 2048 1 6..6 2 intact',
        '0000000000000003.log 2048 0 - - spare',
        'term 2, vote none; the log goes on after 0 (term 0, 2023-11-14T22:13:20.000Z) and ends at 6',
        'node 1 at 127.0.0.1:5001, voter',
        'removed: 7',
        expect.stringMatching(/^0{15}4-[0-9a-f]{32}\.snapshot \d+ bytes up to 4 \(term 1\) intact$/),
      ]),
    )
    expect(lines.at(-1)).toBe('intact: everything reads back as it was written')
  })

  test('prints the same as one JSON object', async () => {
    const { out } = await ipamLog(['verify', await makeNode(), '--json'])

    expect(JSON.parse(out)).toMatchObject({
      node: { cluster_id: 7, node_id: 1 },
      segments: [
        { batches: 3, first_index: 1, last_index: 5, terms: [1, 2], verdict: 'intact' },
        { batches: 1, first_index: 6, last_index: 6, terms: [2], verdict: 'intact' },
        { batches: 0, first_index: null, last_index: null, terms: [], verdict: 'spare' },
      ],
      hard_state: { term: 2, vote: null },
      base: { index: 0 },
      last_index: 6,
      membership: { removed: [7] },
      snapshots: [{ last_index: 4, verdict: 'intact' }],
      torn_bytes: 0,
      damage: [],
      in_motion: false,
      verdict: 'intact',
    })
  })

  test('calls a write that a crash cut short what it is, and no damage', async () => {
    const node = await makeNode()
    const log = new SegmentedLog({ disk: new FileDisk(node), directory: 'log', segmentBytes: SEGMENT_BYTES })
    await log.open()
    await log.append({ hardState: null, entries: [entry(7, { term: 2 })] })
    await log.close()
    const path = join(node, 'log/0000000000000002.log')
    const bytes = fs.readFileSync(path)
    bytes.fill(0, 2 * SECTOR_BYTES - 10, 2 * SECTOR_BYTES)
    fs.writeFileSync(path, bytes)

    const { code, out } = await ipamLog(['verify', node])

    expect(code).toBe(0)
    expect(out.trimEnd().split('\n').at(-1)).toBe(
      'intact: everything reads back as it was written; a write was not finished (512 bytes at log/0000000000000002.log:512), as after a crash: it was never acknowledged, and the node drops it when it starts',
    )
  })

  test.each([
    {
      why: 'a flipped bit in the middle',
      spoil: (node: string) => flip(join(node, SEGMENT_1), SECTOR_BYTES + 100),
      file: SEGMENT_1,
      offset: SECTOR_BYTES,
      reason: 'a damaged batch is followed by a later one',
    },
    {
      why: 'a missing segment',
      spoil: (node: string) => fs.rmSync(join(node, SEGMENT_1)),
      file: SEGMENT_1,
      offset: 0,
      reason: 'the segment is missing',
    },
    {
      why: 'a damaged snapshot',
      spoil: (node: string) => {
        const [name = ''] = fs.readdirSync(join(node, 'snapshots'))
        const path = join(node, 'snapshots', name)
        flip(path, fs.statSync(path).size - 80)
      },
      file: /^snapshots\/.*\.snapshot$/,
      offset: expect.any(Number),
      reason: 'a checksum does not match',
    },
    {
      why: 'a damaged node.json',
      spoil: (node: string) => fs.writeFileSync(join(node, 'node.json'), '{"format":1'),
      file: 'node.json',
      offset: 0,
      reason: 'it is not what a node has written',
    },
    {
      why: 'a missing node.json',
      spoil: (node: string) => fs.rmSync(join(node, 'node.json')),
      file: 'node.json',
      offset: 0,
      reason: 'the file is missing',
    },
  ])('finds $why: file, offset, reason, and what to do', async ({ spoil, file, offset, reason }) => {
    const node = await makeNode()
    spoil(node)

    const { code, out } = await ipamLog(['verify', node])
    const json = JSON.parse((await ipamLog(['verify', node, '--json'])).out)

    expect(code).toBe(1)
    expect(json).toMatchObject({
      verdict: 'damaged',
      damage: [{ file: typeof file === 'string' ? file : expect.stringMatching(file), offset, reason }],
    })
    const verdict = out.trimEnd().split('\n').at(-1)
    expect(verdict).toMatch(/^damaged: /)
    expect(verdict).toContain(reason)
    expect(verdict).toContain('join again with an empty data directory under a new node id')
    expect(verdict).toContain('Nothing is repaired in place')
  })

  test('takes what newer software has written for no damage, and says so beside what is damaged', async () => {
    const node = await makeNode()
    fs.writeFileSync(join(node, 'node.json'), '{"format":2}')
    const newer = 'node.json at offset 0: in format version 2, and this program reads 1'
    const wayOut = 'that is no damage: newer software has written it, and takes it again; put that back'
    const verify = async () => {
      const { code, out } = await ipamLog(['verify', node])
      const { verdict } = JSON.parse((await ipamLog(['verify', node, '--json'])).out)
      return { code, verdict, lines: out.trimEnd().split('\n') }
    }

    const before = await verify()
    flip(join(node, SEGMENT_1), SECTOR_BYTES + 100)
    const after = await verify()

    expect(before).toMatchObject({ code: 1, verdict: 'other_format' })
    expect(before.lines.at(-1)).toBe(`not readable: ${newer}; ${wayOut}`)
    expect(after).toMatchObject({ code: 1, verdict: 'damaged' })
    expect(after.lines.at(-1)).toMatch(/^damaged: log\/0000000000000001\.log at offset 512: a damaged batch/)
    expect(after.lines.at(-1)).toContain(
      `Nothing is repaired in place. Also not readable: ${newer}; ${wayOut}`,
    )
    expect(after.lines.slice(-3, -1)).toEqual([
      `other format: ${newer}`,
      `damage: ${SEGMENT_1} at offset ${SECTOR_BYTES}: a damaged batch is followed by a later one`,
    ])
  })

  test('counts nothing of a batch that makes no sense, though its checksums are right', async () => {
    const node = await makeNode()
    const before = JSON.parse((await ipamLog(['verify', node, '--json'])).out)
    await writeAfterLast(new FileDisk(node), 'log', {
      hardState: { currentTerm: 9, votedFor: 3 },
      entries: [entry(6, { term: 9 }), entry(7, { term: 9 }), entry(9, { term: 9 })],
    })

    const { code, out } = await ipamLog(['verify', node, '--json'])

    const { segments, hard_state, last_index, damage, verdict } = JSON.parse(out)
    expect({ code, verdict }).toEqual({ code: 1, verdict: 'damaged' })
    expect(damage).toMatchObject([{ file: 'log/0000000000000002.log', reason: 'entry 9 follows 7' }])
    expect({ hard_state, last_index }).toEqual({ hard_state: before.hard_state, last_index: 6 })
    expect(segments[0]).toEqual(before.segments[0])
    expect(segments[1]).toEqual({ ...before.segments[1], verdict: 'damaged' })
  })

  test('reads a log folder alone', async () => {
    const { code, out } = await ipamLog(['verify', join(await makeNode(), 'log'), '--json'])

    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ node: null, last_index: 6, snapshots: [], verdict: 'intact' })
  })

  test('finds the only node below a data directory', async () => {
    await makeNode(3)

    expect(JSON.parse((await ipamLog(['verify', data, '--json'])).out)).toMatchObject({
      node: { node_id: 3 },
    })
  })

  test('says of a directory that a node has only just made that nothing is in it', async () => {
    const node = join(data, 'node-1')
    fs.mkdirSync(node)
    await claimDataDirectory({ directory: node, clusterId: 7, nodeId: 1 })

    const { code, out } = await ipamLog(['verify', node])

    expect(code).toBe(0)
    expect(out).toContain('intact: nothing was written here yet\n')
  })
})

describe('ipam log dump', () => {
  test('prints a line for each entry: index, term, time, type, bytes, and what was asked', async () => {
    const { code, out, complaints } = await ipamLog(['dump', await makeNode()])

    expect({ code, complaints }).toEqual({ code: 0, complaints: [] })
    expect(out.split('\n')).toEqual([
      '1 1 2023-11-14T22:13:20.001Z noop 0',
      expect.stringMatching(/^2 1 2023-11-14T22:13:20.002Z membership \d+ \{"membership":.*"note":"who"\}$/),
      expect.stringMatching(
        /^3 1 2023-11-14T22:13:20.003Z command \d+ createNetwork \{"id":"net-1","cidr":"10.0.0.0\/24",.*"description":"\\u009b2J",.*"metadata":\{"ownedBy":"Ada"\}\} \{"user":"ada","request_id":"r-1"\} \{"session_id":9,"sequence":4,"floor":2\} \{"key_digest":"digest","fingerprint":"print"\}$/,
      ),
      `4 1 2023-11-14T22:13:20.004Z command 201 unknown 0x63${'ab'.repeat(31)}`,
      '5 2 2023-11-14T22:13:20.005Z command 0 unknown 0x',
      '6 2 2023-11-14T22:13:20.006Z noop 0',
      '',
    ])
  })

  test('prints JSON lines, in which what does not apply is null', async () => {
    const { out } = await ipamLog(['dump', await makeNode(), '--json', '--from', '3', '--to', '4'])

    const ofCommand = { command: null, context: null, session: null, idempotency: null }
    const absent = { ...ofCommand, membership: null, note: null, hex: null }
    // The keys of metadata are the client's own.
    const { cooldownMs, ...command } = CREATE.command
    const lines = out.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        ...{ ...absent, index: 3, term: 1, time: '2023-11-14T22:13:20.003Z', type: 'command' },
        bytes: encodeCommand(CREATE, COMMAND_SCHEMAS.max).length,
        command: { ...command, cooldown_ms: cooldownMs },
        context: { user: 'ada', request_id: 'r-1' },
        session: { session_id: 9, sequence: 4, floor: 2 },
        idempotency: { key_digest: 'digest', fingerprint: 'print' },
      },
      {
        ...{ ...absent, index: 4, term: 1, time: '2023-11-14T22:13:20.004Z', type: 'command', bytes: 201 },
        hex: `63${'ab'.repeat(31)}`,
      },
    ])
  })

  test('shows with --all every record where it lies, also of entries that were replaced', async () => {
    const { out } = await ipamLog(['dump', await makeNode(), '--all'])

    const lines = out.trimEnd().split('\n')
    expect(lines.filter((line) => / entry 5 /.test(line))).toEqual([
      expect.stringMatching(/^log\/0000000000000001\.log:\d+ entry 5 1 .* unknown 0x/),
      expect.stringMatching(/^log\/0000000000000001\.log:\d+ entry 5 2 /),
    ])
    expect(lines.filter((line) => line.includes(' hardState '))).toHaveLength(4)
    expect(lines).toContain(`${SEGMENT_1}:512 begin {"sequence":2,"batch_bytes":1024}`)
  })

  test('prints what comes before damage, and then the damage', async () => {
    const node = await makeNode()
    flip(join(node, 'log/0000000000000002.log'), 100)

    const { code, out, complaints } = await ipamLog(['dump', node])

    expect(code).toBe(1)
    expect(out.trimEnd().split('\n')).toHaveLength(5)
    expect(complaints).toEqual([
      expect.stringMatching(
        /^this is what comes before the damage; log\/0000000000000002\.log at offset 0: /,
      ),
    ])
  })

  test('ends without complaint when nobody reads on', async () => {
    const node = await makeNode()

    for (const flags of [[], ['--all']]) {
      expect(await ipamLog(['dump', node, ...flags], { linesMax: 0 })).toEqual({
        code: 0,
        out: '',
        complaints: [],
      })
    }
  })

  test('does not blame the log when its own output cannot be written', async () => {
    const node = await makeNode()
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    const output = new Writable({ write: (_chunk, _encoding, done) => done(full) })

    expect(await ipamLog(['dump', node], { output })).toEqual({
      code: 1,
      out: '',
      complaints: ['the output cannot be written: ENOSPC: no space left on device, write'],
    })
  })

  test('of any log gives what opening it and reading it gives', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const device = new MemoryDisk({ random: prng(seed) })
      const log = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: 4096 })
      await log.open()
      const work = new WorkSource(prng(seed))
      for (let i = 0; i < 30; i++) await carryOut(log, work.next())
      await log.close()

      let out = ''
      const write = async (text: string) => {
        out += text
      }
      const range = { first: 1, last: Number.MAX_SAFE_INTEGER }
      const end = await dumpLog(device.mount(), 'log', { range, isJson: true, write })

      const again = new SegmentedLog({ disk: device.mount(), directory: 'log', segmentBytes: 4096 })
      const { base, lastIndex } = await again.open()
      const entries = await readAll(again, (base?.lastIndex ?? 0) + 1, lastIndex)
      const lines = out === '' ? [] : out.trimEnd().split('\n')
      expect(end).toEqual({ damage: null, tornBytes: 0 })
      expect(
        lines.map((line) => {
          const { index, term, time, type, bytes } = JSON.parse(line)
          return JSON.stringify({ index, term, time, type, bytes })
        }),
      ).toEqual(
        entries.map(({ index, term, time, type, payload }) => {
          const text = new Date(time).toISOString()
          return JSON.stringify({ index, term, time: text, type, bytes: payload.length })
        }),
      )
      await again.close()
    }
  })
})

describe('ipam log', () => {
  test.each([['verify'], ['dump'], ['dump', '--all']])(
    '%s %s leaves every file as it is',
    async (...argv) => {
      const node = await makeNode()
      const bytes = fs.readFileSync(join(node, SEGMENT_1))
      // Both of what a start would change: an unfinished write, and a snapshot that was being made.
      bytes.fill(7, SECTOR_BYTES * 3, SECTOR_BYTES * 3 + 10)
      fs.writeFileSync(join(node, 'log/0000000000000003.log'), bytes.subarray(SECTOR_BYTES * 3))
      fs.writeFileSync(join(node, 'snapshots/new.tmp'), 'half')
      const before = pictureOf(data)

      await ipamLog([...argv, node])

      expect(pictureOf(data)).toEqual(before)
    },
  )

  test('refuses while a node runs on the directory, unless it is forced', async () => {
    const node = await makeNode()
    const release = await lockDirectory(node)
    const before = pictureOf(node)

    const refused = await ipamLog(['verify', node])
    const forced = await ipamLog(['verify', node, '--force'])
    const json = JSON.parse((await ipamLog(['verify', node, '--json', '--force'])).out)

    expect(refused).toEqual({
      code: 2,
      out: '',
      complaints: [`${node} is in use by process ${process.pid}: stop it first, or read on with --force`],
    })
    expect(forced.code).toBe(0)
    expect(forced.complaints).toEqual([
      `${node} is in use by process ${process.pid}: what is shown may be in motion`,
    ])
    expect(forced.out).toContain('what was read may be in motion: stop it and verify again\n')
    expect(json.in_motion).toBe(true)
    expect(pictureOf(node)).toEqual(before)
    await release()
    expect((await ipamLog(['verify', join(node, 'log')])).code).toBe(0)
  })

  test.each([
    { why: 'nothing is there', argv: ['verify', 'none'], line: 'none does not exist' },
    {
      why: 'the directory is empty',
      argv: ['verify', '.'],
      line: '. is no data directory: it holds neither',
    },
    { why: 'it is a file', argv: ['dump', 'file'], line: 'file is no directory' },
    {
      why: 'there are several nodes',
      argv: ['verify', 'many'],
      line: 'many holds node-2, node-10: name one',
    },
    { why: 'there is no command', argv: [], line: 'what to do is missing: verify or dump' },
    {
      why: 'the command is unknown',
      argv: ['repair', '.'],
      line: 'unknown command "repair": verify or dump',
    },
    { why: 'the directory is missing', argv: ['dump'], line: 'the directory is missing: ipam log dump DIR' },
    { why: 'there are two', argv: ['dump', 'a', 'b'], line: 'one directory at a time; "b"' },
    { why: 'a flag is unknown', argv: ['dump', '.', '--form', '3'], line: "Unknown option '--form'" },
    {
      why: 'an index is none',
      argv: ['dump', '.', '--from', 'x'],
      line: '--from takes a log index, not "x"',
    },
    { why: 'the range is empty', argv: ['dump', '.', '--from', '5', '--to', '4'], line: '--from 5 is after' },
    {
      why: 'a flag is for dump',
      argv: ['verify', '.', '--all'],
      line: '--from, --to and --all are for dump',
    },
  ])('says what is wrong, with exit code 2, when $why', async ({ argv, line }) => {
    fs.writeFileSync(join(data, 'file'), '')
    for (const name of ['node-10', 'node-2'])
      fs.mkdirSync(join(data, 'many', name, 'log'), { recursive: true })
    fs.mkdirSync(join(data, 'empty'))
    const paths = new Map([
      ['none', join(data, 'none')],
      ['.', join(data, 'empty')],
      ['file', join(data, 'file')],
      ['many', join(data, 'many')],
    ])

    const ran = await ipamLog(argv.map((argument) => paths.get(argument) ?? argument))

    expect({ code: ran.code, out: ran.out, count: ran.complaints.length }).toEqual({
      code: 2,
      out: '',
      count: 1,
    })
    const expected = [...paths].reduce(
      (text, [name, path]) => (text.startsWith(`${name} `) ? text.replace(name, path) : text),
      line,
    )
    expect(ran.complaints[0]).toContain(expected)
  })
})
