/** Backups by HTTP: what is in them, who is put on record, and what becomes of those that nobody reads. */
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ProposalUncertainError } from '../../raft/errors.ts'
import { FileDisk, SnapshotArchive } from '../../raft/index.ts'
import { temporaryDirectory } from '../raft/storage/temporary-directory.ts'
import { until } from '../until.ts'
import { type Api, openApi } from './fixture.ts'
import { addManyNetworks } from './many-networks.ts'

let api: Api

beforeEach(async () => {
  api = await openApi()
})

afterEach(() => api.close())

function url(): string {
  return `http://${api.host}:${api.port}/api/v1/cluster/snapshot`
}

describe('GET /cluster/snapshot', () => {
  test('is a whole file of the state at the index that it names, which includes its own audit row', async () => {
    await api.request('POST', '/networks', { cidr: '10.0.0.0/24' })

    const response = await fetch(url(), { headers: { 'X-Request-Id': 'backup-7' } })
    const bytes = Buffer.from(await response.arrayBuffer())

    const index = Number(response.headers.get('x-raft-index'))
    expect(response.status).toBe(200)
    expect(index).toBe(api.service.appliedIndex)
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="ipam-100-${index}.snapshot"`,
    )
    const path = temporaryDirectory()
    await writeFile(join(path, 'a.snapshot'), bytes)
    const archive = await SnapshotArchive.open(new FileDisk(path), 'a.snapshot')
    const chunks: Uint8Array[] = []
    for await (const chunk of archive.chunks()) chunks.push(Buffer.from(chunk))
    await archive.close()
    expect(archive.origin).toEqual({ clusterId: 100, nodeId: 1, program: '1.0.0', takenAt: api.service.time })
    expect(archive.meta).toMatchObject({ lastIndex: index, lastTerm: 1 })
    const digest = createHash('sha256')
    const image = await api.service.image()
    for await (const chunk of image.chunks()) digest.update(chunk)
    await image.release()
    expect(createHash('sha256').update(Buffer.concat(chunks)).digest('hex')).toBe(digest.digest('hex'))
    const audit = await api.request('GET', '/audit?action=snapshot_taken')
    expect(audit.body).toEqual([
      expect.objectContaining({
        resource: 'cluster',
        details: 'Took a snapshot of everything from node 1',
        request_id: 'backup-7',
        index,
      }),
    ])
  })

  test('does not show what is written while it is read', async () => {
    await addManyNetworks(api)
    const response = await fetch(url())
    const before = api.service.appliedIndex

    await api.request('POST', '/networks', { cidr: '192.0.2.0/24', description: 'too late' })
    const text = Buffer.from(await response.arrayBuffer()).toString('latin1')

    expect(api.service.appliedIndex).toBeGreaterThan(before)
    expect(text.includes('too late')).toBe(false)
    expect(text.includes('10.0.249.0/24')).toBe(true)
  })

  test('HEAD takes none, and leaves no trace', async () => {
    const index = api.service.appliedIndex

    const { status } = await fetch(url(), { method: 'HEAD' })

    expect(status).toBe(200)
    expect(api.service.appliedIndex).toBe(index)
    expect(api.service.snapshots.figures.size).toBe(0)
  })

  test('does not say that nothing was put on record where nobody knows', async () => {
    api.service.failure = new ProposalUncertainError('leadership was lost')

    const answer = await api.request('GET', '/cluster/snapshot')
    api.service.failure = null

    expect(answer).toMatchObject({ status: 504, body: { reason: 'outcome_unknown', applied: 'unknown' } })
    expect(api.service.snapshots.figures.size).toBe(0)
  })

  test('a third one at once is told to wait, and a client that hangs up makes room', async () => {
    await addManyNetworks(api)
    const controllers = [new AbortController(), new AbortController()]
    const [first] = await Promise.all(controllers.map(({ signal }) => fetch(url(), { signal })))
    expect(first?.status).toBe(200)

    const third = await api.request('GET', '/cluster/snapshot')
    for (const controller of controllers) controller.abort()
    await until(() => api.service.snapshots.figures.size === 0)
    const fourth = await fetch(url())

    expect(third).toMatchObject({ status: 429, body: { reason: 'overloaded', applied: 'no' } })
    expect(third.body.error).toContain('as many snapshots are being read from this node as may be (2)')
    expect(third.headers.get('retry-after')).toBe('1')
    expect(fourth.status).toBe(200)
    await fourth.arrayBuffer()
    expect(api.service.snapshots.figures.size).toBe(0)
  })

  test('one whose reader has gone to sleep is given up, and its end never comes', async () => {
    await addManyNetworks(api)
    const socket = connect(api.port, api.host)
    socket.write('GET /api/v1/cluster/snapshot HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(() => api.service.snapshotTimers.timers > 0)
    let received = 0
    // Every buffer is full: nothing more is asked for.
    await until(() => api.service.snapshotTimers.timers > 0 && socket.readableLength > 0)

    api.service.snapshotTimers.runTimers()
    await until(() => api.service.snapshots.figures.size === 0)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length
    })
    await closed

    expect(received).toBeGreaterThan(0)
    expect(received).toBeLessThan(10_000_000)
  })

  test('what cannot be written into the audit log is not given out', async () => {
    api.service.failure = new Error('no')

    const { status } = await api.request('GET', '/cluster/snapshot')

    api.service.failure = null
    expect(status).toBe(500)
    expect(api.service.snapshots.figures.size).toBe(0)
  })
})
