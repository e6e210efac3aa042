import fs from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AssertionError } from '../../../raft/assert.ts'
import { FileDisk } from '../../../raft/storage/file-disk.ts'
import { temporaryDirectory } from './temporary-directory.ts'

test('a disk that is only read changes nothing, whatever it is asked', async () => {
  const root = temporaryDirectory()
  fs.writeFileSync(join(root, 'file'), 'content')
  const disk = new FileDisk(root, { isReadOnly: true })

  const file = await disk.open('file', { create: false })

  expect((await file?.read(0, 100))?.toString()).toBe('content')
  expect(() => file?.write(0, Buffer.from('other'))).toThrow('EBADF')
  await expect(file?.truncate(0)).rejects.toThrow()
  await expect(disk.open('new', { create: true })).rejects.toThrow(AssertionError)
  await expect(disk.rename('file', 'new')).rejects.toThrow(AssertionError)
  await expect(disk.remove('file')).rejects.toThrow(AssertionError)
  await expect(disk.makeDirectory('new')).rejects.toThrow(AssertionError)
  await file?.close()
  expect(fs.readdirSync(root)).toEqual(['file'])
  expect(fs.readFileSync(join(root, 'file'), 'utf8')).toBe('content')
})
