import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimDataDirectory, readDataDirectory, writeIdentity } from '../src/data-directory.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ipam-directory-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

function claim({ clusterId = 100, nodeId = 2 } = {}): Promise<{ incarnation: string }> {
  return claimDataDirectory({ directory, clusterId, nodeId })
}

const WRITTEN = { format: 1, cluster_id: 100, node_id: 2, incarnation: '0123456789abcdef0123456789abcdef' }

describe('a data directory', () => {
  test('is known by a name of its own from its first start on', async () => {
    const first = await claim()
    const again = await claim()
    await rm(join(directory, 'node.json'))
    const wiped = await claim()

    expect(again).toEqual(first)
    expect(wiped.incarnation).not.toBe(first.incarnation)
    expect(await readDataDirectory(directory)).toMatchObject({ cluster_id: 100, node_id: 2, ...wiped })
  })

  test.each([
    { why: 'another node of the cluster', asked: { nodeId: 3 }, says: 'not to node 3 of cluster 100' },
    { why: 'a node of another cluster', asked: { clusterId: 7 }, says: 'not to node 2 of cluster 7' },
  ])('is not given to $why', async ({ asked, says }) => {
    const { incarnation } = await claim()

    await expect(claim(asked)).rejects.toThrow(`belongs to node 2 of cluster 100, ${says}`)
    expect(await claim()).toEqual({ incarnation })
  })

  test.each(['log', 'state'])('that has a %s and no name is not taken for a new one', async (name) => {
    await mkdir(join(directory, name))

    await expect(claim()).rejects.toThrow('holds data but no node.json: put that file back, or join')
    expect(await readdir(directory)).toEqual([name])
  })

  test('with anything else in it is new: a file system has a directory of its own there', async () => {
    await mkdir(join(directory, 'lost+found'))

    await expect(claim()).resolves.toMatchObject({ incarnation: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })

  test.each([
    { why: 'no JSON', text: '{"format":1,', says: 'is damaged: remove this node from the cluster' },
    { why: 'nothing', text: '', says: 'is damaged' },
    { why: 'no name', text: JSON.stringify({ ...WRITTEN, incarnation: 'x' }), says: 'is damaged' },
    { why: 'another field', text: JSON.stringify({ ...WRITTEN, other: 1 }), says: 'is damaged' },
    {
      why: 'what later software has written',
      text: JSON.stringify({ format: 2, name: 'x' }),
      says: 'is in format 2 and this program reads 1: the directory cannot be used; install newer software',
    },
  ])('whose file holds $why is refused with the way out', async ({ text, says }) => {
    await writeFile(join(directory, 'node.json'), text)

    await expect(claim()).rejects.toThrow(says)
    expect(await readFile(join(directory, 'node.json'), 'utf8')).toBe(text)
  })

  test('that was made of a snapshot says of which', async () => {
    const incarnation = `0123456789abcdef.${WRITTEN.incarnation}`
    await writeIdentity(directory, { clusterId: 100, nodeId: 2, incarnation })

    expect(await claim()).toEqual({ incarnation })
  })
})
